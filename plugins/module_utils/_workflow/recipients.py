# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For which frontends the certificates of the list are; what can't be used is for nobody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .._core.name import check_name, split_name
from .wanted import Wanted

ALL = "all"
"""In place of names: every certificate that does not say for whom it is."""


@dataclass(frozen=True)
class Listed:
    """What the list says of a certificate: its names, the hosts and groups that get it, and what is wrong with it.

    ``frontends`` is None when it does not say.
    """

    identifiers: frozenset[str]
    frontends: frozenset[str] | None
    problem: str = ""


@dataclass(frozen=True)
class Choice:
    """What a frontend gets: ``names`` (None: whatever the store has), and the reasons for names that it does not get.

    ``named`` are those of which somebody has said that this very frontend should have them, and ``identifiers`` what
    the list has for each name: a certificate in the store for other names is not the one that is meant.
    """

    names: tuple[str, ...] | None
    named: frozenset[str] = frozenset()
    refused: Mapping[str, str] = field(default_factory=dict)
    identifiers: Mapping[str, frozenset[str]] = field(default_factory=dict)


def read_list(wanted: Iterable[Wanted]) -> dict[str, Listed]:
    """The certificates of the list by name."""
    return {split_name(each.name)[0]: _read(each) for each in wanted if not each.is_nameless}


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
    identifiers = {name: each.identifiers for name, each in known.items()}
    if ALL not in asked:
        return Choice(tuple(named), frozenset(named), refused, identifiers)
    open_to_all = {name: None for name, each in known.items() if each.frontends is None}
    names = None if listed is None else tuple({**named, **open_to_all})
    return Choice(names, frozenset(named), refused, identifiers)


def _read(wanted: Wanted) -> Listed:
    """What can be read of the entry, also of one that can't be used: what the store has for it is still delivered."""
    identifiers = frozenset(identifier.value for identifier in wanted.identifiers)
    frontends = None if wanted.frontends is None else frozenset(wanted.frontends)
    problem = f"its entry in the list can't be used: {wanted.fault.message}" if wanted.fault else ""
    return Listed(identifiers, frontends, problem)
