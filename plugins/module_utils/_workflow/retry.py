# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an administrator asks to be tried before its time (G27)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .._core.errors import InputError
from .._core.identifier import parse_identifier
from .wanted import Wanted

ALL = "all"


@dataclass(frozen=True)
class Retry:
    """The certificates to try again, by their names."""

    names: frozenset[str] = frozenset()

    def means(self, wanted: Wanted) -> bool:
        """Whether this was asked for."""
        return wanted.name in self.names


def parse_retry(values: Iterable[str], wanted: Sequence[Wanted]) -> Retry:
    """Read names of certificates, domains and ``all``; InputError for what nothing in the list has."""
    return Retry(frozenset(each.name for value in values for each in _meant(value, wanted)))


def _meant(value: str, wanted: Sequence[Wanted]) -> list[Wanted]:
    if value == ALL:
        return list(wanted)
    found = [each for each in wanted if value == each.name or _base(value) in _bases(each)]
    if not found:
        raise InputError("retry", value, f"is neither a certificate of the list nor one of their domains, nor {ALL}")
    return found


def _bases(wanted: Wanted) -> frozenset[str]:
    return frozenset(identifier.base for identifier in wanted.identifiers)


def _base(value: str) -> str | None:
    try:
        return parse_identifier(value, "retry").base
    except InputError:
        return None
