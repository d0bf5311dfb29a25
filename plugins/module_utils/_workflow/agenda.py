# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task has tried of what is due, and what comes next."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from .._core.errors import NotTriedError
from .issuance.run import Attempt
from .memory import Memory
from .pacing import Pace
from .plan import Decision
from .wanted import Target


@dataclass
class Agenda:
    """The certificates of a task.

    ``considered`` are those that the task reports on; of these it tries what is due. ``due`` are all of the list that
    are due: one that this task leaves alone may have an order that goes before another's.
    """

    considered: Sequence[Decision]
    due: Sequence[Decision]
    memory: Memory
    tried: dict[Target, Attempt] = field(default_factory=dict)
    again: set[Target] = field(default_factory=set)

    def begin(self, decisions: Iterable[Decision], held: Mapping[Target, NotTriedError] | None = None) -> list[Attempt]:
        """Attempts for these; each certificate is tried once in a task, and once more when its order was lost."""
        attempts = [
            Attempt(each, held=(held or {}).get(each.target), again=each.target in self.again) for each in decisions
        ]
        self.tried.update((attempt.decision.target, attempt) for attempt in attempts)
        return attempts

    def end(self, attempts: Iterable[Attempt]) -> int:
        """Have those tried again whose order was lost; how many these are."""
        lost = [attempt.decision.target for attempt in attempts if attempt.is_tried_again]
        self.again.update(lost)
        for target in lost:
            del self.tried[target]
        return len(lost)

    def next(self, now: datetime) -> Pace:
        """What may be tried now of what has not been tried.

        A certificate that has failed goes before no other any longer, whatever has become of its order.
        """
        failed = {target for target, attempt in self.tried.items() if attempt.failure and not attempt.parked}
        due = [each for each in self.due if each.target not in failed]
        return self._pace(due, {each.target for each in self.considered if each.target not in self.tried}, now)

    def rest(self, now: datetime) -> Pace:
        """When the certificates may be tried again that are not done."""
        return self._pace(self.due, {each.target for each in self.considered}, now)

    def of(self, pace: Pace) -> list[Decision]:
        """What the task can get to: what may be tried now, then what goes behind that."""
        return [*pace.taken, *(each for each in self.considered if each.target in pace.behind)]

    def _pace(self, due: Sequence[Decision], only: Collection[Target], now: datetime) -> Pace:
        done = {target for target, attempt in self.tried.items() if attempt.stored}
        return self.memory.pace(
            (each for each in due if each.target not in done), now, only, under_way=bool(self.tried)
        )
