"""Who sent a report, and a way to the old ones."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Reports that are there already are nobody's."""
    op.add_column(
        "feedback_outcome",
        sa.Column(
            "issuer", sa.Text, nullable=False, server_default="", comment="of the token; empty without tokens"
        ),
    )
    op.create_index("feedback_outcome_received_at", "feedback_outcome", ["received_at"])


def downgrade() -> None:
    """Forgets who sent them."""
    op.drop_index("feedback_outcome_received_at", "feedback_outcome")
    op.drop_column("feedback_outcome", "issuer")
