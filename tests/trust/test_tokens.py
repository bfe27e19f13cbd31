"""Every known attack on tokens by name, and what must pass all the same."""

from __future__ import annotations

import base64
import hmac
import json
import socket
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from joserfc.jwk import ECKey, RSAKey

from service.trust.errors import Refused
from service.trust.issuers import SANDBOX, Issuers
from service.trust.tokens import ALGORITHMS, Verifier
from tests.cds_hooks.fakes import NOW, FakeGuideline, app_with, request_body
from tests.trust.client import (
    EC256,
    ISSUER,
    JWKS,
    KEY,
    OTHER_JWKS,
    PUBLIC,
    RSA,
    TIME,
    VIEW,
    KeyServer,
    call,
    claims,
    public,
    raw,
    service,
    token,
)

SHARED = Path(__file__).parents[3] / "shared" / "real-requests" / "headers-post.json"
PEM = KEY.as_pem(private=False)
STRANGER = ECKey.generate_key("P-384", {"kid": "ec-384"})


@pytest.fixture
def keys() -> KeyServer:
    return KeyServer()


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, keys: KeyServer, tmp_path: Path) -> FlaskClient:
    return service(monkeypatch, keys, database_url=f"sqlite:///{tmp_path}/tokens.sqlite3")


def is_bare_401(response: Any) -> bool:
    """Refused, as an OperationOutcome that is the same whatever was wrong."""
    text = json.dumps(response.json)
    return (
        response.status_code == 401
        and response.headers["WWW-Authenticate"] == "Bearer"
        and response.json["resourceType"] == "OperationOutcome"
        and response.json["issue"][0]["code"] == "login"
        and response.json["issue"][0]["details"] == {"text": "Send a valid token with this call."}
        and not any(word in text for word in ("aud", "expired", "signature", "kid", ISSUER))
    )


@pytest.mark.parametrize(
    ("key", "algorithm"), [(KEY, "ES384"), (EC256, "ES256"), (RSA, "RS256"), (RSA, "RS384")]
)
def test_a_sound_token_of_each_algorithm_is_accepted(client: FlaskClient, key: Any, algorithm: str) -> None:
    assert call(client, token(key=key, algorithm=algorithm)).status_code == 200


def test_the_algorithms_are_a_fixed_list() -> None:
    assert set(ALGORITHMS) == {"ES384", "RS384", "ES256", "RS256"}


@pytest.mark.parametrize(
    "path", ["/cds-services", "/cds-services/", "/cds-services/none", "/fhir/metadata", VIEW]
)
def test_nothing_answers_without_a_token(client: FlaskClient, path: str) -> None:
    assert is_bare_401(client.get(path))
    assert is_bare_401(client.post(path, data=b"{"))


def test_discovery_is_answered_for_a_token_of_its_own(client: FlaskClient) -> None:
    assert is_bare_401(call(client, token(claims(VIEW)), "/cds-services"))
    assert call(client, token(claims("/cds-services")), "/cds-services").status_code == 200


def test_an_answer_to_a_token_is_kept_by_its_client_at_most(client: FlaskClient) -> None:
    response = call(client, token(claims("/cds-services")), "/cds-services")
    assert response.headers["Cache-Control"] == "private, max-age=60"
    assert call(client, token()).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/__lbheartbeat__", "/__heartbeat__", "/__version__", "/"])
