# SPDX-License-Identifier: GPL-3.0-or-later
"""Loopback networks and ports that nobody uses, so that labs can run side by side."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Sequence

from .model import LabError

# Below the range that the kernel hands out to outgoing connections.
_LOWEST, _HIGHEST = 10240, 32767
_ATTEMPTS = 200


def choose_network() -> str:
    """Pick one of the 64,000 /24 networks of 127.0.0.0/8 at random; returns the first three octets."""
    return f"127.{1 + secrets.randbelow(254)}.{secrets.randbelow(255)}"


def choose_ports(addresses: Sequence[str], count: int) -> list[int]:
    """Pick different ports that are free for UDP and TCP on every one of the addresses."""
    ports: list[int] = []
    for _round in range(_ATTEMPTS):
        port = _LOWEST + secrets.randbelow(_HIGHEST - _LOWEST)
        if port not in ports and all(is_free(address, port) for address in addresses):
            ports.append(port)
        if len(ports) == count:
            return ports
    raise LabError(f"no {count} free ports found on {', '.join(addresses)}")


def is_free(address: str, port: int) -> bool:
    """Whether nobody listens on an address and port, over UDP or TCP."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(family, kind) as probe:
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True


def has_ipv6() -> bool:
    """Whether the machine has an IPv6 loopback address."""
    return socket.has_ipv6 and is_free("::1", 0)
