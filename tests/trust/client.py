"""An EHR that signs its calls, its key set, and the service that trusts it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from uuid import uuid4

from flask.testing import FlaskClient
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from service.app import create_app
from service.guideline import Guideline
from service.settings import Settings
from service.trust.fetch import KeysUnavailable
from tests.cds_hooks.fakes import NOW, FakeGuideline, action, request_body

PUBLIC = "https://cds.example.org"
ISSUER = "https://ehr.example.org"
JWKS = "https://ehr.example.org/jwks.json"
OTHER_JWKS = "https://ehr.example.org/old.json"
VIEW = "/cds-services/test-patient-view"
TIME = int(NOW.timestamp())
KEY = ECKey.generate_key("P-384", {"kid": "ec-384"})
EC256 = ECKey.generate_key("P-256", {"kid": "ec-256"})
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})


def public(*keys: ECKey | RSAKey) -> dict[str, Any]:
    """Their JWKS."""
    return {"keys": [key.as_dict(private=False) for key in keys]}


def claims(path: str = VIEW, **changes: Any) -> dict[str, Any]:
    """Sound claims; None removes one."""
    sound = {
        "iss": ISSUER,
        "aud": f"{PUBLIC}{path}",
        "iat": TIME - 1,
        "exp": TIME + 299,
        "jti": str(uuid4()),
    }
    return {name: value for name, value in (sound | changes).items() if value is not None}


def token(
    content: Mapping[str, Any] | None = None, key: Any = KEY, algorithm: str = "ES384", **header: Any
) -> str:
    """A signed token; header members that are None are left out."""
    members = {"alg": algorithm, "typ": "JWT", "kid": key.kid, **header}
    members = {name: value for name, value in members.items() if value is not None}
    body = json.dumps(claims() if content is None else content)
    if "crit" in members or "b64" in members:
        return raw(members, body, key)
    return jws.serialize_compact(members, body, key, algorithms=[algorithm])


def raw(header: Mapping[str, Any], body: str, key: Any = None, signature: bytes = b"") -> str:
    """Header and body as they are, over a signature that a library would not make."""
    joined = f"{_encoded(json.dumps(header).encode())}.{_encoded(body.encode())}"
    if isinstance(key, ECKey):
        signature = jws.JWSRegistry.algorithms["ES384"].sign(joined.encode(), key)
    return f"{joined}.{_encoded(signature)}"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@dataclass
class KeyServer:
    """What key sets are where, and what was asked for."""

    sets: dict[str, Any] = field(default_factory=lambda: {JWKS: public(KEY, EC256, RSA)})
    asked: list[str] = field(default_factory=list)

    def __call__(self, url: str) -> Mapping[str, Any]:
        self.asked.append(url)
        if url not in self.sets:
            raise KeysUnavailable("no answer")
        return cast(Mapping[str, Any], self.sets[url])


def settings(**changes: Any) -> Settings:
    """Those of a service that trusts one EHR."""
    return Settings(
        **{
            "authentication": "jwt",
            "public_url": PUBLIC,
            "jwt_issuers": {ISSUER: [JWKS, OTHER_JWKS]},
            "database_url": "sqlite://",
            **changes,
        }
    )


def service(
    monkeypatch: Any, keys: KeyServer, clock: Callable[[], datetime] = lambda: NOW, **changes: Any
) -> FlaskClient:
    """The whole service; key sets come from `keys` and not over the network."""
    monkeypatch.setattr("service.trust.guard.fetch_json", lambda url, ca_file: keys(url))
    guideline = cast(Guideline, FakeGuideline((action(title="T"),)))
    return create_app(settings(**changes), clock, guideline).test_client()


def call(client: FlaskClient, bearer: str | None, path: str = VIEW, scheme: str = "Bearer") -> Any:
    """A call with this token, None for a call without."""
    headers = {} if bearer is None else {"Authorization": f"{scheme} {bearer}"}
    if path == "/cds-services":
        return client.get(path, headers=headers)
    return client.post(path, json=request_body(), headers=headers)