def test_health_is_told_to_anyone(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 200


def test_a_preflight_is_answered_before_authentication(client: FlaskClient) -> None:
    asked = {
        "Origin": ISSUER,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    for path in ("/cds-services", VIEW, f"{VIEW}/feedback"):
        response = client.options(path, headers=asked)
        assert response.status_code == 200
        assert "authorization" in response.headers["Access-Control-Allow-Headers"].lower()


def test_a_web_page_can_read_the_401(client: FlaskClient) -> None:
    response = client.get("/cds-services", headers={"Origin": ISSUER})
    assert is_bare_401(response)
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "WWW-Authenticate" in response.headers["Access-Control-Expose-Headers"]


# --- algorithms and keys


def _hmac_with_the_public_key() -> str:
    header = {"alg": "HS256", "typ": "JWT", "kid": "ec-384"}
    body = json.dumps(claims())
    signed = raw(header, body).rstrip(".")
    return raw(header, body, signature=hmac.digest(PEM, signed.encode(), "sha256"))


_NONE = {"typ": "JWT", "kid": "ec-384"}
_BODY = json.dumps(claims())


@pytest.mark.parametrize(
    "bearer",
    [
        pytest.param(lambda: raw(_NONE | {"alg": "none"}, _BODY), id="alg none"),
        pytest.param(lambda: raw(_NONE | {"alg": "None"}, _BODY, signature=b"x"), id="alg None"),
        pytest.param(lambda: raw(_NONE | {"alg": "ES384"}, _BODY, signature=b"x"), id="short signature"),
        pytest.param(lambda: raw(_NONE | {"alg": "ES384"}, _BODY, signature=bytes(96)), id="zero signature"),
        pytest.param(lambda: raw(_NONE, _BODY, KEY), id="no alg"),
        pytest.param(lambda: raw(_NONE | {"alg": ["ES384"]}, _BODY, KEY), id="list of alg"),
        pytest.param(_hmac_with_the_public_key, id="HS256 with the public key"),
        pytest.param(lambda: token(key=STRANGER), id="another's key under the same kid"),
        pytest.param(lambda: token(key=EC256, algorithm="ES256", kid="ec-384"), id="kid of another curve"),
        pytest.param(lambda: token(key=RSA, algorithm="PS384"), id="algorithm not listed"),
        pytest.param(lambda: token(kid="unknown"), id="unknown kid"),
        pytest.param(lambda: token(kid="../../../etc/passwd"), id="kid path traversal"),
        pytest.param(lambda: token(kid="' OR 1=1 --"), id="kid SQL"),
        pytest.param(lambda: token(kid=None), id="no kid"),
        pytest.param(lambda: token(kid=""), id="empty kid"),
        pytest.param(lambda: token(typ=None), id="no typ"),
        pytest.param(lambda: token(typ="at+jwt"), id="another kind of token"),
        pytest.param(lambda: token(crit=["exp"]), id="crit header"),
        pytest.param(lambda: token(crit=["b64"], b64=False), id="b64 header"),
        pytest.param(
            lambda: token(key=STRANGER, jwk=STRANGER.as_dict(private=False)), id="its own key in the header"
        ),
        pytest.param(lambda: token(jku="https://evil.example/jwks.json"), id="jku not on list"),
        pytest.param(lambda: token(jku=f"{JWKS}?x=1"), id="jku like one on the list"),
        pytest.param(lambda: token(jku=f"{ISSUER}.evil.example/jwks.json"), id="jku look-alike"),
        pytest.param(lambda: token(claims(iss="https://evil.example")), id="unknown issuer"),
        pytest.param(lambda: token(claims(iss=f"{ISSUER}/")), id="issuer with a slash"),
        pytest.param(lambda: token(claims(iss=None)), id="no issuer"),
        pytest.param(lambda: token(claims(iss=[ISSUER])), id="list of issuers"),
        pytest.param(lambda: token(claims()) + "A", id="one letter more"),
        pytest.param(lambda: token(claims()).rsplit(".", 1)[0] + ".", id="signature cut off"),
        pytest.param(lambda: token(claims(pad="x" * 8192)), id="too large"),
        pytest.param(lambda: "a.b", id="two parts"),
        pytest.param(lambda: "a.b.c", id="no JSON"),
        pytest.param(lambda: raw({"alg": "ES384"}, "[" * 1500), id="deep claims"),
        pytest.param(lambda: token(claims()).replace(".", ".."), id="empty parts"),
    ],
)
def test_attacks_on_algorithm_and_key(client: FlaskClient, keys: KeyServer, bearer: Any) -> None:
    assert is_bare_401(call(client, bearer()))
    assert set(keys.asked) <= {JWKS}, "nothing that a token says is fetched"


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Basic {}", "{}", "Bearer {}, Bearer {}", "Bearer {} x", "bearer\t{}"]
)
def test_other_authorization_headers_are_refused(client: FlaskClient, header: str) -> None:
    bearer = token()
    assert is_bare_401(client.post(VIEW, headers={"Authorization": header.replace("{}", bearer)}))


def test_the_name_of_the_scheme_has_no_case(client: FlaskClient) -> None:
    assert call(client, token(), scheme="bearer").status_code == 200


# --- audience


@pytest.mark.parametrize(
    "audience",
    [
        pytest.param(PUBLIC, id="base URL"),
        pytest.param(f"{PUBLIC}/cds-services", id="discovery"),
        pytest.param(f"{PUBLIC}/cds-services/test-order-sign", id="other service"),
        pytest.param(f"{PUBLIC}{VIEW}/feedback", id="its feedback"),
        pytest.param(f"{PUBLIC}{VIEW}/", id="trailing slash"),
        pytest.param(f"{PUBLIC}{VIEW}?a=b", id="query"),
        pytest.param(f"http://cds.example.org{VIEW}", id="http"),
        pytest.param(f"https://cds.example.org:443{VIEW}", id="port"),
        pytest.param(f"https://CDS.example.org{VIEW}", id="capitals"),
        pytest.param(f"http://localhost{VIEW}", id="the Host header"),
        pytest.param(f"https://cds.example.org.evil.example{VIEW}", id="look-alike"),
        pytest.param([f"{PUBLIC}{VIEW}", "https://other.example.org/cds-services/x"], id="list with another"),
        pytest.param([f"{PUBLIC}{VIEW}", f"{PUBLIC}.evil.example/x"], id="list with a look-alike"),
        pytest.param([f"{PUBLIC}/cds-services"], id="list without it"),
        pytest.param([], id="empty list"),
        pytest.param({"a": f"{PUBLIC}{VIEW}"}, id="object"),
        pytest.param([[f"{PUBLIC}{VIEW}"]], id="list in a list"),
        pytest.param(None, id="none"),
    ],
)
def test_a_token_for_another_address_is_refused(client: FlaskClient, audience: Any) -> None:
    assert is_bare_401(call(client, token(claims(aud=audience))))


@pytest.mark.parametrize("audience", [[f"{PUBLIC}{VIEW}"], [f"{PUBLIC}/cds-services", f"{PUBLIC}{VIEW}"]])
def test_a_list_of_our_own_addresses_is_accepted(client: FlaskClient, audience: list[str]) -> None:
    assert call(client, token(claims(aud=audience))).status_code == 200


def test_the_host_header_decides_nothing(client: FlaskClient) -> None:
    headers = {
        "Authorization": f"Bearer {token(claims(aud=f'https://evil.example{VIEW}'))}",
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
    }
    assert is_bare_401(client.post(VIEW, headers=headers))


# --- times and ids


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"exp": TIME - 30, "iat": TIME - 100}, id="exp past"),
        pytest.param({"exp": None}, id="no exp"),
        pytest.param({"iat": None}, id="no iat"),
        pytest.param({"iat": TIME + 31, "exp": TIME + 100}, id="iat future"),
        pytest.param({"nbf": TIME + 31}, id="nbf future"),
        pytest.param({"nbf": "soon"}, id="nbf no number"),
        pytest.param({"exp": TIME + 600, "iat": TIME - 1}, id="lives too long"),
        pytest.param({"exp": TIME + 10, "iat": TIME + 20}, id="ends before it begins"),
        pytest.param({"exp": str(TIME + 100)}, id="exp as text"),
        pytest.param({"exp": True}, id="exp true"),
        pytest.param({"exp": float("nan")}, id="exp NaN"),
        pytest.param({"exp": float("inf")}, id="exp infinite"),
        pytest.param({"exp": 10**400}, id="exp of 400 digits"),
        pytest.param({"iat": -(10**400)}, id="iat of 400 digits"),
        pytest.param({"jti": None}, id="missing jti"),
        pytest.param({"jti": ""}, id="empty jti"),
        pytest.param({"jti": 5}, id="jti no text"),
        pytest.param({"jti": "x" * 257}, id="jti too long"),
    ],
)
def test_times_and_id_must_be_right(client: FlaskClient, changes: dict[str, Any]) -> None:
    assert is_bare_401(call(client, token(claims(**changes))))


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": TIME - 29, "iat": TIME - 100},
        {"iat": TIME + 29},
        {"nbf": TIME + 29},
        {"iat": TIME - 0.5},
        {"tenant": "ward 5"},
        {"sub": "someone"},
        {"jti": "\ud800"},
    ],
)
def test_clocks_may_differ_a_little(client: FlaskClient, changes: dict[str, Any]) -> None:
    assert call(client, token(claims(**changes))).status_code == 200


