# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of a list that are for one and the same set of names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .._core.identifier import Identifier
from .._core.name import split_name
from .wanted import Target, Wanted


def describe_alike(wanted: Iterable[Wanted], most: int | None) -> Iterator[tuple[frozenset[Target], str]]:
    """The certificates for one and the same set of names that are more than ``most`` in a week, with a sentence.

    Renewals in their time do without trouble; it is about the first ones, and about all that come at once.
    """
    if most is None:
        return
    alike: dict[frozenset[Identifier], list[Wanted]] = {}
    for each in wanted:
        if each.fault is None:
            alike.setdefault(frozenset(each.identifiers), []).append(each)
    for several in alike.values():
        targets = frozenset(target for each in several for target in each.targets)
        if len(targets) > most:
            names = ", ".join(dict.fromkeys(split_name(each.name)[0] for each in several))
            sentence = (
                f"{names}: {len(targets)} certificates for the same names, of which no more than {most} are ordered "
                "in seven days (max_orders_per_names); fewer key types, or a key in the store for all of them, need fewer"
            )
            yield targets, sentence
