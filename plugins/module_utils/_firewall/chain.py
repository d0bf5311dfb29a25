# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where in a chain a rule has to stand so that an opening is open.

An accept in a chain of our own would be worth nothing: it ends that chain only, and a drop in any other chain at the
same hook still drops. So our rules go into the chains that refuse: right before the first rule that refuses whoever
asks, and behind those that refuse somebody in particular. Bans, rate limits and what else is selective stay ahead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from .packet import Fit, Packet

ACCEPT, DROP, RETURN, JUMP, GOTO = "accept", "drop", "return", "jump", "goto"


@dataclass(frozen=True)
class Verdict:
    """What a rule does with a packet that fits; ``target`` is the chain to jump or go to."""

    kind: str
    target: str = ""


class Rule(Protocol):
    """One rule of a chain."""

    @property
    def ours(self) -> bool:
        """Whether this collection has put it there."""

    def outcomes(self, packet: Packet) -> list[tuple[Fit, Verdict]]:
        """What it may do with the packets, and with which of them; nothing when they go on to the next rule."""


class End(Enum):
    """How the packets leave a chain."""

    PASSED = 1
    REFUSED = 2
    THROUGH = 3
    """At the end of it, or by a return: the chain before, or the policy, goes on with them."""


@dataclass(frozen=True)
class Chains:
    """The chains of one table without our rules, by name."""

    rules: Mapping[str, Sequence[Rule]]

    def place(self, base: str, refuses: bool, packet: Packet) -> int | None:
        """Before which rule of a base chain the packets have to be accepted; None when they pass as it is.

        ``refuses`` says whether the policy of the chain is to drop.
        """
        end, index = self._walk(base, packet, End.REFUSED if refuses else End.PASSED)
        return index if end is End.REFUSED else None

    def _walk(self, name: str, packet: Packet, at_end: End) -> tuple[End, int]:
        """How the packets leave the chain, and at which rule; ``at_end`` is how they do behind the last one."""
        rules = self.rules.get(name, ())
        for index, rule in enumerate(rules):
            for fit, verdict in rule.outcomes(packet):
                if fit is Fit.NONE:
                    continue
                end = self._end(verdict, packet, at_end)
                if end is End.REFUSED and fit >= Fit.SOME:
                    return end, index
                if end is not None and end is not End.REFUSED and fit is Fit.ALL:
                    return end, index
        return at_end, len(rules)

    def _end(self, verdict: Verdict, packet: Packet, at_end: End) -> End | None:
        """How packets with this verdict leave the chain it is in; None when they go on to the next rule."""
        if verdict.kind in {ACCEPT, DROP, RETURN}:
            return {ACCEPT: End.PASSED, DROP: End.REFUSED, RETURN: at_end}[verdict.kind]
        end, _index = self._walk(verdict.target, packet, End.THROUGH)
        if end is End.THROUGH:
            return None if verdict.kind == JUMP else at_end
        return end


@dataclass(frozen=True)
class Insertion:
    """A rule of ours, ``text`` in the backend's words, that goes before the foreign rule number ``index`` from 0."""

    index: int
    text: str


def weave(count: int, insertions: Sequence[Insertion]) -> list[int | str]:
    """A chain of ``count`` foreign rules with ours among them: numbers for foreign rules, texts for ours."""
    woven: list[int | str] = []
    for index in range(count + 1):
        woven += [insertion.text for insertion in insertions if insertion.index == index]
        woven += [index] if index < count else []
    return woven
