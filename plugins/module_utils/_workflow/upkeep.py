# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeping a list of certificates: what the module of that name does, from its options to its results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from .._acme.pauses import PausedError
from .._acme.problem import NetworkError, ProblemError
from .._acme.session import Session
from .._core.clock import Clock, format_instant
from .._core.errors import UnexpectedError
from .._core.files import Files
from .._core.lock import Lock
from .._core.name import split_name
from .._core.number import check_number
from .._core.workers import guarded
from .._dns.report import Report
from .._store.certificates import CertificateStore
from .._store.layout import authority_name
from .._store.memory import AccountMemory
from .agenda import Agenda
from .alike import describe_alike
from .connection import Authority, OpenSession, account_in_use, connect
from .forecast import foresee, next_turn
from .inquiry import Inquiry
from .issuance.dns import rehearse
from .issuance.means import Means
from .issuance.recipes import carry_out, issue
from .issuance.run import Attempt, Placement, Run
from .job import FailOn, Outcome, clear_finished, count, describe_fatal, expect, make_plan, outcome_of
from .memory import Memory
from .orders import Limits
from .plan import Decision, Stored
from .retry import parse_retry
from .visits import note_visit
from .wanted import Wanted

NEW = ("issued", "renewed")


@dataclass(frozen=True)
class Bounds:
    """How much is done at once, how long it may take, and how many orders may be made.

    ``concurrency`` requests at a time and ``patience`` seconds for the CA in
    each run; ``lock_wait`` seconds for another task to leave the store.
    """

    run_size: int
    max_runs: int | None
    concurrency: int
    patience: float
    lock_wait: float = 0.0
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        for option in ("run_size", "max_runs", "concurrency", "patience"):
            value = getattr(self, option)
            if value is not None:
                check_number(option, value, 1)

    @property
    def most(self) -> int | None:
        """How many certificates are tried at most, or None for all."""
        return None if self.max_runs is None else self.max_runs * self.run_size


