# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For which frontends the certificates of the list are; what can't be read is for nobody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._core.errors import Error
from .._core.identifier import parse_identifier
from .._core.name import check_name

ALL = "all"
"""In place of names: every certificate that does not say for whom it is."""


@dataclass(frozen=True)
class Listed:
    """A certificate of the list: the hosts and groups that get it, None when it does not say, and why nobody does."""

    name: str
    frontends: frozenset[str] | None
    problem: str = ""


@dataclass(frozen=True)
class Choice:
    """What a frontend gets: ``names`` (None: whatever the store has), and the reasons for names that it does not get.

    ``named`` are those of which somebody has said that this very frontend should have them.
    """

    names: tuple[str, ...] | None
    named: frozenset[str] = frozenset()
    refused: Mapping[str, str] = field(default_factory=dict)


def read_list(entries: Iterable[Any]) -> dict[str, Listed]:
    """The certificates of the list by name; an entry without a name that can be read is left out."""
    found: dict[str, Listed] = {}
    for entry in entries:
        listed = _read_entry(entry)
        if listed is None:
            continue
        if listed.name in found:
            listed = Listed(listed.name, frozenset(), "the list has it more than once")
        found[listed.name] = listed
    return found


def choose(
    listed: Mapping[str, Listed] | None, asked: Sequence[str], frontend: str | None, groups: Iterable[str]
) -> Choice:
    """What a frontend gets of the list (None: there is no list), when ``asked`` are the names that are stated for it.

    InputError for a name that is none.
    """
    known, mine = listed or {}, {each for each in (frontend, *groups) if each}
    named = {name: None for name, each in known.items() if each.frontends and each.frontends & mine}
    refused: dict[str, str] = {}
    for name in asked:
        entry = known.get(check_name(name, "names"))
        if name == ALL or name in named:
            continue
        if entry is None or entry.frontends is None:
            named[name] = None
        else:
            refused[name] = entry.problem or "the list has it for other frontends"
    if ALL not in asked:
        return Choice(tuple(named), frozenset(named), refused)
    open_to_all = {name: None for name, each in known.items() if each.frontends is None}
    return Choice(None if listed is None else tuple({**named, **open_to_all}), frozenset(named), refused)


def _read_entry(entry: Any) -> Listed | None:
    if not isinstance(entry, Mapping):
        return None
    name = _name_of(entry)
    if name is None:
        return None
    frontends = entry.get("frontends")
    if frontends is None:
        return Listed(name, None)
    if not isinstance(frontends, (list, tuple)) or not all(isinstance(each, str) for each in frontends):
        return Listed(name, frozenset(), "its frontends in the list are no list of names")
    return Listed(name, frozenset(frontends), "" if frontends else "its frontends in the list are empty")


def _name_of(entry: Mapping[str, Any]) -> str | None:
    """The name of an entry, which is its first domain when it has no other; None when it has neither."""
    name, domains = entry.get("name"), entry.get("domains")
    try:
        if name is not None:
            return check_name(name, "name") if isinstance(name, str) else None
        first = domains[0] if isinstance(domains, (list, tuple)) and domains else None
        return parse_identifier(first, "domains").base if isinstance(first, str) else None
    except Error:
        return None
