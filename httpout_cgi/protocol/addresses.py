"""Addresses of clients and proxies, and the networks that settings name.

Pure: must not know sockets, fields of requests or the settings file.
"""

from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
_Network: TypeAlias = IPv4Network | IPv6Network

UNIX = "unix"


class AddressSet:
    """Addresses, networks, and "unix" for Unix sockets.

    Built once from the settings, then only read.  Raises ValueError on anything else.
    """

    def __init__(self, members: Sequence[str]) -> None:
        self._unix = UNIX in members
        self._networks: tuple[_Network, ...] = tuple(
            ip_network(member, strict=False) for member in members if member != UNIX
        )

    def __bool__(self) -> bool:
        return self._unix or bool(self._networks)

    def has_peer(self, address: str) -> bool:
        """Tell whether the peer at ``address`` ("" on a Unix socket) is in it."""
        if not address:
            return self._unix
        parsed = parse_address(address)
        return parsed is not None and self.has_address(parsed)

    def has_address(self, address: Address) -> bool:
        """Tell whether ``address`` is in it."""
        return any(address in network for network in self._networks)


def parse_address(text: str) -> Address | None:
    """Parse an address without port and brackets; None if it is none.

    Zones ("%eth0") are refused: ipaddress takes any text for one.  IPv4 mapped to IPv6,
    as a socket for both reports it, counts as IPv4: a rule for 10.0.0.1 must not be
    got around as ::ffff:10.0.0.1.
    """
    if "%" in text:
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
