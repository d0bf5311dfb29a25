# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IP addresses."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from typing import Union

from .errors import InputError

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

_NOT_PUBLIC = tuple(
    map(
        ipaddress.ip_network,
        # RFC 6890 and the registries of special-purpose addresses that it set up; Python's own list differs by version
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
            *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3", "2001::/23", "2001:db8::/32", "3fff::/20"),
        ),
    )
)
_LOOPBACK = ipaddress.ip_network("127.0.0.0/8")
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def short_address(text: str) -> str | None:
    """An IPv4 or IPv6 address in its short form (RFC 5952), or None when the text is none."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def check_address(text: str, option: str) -> str:
    """The same; InputError when it is none."""
    address = short_address(text)
    if address is None:
        raise InputError(option, text, "is not an IPv4 or IPv6 address")
    return address


def parse_networks(texts: Iterable[str], option: str) -> tuple[Network, ...]:
    """Networks such as ``10.0.0.0/8``, or single addresses; InputError for a text that is neither."""
    return tuple(_parse_network(text, option) for text in texts)


def is_public(text: str) -> bool:
    """Whether everybody on the Internet can reach the address, as far as its number says (RFC 6890).

    An IPv6 address that stands for an IPv4 address is as public as that one (RFC 4291 §2.5.5.2, RFC 6052, RFC 3056).
    """
    return special_network(text) is None


def special_network(text: str) -> Network | None:
    """The network for special purposes that the address is in, such as 10.0.0.0/8; None for a public address.

    An IPv6 address outside of the global ones is in the network of its first eight bits, and ::1 in that of 127.0.0.1.
    """
    address = _embedded(ipaddress.ip_address(text))
    if address.is_loopback:
        return _LOOPBACK
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        return ipaddress.ip_network((int(address) >> 120 << 120, 8))
    return next((network for network in _NOT_PUBLIC if address in network), None)


def is_in(text: str, networks: Iterable[Network]) -> bool:
    """Whether the address is in one of the networks."""
    address = ipaddress.ip_address(text)
    return any(each in network for each in (address, _embedded(address)) for network in networks)


def is_own(text: str) -> bool:
    """Whether this host has the address, other than for itself alone; nothing is sent."""
    address = ipaddress.ip_address(text)
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((text, 9))  # for a datagram that only chooses the address that it would be sent from
            source = ipaddress.ip_address(probe.getsockname()[0])
    except OSError:
        return False
    return source == address and not _embedded(address).is_loopback


def _parse_network(text: str, option: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise InputError(option, text, "is not a network such as 10.0.0.0/8") from None


def _embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    nat64 = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
    return address.ipv4_mapped or address.sixtofour or nat64 or address
