# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which silence is passed over: that of a minority, because resolvers go to the next server, too.

docs/adr/0009 has the reasons. An answer that lacks the value is never passed over, whatever else it says.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .record import TxtRecord
from .verdict import Verdict

ROUNDS = 3
"""How often an address has to leave everything unanswered before its silence is taken for good."""

TIMEOUTS = 2
"""For how many times the timeout of an answer that has to go on at least."""


class Lack(NamedTuple):
    """A record that counts as not there: who lacks it, and how many of the zone's responders verified it.

    ``silence`` says that nobody answered without it, and ``strict`` that this excuses nobody.
    """

    verdicts: tuple[Verdict, ...]
    verified: int
    responders: int
    silence: bool
    strict: bool

    @property
    def is_tolerable(self) -> bool:
        """Whether only a minority is silent."""
        return self.silence and not self.strict and 2 * self.verified > self.responders


@dataclass(frozen=True)
class Judgement:
    """What verdicts come to: the records that failed, and the verdicts whose silence was passed over."""

    failed: Mapping[TxtRecord, Lack]
    tolerated: tuple[Verdict, ...]


def judge(verdicts: Iterable[Verdict], require_all: bool = False) -> Judgement:
    """Judge each record of each zone by itself.

    A responder verified a record when at least one of its addresses gave it
    over UDP and TCP. The record fails when any address answered without it, or
    when no more than half of the zone's responders verified it; what is wanted
    gone, or with ``require_all``, fails for any silence.
    """
    zones: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        zones[verdict.zone].append(verdict)
    failed: dict[TxtRecord, Lack] = {}
    tolerated: dict[int, Verdict] = {}
    for found in zones.values():
        addresses = _addresses(found)
        for record, lacking in _lacking(found).items():
            lack = Lack(
                tuple(lacking),
                _count_verified(addresses, lacking),
                len(addresses),
                silence=all(record in verdict.silent for verdict in lacking),
                strict=require_all or lacking[0].absent,
            )
            if lack.is_tolerable:
                # by identity: a verdict may have thousands of records to hash
                tolerated.update((id(verdict), verdict) for verdict in lacking)
            else:
                failed[record] = lack
    return Judgement(failed, tuple(tolerated.values()))


def _addresses(verdicts: Sequence[Verdict]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for verdict in verdicts:
        found[verdict.responder].add(verdict.address)
    return found


def _lacking(verdicts: Sequence[Verdict]) -> dict[TxtRecord, list[Verdict]]:
    found: dict[TxtRecord, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        for record in verdict.lacking:
            found[record].append(verdict)
    return found


def _count_verified(addresses: Mapping[str, set[str]], lacking: Sequence[Verdict]) -> int:
    """How many responders gave a record at one address at least, over both transports."""
    without: dict[str, set[str]] = defaultdict(set)
    for verdict in lacking:
        without[verdict.responder].add(verdict.address)
    return sum(without.get(name) != everywhere for name, everywhere in addresses.items())


def silence_notes(tolerated: Iterable[Verdict]) -> list[str]:
    """A sentence for each address whose silence was passed over."""
    by_address: dict[tuple[str, str], list[Verdict]] = defaultdict(list)
    for verdict in tolerated:
        by_address[verdict.responder, verdict.where].append(verdict)
    return [_silence_note(responder, where, verdicts) for (responder, where), verdicts in by_address.items()]


def _silence_note(responder: str, where: str, verdicts: Sequence[Verdict]) -> str:
    transports = " and ".join(dict.fromkeys(verdict.transport.upper() for verdict in verdicts))
    reason = next((verdict.problem for verdict in verdicts if verdict.problem), "no answer")
    zones = name_zones(verdict.zone for verdict in verdicts)
    return (
        f"{responder} {where} gave no answer over {transports} for {zones} ({reason}): it was passed over, "
        "as more than half of the responders verified"
    )


def name_zones(zones: Iterable[str]) -> str:
    """The first zone by name and the others by number: there may be thousands."""
    first, *others = dict.fromkeys(zones)
    return f"zone {first}" + (f" and {len(others)} more" if others else "")
