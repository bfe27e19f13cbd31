"""Server-side request forgery: the URL of `fhirServer` is the client's word, and goes nowhere unlisted."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import trustme

from service.cds_hooks.exact_json import loads
from service.guideline import DataNeed
from service.patient.fhir_server import FhirReader, Limits, Policy, Reading, Server
from service.patient.fhir_server.origin import BadUrl, read_origin, split_url
from service.settings import Settings
from tests.fhir_server.ehr import Asked, Ehr, Reply, bundle, condition, ehr, good

NEED = DataNeed("conditions", "Condition", "Condition?patient={{context.patientId}}", True)
CONTEXT = {"patientId": "p1"}
LISTED = "https://fhir.example.org"
TOKEN = "secret"  # noqa: S105 - made up
PUBLIC = "93.184.215.14"


class Names:
    """A resolver that says what a test wants, and remembers what it was asked."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def policy(*origins: str, networks: Sequence[str] = (), loopback: bool = False) -> Policy:
    return Policy(frozenset(map(read_origin, origins)), tuple(map(ip_network, networks)), loopback)


def read(
    rules: Policy,
    url: str,
    names: Names | None = None,
    ca_file: Path | None = None,
    begun: Any = None,
) -> Reading:
    reader = FhirReader(rules, Limits(seconds=5), loads, names or Names(["192.0.2.1"]), ca_file)
    return reader.read(Server(url, TOKEN), CONTEXT, [] if begun else [NEED], begun or {})


def reason(reading: Reading) -> str:
    (text,) = reading.failures.values()
    assert reading.values == {}
    assert TOKEN not in text
    return text


NOT_LISTED = {
    "another host": "https://other.example.org/fhir",
    "look-alike prefix (CVE-2026-34360)": "https://fhir.example.org.attacker.example/fhir",
    "look-alike prefix without a dot": "https://fhir.example.orgattacker.example",
    "look-alike suffix": "https://xfhir.example.org",
    "subdomain": "https://a.fhir.example.org",
    "another port": "https://fhir.example.org:8443/fhir",
    "http where https is listed": "http://fhir.example.org/fhir",
    "http on the port of https": "http://fhir.example.org:443/fhir",
    "a public address": f"https://{PUBLIC}",
    "loopback": "http://127.0.0.1:8080/fhir",
    "loopback by name": "http://localhost/fhir",
    "loopback in IPv6": "http://[::1]/fhir",
    "metadata of a cloud (CVE-2026-34359)": "http://169.254.169.254/latest/meta-data",
    "private": "https://10.0.0.1/fhir",
    "IPv6-mapped": "https://[::ffff:127.0.0.1]/fhir",
    "any": "http://0.0.0.0/fhir",
    "punycode look-alike": "https://xn--fhr-5ta.example.org/fhir",
}
NO_URL = {
    "user": "https://fhir.example.org@attacker.example/fhir",
    "user and password": "https://user:pass@fhir.example.org/fhir",
    "empty user": "https://@fhir.example.org/",
    "backslash": "https://attacker.example\\@fhir.example.org/",
    "decimal address": "http://2130706433/fhir",
    "octal address": "http://0177.0.0.1/fhir",
    "hex address": "http://0x7f.0.0.1/fhir",
    "hex address as one number": "http://0x7f000001/fhir",
    "short address": "http://127.1/fhir",
    "IDN look-alike": "https://fh\u0131r.example.org/fhir",
    "full-width dot": "https://fhir\u3002example.org/fhir",
    "full-width digits": "http://\uff11\uff12\uff17.0.0.1/",
    "trailing dot": "https://fhir.example.org./fhir",
    "percent in the host": "https://fhir%2eexample.org/",
    "file": "file:///etc/passwd",
    "gopher": "gopher://127.0.0.1:6379/_x",
    "ftp": "ftp://fhir.example.org/",
    "no scheme": "//fhir.example.org/fhir",
    "no host": "https:///fhir",
    "one slash": "https:/fhir.example.org",
    "query": "https://fhir.example.org/fhir?x=1",
    "fragment": "https://fhir.example.org/#x",
    "port 0": "https://fhir.example.org:0/",
    "port too high": "https://fhir.example.org:99999/",
    "zone": "https://[fe80::1%25eth0]/",
    "line break": "https://fhir.example.org/\r\nHost: x",
    "trailing line break": "https://fhir.example.org\n",
    "space": " https://fhir.example.org",
    "words": "not a url",
}


