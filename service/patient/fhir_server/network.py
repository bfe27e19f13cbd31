"""Which servers may be called, and at which addresses: decided before a connection is made.

The origin must be on the list, exactly. Its name is looked up once, every address found must be public or in
a network that the operator named, and the connection goes to an address so checked: what the name means a
moment later does not matter (DNS rebinding).
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from service.patient.fhir_server.origin import Origin

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolver = Callable[[str, int], Sequence[str]]

# Ways to write an IPv4 address as an IPv6 one, which a gateway turns back; and what is no unicast address.
_DISGUISES: Final = tuple(
    map(ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96"))
)


class Refused(Exception):
    """A server may not be called. The text names the rule, not the server."""


def look_up(host: str, port: int) -> list[str]:
    """The addresses of a host name, as the machine's resolver gives them. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]) for row in found))


@dataclass(frozen=True)
class Policy:
    """Servers that may be called. `loopback`: this machine too, over http or https (development)."""

    origins: frozenset[Origin] = frozenset()
    networks: tuple[Network, ...] = ()
    loopback: bool = False

    def check_origin(self, origin: Origin) -> None:
        """Raises Refused unless the origin is listed and speaks https."""
        if self.loopback and origin.is_loopback:
            return
        if origin not in self.origins:
            raise Refused("it is not one that this service may read")
        if origin.scheme != "https":
            raise Refused("it does not speak https")

    def addresses(self, origin: Origin, resolve: Resolver = look_up) -> list[str]:
        """Where to connect for an origin that `check_origin` let pass. Raises Refused.

        One forbidden address among several refuses them all: nobody serves a hospital's data from both.
        """
        try:
            found = list(resolve(origin.host, origin.port))
        except (OSError, UnicodeError):
            found = []
        if not found:
            raise Refused("its name leads to no address")
        may_be_local = self.loopback and origin.is_loopback
        if not all(self._allows(text, may_be_local) for text in found):
            raise Refused("its name leads to an address that this service may not call")
        return found

    def _allows(self, text: str, may_be_local: bool) -> bool:
        try:
            address: Address = ip_address(text)
        except ValueError:  # with a scope, such as fe80::1%eth0
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if may_be_local:
            return address.is_loopback
        if any(address in network for network in self.networks):
            return True
        disguised = any(address in network for network in _DISGUISES)
        return address.is_global and not address.is_multicast and not disguised
