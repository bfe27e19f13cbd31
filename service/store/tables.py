"""The tables. A change here needs a migration beside it (a test compares the two)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

outcomes = Table(
    "feedback_outcome",
    metadata,
    Column("digest", String(64), primary_key=True, comment="of all that tells a report from another"),
    Column("card", String(36), nullable=False, comment="uuid of the card"),
    Column("service", String(255), nullable=False),
    Column("topic_system", Text, comment="the recommendation: null when the card is none of ours"),
    Column("topic_code", String(255)),
    Column("content_version", String(64)),
    Column("outcome", String(16), nullable=False, comment="accepted | overridden"),
    Column("suggestions", Integer, nullable=False, comment="how many were accepted"),
    Column("reason_system", Text),
    Column("reason_code", String(255)),
    Column("comment_length", Integer, nullable=False, comment="in characters; 0 without comment"),
    Column("comment", Text, comment="only where a setting allows it"),
    Column("outcome_at", DateTime(timezone=True), nullable=False, comment="UTC, as the client says"),
    Column("received_at", DateTime(timezone=True), nullable=False, comment="UTC"),
    Column("issuer", Text, nullable=False, server_default="", comment="of the token; empty without tokens"),
    Index("feedback_outcome_card", "card"),
    Index("feedback_outcome_received_at", "received_at"),
)
"""What clinicians did with cards, as reported: appended, never changed."""

kinds = Table(
    "card_kind",
    metadata,
    Column("kind", String(12), primary_key=True, comment="the first 48 bits of a card's uuid, in hex"),
    Column("service", String(255), nullable=False),
    Column("topic_system", Text, nullable=False),
    Column("topic_code", String(255), nullable=False),
    Column("content_version", String(64), nullable=False),
)
"""What a card was about, by the first half of its uuid: for reports about cards of an older guideline."""

tokens = Table(
    "seen_token",
    metadata,
    Column("digest", String(64), primary_key=True, comment="of issuer and jti"),
    Column("expires", BigInteger, nullable=False, comment="seconds since 1970; then it may be forgotten"),
    Index("seen_token_expires", "expires"),
)
"""Tokens that were used, until they would be refused for their age alone."""
