# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders for users who publish the challenges themselves: made first, finished later."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

from .._core.clock import Clock
from .._core.errors import InputError, NotTriedError, StoreError
from .._core.files import Files
from .._core.lock import Lock
from .._store.certificates import CertificateStore
from .agenda import Agenda
from .candidate import Deferral
from .connection import Authority, OpenSession, account_in_use, connect
from .issuance import recipes
from .issuance.needs import describe_needs
from .issuance.opening import NOTHING_PENDING
from .issuance.run import Attempt, Run
from .job import FailOn, Outcome, clear_finished, describe_fatal, expect, make_plan, outcome_of
from .memory import Memory
from .orders import Limits
from .pacing import Pace
from .pending import pending_order
from .plan import Decision
from .retry import parse_retry
from .wanted import Wanted, refuse

NEEDS_VALIDATION = "its order needs a validation of its own: state=present says what to publish for it"


def refuse_frontend_keys(wanted: Sequence[Wanted], *, strict: bool = True) -> Sequence[Wanted]:
    """The same, with a fault for each key that is not made here; InputError if it is ``strict``."""
    reason = "is for a key on a frontend, whose CSR only module certfleet.acme.certificates asks for"
    return [
        each if each.frontend is None else refuse(each, InputError("certificates", each.name, reason), strict=strict)
        for each in wanted
    ]


