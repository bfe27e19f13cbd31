"""Feedback, kinds of cards, and tokens seen."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the first tables."""
    op.create_table(
        "feedback_outcome",
        sa.Column(
            "digest", sa.String(64), primary_key=True, comment="of all that tells a report from another"
        ),
        sa.Column("card", sa.String(36), nullable=False, comment="uuid of the card"),
        sa.Column("service", sa.String(255), nullable=False),
        sa.Column("topic_system", sa.Text, comment="the recommendation: null when the card is none of ours"),
        sa.Column("topic_code", sa.String(255)),
        sa.Column("content_version", sa.String(64)),
        sa.Column("outcome", sa.String(16), nullable=False, comment="accepted | overridden"),
        sa.Column("suggestions", sa.Integer, nullable=False, comment="how many were accepted"),
        sa.Column("reason_system", sa.Text),
        sa.Column("reason_code", sa.String(255)),
        sa.Column("comment_length", sa.Integer, nullable=False, comment="in characters; 0 without comment"),
        sa.Column("comment", sa.Text, comment="only where a setting allows it"),
        sa.Column(
            "outcome_at", sa.DateTime(timezone=True), nullable=False, comment="UTC, as the client says"
        ),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False, comment="UTC"),
    )
    op.create_index("feedback_outcome_card", "feedback_outcome", ["card"])
    op.create_table(
        "card_kind",
        sa.Column(
            "kind", sa.String(12), primary_key=True, comment="the first 48 bits of a card's uuid, in hex"
        ),
        sa.Column("service", sa.String(255), nullable=False),
        sa.Column("topic_system", sa.Text, nullable=False),
        sa.Column("topic_code", sa.String(255), nullable=False),
        sa.Column("content_version", sa.String(64), nullable=False),
    )
    op.create_table(
        "seen_token",
        sa.Column("digest", sa.String(64), primary_key=True, comment="of issuer and jti"),
        sa.Column(
            "expires", sa.BigInteger, nullable=False, comment="seconds since 1970; then it may be forgotten"
        ),
    )
    op.create_index("seen_token_expires", "seen_token", ["expires"])


def downgrade() -> None:
    """Removes them, and what they hold."""
    for table in ("seen_token", "card_kind", "feedback_outcome"):
        op.drop_table(table)
