# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host has to let through, by what it is.

The addresses that a CA validates from or answers at are not published and change, so no opening names an address
(integration guide: "Firewall Configuration").
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .._core.errors import InputError

OUTBOUND_CA = ("out", "tcp", 443)
OUTBOUND_DNS = (("out", "tcp", 53), ("out", "udp", 53))
INBOUND_HTTP = ("in", "tcp", 80)
INBOUND_HTTPS = ("in", "tcp", 443)
INBOUND_DNS = (("in", "tcp", 53), ("in", "udp", 53))

OPENINGS_OF_KIND: dict[str, tuple[tuple[str, str, int], ...]] = {
    # a validation host asks the CA, updates and verifies at the responders, and answers http-01
    "validation_hosts": (OUTBOUND_CA, *OUTBOUND_DNS, INBOUND_HTTP),
    "frontends": (INBOUND_HTTP, INBOUND_HTTPS),
    "dns_responders": INBOUND_DNS,
}
"""What each kind of host needs: direction, protocol, port."""


@dataclass(frozen=True, order=True)
class Opening:
    """One thing to let through: new connections to ``port``, towards this host (``in``) or away from it (``out``)."""

    direction: str
    protocol: str
    port: int

    def __str__(self) -> str:
        return f"{self.direction} {self.protocol} {self.port}"


def parse_openings(kinds: Iterable[str], further: Iterable[dict[str, Any]]) -> tuple[Opening, ...]:
    """The openings of all these kinds of host and those that are listed, each once and sorted."""
    wanted = {Opening(*fields) for kind in kinds for fields in OPENINGS_OF_KIND[kind]}
    for entry in further:
        if not 0 < entry["port"] < 65536:
            raise InputError("openings", entry["port"], "is not a port: 1 to 65535")
        wanted.add(Opening(entry["direction"], entry["protocol"], entry["port"]))
    return tuple(sorted(wanted))
