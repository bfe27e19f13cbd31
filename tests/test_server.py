"""The service as it is deployed: gunicorn, real sockets, the tiny guideline."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

TINY = Path(__file__).parent / "guidelines" / "tiny"
JSON = {"Content-Type": "application/json"}
VIEW = "/cds-services/hydration-patient-view"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    number = free_port()
    environment = {**os.environ, "SARCOMA_CDS_CONTENT_DIR": str(TINY), "SARCOMA_CDS_MAX_BODY_BYTES": "100000"}
    command = [sys.executable, "-m", "service.cli", "serve", "--port", str(number), "--workers", "1"]
    quiet = subprocess.DEVNULL
    server = subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet)  # noqa: S603 - our own command
    try:
        wait_for(number, server)
        yield number
    finally:
        server.terminate()
        server.wait(timeout=10)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert server.poll() is None, "the server stopped"
        try:
            if ask(port, "GET", "/__lbheartbeat__")[0] == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server did not start")


def ask(port: int, method: str, path: str, body: object = None, chunked: bool = False) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    try:
        if chunked and data is not None:
            connection.request(method, path, iter([data]), JSON, encode_chunked=True)
        else:
            connection.request(method, path, data, JSON if data else {})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def test_discovery_and_a_call(port: int) -> None:
    status, text = ask(port, "GET", "/cds-services")
    assert status == 200
    assert VIEW.rsplit("/", 1)[1] in [service["id"] for service in json.loads(text)["services"]]
    context = {"userId": "Practitioner/1", "patientId": "p"}
    prefetch = {"patient": {"resourceType": "Patient", "id": "p"}, "conditions": None, "observations": None}
    call = {"hook": "patient-view", "hookInstance": "1", "context": context, "prefetch": prefetch}
    assert ask(port, "POST", VIEW, call) == (200, '{"cards": []}')
    assert ask(port, "POST", VIEW, call, chunked=True) == (200, '{"cards": []}')


@pytest.mark.parametrize("size", [100_001, 900_000])
@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_over_the_limit_is_refused_and_the_sender_hears_of_it(
    port: int, size: int, chunked: bool
) -> None:
    status, text = ask(port, "POST", VIEW, b" " * size, chunked)
    assert status == 413
    assert json.loads(text)["issue"][0]["code"] == "too-long"


@pytest.mark.parametrize(
    ("path", "status"), [("/cds-services/none", 404), ("/cds-services", 405), ("/nowhere", 404)]
)
def test_refusals_are_operation_outcomes(port: int, path: str, status: int) -> None:
    found, text = ask(port, "POST", path, {"a": 1})
    assert (found, json.loads(text)["resourceType"]) == (status, "OperationOutcome")
