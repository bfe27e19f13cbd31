"""What an operator copies works: the how-to's settings, the systemd unit, the proxy."""

from __future__ import annotations

import configparser
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from service.cli import main
from service.settings import Settings
from tests.serving import TINY, free_port, served

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "how-to" / "run-in-production.md").read_text("utf-8")
CONFIG = (ROOT / "deploy" / "gunicorn.conf.py").read_text("utf-8")
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
VIEW = "/cds-services/hydration-patient-view"


def example() -> dict[str, str]:
    """The settings that the page shows."""
    (block,) = re.findall(r"```ini\n(.*?)```", PAGE, re.S)
    return dict(line.split("=", 1) for line in block.splitlines())


def test_the_settings_that_the_page_shows_start_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SARCOMA_CDS_DATABASE_URL", raising=False)
    for name, value in example().items():
        monkeypatch.setenv(name, value)
    settings = Settings.from_environment()
    settings.check_start(example())
    assert settings.is_production
    assert settings.wants_tokens
    assert settings.wants_metrics


@pytest.mark.parametrize("name", sorted(set(re.findall(r"SARCOMA_CDS_[A-Z_]+", PAGE))))
def test_every_setting_that_the_page_names_exists(name: str) -> None:
    assert name.removeprefix("SARCOMA_CDS_").lower() in Settings.model_fields


@pytest.mark.parametrize("name", sorted(set(re.findall(r"WEB_[A-Z_]+", PAGE))))
def test_every_variable_of_the_server_that_the_page_names_exists(name: str) -> None:
    assert name in CONFIG


@pytest.mark.parametrize("words", sorted(set(re.findall(r"`sarcoma-cds ((?:[a-z]+ ?)+)", PAGE))))
def test_every_command_that_the_page_names_exists(words: str) -> None:
    command = main
    for word in words.split():
        command = command.commands[word]  # type: ignore[assignment]


@pytest.mark.parametrize("name", sorted(set(re.findall(r"(?:`sarcoma_cds_[a-z_]+`)", PAGE))))
def test_every_number_that_the_page_names_is_documented(name: str) -> None:
    assert name in (ROOT / "docs" / "reference" / "metrics.md").read_text("utf-8")


def test_the_unit_starts_the_command_and_names_the_page_that_explains_it() -> None:
    text = (ROOT / "deploy" / "sarcoma-cds.service").read_text("utf-8")
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(text)
    program, command, *options = unit["Service"]["ExecStart"].split()
    assert program.endswith("/bin/sarcoma-cds")
    main.commands[command].make_context(command, options)
    folder = f"/var/lib/{unit['Service']['StateDirectory']}/"
    assert folder in example()["SARCOMA_CDS_DATABASE_URL"]
    assert f"EnvironmentFile={re.findall(r'`(/etc/[a-z.-]+env)`', PAGE)[0]}" in text
    assert (ROOT / re.findall(r"docs/\S+\.md", text)[0]).is_file()


def test_systemd_hears_when_the_service_is_ready(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(30)
        environment = {"SARCOMA_CDS_CONTENT_DIR": str(TINY), "NOTIFY_SOCKET": str(tmp_path / "notify")}
        with served(1, environment):
            assert listening.recv(100).startswith(b"READY=1")


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[tuple[int, ssl.SSLContext]]:
    """deploy/nginx.conf with a service behind it: its port, and how to trust it."""
    authority = trustme.CA()
    authority.issue_cert("cds.example.org").private_key_and_cert_chain_pem.write_to_path(
        str(tmp_path / "pem")
    )
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    port = free_port()
    text = (ROOT / "deploy" / "nginx.conf").read_text("utf-8")
    with served(1, {"SARCOMA_CDS_CONTENT_DIR": str(TINY)}) as service:
        for old, new in {
            "127.0.0.1:8000": f"127.0.0.1:{service.port}",
            "listen 443": f"listen 127.0.0.1:{port}",
            "/etc/ssl/cds.example.org.pem": str(tmp_path / "pem"),
            "/etc/ssl/private/cds.example.org.key": str(tmp_path / "pem"),
            "/var/log/nginx": str(tmp_path),
        }.items():
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "nginx.conf").write_text(text)
        options = ["-c", str(tmp_path / "nginx.conf"), "-e", str(tmp_path / "errors")]
        process = subprocess.Popen(  # noqa: S603 - our own command
            [NGINX, *options, "-g", f"daemon off; pid {tmp_path}/pid; user root;"]
        )
        try:
            for _ in range(100):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            yield port, trust
        finally:
            process.terminate()
            process.wait(10)


def ask(proxy: tuple[int, ssl.SSLContext], data: bytes) -> bytes:
    """Status line and headers of an answer through the proxy."""
    with connected(proxy) as connection:
        connection.sendall(data)
        return connection.recv(10_000)


def connected(proxy: tuple[int, ssl.SSLContext]) -> ssl.SSLSocket:
    port, trust = proxy
    plain = socket.create_connection(("127.0.0.1", port), 10)
    return trust.wrap_socket(plain, server_hostname="cds.example.org")


@pytest.mark.skipif(not Path(NGINX).is_file(), reason="needs nginx")
def test_slow_clients_wait_at_the_proxy_and_hold_nobody_up(proxy: tuple[int, ssl.SSLContext]) -> None:
    head = f"POST {VIEW} HTTP/1.1\r\nHost: cds.example.org\r\nContent-Type: application/json\r\n"
    slow = [connected(proxy) for _ in range(30)]
    for connection in slow:
        connection.sendall(f"{head}Content-Length: 1000\r\n\r\n{{".encode())
    started = time.monotonic()
    answer = ask(proxy, b"GET /cds-services HTTP/1.1\r\nHost: x\r\nX-Request-ID: visit-1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nX-Request-ID: visit-1\r\n" in answer
    assert b"\r\nStrict-Transport-Security" not in answer  # a development service is behind it
    assert time.monotonic() - started < 2
    assert ask(proxy, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 404 ")
    huge = f"{head}Content-Length: 5300000\r\n\r\n".encode()
    assert ask(proxy, huge).startswith(b"HTTP/1.1 413 ")
    for connection in slow:
        connection.close()
