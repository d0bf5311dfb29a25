# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that exist only by a wildcard: a value below such a host takes it out of the wildcard's reach (RFC 4592 §2.2.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Union

from .answer import Answer
from .panel import NoAnswer, Panel, Question

PROBE = "certfleet-probe"
"""A label that nobody uses, no longer than that of challenges: it makes no name too long that has a challenge."""

LONGEST_HOST = 253 - len(PROBE) - 1
ADDRESSES = ("A", "AAAA")

Answers = Mapping[Question, Union[Answer, NoAnswer]]


def only_by_wildcard(panel: Panel, hosts: Iterable[str]) -> frozenset[str]:
    """Of these hosts, which are below the apex of their zones, those that have addresses only by a wildcard.

    A wildcard above a host covers the names below it only while the host does not exist. So a host is
    covered when a name below it answers as the wildcard beside the host does. One with a record of its
    own counts as covered, too, when it also has a wildcard below it with the very same addresses.
    """
    names = {host: (f"{PROBE}.{host}", f"*.{host.partition('.')[2]}") for host in hosts if len(host) <= LONGEST_HOST}
    asked = {Question(name, kind): None for pair in names.values() for name in pair for kind in ADDRESSES}
    answers = panel.ask(asked)
    return frozenset(
        host
        for host, (below, beside) in names.items()
        if (seen := _records(answers, below)) and seen == _records(answers, beside)
    )


def _records(answers: Answers, name: str) -> frozenset[tuple[str, str]]:
    """The alias of a name, or its addresses, each with what was asked for."""
    found: set[tuple[str, str]] = set()
    for kind in ADDRESSES:
        answer = answers[Question(name, kind)]
        if isinstance(answer, Answer):
            values = (answer.alias,) if answer.alias else answer.addresses.get(name, ())
            found.update((kind, value) for value in values)
    return frozenset(found)


def hidden_notes(hosts: Iterable[str]) -> list[str]:
    """A sentence for the hosts that have no address as long as their values are published, one for each wildcard."""
    beside: dict[str, list[str]] = {}
    for host in dict.fromkeys(hosts):
        beside.setdefault(host.partition(".")[2], []).append(host)
    return [
        f"{found[0]} exists only by a wildcard, and has no address while a value for dns-01 is published"
        f"{f' (and {len(found) - 1} more beside it)' if found[1:] else ''}: give it a record of its own, "
        "validate it by http-01, or order a certificate for the wildcard"
        for found in beside.values()
    ]
