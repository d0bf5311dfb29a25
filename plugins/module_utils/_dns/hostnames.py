# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names in zones that can be the name of a web site (G30)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import dns.name
import dns.node
import dns.rdatatype
import dns.zone

from .._core.hostnames import Choice


def find_hostnames(zone: dns.zone.Zone, types: Sequence[str], choice: Choice) -> list[str]:
    """The names of the zone with records of one of these types that are taken, lower case, without a final dot, in order.

    Names at and below a delegation are another zone's, whatever addresses stand there (RFC 2181 §6.1).
    """
    return sorted({name for name in _names(zone, types) if choice.takes(name)})


def _names(zone: dns.zone.Zone, types: Sequence[str]) -> Iterator[str]:
    wanted = {dns.rdatatype.from_text(each) for each in types}
    cuts = {name for name, node in zone.nodes.items() if name != zone.origin and _has(node, {dns.rdatatype.NS})}
    for name, node in zone.nodes.items():
        if _has(node, wanted) and not any(parent in cuts for parent in _with_parents(name, zone.origin)):
            yield name.to_text(omit_final_dot=True).lower()


def _has(node: dns.node.Node, types: set[dns.rdatatype.RdataType]) -> bool:
    return any(rdataset.rdtype in types for rdataset in node)


def _with_parents(name: dns.name.Name, origin: dns.name.Name | None) -> Iterator[dns.name.Name]:
    while name not in (origin, dns.name.root):
        yield name
        name = name.parent()