class Upkeep:
    """The upkeep of one store with one CA and one set of responders."""

    def __init__(
        self,
        files: Files,
        authority: Authority,
        means: Means,
        bounds: Bounds,
        clock: Clock,
        *,
        open_session: OpenSession = connect,
    ) -> None:
        self._files = files
        self._store = CertificateStore(files)
        self._authority = authority
        self._means = means
        self._bounds = bounds
        self._clock = clock
        self._open_session = open_session
        self._attempts: list[Attempt] = []
        self._updates: Counter[str] = Counter()
        self._notes: dict[str, None] = {}
        self._placements: list[Placement] = []
        self._key_requests: list[Wanted] = []
        self._requests: Counter[str] = Counter()
        self._runs = 0
        self._left = 0

    def check(self, wanted: Sequence[Wanted], retry: Sequence[str] = (), fail_on: FailOn = "never") -> dict[str, Any]:
        """What :meth:`keep` would do, from the list, the store and what the responders say; the CA is not asked."""
        forecast = foresee(
            self._plan(wanted), self._recall(), self._clock, parse_retry(retry, wanted), self._bounds.most
        )
        self._left = forecast.left
        return self._result(self._rehearse(forecast.outcomes), fail_on)

    def _rehearse(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """The outcomes, those as failed for which the responders would not take the values."""
        due = [outcome.decision for outcome in outcomes if outcome.status in NEW]
        failed, notes = rehearse(self._means.fleet, due)
        self._notes.update(dict.fromkeys(notes))
        return [
            outcome_of(outcome.decision, Attempt(outcome.decision, failure=failed[outcome.decision.target]))
            if outcome.decision.target in failed
            else outcome
            for outcome in outcomes
        ]

    def keep(
        self, wanted: Sequence[Wanted], attempted: frozenset[str] | None, fail_on: FailOn, retry: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Issue and renew what is due; only one process at a time works on a store.

        ``attempted`` are the targets (as text) that earlier runs of the same
        task have tried: they and the valid ones are then left out, and so are
        all but those whose answers others have put into place, if there are
        any. ``retry`` says what is tried now although it has failed lately.
        """
        asked = parse_retry(retry, wanted)
        with Lock(self._files, self._bounds.lock_wait, self._clock):
            mended: list[str] = []
            decisions = self._ask(wanted, self._plan(wanted, mended))
            self._notes.update(dict.fromkeys(mended))
            clear_finished(decisions, self._store)
            due = [each for each in decisions if each.due]
            if attempted is not None:
                due = decisions = [each for each in due if str(each.target) not in attempted]
            if taken_up := self._means.taken_up:
                decisions = [each for each in decisions if str(each.target) in taken_up]
            self._note_too_many(wanted, decisions)
            self._notes.update(dict.fromkeys(note_visit(self._account_memory, decisions, self._clock.now())))
            self._withdraw_leftovers()
            if any(each.due for each in decisions):
                memory = self._recall()
                memory.forget(decisions, asked)
                outcomes = self._carry_out(Agenda(decisions, due, memory))
            else:
                outcomes = list(map(expect, decisions))
        return self._result(outcomes, fail_on)

    def _withdraw_leftovers(self) -> None:
        """Withdraw what an interrupted run or a primary that was down then has left behind."""
        try:
            with guarded():
                self._tell(self._means.fleet.withdraw_leftovers())
        except UnexpectedError as error:
            self._notes[f"{error.message}. Values of earlier runs may be left"] = None

    def _note_too_many(self, wanted: Sequence[Wanted], decisions: Sequence[Decision]) -> None:
        """Say before anything is ordered what a CA will not give at once."""
        due = {decision.target for decision in decisions if decision.due}
        for targets, sentence in describe_alike(wanted, self._bounds.limits.max_orders_per_names):
            if due & targets:
                self._notes[sentence] = None

    def _plan(self, wanted: Sequence[Wanted], mended: list[str] | None = None) -> list[Decision]:
        account = account_in_use(self._authority, self._files)
        return make_plan(wanted, self._store, self._authority.directory, self._clock.now(), account, mended=mended)

    def _ask(self, wanted: Sequence[Wanted], decisions: list[Decision]) -> list[Decision]:
        """The decisions, made anew when the CA has told something about renewals."""
        inquiry = Inquiry(
            self._files, self._authority, self._bounds.concurrency, self._clock, open_session=self._open_session
        )
        findings = inquiry.ask(decisions, account_in_use(self._authority, self._files))
        self._notes.update(dict.fromkeys(findings.notes))
        self._requests["GET"] += findings.requests
        return self._plan(wanted) if findings.learned else decisions

    @property
    def _account_memory(self) -> AccountMemory:
        return AccountMemory(self._files, authority_name(self._authority.directory), self._authority.account)

    def _recall(self) -> Memory:
        return Memory(self._files, self._authority, self._bounds.limits, self._clock)

    def _tell(self, report: Report) -> None:
        self._updates.update(report.messages)
        self._notes.update(dict.fromkeys(report.notes))

    def _carry_out(self, agenda: Agenda) -> list[Outcome]:
        """Run after run, take what may be tried, until nothing is left of it; what became of each decision."""
        with ExitStack() as stack:
            session = cache(lambda: self._connect(stack))
            while self._bounds.max_runs is None or self._runs < self._bounds.max_runs:
                if not self._one_run(session, agenda):
                    break
                self._runs += 1
        return self._conclude(agenda)

    def _one_run(self, session: Callable[[], Session], agenda: Agenda) -> bool:
        """Try as many certificates as a run takes; false when there was none to try, or no CA to try it with.

        Those for the same names go one after the other, so a run may have several rounds.
        """
        room, begun = self._bounds.run_size, False
        while room > 0:
            pace = agenda.next(self._clock.now())
            taken = pace.taken[:room]
            if not taken:
                break
            try:
                with guarded():
                    connected = session()
            except (NetworkError, ProblemError, PausedError, UnexpectedError) as error:
                outage = agenda.begin(agenda.of(pace))
                agenda.memory.record_outage(outage, error, most=self._bounds.run_size)
                return False
            attempts = agenda.begin(taken, pace.held)
            self._issue(connected, attempts, agenda.memory)
            begun = True
            # what is tried once more has its place already
            room -= len(attempts) - agenda.end(attempts)
        return begun

    def _connect(self, stack: ExitStack) -> Session:
        width, patience = self._bounds.concurrency, self._bounds.patience
        session = stack.enter_context(self._open_session(self._authority, self._files, width, self._clock, patience))
        stack.callback(lambda: self._requests.update(session.network.requests))
        return session

    def _issue(self, session: Session, attempts: list[Attempt], memory: Memory) -> None:
        bounds = self._bounds
        run = Run(session, self._store, self._clock, attempts, bounds.concurrency, bounds.patience, memory=memory)
        carry_out(run, lambda run: issue(run, self._means))
        self._attempts += attempts
        self._updates.update(run.updates)
        self._notes.update(dict.fromkeys(run.notes))
        self._placements += run.placements
        self._key_requests += run.requests

    def _conclude(self, agenda: Agenda) -> list[Outcome]:
        """What became of each decision, and when those that are not done may be tried."""
        rest, tried = agenda.rest(self._clock.now()), agenda.tried
        # what waits for others is none that another task could take
        waiting = {placement.target for placement in self._placements}
        waiting |= {target for each in self._key_requests for target in each.targets}
        parked = {target for target, attempt in tried.items() if attempt.parked} - waiting
        self._left = sum(each.target not in tried or each.target in parked for each in agenda.of(rest))
        deferrals = rest.deferred | rest.behind | {each.target: next_turn(each, self._clock) for each in rest.taken}
        outcomes = [outcome_of(each, tried.get(each.target), deferrals.get(each.target)) for each in agenda.considered]
        return [
            replace(agenda.memory.explain(outcome), next_attempt=deferrals[outcome.decision.target].until)
            if outcome.decision.target in deferrals
            else outcome
            for outcome in outcomes
        ]

    def _result(self, outcomes: list[Outcome], fail_on: FailOn) -> dict[str, Any]:
        now = self._clock.now()
        new = [outcome for outcome in outcomes if outcome.status in NEW]
        result: dict[str, Any] = {
            "changed": bool(new),
            "certificates": [outcome.as_dict(fail_on, now) for outcome in outcomes],
            "counts": count(outcomes),
            "left": self._left,
            "runs": self._runs,
            "orders": sum(attempt.ordered for attempt in self._attempts),
            "requests": sum(self._requests.values()),
            "updates": dict(self._updates),
            "notes": list(self._notes),
            "attempted": [str(attempt.decision.target) for attempt in self._attempts if not attempt.parked],
            "diff": _describe_changes(new),
            **({"key_requests": [describe_request(each) for each in self._key_requests]} if self._key_requests else {}),
            **({"placements": [each.as_dict() for each in self._placements]} if self._placements else {}),
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