def test_a_clock_that_is_set_back_opens_nothing_and_closes_nothing_for_long(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    time = [NOW]
    url = f"sqlite:///{tmp_path}/tokens.sqlite3"
    client = service(monkeypatch, KeyServer(), lambda: time[0], database_url=url)
    used = token()
    assert call(client, used).status_code == 200
    time[0] -= timedelta(seconds=20)
    assert is_bare_401(call(client, used)), "a token stays used"
    assert call(client, token()).status_code == 200
    time[0] -= timedelta(hours=1)
    assert is_bare_401(call(client, token())), "from the future, by this clock"
    time[0] = NOW + timedelta(seconds=60)
    assert call(client, token()).status_code == 200
    assert is_bare_401(call(client, used))


# --- replay


def test_replayed_jti(client: FlaskClient) -> None:
    bearer = token()
    assert call(client, bearer).status_code == 200
    assert is_bare_401(call(client, bearer))
    assert is_bare_401(call(client, token(claims(jti=json.loads(_payload(bearer))["jti"]))))


def test_replayed_jti_across_workers(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bearer = token()
    assert call(client, bearer).status_code == 200
    other_worker = service(monkeypatch, KeyServer(), database_url=f"sqlite:///{tmp_path}/tokens.sqlite3")
    assert is_bare_401(call(other_worker, bearer))
    assert call(other_worker, token()).status_code == 200


def test_replay_may_be_allowed_for_test_kits(monkeypatch: pytest.MonkeyPatch) -> None:
    client = service(monkeypatch, KeyServer(), jwt_replay="allow")
    bearer = token()
    assert [call(client, bearer).status_code for _ in range(3)] == [200, 200, 200]


def test_a_refused_token_is_not_used_up(client: FlaskClient) -> None:
    jti = "once"
    assert is_bare_401(call(client, token(claims(jti=jti), key=STRANGER)))
    assert is_bare_401(call(client, token(claims("/cds-services", jti=jti))))
    assert call(client, token(claims(jti=jti))).status_code == 200


def test_advice_is_given_without_the_database_and_replay_is_refused_still(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client = service(monkeypatch, KeyServer(), database_url=f"sqlite:///{tmp_path}/none/tokens.sqlite3")
    bearer = token()
    assert call(client, bearer).status_code == 200
    assert is_bare_401(call(client, bearer))
    assert "replay is not checked across processes" in capsys.readouterr().err


# --- key sets


def test_key_rotation_mid_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    keys, time = KeyServer(), [0.0]
    issuers = Issuers({ISSUER: (JWKS,)}, keys, clock=lambda: time[0])
    assert issuers.keys(ISSUER, None, "ec-384")
    new = ECKey.generate_key("P-384", {"kid": "new"})
    keys.sets[JWKS] = public(new, KEY)
    with pytest.raises(Refused):  # within the pause after a fetch
        issuers.keys(ISSUER, None, "new")
    time[0] = 31
    assert issuers.keys(ISSUER, None, "new")
    assert len(keys.asked) == 2
    keys.sets[JWKS] = public(new)  # the old key is withdrawn
    time[0] = 3700
    assert issuers.keys(ISSUER, None, "new")
    with pytest.raises(Refused):
        issuers.keys(ISSUER, None, "ec-384")


def test_unknown_kids_do_not_make_us_fetch_again_and_again(client: FlaskClient, keys: KeyServer) -> None:
    for number in range(20):
        assert is_bare_401(call(client, token(kid=f"k{number}")))
    assert keys.asked == [JWKS]


def test_a_key_server_that_was_down_at_the_start_is_asked_again_soon() -> None:
    keys, clock = KeyServer(sets={}), [0.0]
    issuers = Issuers({ISSUER: (JWKS,)}, keys, clock=lambda: clock[0])
    for second, asked in ((0, 1), (4, 1), (6, 2)):
        clock[0] = second
        with pytest.raises(Refused):
            issuers.keys(ISSUER, None, "ec-384")
        assert len(keys.asked) == asked
    keys.sets[JWKS] = public(KEY)
    clock[0] = 12
    assert issuers.keys(ISSUER, None, "ec-384")


def test_keys_are_kept_while_their_server_is_down() -> None:
    keys, time = KeyServer(), [0.0]
    issuers = Issuers({ISSUER: (JWKS,)}, keys, clock=lambda: time[0])
    issuers.keys(ISSUER, None, "ec-384")
    keys.sets.clear()
    time[0] = 80_000
    assert issuers.keys(ISSUER, None, "ec-384")
    time[0] = 90_000
    with pytest.raises(Refused):
        issuers.keys(ISSUER, None, "ec-384")


def test_two_keys_with_the_same_kid(client: FlaskClient, keys: KeyServer) -> None:
    keys.sets[JWKS] = public(STRANGER, KEY)
    assert call(client, token(key=KEY)).status_code == 200
    assert call(client, token(key=STRANGER)).status_code == 200


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(KEY.as_dict(private=True), id="a private key"),
        pytest.param(KEY.as_dict(private=False) | {"use": "enc"}, id="for encryption"),
        pytest.param(KEY.as_dict(private=False) | {"key_ops": ["encrypt"]}, id="other operations"),
        pytest.param(KEY.as_dict(private=False) | {"alg": "ES256"}, id="another algorithm"),
        pytest.param({"kty": "oct", "k": "c2VjcmV0", "kid": "ec-384"}, id="a shared secret"),
        pytest.param({"kty": "EC", "kid": "ec-384", "crv": "P-384", "x": "AA", "y": "AA"}, id="no point"),
        pytest.param({"kty": "EC", "kid": "ec-384"}, id="nothing"),
        pytest.param("key", id="no object"),
    ],
)
def test_what_is_no_public_signature_key_is_not_used(client: FlaskClient, keys: KeyServer, row: Any) -> None:
    keys.sets[JWKS] = {"keys": [row]}
    assert is_bare_401(call(client, token()))


def test_a_short_rsa_key_is_not_used(client: FlaskClient, keys: KeyServer) -> None:
    with pytest.warns(match="."):
        short = RSAKey.generate_key(1024, {"kid": "short"})
    keys.sets[JWKS] = public(short)
    assert is_bare_401(call(client, token(key=short, algorithm="RS256")))


@pytest.mark.parametrize("body", [{}, {"keys": {}}, {"keys": None}, {"keys": [None] * 1000}])
def test_a_key_set_that_is_none(client: FlaskClient, keys: KeyServer, body: Any) -> None:
    keys.sets[JWKS] = body
    assert is_bare_401(call(client, token()))


def test_a_listed_jku_is_used_and_no_other_key_for_it(client: FlaskClient, keys: KeyServer) -> None:
    keys.sets[OTHER_JWKS] = public(RSA)
    assert call(client, token(key=RSA, algorithm="RS384", jku=OTHER_JWKS)).status_code == 200
    assert is_bare_401(call(client, token(jku=OTHER_JWKS)))
    assert keys.asked == [OTHER_JWKS]


def test_keys_may_come_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(public(KEY)))
    client = service(monkeypatch, KeyServer(), jwt_issuers={ISSUER: str(path)}, jwt_replay="allow")
    assert call(client, token()).status_code == 200
    for text in ("{", "[]"):
        path.write_text(text)
        other = service(monkeypatch, KeyServer(), jwt_issuers={ISSUER: str(path)}, jwt_replay="allow")
        assert is_bare_401(call(other, token()))


