# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders for users who publish the challenges themselves: made first, finished later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from .._acme.challenge import dns_01, http_01, tls_alpn_01
from .._core.clock import Clock, format_instant
from .._core.errors import InputError
from .._core.files import Files
from .._core.lock import Lock
from .._store.certificates import CertificateStore
from .connection import Authority, account_in_use, connect
from .issuance import steps
from .issuance.awaiting import await_issued, await_ready
from .issuance.opening import open_orders, resume_orders
from .issuance.run import Attempt, Run
from .issuance.storing import note_orders, record_failures, store_issued
from .job import FailOn, Outcome, clear_finished, describe_fatal, expect, make_plan, outcome_of
from .memory import Memory
from .orders import Limits
from .pacing import HeldError
from .pending import pending_order
from .plan import Decision
from .retry import Retry, parse_retry
from .wanted import Wanted


def refuse_frontend_keys(wanted: Sequence[Wanted]) -> Sequence[Wanted]:
    """The same, if all their keys are made here; InputError otherwise."""
    for each in wanted:
        if each.frontend is not None:
            reason = "is for a key on a frontend, whose CSR only module certfleet.acme.certificates asks for"
            raise InputError("certificates", each.name, reason)
    return wanted


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
    ) -> None:
        self._files = files
        self._store = CertificateStore(files)
        self._authority = authority
        self._concurrency = concurrency
        self._patience = patience
        self._clock = clock
        self._limits = limits or Limits()
        self._lock_wait = lock_wait

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
        outcomes = [memory.explain(outcome_of(each, None, pace.deferred.get(each.target))) for each in decisions]
        return {"changed": bool(unordered), **self._result(outcomes, "never")}

    def place(self, wanted: Sequence[Wanted], retry: Sequence[str] = ()) -> dict[str, Any]:
        """Make or take up an order for all that may be tried now, and say what the challenges need.

        ``retry`` says what is tried now although it has failed lately.
        """
        asked = parse_retry(retry, wanted)
        needs: dict[str, Any] = {"orders": [], "dns_records": [], "http_files": [], "tls_certificates": []}

        def carry_out(run: Run) -> None:
            steps.check_profiles(run)
            steps.prepare_keys(run)
            note_orders(run)
            open_orders(run)
            steps.read_authorizations(run)
            needs.update(describe_needs(run))
            record_failures(run)

        def begin(decisions: list[Decision], memory: Memory) -> list[Attempt]:
            return self._begin_anew(decisions, memory, asked)

        attempts, outcomes = self._do(wanted, carry_out, begin)
        changed = any(attempt.ordered for attempt in attempts)
        return {**self._result(outcomes), **needs, "changed": changed}

    def finish(self, wanted: Sequence[Wanted]) -> dict[str, Any]:
        """Answer the challenges of the pending orders, and store the certificates."""

        def carry_out(run: Run) -> None:
            steps.prepare_keys(run)
            resume_orders(run)
            steps.read_authorizations(run)
            steps.answer(run)
            await_ready(run)
            steps.finalize(run)
            await_issued(run)
            steps.download(run)
            store_issued(run)
            record_failures(run)

        def begin(decisions: list[Decision], _memory: Memory) -> list[Attempt]:
            return [Attempt(decision) for decision in decisions if decision.due]

        attempts, outcomes = self._do(wanted, carry_out, begin)
        changed = any(attempt.issued is not None for attempt in attempts if attempt.failure is None)
        return {**self._result(outcomes), "changed": changed}

    def _begin_anew(self, decisions: list[Decision], memory: Memory, asked: Retry) -> list[Attempt]:
        """Attempts for new orders; those have failed already for which there may be none."""
        now = self._clock.now()
        memory.forget(decisions, asked)
        pace = memory.pace(decisions, now)
        attempts = [Attempt(decision, held=pace.held.get(decision.target)) for decision in decisions if decision.due]
        for attempt in attempts:
            deferral = pace.deferred.get(attempt.decision.target)
            if deferral:
                # that it has to wait is no news where things go by themselves, but not what was asked for here;
                # only what another one is tried before must not keep that one from being finished
                failing = deferral.until is None or deferral.until > now
                attempt.failure = attempt.held = HeldError(replace(deferral, failing=failing))
        return attempts

    def _do(
        self,
        wanted: Sequence[Wanted],
        carry_out: Callable[[Run], None],
        begin: Callable[[list[Decision], Memory], list[Attempt]],
    ) -> tuple[list[Attempt], list[Outcome]]:
        with Lock(self._files, self._lock_wait, self._clock):
            account = account_in_use(self._authority, self._files)
            decisions = make_plan(wanted, self._store, self._authority.directory, self._clock.now(), account, mended=[])
            clear_finished(decisions, self._store)
            memory = self._recall()
            attempts = begin(decisions, memory)
            if any(attempt.failure is None for attempt in attempts):
                width, patience = self._concurrency, self._patience
                with connect(self._authority, self._files, width, self._clock, patience) as session:
                    carry_out(Run(session, self._store, self._clock, attempts, width, patience, memory=memory))
        made = {attempt.decision.target: attempt for attempt in attempts}
        outcomes = [outcome_of(decision, made.get(decision.target)) for decision in decisions]
        return attempts, [memory.explain(outcome) for outcome in outcomes]

    def _recall(self) -> Memory:
        return Memory(self._files, self._authority, self._limits, self._clock)

    def _result(self, outcomes: Sequence[Outcome], fail_on: FailOn = "any") -> dict[str, Any]:
        now = self._clock.now()
        return {
            "certificates": [outcome.as_dict(fail_on, now) for outcome in outcomes],
            **describe_fatal(outcomes, fail_on, now),
        }

    def _is_pending(self, decision: Decision, account_url: str | None) -> bool:
        pending = pending_order(self._store, decision, account_url)
        return pending is not None and pending["url"] is not None


def describe_needs(run: Run) -> dict[str, Any]:
    """The orders of a run, and what must be where before the CA may look, for the challenge of each certificate."""
    values: dict[str, dict[str, None]] = {}
    for _identifier, (owner, value) in _answers(run, "dns-01", dns_01):
        values.setdefault(owner, {})[value] = None
    files = {(name.value, path): content for name, (path, content) in _answers(run, "http-01", http_01)}
    certificates = dict(answer for _identifier, answer in _answers(run, "tls-alpn-01", tls_alpn_01))
    return {
        "orders": [_describe_order(attempt) for attempt in run.going],
        "dns_records": [{"name": owner, "values": sorted(wanted)} for owner, wanted in sorted(values.items())],
        "http_files": [
            {"identifier": name, "path": path, "content": content} for (name, path), content in sorted(files.items())
        ],
        "tls_certificates": [
            {"identifier": name, "acme_identifier": digest} for name, digest in sorted(certificates.items())
        ],
    }


def _answers(run: Run, kind: str, make: steps.Make) -> steps.Answers:
    """What all attempts with this kind of challenge have to answer with."""
    return [each for answers in steps.answers_of(run, kind, make).values() for each in answers]


def _describe_order(attempt: Attempt) -> dict[str, Any]:
    order, target = attempt.placed_order, attempt.decision.target
    return {
        "name": target.name,
        "key_type": target.key_type,
        "url": order.url,
        "status": order.status,
        "expires": format_instant(order.expires) if order.expires else None,
        "new": attempt.ordered,
    }
