# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the upkeep of certificates has done, as the module returns it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .._core.clock import format_instant
from .._core.name import split_name
from .._dns.report import Report
from .issuance.run import Attempt, Placement, Run
from .job import FailOn, Outcome, count, describe_fatal
from .plan import Stored
from .wanted import Target, Wanted

NEW = ("issued", "renewed")


@dataclass
class Tally:
    """Counts and notes of a task; ``requests`` are those to the CA by method, ``left`` certificates wait for a later task."""

    attempts: list[Attempt] = field(default_factory=list)
    placements: list[Placement] = field(default_factory=list)
    key_requests: list[Wanted] = field(default_factory=list)
    updates: Counter[str] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    left: int = 0
    _notes: dict[str, None] = field(default_factory=dict)

    def note(self, notes: Iterable[str]) -> None:
        """Sentences for the user; each is told once."""
        self._notes.update(dict.fromkeys(notes))

    def add_dns(self, report: Report) -> None:
        """What was done at name servers."""
        self.updates.update(report.messages)
        self.note(report.notes)

    def add_run(self, run: Run) -> None:
        """What a run has tried, and what it needs of other hosts."""
        self.attempts += run.attempts
        self.updates.update(run.updates)
        self.note(run.notes)
        self.placements += run.placements
        self.key_requests += run.requests

    @property
    def waiting(self) -> set[Target]:
        """The certificates that wait for other hosts."""
        of_keys = {target for each in self.key_requests for target in each.targets}
        return of_keys | {placement.target for placement in self.placements}

    def result(self, outcomes: Sequence[Outcome], fail_on: FailOn, now: datetime) -> dict[str, Any]:
        """What the module returns, in JSON-safe form."""
        new = [outcome for outcome in outcomes if outcome.status in NEW]
        result: dict[str, Any] = {
            "changed": bool(new),
            "certificates": [outcome.as_dict(fail_on, now) for outcome in outcomes],
            "counts": count(outcomes),
            "left": self.left,
            "runs": self.runs,
            "orders": sum(attempt.ordered for attempt in self.attempts),
            "requests": sum(self.requests.values()),
            "updates": dict(self.updates),
            "notes": list(self._notes),
            "attempted": [str(attempt.decision.target) for attempt in self.attempts if not attempt.parked],
            "diff": _describe_changes(new),
            **({"key_requests": [describe_request(each) for each in self.key_requests]} if self.key_requests else {}),
            **({"placements": [each.as_dict() for each in self.placements]} if self.placements else {}),
        }
        return {**result, **describe_fatal(outcomes, fail_on, now)}


def describe_request(wanted: Wanted) -> dict[str, Any]:
    """What a frontend has to know to make a key and a CSR, in JSON-safe form."""
    (target,) = wanted.targets
    return {
        "certificate": str(target),
        "host": wanted.frontend,
        "name": split_name(wanted.name)[0],
        "key_type": target.key_type,
        "domains": [identifier.value for identifier in wanted.identifiers],
        "reuse_key": wanted.reuse_key,
    }


def _describe_changes(new: Sequence[Outcome]) -> dict[str, str]:
    """Before and after of each certificate that changes, for Ansible's diff."""
    before = [_describe(outcome, outcome.decision.stored) for outcome in new]
    after = [
        _describe(outcome, None if outcome.stored == outcome.decision.stored else outcome.stored) for outcome in new
    ]
    wanted = [f"{outcome.decision.target}: a new certificate, {outcome.reason}\n" for outcome in new]
    return {"before": "".join(before), "after": "".join(known or planned for known, planned in zip(after, wanted))}


def _describe(outcome: Outcome, stored: Stored | None) -> str:
    if stored is None:
        return ""
    names = " ".join(sorted(stored.identifiers))
    return f"{outcome.decision.target}: {names}, not after {format_instant(stored.not_after)}\n"