@pytest.mark.parametrize("name", NOT_LISTED)
def test_a_server_that_is_not_listed_is_not_even_looked_up(name: str) -> None:
    names = Names([PUBLIC])
    assert "not one that this service may read" in reason(read(policy(LISTED), NOT_LISTED[name], names))
    assert names.asked == []


@pytest.mark.parametrize("loopback", [True, False])
@pytest.mark.parametrize("name", NO_URL)
def test_a_url_that_others_may_read_differently_is_none(name: str, loopback: bool) -> None:
    names = Names([PUBLIC])
    text = reason(read(policy(LISTED, loopback=loopback), NO_URL[name], names))
    assert text.startswith("is not called: its URL is")
    assert names.asked == []
    with pytest.raises(BadUrl):
        split_url(NO_URL[name])


@pytest.mark.parametrize(
    "url", [LISTED, "https://FHIR.example.org:443/fhir", "HTTPS://fhir.example.org/a/b/"]
)
def test_the_same_origin_may_be_written_in_several_ways(url: str) -> None:
    assert split_url(url)[0] == read_origin(LISTED)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - an address that is refused
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "nonsense",
    ],
)
def test_a_listed_name_that_leads_inside_is_not_followed(address: str) -> None:
    for found in ([address], [PUBLIC, address], [address, PUBLIC]):
        text = reason(read(policy(LISTED, loopback=True), f"{LISTED}/fhir", Names(found)))
        assert "an address that this service may not call" in text


@pytest.mark.parametrize("address", ["10.20.3.4", "fd12::1", "::ffff:10.20.3.4"])
def test_a_named_private_network_may_be_called(address: str) -> None:
    rules = policy(LISTED, networks=["10.20.0.0/16", "fd12::/16"])
    assert rules.addresses(read_origin(LISTED), Names([address])) == [address]
    assert rules.addresses(read_origin(LISTED), Names([PUBLIC, address])) == [PUBLIC, address]


def test_a_name_that_leads_nowhere() -> None:
    assert "leads to no address" in reason(read(policy(LISTED), LISTED, Names([])))


def test_http_is_not_spoken_even_to_a_listed_server() -> None:
    assert "does not speak https" in reason(
        read(policy("http://fhir.example.org"), "http://fhir.example.org")
    )


@pytest.mark.parametrize("url", ["http://127.0.0.1:{}", "http://localhost:{}", "HTTP://LocalHost:{}/"])
def test_development_reads_servers_of_this_machine(url: str) -> None:
    with ehr(lambda asked: Reply(bundle(condition("c1")))) as server:
        names = Names(["127.0.0.1"])
        reading = read(policy(loopback=True), url.format(server.port), names)
        assert (set(reading.values), reading.failures) == ({"conditions"}, {})


def test_localhost_that_leads_elsewhere_is_not_followed() -> None:
    assert "may not call" in reason(read(policy(loopback=True), "http://localhost:80", Names([PUBLIC])))


