# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which packets fulfil a condition of nftables, as JSON has it (libnftables-json(5)).

What is not understood is taken for selective: it neither lets an opening's packets pass for certain nor refuses all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .packet import Fit, Packet, all_or_none, other_than

PORTS_OF = {"tcp": ("tcp",), "udp": ("udp",), "th": ("tcp", "udp")}
"""The protocols that a payload expression reads."""

OTHER_TRANSPORTS = {"icmp", "icmpv6", "igmp", "sctp", "dccp", "udplite", "esp", "ah", "comp", "gre"}

INTERFACES = {"iif", "iifname", "oif", "oifname"}
WHEREVER = {"iiftype", "oiftype", "iifgroup", "oifgroup", "pkttype", "ibrname", "obrname", "sdif", "sdifname"}
FAMILIES = {"ipv4": "ip", "ip": "ip", "ipv6": "ip6", "ip6": "ip6"}


def fit_of_match(match: dict[str, Any], packet: Packet, family: str) -> Fit:  # noqa: PLR0911  # a table in words
    """How many of the packets fulfil a ``match`` in a table of this family (``ip``, ``ip6`` or ``inet``)."""
    left, right, op = match["left"], match["right"], match["op"]
    if not isinstance(left, dict) or len(left) != 1:
        return Fit.SELECTED
    [(kind, value)] = left.items()
    if kind == "payload":
        return _payload(value, op, right, packet, family)
    if kind == "meta":
        return _turned(op, _meta(value["key"], right, packet, family))
    if kind == "ct" and value.get("key") == "state":
        return _turned(op, all_or_none(packet.state in set(_members(right))))
    if kind == "fib" and value.get("flags") == ["daddr"]:
        return Fit.SOME
    if kind == "&" and op == "==" and right == "syn":
        # the first packet of a TCP connection
        return all_or_none(packet.protocol == "tcp" and not packet.answers)
    if kind == "concat":
        # the parts' values go together, so of each alone nothing is certain
        unknown = (fit_of_match({"left": part, "right": "@", "op": "=="}, packet, family) for part in value)
        return min(Fit.SOME, *unknown)
    return Fit.SELECTED


def _payload(value: dict[str, Any], op: str, right: Any, packet: Packet, family: str) -> Fit:
    protocol, field = value.get("protocol", ""), value.get("field", "")
    if protocol in OTHER_TRANSPORTS:
        return Fit.NONE
    if protocol in PORTS_OF:
        # "tcp dport != 80" is about TCP all the same
        if packet.protocol not in PORTS_OF[protocol]:
            return Fit.NONE
        if field not in {"dport", "sport"}:
            return Fit.SELECTED
        ranges = list(_ranges(op, right))
        return _turned(op, packet.fits_port(field, ranges)) if ranges else Fit.SOME
    if (protocol, field) in {("ip", "protocol"), ("ip6", "nexthdr")}:
        return min(_turned(op, _protocol(right, packet)), _family([protocol], family))
    return Fit.SELECTED


def _meta(key: str, right: Any, packet: Packet, family: str) -> Fit:
    members = [str(member) for member in _members(right)]
    if key == "l4proto":
        return _protocol(right, packet)
    if key in {"nfproto", "protocol"}:
        return _family([FAMILIES.get(member, member) for member in members], family)
    if key in INTERFACES:
        return max((packet.fits_interface(member) for member in members), default=Fit.SOME)
    return Fit.SOME if key in WHEREVER else Fit.SELECTED


def _protocol(right: Any, packet: Packet) -> Fit:
    members = [str(member) for member in _members(right)]
    if any(member.startswith("@") for member in members):
        return Fit.SOME
    return all_or_none(any(packet.fits_protocol(member) for member in members))


def _family(wanted: list[str], family: str) -> Fit:
    """The fit of IPv4 or IPv6 in a table for one of them, or for both."""
    if {"ip", "ip6"} <= set(wanted):
        return Fit.ALL
    if family == "inet":
        return Fit.SOME if {"ip", "ip6"} & set(wanted) else Fit.NONE
    return all_or_none(family in wanted)


def _ranges(op: str, right: Any) -> Iterator[tuple[int, int]]:
    """The ports that are compared with; none where they are not known, as in a named set."""
    if op in {"<", "<=", ">", ">="}:
        if isinstance(right, int):
            yield {"<": (0, right - 1), "<=": (0, right), ">": (right + 1, 65535), ">=": (right, 65535)}[op]
        return
    for member in _members(right):
        if isinstance(member, int):
            yield member, member
        elif isinstance(member, dict) and "range" in member:
            low, high = member["range"]
            yield int(low), int(high)


def _members(right: Any) -> Iterator[Any]:
    """The values on the right side of a match, be it one, a list or a set."""
    if isinstance(right, dict) and len(right) == 1:
        [(kind, value)] = right.items()
        if kind in {"set", "|"}:
            right = value
        elif kind == "elem":
            right = value.get("val")
    if isinstance(right, list):
        for member in right:
            yield from _members(member)
    else:
        yield right


def _turned(op: str, fit: Fit) -> Fit:
    return other_than(fit) if op == "!=" else fit
