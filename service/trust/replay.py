"""A token is used once, whichever process sees it: the database remembers, by a key that exists only once."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from time import monotonic
from typing import Final

import structlog
from sqlalchemy.exc import IntegrityError

from service.store.database import Database
from service.store.errors import StoreUnavailable
from service.store.tables import tokens
from service.trust.errors import Refused
from service.trust.tokens import Claims

_WAIT_S: Final = 0.15
_FIRST_S: Final = 3.0
"""The first use may make the tables."""
_WRITERS: Final = 4
_PAUSE_S: Final = 5.0
"""After a failure the database is left alone for this time: advice does not wait for it again and again."""
_TIDY_EVERY: Final = 256
_MOST_REMEMBERED: Final = 100_000

_log = structlog.get_logger("trust")


class Replay:
    """Tokens that were used. Without the database each process knows its own only: advice matters more."""

    def __init__(self, database: Database, leeway: int, clock: Callable[[], float] = monotonic) -> None:
        self._database = database
        self._leeway = leeway
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[str, float] = {}
        self._uses = 0
        self._resume_at = clock()
        self._patience = _FIRST_S
        self._writers: tuple[int, ThreadPoolExecutor] | None = None

    def use(self, claims: Claims, now: datetime) -> None:
        """Marks the token as used. Raises Refused when it was."""
        digest = hashlib.sha256(f"{claims.issuer}\0{claims.jti}".encode("utf-8", "surrogatepass")).hexdigest()
        end = claims.expires + self._leeway + 1
        tidy = self._use_here(digest, end, now.timestamp())
        if self._clock() < self._resume_at:
            return
        patience, self._patience = self._patience, _WAIT_S
        forget = int(now.timestamp()) if tidy else None
        try:
            self._pool().submit(self._insert, digest, int(end), forget).result(patience)
        except IntegrityError:
            raise Refused("replay") from None
        except (StoreUnavailable, TimeoutError) as error:
            self._resume_at = self._clock() + _PAUSE_S
            why = str(error) or "no answer in time"
            _log.error("replay is not checked across processes", why=why, seconds=_PAUSE_S)

    def _insert(self, digest: str, end: int, forget: int | None) -> None:
        """Into the database, in a thread of our own: a connection that hangs does not hold a call up."""
        with self._database.transaction(int(_WAIT_S * 1000), durable=False) as connection:
            connection.execute(tokens.insert().values(digest=digest, expires=end))
            if forget is not None:
                connection.execute(tokens.delete().where(tokens.c.expires < forget))

    def _pool(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._writers is None or self._writers[0] != os.getpid():  # threads do not survive a fork
                self._writers = os.getpid(), ThreadPoolExecutor(_WRITERS, "replay")
            return self._writers[1]

    def _use_here(self, digest: str, end: float, now: float) -> bool:
        """Remembers the token in this process; says whether it is time to forget old ones in the database."""
        with self._lock:
            if self._seen.get(digest, 0) > now:
                raise Refused("replay")
            self._uses += 1
            tidy = self._uses % _TIDY_EVERY == 1
            if tidy or len(self._seen) >= _MOST_REMEMBERED:
                self._seen = {seen: until for seen, until in self._seen.items() if until > now}
            if len(self._seen) >= _MOST_REMEMBERED:
                raise Refused("too many")
            self._seen[digest] = end
            return tidy
