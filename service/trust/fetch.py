"""Reading a key set over the network: from URLs of the settings only, and with distrust even so."""

from __future__ import annotations

import json
from time import monotonic
from typing import Any, Final

import urllib3
from urllib3.exceptions import HTTPError

_DEADLINE_S: Final = 3.0
_MOST_BYTES: Final = 262_144


class KeysUnavailable(Exception):
    """The key set cannot be read: no answer, another status than 200, too much, too slow, no JSON object."""


def fetch_json(url: str, ca_file: str | None = None) -> dict[str, Any]:
    """The JSON object at `url`, as it is now. Follows no redirect. Raises KeysUnavailable."""
    try:
        return _object(_bytes(url, ca_file))
    except (HTTPError, OSError) as error:
        raise KeysUnavailable(type(error).__name__) from None


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise KeysUnavailable("not JSON") from None
    if not isinstance(value, dict):
        raise KeysUnavailable("not an object")
    return value


def _bytes(url: str, ca_file: str | None) -> bytes:
    until = monotonic() + _DEADLINE_S
    with urllib3.PoolManager(
        cert_reqs="CERT_REQUIRED", ca_certs=ca_file, timeout=urllib3.Timeout(1.0), retries=False
    ) as pool:
        response = pool.request(
            "GET",
            url,
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        try:
            if response.status != 200 or response.headers.get("Content-Encoding", "identity") != "identity":
                raise KeysUnavailable("status or encoding")
            pieces = bytearray()
            while piece := response.read1(16_384):
                pieces += piece
                if len(pieces) > _MOST_BYTES or monotonic() > until:
                    raise KeysUnavailable("too much or too slow")
            return bytes(pieces)
        finally:
            response.close()