# --- the public sandbox, whose private key everybody has

SANDBOX_KEY = {
    "kty": "EC",
    "crv": "P-384",
    "kid": "44823f3d-0b01-4a6c-a80e-b9d3e8a7226f",
    "x": "dw_JGR8nB2I6XveNxUOl2qk699ZPLM2nYI5STSdiEl9avAkrm3CkfYMbrrjr8laB",
    "y": "Sm3mLE-n1zYNla_aiE3cb3nZsL51RbC7ysw3q8aJLxGm-hx79RPMYpITDjp7kgzy",
}


@pytest.mark.parametrize("issuer", [SANDBOX, ISSUER])
def test_the_key_of_the_public_sandbox_is_refused_under_any_issuer(issuer: str) -> None:
    issuers = Issuers({issuer: (JWKS,)}, lambda url: {"keys": [SANDBOX_KEY]})
    with pytest.raises(Refused):
        issuers.keys(issuer, None, SANDBOX_KEY["kid"])


@pytest.mark.skipif(not SHARED.is_file(), reason="needs ../shared: a token that the sandbox sent")
def test_a_token_of_the_sandbox_is_good_only_where_a_flag_allows_it() -> None:
    bearer = json.loads(SHARED.read_text())["Authorization"].split()[1]
    said = json.loads(_payload(bearer))
    now = datetime.fromtimestamp(said["iat"] + 1, UTC)
    for allowed in (True, False):
        issuers = Issuers(
            {SANDBOX: (f"{SANDBOX}/.well-known/jwks.json",)}, lambda url: {"keys": [SANDBOX_KEY]}, allowed
        )
        verifier = Verifier(issuers, "http://127.0.0.1:18082/", 30, 600)
        if allowed:
            assert verifier.verify(bearer, said["aud"], now).jti == said["jti"]
        else:
            with pytest.raises(Refused, match="issuer"):
                verifier.verify(bearer, said["aud"], now)


