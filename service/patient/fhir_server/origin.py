"""Web origins as operators list them and as clients name them: one spelling each, or none.

What a lenient parser would understand in another way than the one that connects is refused, not put right:
user names, backslashes, names that are not ASCII (their look-alikes too), addresses written as one number, in
octal or in hex, trailing dots. Source: RFC 6454 (origin), RFC 3986 (URL syntax).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

_URL: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::(?P<port>\d{1,5}))?"
    r"(?P<path>/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?",
    re.IGNORECASE,
)
_LABEL: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_NUMERIC: Final = re.compile(r"\d+|0x[0-9a-f]*")
_PORTS: Final = {"http": 80, "https": 443}


class BadUrl(ValueError):
    """The text is no absolute http(s) URL in the one spelling that is accepted. Quotes nothing of it."""


@dataclass(frozen=True)
class Origin:
    """Scheme, host and port; `host` in lower case, an IPv6 address without its brackets."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _PORTS[self.scheme] else f":{self.port}")

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this machine by one of its three usual names."""
        return self.host in ("localhost", "127.0.0.1", "::1")


def split_url(url: str) -> tuple[Origin, str]:
    """Origin and path (`""` or `/…`) of a URL without query and fragment. Raises BadUrl."""
    match = _URL.fullmatch(url)
    if match is None:
        raise BadUrl("not an absolute http or https URL of plain ASCII, without user, query and fragment")
    scheme = match["scheme"].lower()
    port = int(match["port"]) if match["port"] else _PORTS[scheme]
    if not 0 < port < 65_536:
        raise BadUrl("the port is none")
    return Origin(scheme, _host(match["host"].lower()), port), match["path"] or ""


def read_origin(text: str) -> Origin:
    """The origin in a setting such as `https://ehr.example.org`. Raises BadUrl; a path is refused too."""
    origin, path = split_url(text)
    if path not in ("", "/"):
        raise BadUrl("an origin has no path")
    return origin


def _host(text: str) -> str:
    try:
        if text.startswith("["):
            return str(IPv6Address(text[1:-1]))
        labels = text.split(".")
        if _NUMERIC.fullmatch(labels[-1]):
            return str(IPv4Address(text))  # four decimal numbers without leading zeros, or nothing
    except AddressValueError:
        raise BadUrl("the address is not in its usual notation") from None
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise BadUrl("the host name is none")
    return text