# --- what is connected to is what was checked


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def certified(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.fixture
def secure(authority: trustme.CA) -> Iterator[Ehr]:
    """Has a certificate for fhir.example.org, and stands on this machine."""
    with ehr(good, certified(authority, "fhir.example.org")) as server:
        yield server


HERE = ["127.0.0.0/8"]


def test_tls_is_spoken_with_the_name_at_the_checked_address(secure: Ehr, ca_file: Path) -> None:
    url = f"https://fhir.example.org:{secure.port}"
    names = Names(["127.0.0.1"], [PUBLIC])  # a second look-up would lead elsewhere (DNS rebinding)
    reading = read(policy(url, networks=HERE), f"{url}/fhir", names, ca_file)
    assert set(reading.values) == {"conditions"}
    assert names.asked == ["fhir.example.org"]
    assert secure.asked[0].headers["Host"] == f"fhir.example.org:{secure.port}"


def test_dns_rebinding_between_pages_changes_nothing(secure: Ehr, ca_file: Path) -> None:
    url = f"https://fhir.example.org:{secure.port}"

    def script(asked: Asked) -> Reply:
        link = None if "page" in asked.target else f"{url}/fhir?page=2"
        # the connection is closed between the pages, so that there is a second one
        return Reply(bundle(condition("c"), next_link=link), headers={"Connection": "close"})

    secure.script = script
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    reading = read(policy(url, networks=HERE), f"{url}/fhir", names, ca_file)
    assert reading.failures == {}
    assert (len(secure.asked), names.asked) == (2, ["fhir.example.org"])


@pytest.mark.parametrize("trusted", [True, False])
def test_a_certificate_that_does_not_fit_is_not_trusted(
    authority: trustme.CA, ca_file: Path, trusted: bool
) -> None:
    """Of another name; of an authority that nobody trusts."""
    name = "other.example.org" if trusted else "fhir.example.org"
    with ehr(good, certified(authority, name)) as server:
        url = f"https://fhir.example.org:{server.port}"
        rules = policy(url, networks=HERE)
        text = reason(read(rules, url, Names(["127.0.0.1"]), ca_file if trusted else None))
        assert "could not be trusted" in text
        assert server.asked == []


def test_a_server_that_does_not_speak_tls_gets_no_token() -> None:
    with ehr(good) as server:
        url = f"https://fhir.example.org:{server.port}"
        reason(read(policy(url, networks=HERE), url, Names(["127.0.0.1"])))
        assert server.asked == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_token_does_not_follow_a_redirect(status: int) -> None:
    """CVE-2026-34361."""
    with ehr(good) as other:
        location = f"http://127.0.0.1:{other.port}/fhir/Condition"
        with ehr(lambda asked: Reply(status=status, headers={"Location": location})) as server:
            text = reason(read(policy(loopback=True), server.url, Names(["127.0.0.1"])))
            assert f"({status})" in text
            assert (len(server.asked), other.asked) == (1, [])


def test_a_page_of_another_server_is_not_asked_for_with_the_token() -> None:
    with ehr(good) as other:
        first = bundle(condition("c1"), next_link=f"{other.url}/Condition?page=2")
        with ehr(lambda asked: Reply(first)) as server:
            text = reason(read(policy(loopback=True), server.url, Names(["127.0.0.1"])))
            assert "another server" in text
            begun = read(policy(loopback=True), server.url, Names(["127.0.0.1"]), begun={"conditions": first})
            assert "another server" in reason(begun)
            assert (len(server.asked), other.asked) == (1, [])


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with ehr(good) as proxy, ehr(good) as server:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        reading = read(policy(loopback=True), server.url, Names(["127.0.0.1"]))
        assert (reading.failures, proxy.asked) == ({}, [])


# --- what is asked


@pytest.mark.parametrize(
    ("template", "context", "target"),
    [
        ("Patient/{{context.patientId}}", {"patientId": "p-1.a"}, "/fhir/Patient/p-1.a"),
        ("Patient/{{context.patientId}}", {"patientId": "Patient/p1"}, "/fhir/Patient/p1"),
        ("Practitioner/{{userPractitionerId}}", {"userId": "Practitioner/dr"}, "/fhir/Practitioner/dr"),
        ("Encounter/{{ context.encounterId }}", {"encounterId": "../x?y"}, "/fhir/Encounter/..%2Fx%3Fy"),
        (
            "Observation?patient={{context.patientId}}&code=http://loinc.org|1-8,a\\|b",
            {"patientId": "p1"},
            "/fhir/Observation?patient=p1&code=http://loinc.org%7C1-8,a%5C%7Cb&_count=200",
        ),
        (
            "Observation?encounter={{context.encounterId}}&_count=5",
            {"encounterId": "a,b|c&d=e$ö"},
            "/fhir/Observation?encounter=a%5C,b%5C%7Cc%26d%3De%5C%24%C3%B6&_count=5",
        ),
    ],
)
def test_tokens_are_put_in_and_escaped(template: str, context: dict[str, str], target: str) -> None:
    type_name = template.partition("/")[0].partition("?")[0]
    need = DataNeed("key", type_name, template, True)
    with ehr(lambda asked: Reply(bundle())) as server:
        reader = FhirReader(policy(loopback=True), Limits(seconds=5), loads)
        reader.read(Server(server.url), context, [need], {})
        assert [asked.target for asked in server.asked] == [target]


@pytest.mark.parametrize(
    "template", ["Patient/{{context.encounterId}}", "Patient/{{userPatientId}}", "X/{{y}}"]
)
def test_a_template_that_the_context_cannot_fill_is_not_asked(template: str) -> None:
    need = DataNeed("key", "Patient", template, True)
    with ehr(good) as server:
        reader = FhirReader(policy(loopback=True), Limits(seconds=5), loads)
        context = {"patientId": "p1", "userId": "Practitioner/dr", "encounterId": None}
        reading = reader.read(Server(server.url), context, [need], {})
        assert "the context lacks" in reason(reading)
        assert server.asked == []


def test_a_server_is_not_told_about_in_logs() -> None:
    assert TOKEN not in repr(Server(LISTED, TOKEN))


def test_production_reads_no_server_of_this_machine() -> None:
    settings = Settings(profile="production", public_url="https://cds.example.org")
    assert settings.is_production
    assert settings.fhir_servers == ()
