"""Why a token is refused. The client never hears the reason; the log and the metrics do."""

from __future__ import annotations


class Refused(Exception):
    """`reason`: one of our own short words, with nothing of the token in it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