class Ordering:
    """The orders of one store at one CA, ``concurrency`` requests at a time and ``patience`` seconds for each wait.

    ``limits`` say how many orders may be made. Failures are remembered and hold up new orders as they do for
    :class:`~.upkeep.Upkeep`. ``lock_wait`` is how many seconds to wait for another run to leave the store.
    """

    def __init__(
        self,
        files: Files,
        authority: Authority,
        concurrency: int,
        patience: float,
        clock: Clock,
        *,
        limits: Limits | None = None,
        lock_wait: float = 0.0,
        open_session: OpenSession = connect,
    ) -> None:
        self._files = files
        self._store = CertificateStore(files)
        self._authority = authority
        self._concurrency = concurrency
        self._patience = patience
        self._clock = clock
        self._limits = limits or Limits()
        self._lock_wait = lock_wait
        self._open_session = open_session

    def check(self, wanted: Sequence[Wanted], state: str, retry: Sequence[str] = ()) -> dict[str, Any]:
        """What would be done, from the list and the store alone."""
        asked = parse_retry(retry, wanted)
        decisions = make_plan(wanted, self._store, self._authority.directory, self._clock.now())
        account = account_in_use(self._authority, self._files)
        if state == "finalized":
            changed = any(each.due for each in decisions)
            return {"changed": changed, **self._result([expect(each) for each in decisions], "never")}
        memory = self._recall()
        memory.forget(decisions, asked, write=False)
        pace = memory.pace(decisions, self._clock.now())
        unordered = [each for each in pace.taken if not self._is_pending(each, account)]
        deferrals = pace.deferred | pace.behind
        outcomes = [memory.explain(outcome_of(each, None, deferrals.get(each.target))) for each in decisions]
        return {"changed": bool(unordered), **self._result(outcomes, "never")}

    def place(self, wanted: Sequence[Wanted], retry: Sequence[str] = ()) -> dict[str, Any]:
        """Make or take up an order for all that may be tried now, and say what the challenges need.

        For the same names only one order is open at a time. ``retry`` says what is tried now although it has failed
        lately.
        """
        asked = parse_retry(retry, wanted)
        with self._begin(wanted) as task:
            task.memory.forget(task.decisions, asked)
            agenda = task.agenda(task.decisions)
            while (pace := agenda.next(self._clock.now())).taken:
                task.carry_out(agenda, pace, recipes.place)
            outcomes = self._conclude(task, agenda)
        changed = any(attempt.ordered for attempt in agenda.tried.values())
        return {**self._result(outcomes), **describe_needs(task.runs), "changed": changed}

    def finish(self, wanted: Sequence[Wanted]) -> dict[str, Any]:
        """Answer the challenges of the pending orders, and store the certificates.

        A certificate that has waited for another one with the same names is ordered then. It is finished, too, where
        the CA needs no further validation.
        """
        with self._begin(wanted) as task:
            account = account_in_use(self._authority, self._files)
            pending = [each for each in task.due if self._is_pending(each, account)]
            agenda = task.agenda([each for each in task.due if _shares_names(each, pending)])
            if pending:
                task.carry_out(agenda, Pace(pending), recipes.finish)
            while (pace := agenda.next(self._clock.now())).taken:
                task.carry_out(agenda, pace, recipes.order_next)
            outcomes = self._conclude(task, agenda)
        changed = any(attempt.stored for attempt in agenda.tried.values())
        return {**self._result(outcomes), **describe_needs(task.runs), "changed": changed}

    @contextmanager
    def _begin(self, wanted: Sequence[Wanted]) -> Iterator[_Task]:
        """Everything a task needs, while no other one works on the store; the CA is reached when it is asked first."""
        with Lock(self._files, self._lock_wait, self._clock), ExitStack() as stack:
            account = account_in_use(self._authority, self._files)
            decisions = make_plan(wanted, self._store, self._authority.directory, self._clock.now(), account, mended=[])
            clear_finished(decisions, self._store)
            width, patience = self._concurrency, self._patience
            opened = partial(self._open_session, self._authority, self._files, width, self._clock, patience)
            session = cache(lambda: stack.enter_context(opened()))
            memory = self._recall()

            def make_run(attempts: list[Attempt]) -> Run:
                return Run(session(), self._store, self._clock, attempts, width, patience, memory=memory)

            yield _Task(decisions, memory, make_run)

    def _conclude(self, task: _Task, agenda: Agenda) -> list[Outcome]:
        """What became of each certificate; one that has to wait fails the task, as it was asked for here.

        Waiting behind another certificate is a failure only if that one can't be tried now.
        """
        now = self._clock.now()
        rest = agenda.rest(now)
        deferrals = {
            target: replace(each, failing=each.until is None or each.until > now)
            for target, each in {**rest.deferred, **rest.behind}.items()
        }
        considered = {each.target for each in agenda.considered}
        parked = {target for target, attempt in agenda.tried.items() if attempt.parked}
        deferrals |= {target: Deferral(now, NEEDS_VALIDATION, failing=False) for target in parked}
        attempts = {each.target: _without_order(each) for each in task.due if each.target not in considered}
        attempts |= agenda.tried
        outcomes = [outcome_of(each, attempts.get(each.target), deferrals.get(each.target)) for each in task.decisions]
        return [task.memory.explain(outcome) for outcome in outcomes]

    def _recall(self) -> Memory:
        return Memory(self._files, self._authority, self._limits, self._clock)

    def _result(self, outcomes: Sequence[Outcome], fail_on: FailOn = "any") -> dict[str, Any]:
        now = self._clock.now()
        return {
            "certificates": [outcome.as_dict(fail_on, now) for outcome in outcomes],
            **describe_fatal(outcomes, fail_on, now),
        }

    def _is_pending(self, decision: Decision, account_url: str | None) -> bool:
        try:
            pending = pending_order(self._store, decision, account_url)
        except StoreError:
            return True  # the run tells what is wrong with it
        return pending is not None and pending.url is not None


@dataclass
class _Task:
    """The certificates of a task, what is remembered of them, and the runs over them."""

    decisions: list[Decision]
    memory: Memory
    make_run: Callable[[list[Attempt]], Run]
    runs: list[Run] = field(default_factory=list)

    @property
    def due(self) -> list[Decision]:
        """The certificates that are due."""
        return [each for each in self.decisions if each.due]

    def agenda(self, considered: Sequence[Decision]) -> Agenda:
        """What is to be done with some of them."""
        return Agenda(considered, self.due, self.memory)

    def carry_out(self, agenda: Agenda, pace: Pace, recipe: Callable[[Run], None]) -> None:
        """Take all that may be tried as far as the recipe goes."""
        attempts = agenda.begin(pace.taken, pace.held)
        run = self.make_run(attempts)
        self.runs.append(run)
        recipes.carry_out(run, recipe)
        agenda.end(attempts)


def _shares_names(decision: Decision, others: Sequence[Decision]) -> bool:
    names = frozenset(decision.wanted.identifiers)
    return any(names == frozenset(each.wanted.identifiers) for each in others)


def _without_order(decision: Decision) -> Attempt:
    """An attempt that fails since there is nothing to finish."""
    return Attempt(decision, failure=NotTriedError(NOTHING_PENDING))
