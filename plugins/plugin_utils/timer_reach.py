# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts and groups a validation host knows when it renews by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..module_utils._core.plain import cut, quote
from .elsewhere import FLEET

OPTIONS = ("challenge_hosts", "frontends")
"""The members of a certificate that name hosts and groups of the inventory."""

_BY_ITSELF = frozenset({"all", "ungrouped", "frontends", "validation_hosts"})
"""Groups that Ansible makes, or that have other members there."""


def groups_within(groups: Mapping[str, Sequence[str]], hosts: Iterable[str]) -> dict[str, list[str]]:
    """The groups that a timer's inventory of these ``hosts`` has, each with those of its members that are among them.

    A group without any is left out, so that a certificate that names it fails. One that is empty for the controller
    stays, since such a certificate does not fail there.
    """
    known = {str(host) for host in hosts}
    found = {str(name): [str(host) for host in groups[name]] for name in sorted(groups) if name not in _BY_ITSELF}
    within = {name: [host for host in members if host in known] for name, members in found.items()}
    return {name: members for name, members in within.items() if members or not found[name]}


def unreached_hosts(
    certificates: Any, *, host: str, frontends: Sequence[str], groups: Mapping[str, Sequence[str]]
) -> list[str]:
    """A sentence for each host or group that the certificates name, and that the timer of ``host`` does not reach.

    The timer reaches ``host`` itself and the ``frontends``. Validation hosts ask each other for answers to challenges,
    so a group with ``host`` may have the others of them, too. What is not a list of names, the modules refuse, and so
    they do names that the inventory does not have, and hosts that are none of the fleet: that certificate fails, by the
    controller as by the timer, and must not keep a whole fleet from being set up.
    """
    entries = certificates if isinstance(certificates, Sequence) and not isinstance(certificates, str) else ()
    reached = {str(host), *map(str, frontends)}
    sentences = []
    for place, entry in enumerate(entries):
        for option, name in _named(entry):
            if problem := _problem(name, str(host), reached, groups):
                sentences.append(f"{_call(place, entry)}: {option}: {problem}.")
    return sentences


def _named(entry: Any) -> Iterator[tuple[str, str]]:
    """The options of a certificate that name hosts or groups, each with one of its names."""
    for option in OPTIONS:
        names = entry.get(option) if isinstance(entry, Mapping) else None
        if isinstance(names, Sequence) and not isinstance(names, str):
            yield from ((option, str(name)) for name in names if isinstance(name, str))


def _problem(name: str, host: str, reached: set[str], groups: Mapping[str, Sequence[str]]) -> str | None:
    """Why the timer does not reach all that the name stands for; a host goes before a group, as for Ansible."""
    outside = "it is not in certfleet_timer_frontends"
    if name in reached:
        return None
    fleet = {str(member) for group in FLEET for member in groups.get(group, ())}
    if name not in groups:
        return f"the timer does not reach {quote(name)}: {outside}" if name in fleet else None
    members = [str(member) for member in groups[name]]
    asked = set(groups.get("validation_hosts", ())) if host in members else set()
    lacking = [member for member in members if member in fleet - reached - asked]
    return f"{quote(name)} has {lacking[0]}, which the timer does not reach: {outside}" if lacking else None


def _call(place: int, entry: Mapping[str, Any]) -> str:
    """The certificate, as a sentence calls it."""
    name = entry.get("name")
    option = f"certfleet_certificates[{place}]"
    return f"{option} ({cut(name)})" if isinstance(name, str) else option
