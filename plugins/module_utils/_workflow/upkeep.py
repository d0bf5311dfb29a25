# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeping a list of certificates: what the module of that name does, from its options to its results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .._core.clock import Clock, format_instant
from .._core.errors import InputError
from .._core.files import Files
from .._core.lock import Lock
from .._core.number import check_number
from .._dns.fleet import Fleet
from .._store.certificates import CertificateStore
from .connection import Authority, connect
from .issuance.issue import issue
from .issuance.run import Attempt, Run
from .job import FailOn, Outcome, carry_out, clear_finished, count, describe_fatal, expect, make_plan, outcome_of
from .plan import Decision, Stored, order_by_urgency
from .profiles import check_offered
from .wanted import Wanted


@dataclass(frozen=True)
class Bounds:
    """How much is done at once and how long it may take.

    ``concurrency`` requests at a time, ``patience`` seconds for the CA and
    ``wait`` seconds for the responders, in each run.
    """

    run_size: int
    max_runs: int | None
    concurrency: int
    patience: float
    wait: float

    def __post_init__(self) -> None:
        for option in ("run_size", "max_runs", "concurrency", "patience"):
            value = getattr(self, option)
            if value is not None:
                check_number(option, value, 1)


def check_challenges(wanted: Sequence[Wanted]) -> Sequence[Wanted]:
    """The same, if the upkeep can answer all their challenges itself; InputError otherwise."""
    for each in wanted:
        if each.challenge != "dns-01":
            reason = f"is not answered here (certificate {each.name}); module certfleet.acme.order says what it needs"
            raise InputError("challenge", each.challenge, reason)
    return wanted


class Upkeep:
    """The upkeep of one store with one CA and one set of responders."""

    def __init__(self, files: Files, authority: Authority, fleet: Fleet, bounds: Bounds, clock: Clock) -> None:
        self._files = files
        self._store = CertificateStore(files)
        self._authority = authority
        self._fleet = fleet
        self._bounds = bounds
        self._clock = clock
        self._attempts: list[Attempt] = []
        self._updates: Counter[str] = Counter()
        self._notes: dict[str, None] = {}
        self._requests = 0
        self._runs = 0

    def check(self, wanted: Sequence[Wanted]) -> dict[str, Any]:
        """What :meth:`keep` would do, from the list and the store alone."""
        now = self._clock.now()
        decisions = make_plan(wanted, self._store, self._authority.directory, now)
        most = None if self._bounds.max_runs is None else self._bounds.max_runs * self._bounds.run_size
        taken = {decision.target for decision in order_by_urgency(decisions, now)[:most]}
        outcomes = [
            expect(each) if each.target in taken or not each.due else outcome_of(each, None) for each in decisions
        ]
        return self._result(outcomes, "never", now)

    def keep(self, wanted: Sequence[Wanted], attempted: frozenset[str] | None, fail_on: FailOn) -> dict[str, Any]:
        """Issue and renew what is due; only one process at a time works on a store.

        ``attempted`` are the targets (as text) that earlier runs of the same
        task have tried: they and the valid ones are then left out.
        """
        with Lock(self._files):
            now = self._clock.now()
            decisions = make_plan(wanted, self._store, self._authority.directory, now)
            clear_finished(decisions, self._store)
            if attempted is not None:
                decisions = [each for each in decisions if each.due and str(each.target) not in attempted]
            # what an interrupted run or a primary that was down then has left behind
            report = self._fleet.withdraw_leftovers()
            self._updates.update(report.messages)
            self._notes.update(dict.fromkeys(report.notes))
            outcomes = (
                self._carry_out(decisions, now) if any(each.due for each in decisions) else list(map(expect, decisions))
            )
        return self._result(outcomes, fail_on, now)

    def _carry_out(self, decisions: list[Decision], now: datetime) -> list[Outcome]:
        bounds = self._bounds
        with connect(self._authority, self._files, bounds.concurrency, self._clock) as session:
            for decision in decisions:
                if decision.due:
                    check_offered(decision.wanted.profile, session.directory.profiles, session.directory.url)

            def do_run(decisions: list[Decision]) -> list[Attempt]:
                attempts = [Attempt(decision) for decision in decisions]
                run = Run(session, self._store, self._clock, attempts, bounds.concurrency, bounds.patience)
                self._runs += 1
                issue(run, self._fleet, bounds.wait)
                self._attempts += attempts
                self._updates.update(run.updates)
                self._notes.update(dict.fromkeys(run.notes))
                return attempts

            try:
                return carry_out(decisions, now, bounds.run_size, bounds.max_runs, do_run)
            finally:
                self._requests = sum(session.network.requests.values())

    def _result(self, outcomes: list[Outcome], fail_on: FailOn, now: datetime) -> dict[str, Any]:
        new = [outcome for outcome in outcomes if outcome.status in ("issued", "renewed")]
        result: dict[str, Any] = {
            "changed": bool(new),
            "certificates": [outcome.as_dict() for outcome in outcomes],
            "counts": count(outcomes),
            "runs": self._runs,
            "orders": sum(attempt.ordered for attempt in self._attempts),
            "requests": self._requests,
            "updates": dict(self._updates),
            "notes": list(self._notes),
            "attempted": [str(attempt.decision.target) for attempt in self._attempts],
            "diff": _describe_changes(new),
        }
        return {**result, **describe_fatal(outcomes, fail_on, now)}


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
