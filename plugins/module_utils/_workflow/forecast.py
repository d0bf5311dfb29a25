# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task would do now, from what is decided and remembered alone: nobody is asked, and nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .._core.clock import Clock
from .candidate import Deferral
from .job import Outcome, expect, put_off
from .memory import Memory
from .plan import Decision
from .retry import Retry

NOTHING = Retry()


@dataclass(frozen=True)
class Forecast:
    """What becomes of each certificate if all goes well, and how many are left for another task."""

    outcomes: tuple[Outcome, ...]
    left: int


def foresee(
    decisions: Sequence[Decision], memory: Memory, clock: Clock, asked: Retry = NOTHING, most: int | None = None
) -> Forecast:
    """The outcomes of decisions, of which no more than ``most`` can be tried; None: all."""
    memory.forget(decisions, asked, write=False)
    pace = memory.pace(decisions, clock.now())
    taken = [*pace.taken, *(each for each in decisions if each.target in pace.behind)]
    later = taken[most:] if most else []
    deferred = pace.deferred | {decision.target: next_turn(decision, clock) for decision in later}
    outcomes = [put_off(each, deferred[each.target]) if each.target in deferred else expect(each) for each in decisions]
    return Forecast(tuple(memory.explain(outcome) for outcome in outcomes), len(later))


def next_turn(decision: Decision, clock: Clock) -> Deferral:
    """The deferral of what any task can take at once."""
    return Deferral(clock.now(), f"not done yet: {decision.reason}", failing=False)
