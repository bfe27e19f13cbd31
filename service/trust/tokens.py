"""Judging a token: what it says is believed only after its signature, and only if all of it fits.

Source: CDS Hooks 2.0.1 "Trusting CDS Clients"; RFC 7519 (JWT), RFC 8725 (best current practices).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import JoseError

from service.trust.errors import Refused
from service.trust.issuers import Issuers

ALGORITHMS: Final = ("ES384", "RS384", "ES256", "RS256")
"""All that is accepted: never `none`, never a shared secret, whatever key a set holds."""
_MOST_CHARACTERS: Final = 8192
_MOST_KEYS_TRIED: Final = 4


@dataclass(frozen=True)
class Claims:
    """What is left to know of a token that is good. `expires`: seconds since 1970."""

    issuer: str
    jti: str
    expires: float


@dataclass(frozen=True)
class Verifier:
    """Judges tokens. Times in seconds; `own`: where all our addresses begin."""

    issuers: Issuers
    own: str
    leeway: int
    lifetime: int

    def verify(self, token: str, address: str, now: datetime) -> Claims:
        """The claims of a token sent to `address` (our public URL of it) at `now` (aware). Raises Refused."""
        if len(token) > _MOST_CHARACTERS:
            raise Refused("size")
        header, unproven = _parts(token)
        _check_header(header)
        issuer = unproven.get("iss")
        if not isinstance(issuer, str):
            raise Refused("issuer")
        claims = self._proven(token, issuer, header)
        if claims.get("iss") != issuer:
            raise Refused("issuer")
        self._check_audience(claims.get("aud"), address)
        expires = self._check_times(claims, now.timestamp())
        jti = claims.get("jti")
        if not isinstance(jti, str) or not 0 < len(jti) <= 256:
            raise Refused("jti")
        return Claims(issuer, jti, expires)

    def _proven(self, token: str, issuer: str, header: Mapping[str, Any]) -> Mapping[str, Any]:
        keys = self.issuers.keys(issuer, header.get("jku"), header["kid"])
        for key in keys[:_MOST_KEYS_TRIED]:
            try:
                return jwt.decode(token, key, algorithms=[header["alg"]]).claims
            except (JoseError, ValueError, TypeError):
                continue  # the wrong key of two with one id, or of another kind than the algorithm's
        raise Refused("signature")

    def _check_audience(self, audience: Any, address: str) -> None:
        """The address called, exactly. A list may name more addresses of ours, and nobody else's."""
        named = audience if isinstance(audience, list) else [audience]
        ours = all(isinstance(one, str) and one.startswith(self.own) for one in named)
        if address not in named or not ours:
            raise Refused("audience")

    def _check_times(self, claims: Mapping[str, Any], now: float) -> float:
        """When the token ends. `nbf` counts when it is there; the other two must be."""
        issued, expires = _seconds(claims, "iat"), _seconds(claims, "exp")
        begins = _seconds(claims, "nbf") if "nbf" in claims else issued
        if expires <= now - self.leeway:
            raise Refused("expired")
        if max(issued, begins) > now + self.leeway:
            raise Refused("not yet")
        if not 0 < expires - issued <= self.lifetime:
            raise Refused("lifetime")
        return expires


def _parts(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Header and claims, unproven."""
    try:
        parts = jws.extract_compact(token.encode("ascii"))
        claims = json.loads(parts.payload)
    except (JoseError, ValueError, TypeError, RecursionError):
        raise Refused("not a token") from None
    header = parts.headers()
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise Refused("not a token")
    return header, claims


def _check_header(header: Mapping[str, Any]) -> None:
    if header.get("alg") not in ALGORITHMS:
        raise Refused("algorithm")
    if str(header.get("typ")).upper() != "JWT" or "crit" in header or "b64" in header:
        raise Refused("header")
    if not isinstance(header.get("kid"), str) or not 0 < len(header["kid"]) <= 256:
        raise Refused("kid")
    if not isinstance(header.get("jku", ""), str):
        raise Refused("jku")


def _seconds(claims: Mapping[str, Any], name: str) -> float:
    """A NumericDate; anything else, NaN and infinity included, is refused."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
        raise Refused(name)
    return float(value)
