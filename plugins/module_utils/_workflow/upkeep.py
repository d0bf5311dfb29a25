# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeping a list of certificates: what the module of that name does, from its options to its results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from typing import Any

from .._acme.pauses import PausedError
from .._acme.problem import NetworkError, ProblemError
from .._acme.session import Session
from .._core.clock import Clock
from .._core.errors import UnexpectedError
from .._core.files import Files
from .._core.lock import Lock
from .._core.workers import guarded
from .._store.certificates import CertificateStore
from .._store.layout import authority_name
from .._store.memory import AccountMemory
from .agenda import Agenda
from .alike import describe_alike
from .bounds import Bounds
from .connection import Authority, OpenSession, account_in_use, connect
from .forecast import foresee, next_turn
from .inquiry import Inquiry
from .issuance.dns import rehearse
from .issuance.means import Means
from .issuance.recipes import carry_out, issue
from .issuance.run import Attempt, Run
from .job import FailOn, Outcome, clear_finished, expect, make_plan, outcome_of
from .memory import Memory
from .plan import Decision
from .retry import parse_retry
from .tally import NEW, Tally
from .visits import note_visit
from .wanted import Wanted


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
        self._tally = Tally()

    def check(self, wanted: Sequence[Wanted], retry: Sequence[str] = (), fail_on: FailOn = "never") -> dict[str, Any]:
        """What :meth:`keep` would do, from the list, the store and what the responders say; the CA is not asked."""
        forecast = foresee(
            self._plan(wanted), self._recall(), self._clock, parse_retry(retry, wanted), self._bounds.most
        )
        self._tally.left = forecast.left
        return self._tally.result(self._rehearse(forecast.outcomes), fail_on, self._clock.now())

    def _rehearse(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """The outcomes, those as failed for which the responders would not take the values."""
        due = [outcome.decision for outcome in outcomes if outcome.status in NEW]
        failed, notes = rehearse(self._means.fleet, due)
        self._tally.note(notes)
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
            self._tally.note(mended)
            clear_finished(decisions, self._store)
            due = [each for each in decisions if each.due]
            if attempted is not None:
                due = decisions = [each for each in due if str(each.target) not in attempted]
            if taken_up := self._means.taken_up:
                decisions = [each for each in decisions if str(each.target) in taken_up]
            self._note_too_many(wanted, decisions)
            self._tally.note(note_visit(self._account_memory, decisions, self._clock.now()))
            self._withdraw_leftovers()
            if any(each.due for each in decisions):
                memory = self._recall()
                memory.forget(decisions, asked)
                outcomes = self._carry_out(Agenda(decisions, due, memory))
            else:
                outcomes = list(map(expect, decisions))
        return self._tally.result(outcomes, fail_on, self._clock.now())

    def _withdraw_leftovers(self) -> None:
        """Withdraw what an interrupted run or a primary that was down then has left behind."""
        try:
            with guarded():
                self._tally.add_dns(self._means.fleet.withdraw_leftovers())
        except UnexpectedError as error:
            self._tally.note([f"{error.message}. Values of earlier runs may be left"])

    def _note_too_many(self, wanted: Sequence[Wanted], decisions: Sequence[Decision]) -> None:
        """Say before anything is ordered what a CA will not give at once."""
        due = {decision.target for decision in decisions if decision.due}
        alike = describe_alike(wanted, self._bounds.limits.max_orders_per_names)
        self._tally.note(sentence for targets, sentence in alike if due & targets)

    def _plan(self, wanted: Sequence[Wanted], mended: list[str] | None = None) -> list[Decision]:
        account = account_in_use(self._authority, self._files)
        return make_plan(wanted, self._store, self._authority.directory, self._clock.now(), account, mended=mended)

    def _ask(self, wanted: Sequence[Wanted], decisions: list[Decision]) -> list[Decision]:
        """The decisions, made anew when the CA has told something about renewals."""
        inquiry = Inquiry(
            self._files, self._authority, self._bounds.concurrency, self._clock, open_session=self._open_session
        )
        findings = inquiry.ask(decisions, account_in_use(self._authority, self._files))
        self._tally.note(findings.notes)
        self._tally.requests["GET"] += findings.requests
        return self._plan(wanted) if findings.learned else decisions

    @property
    def _account_memory(self) -> AccountMemory:
        return AccountMemory(self._files, authority_name(self._authority.directory), self._authority.account)

    def _recall(self) -> Memory:
        return Memory(self._files, self._authority, self._bounds.limits, self._clock)

    def _carry_out(self, agenda: Agenda) -> list[Outcome]:
        """Run after run, take what may be tried, until nothing is left of it; what became of each decision."""
        with ExitStack() as stack:
            session = cache(lambda: self._connect(stack))
            while self._bounds.max_runs is None or self._tally.runs < self._bounds.max_runs:
                if not self._one_run(session, agenda):
                    break
                self._tally.runs += 1
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
        stack.callback(lambda: self._tally.requests.update(session.network.requests))
        return session

    def _issue(self, session: Session, attempts: list[Attempt], memory: Memory) -> None:
        bounds = self._bounds
        run = Run(session, self._store, self._clock, attempts, bounds.concurrency, bounds.patience, memory=memory)
        carry_out(run, lambda run: issue(run, self._means))
        self._tally.add_run(run)

    def _conclude(self, agenda: Agenda) -> list[Outcome]:
        """What became of each decision, and when those that are not done may be tried."""
        rest, tried = agenda.rest(self._clock.now()), agenda.tried
        # what waits for others is none that another task could take
        parked = {target for target, attempt in tried.items() if attempt.parked} - self._tally.waiting
        self._tally.left = sum(each.target not in tried or each.target in parked for each in agenda.of(rest))
        deferrals = rest.deferred | rest.behind | {each.target: next_turn(each, self._clock) for each in rest.taken}
        outcomes = [outcome_of(each, tried.get(each.target), deferrals.get(each.target)) for each in agenda.considered]
        return [
            replace(agenda.memory.explain(outcome), next_attempt=deferrals[outcome.decision.target].until)
            if outcome.decision.target in deferrals
            else outcome
            for outcome in outcomes
        ]
