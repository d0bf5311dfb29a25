# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a store remembers of failures and orders from run to run, brought to the runs and back (G28)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from .._acme.directory import check_directory_url
from .._acme.pauses import Pauses
from .._core.clock import Clock
from .._core.errors import Error, NotTriedError, StoreError
from .._core.files import Files
from .._core.name import check_name
from .._store.certificates import CertificateStore
from .._store.layout import authority_name
from .._store.memory import AccountMemory
from .candidate import Candidate, Deferral, HeldError, Known, is_exempt
from .connection import Authority, account_in_use
from .failure_book import FailureBook
from .failures import Failures, Refusal, refusal_in
from .issuance.run import Attempt
from .job import Outcome
from .order_book import OrderBook
from .orders import Limits
from .pacing import Pace, pace
from .pending import PendingOrder, pending_order
from .places import Places
from .plan import Decision, order_by_urgency
from .retry import Retry
from .wanted import Target, Wanted


class Memory:
    """The memory of one store and account. Who lets it write holds the store's lock."""

    def __init__(self, files: Files, authority: Authority, limits: Limits, clock: Clock) -> None:
        folder = authority_name(check_directory_url(authority.directory))
        self._store = CertificateStore(files)
        self._account = AccountMemory(files, folder, check_name(authority.account, "account"))
        self._account_url = account_in_use(authority, files)
        self._limits = limits
        self._clock = clock
        self._failures = FailureBook(self._store, self._account, authority, clock)
        self._orders = OrderBook(self._account, limits, clock)
        self._orders.release_unmade(self._store)
        self._candidates: dict[Target, Candidate] = {}  # thousands wait for their turn while some are tried

    def failures_of(self, decision: Decision) -> Failures:
        """The remembered failures of a certificate, or none if names, profile, CA or account have changed since."""
        return self._failures.of(decision)

    def pace(
        self,
        decisions: Iterable[Decision],
        now: datetime,
        only: Collection[Target] | None = None,
        under_way: bool = False,
    ) -> Pace:
        """Which of the due certificates may be tried now, the most urgent first, and when the others may.

        ``only`` are those that can be taken, None for all of them. ``under_way``: the task talks to the CA already, so
        that it has nonces.
        """
        candidates = [self._candidate(each) for each in order_by_urgency(decisions, now)]
        return pace(candidates, self._known(under_way), now, only)

    def _known(self, under_way: bool = False) -> Known:
        pauses = Pauses(self._clock, self._account.recall("pauses"))
        return Known(self._failures.names, self._orders.log, pauses, self._limits, under_way)

    def _candidate(self, decision: Decision) -> Candidate:
        found = self._candidates.get(decision.target)
        if found is None or found.decision is not decision:
            order = self._open_order(decision)
            resumable = order is not None and order.url is not None
            found = Candidate(decision, self.failures_of(decision), resumable, order is not None)
            self._candidates[decision.target] = found
        return found

    def explain(self, outcome: Outcome) -> Outcome:
        """The same with what is remembered of a certificate that is due and not done."""
        if outcome.status not in ("deferred", "failed") or outcome.decision.action == "refuse":
            return outcome
        known = self.failures_of(outcome.decision)
        until = outcome.next_attempt or known.next_attempt
        return replace(outcome, failures=known.count, needs_human=known.needs_human, next_attempt=until)

    def forget(self, decisions: Iterable[Decision], retry: Retry, *, write: bool = True) -> None:
        """Forget the failures of what was asked for, though not what the CA counts."""
        if write:
            self._account.sweep()
        asked = [decision for decision in decisions if decision.due and retry.means(decision.wanted)]
        self._failures.forget(asked, write=write)
        for decision in asked:
            self._candidates.pop(decision.target, None)

    def note_orders(self, attempts: Sequence[Attempt]) -> None:
        """Write down the new orders just before the CA hears of them; an order that can't be written down is not made.

        An attempt that orders once more, as the answer got lost, needs another place within the limits.
        """
        at = self._clock.now().replace(microsecond=0)
        ordering = [attempt for attempt in attempts if attempt.held is None]
        for attempt in ordering:
            if is_exempt(attempt.decision, self.failures_of(attempt.decision), at):
                self._orders.exempt(attempt.decision)
            elif attempt.ordered and (deferral := self._lacks_place(attempt.decision)):
                attempt.held = HeldError(deferral)
            else:
                self._orders.reserve(attempt.decision, at)
        try:
            self._orders.write()
        except StoreError as error:
            for attempt in ordering:
                attempt.held = NotTriedError(error.message, **error.details)

    def _lacks_place(self, decision: Decision) -> Deferral | None:
        """Why no further order may be made for a certificate within the limits."""
        return Places(self._known(), self._clock.now()).take(self._candidate(decision))

    def has_ordered(self, wanted: Wanted, url: str) -> bool:
        """Whether an order with this URL was made before for these names."""
        return self._orders.knows(wanted, url)

    def record(self, attempts: Sequence[Attempt]) -> None:
        """Remember what came of a run; what can't be written down is in the results all the same."""
        for attempt in attempts:
            self._candidates.pop(attempt.decision.target, None)
        self._failures.record(attempts)
        self._orders.settle(attempts)

    def record_outage(self, attempts: Sequence[Attempt], error: Error, most: int) -> None:
        """Fail all attempts because the CA can't be reached. This does not count against any certificate.

        ``most`` of them have it written down.
        """
        now = self._clock.now()
        refusal = refusal_in(error, now)
        for attempt in attempts:
            attempt.failure = error
            attempt.refused = refusal is not None
        for attempt in attempts[:most]:
            self._candidates.pop(attempt.decision.target, None)
            self._failures.note(attempt.decision, error, refusal or Refusal(now), now)

    def _open_order(self, decision: Decision) -> PendingOrder | None:
        """What is known of an order that may be open and is for what is wanted now."""
        try:
            return pending_order(self._store, decision, self._account_url)
        except StoreError:
            return None