# --- what the log holds


def test_the_log_says_why_and_holds_no_token(client: FlaskClient, capsys: pytest.CaptureFixture[str]) -> None:
    bearer = token(claims(exp=TIME - 500, iat=TIME - 600, jti="secret-jti"))
    assert is_bare_401(call(client, bearer))
    log = capsys.readouterr().err
    assert '"reason": "expired"' in log
    assert not any(part in log for part in (*bearer.split("."), "secret-jti", ISSUER))


def test_nobody_is_asked_in_development() -> None:
    client = app_with(FakeGuideline()).test_client()
    assert client.post(VIEW, json=request_body()).status_code == 200
    assert client.post(VIEW, json=request_body(), headers={"Authorization": "Bearer x"}).status_code == 200


def _payload(bearer: str) -> bytes:
    part = bearer.split(".")[1]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_advice_waits_for_a_database_that_hangs_once_and_not_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("service.trust.replay._FIRST_S", 0.15)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it listens, and never says a word
        port = silent.getsockname()[1]
        client = service(monkeypatch, KeyServer(), database_url=f"postgresql://a:b@127.0.0.1:{port}/none")
        started = time.monotonic()
        bearers = [token() for _ in range(5)]
        assert [call(client, bearer).status_code for bearer in bearers] == [200] * 5
        assert time.monotonic() - started < 1
        assert is_bare_401(call(client, bearers[0]))
    assert capsys.readouterr().err.count("replay is not checked across processes") == 1
