"""The public keys of the clients that are trusted: fetched, kept a while, fetched anew when they rotate."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final

import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from service.trust.errors import Refused
from service.trust.fetch import KeysUnavailable, fetch_json

Key = ECKey | RSAKey
Fetch = Callable[[str], Mapping[str, Any]]

SANDBOX: Final = "https://sandbox.cds-hooks.org"
"""Issuer of the public CDS Hooks Sandbox: everybody has its private key."""
_SANDBOX_THUMBPRINT: Final = "s9fOe-KDYD1myZ8YCzleUqJQgrYZL49kVijBxhnZvZc"
"""RFC 7638 thumbprint of its key, to know it again under any other name."""

_FRESH_S: Final = 3600.0
"""A key set is fetched anew after this time."""
_STALE_S: Final = 86_400.0
"""A key set that cannot be fetched anew is used this long."""
_PAUSE_S: Final = 30.0
"""Between two fetches of one key set at least this time passes, whatever tokens say."""
_PAUSE_WITHOUT_KEYS_S: Final = 5.0
"""The same while there is no key at all, and every call is refused."""
_MOST_KEYS: Final = 64
_RSA_MODULUS: Final = range(342, 1367)
"""Length in base64url of a modulus of 2048 to 8192 bits."""

_log = structlog.get_logger("trust")


@dataclass
class _KeySet:
    """What is known of one JWKS."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    keys: Mapping[str, tuple[Key, ...]] = field(default_factory=dict)
    read_at: float = -_STALE_S - 1
    tried_at: float = -_PAUSE_S - 1


class Issuers:
    """Keys by issuer. `listed`: the JWKS URLs of each; the first counts unless a token names another."""

    def __init__(
        self,
        listed: Mapping[str, tuple[str, ...]],
        fetch: Fetch = fetch_json,
        allow_sandbox: bool = False,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._listed = listed
        self._fetch = fetch
        self._allow_sandbox = allow_sandbox
        self._clock = clock
        start = clock()
        self._sets = {
            url: _KeySet(read_at=start - _STALE_S - 1, tried_at=start - _PAUSE_S - 1)
            for urls in listed.values()
            for url in urls
        }

    def knows(self, issuer: str) -> bool:
        """Whether the issuer is one of the settings'."""
        return issuer in self._listed

    def keys(self, issuer: str, jku: str | None, kid: str) -> tuple[Key, ...]:
        """The keys that the issuer may have signed with under this key id. Raises Refused.

        Nothing of a token becomes part of an address: `jku` is compared with the list, `kid` with the keys.
        """
        urls = self._listed.get(issuer, ())
        if not urls or (issuer == SANDBOX and not self._allow_sandbox):
            raise Refused("issuer")
        if jku is not None and jku not in urls:
            raise Refused("jku")
        found = self._find(jku or urls[0], kid)
        if not found:
            raise Refused("kid")
        return found

    def _find(self, url: str, kid: str) -> tuple[Key, ...]:
        known = self._sets[url]
        age = self._clock() - known.read_at
        if age < _FRESH_S and kid in known.keys:
            return known.keys[kid]
        # With keys at hand nobody waits for a fetch that another request has begun.
        if known.lock.acquire(timeout=0 if age < _STALE_S else 5):
            try:
                self._refresh(url, known, kid)
            finally:
                known.lock.release()
        return known.keys.get(kid, ()) if self._clock() - known.read_at < _STALE_S else ()

    def _refresh(self, url: str, known: _KeySet, kid: str) -> None:
        now = self._clock()
        pause = _PAUSE_S if known.keys else _PAUSE_WITHOUT_KEYS_S
        if now - known.tried_at < pause or (now - known.read_at < _FRESH_S and kid in known.keys):
            return
        known.tried_at = now
        try:
            known.keys = _usable(self._fetch(url), self._allow_sandbox)
            known.read_at = self._clock()
        except KeysUnavailable as error:
            _log.error("keys unavailable", url=url, why=str(error), kept=len(known.keys))


def _usable(body: Mapping[str, Any], allow_sandbox: bool) -> Mapping[str, tuple[Key, ...]]:
    """The signature keys of a JWKS by their id; what is no such key, or is unsafe, is left out."""
    rows = body.get("keys")
    if not isinstance(rows, list):
        raise KeysUnavailable("no keys")
    found: dict[str, tuple[Key, ...]] = {}
    for row in _sound(rows[:_MOST_KEYS]):
        try:
            kind = ECKey if row["kty"] == "EC" else RSAKey
            key = kind.import_key({name: row[name] for name in _MEMBERS if name in row})
            public = allow_sandbox or key.thumbprint() != _SANDBOX_THUMBPRINT
        except (JoseError, ValueError, TypeError):
            continue
        if public:
            found[row["kid"]] = (*found.get(row["kid"], ()), key)
    return found


_MEMBERS: Final = ("kty", "crv", "x", "y", "n", "e", "alg", "use", "kid")


def _sound(rows: Iterable[Any]) -> Iterable[dict[str, str]]:
    for row in rows:
        if not isinstance(row, dict) or not isinstance(row.get("kid"), str) or "d" in row:
            continue  # a private key that is published is nobody's any more
        signs = row.get("use", "sig") == "sig" and "verify" in (row.get("key_ops") or ["verify"])
        texts = {name: value for name, value in row.items() if isinstance(value, str)}
        fits = row.get("kty") == "EC" or (row.get("kty") == "RSA" and len(texts.get("n", "")) in _RSA_MODULUS)
        if signs and fits:
            yield texts
