# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a store remembers of failures and orders from run to run, brought to the runs and back (G28)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from .._acme.directory import check_directory_url
from .._acme.pauses import Pauses
from .._core.clock import Clock
from .._core.errors import Error, StoreError
from .._core.files import Files
from .._core.name import check_name
from .._store.certificates import CertificateStore
from .._store.layout import authority_name
from .._store.memory import AccountMemory
from .candidate import Candidate, Deferral, HeldError, Known, is_exempt
from .connection import Authority, account_in_use
from .failures import (
    DELAYS,
    NO_FAILURES,
    Failures,
    Refusal,
    blamed,
    document_of,
    read_identifiers,
    read_state,
    refusal_in,
    state_of,
    validated,
)
from .issuance.run import Attempt
from .job import Outcome
from .orders import Limits, OrderLog
from .pacing import Pace, pace
from .pending import may_be_made, pending_order
from .places import Places
from .plan import Decision, order_by_urgency
from .registered_domain import registered_domains
from .retry import Retry
from .wanted import Target, Wanted

ATTEMPTS = 4
"""How many more attempts there are at least before a certificate expires, however often it has failed."""

NO_FAILURE = "", DELAYS[-1]


class Memory:
    """The memory of one store and account. Who lets it write holds the store's lock."""

    def __init__(self, files: Files, authority: Authority, limits: Limits, clock: Clock) -> None:
        folder = authority_name(check_directory_url(authority.directory))
        self._store = CertificateStore(files)
        self._account = AccountMemory(files, folder, check_name(authority.account, "account"))
        self._authority = authority
        self._account_url = account_in_use(authority, files)
        self._limits = limits
        self._clock = clock
        now = clock.now()
        self._identifiers = read_identifiers(self._account.recall("identifiers"), now)
        self._orders = OrderLog(self._account.recall("orders"), now)
        self._certificates: dict[Target, Failures] = {}
        self._candidates: dict[Target, Candidate] = {}  # thousands wait for their turn while some are tried
        self._noted: set[Target] = set()
        self._exempt: set[Target] = set()
        for target, at in self._orders.reserved.items():
            name, _slash, key_type = target.partition("/")
            if not may_be_made(self._store, name, key_type, at):
                self._orders.release(target)

    def failures_of(self, decision: Decision) -> Failures:
        """What is remembered of a certificate, if it is wanted as it was when it failed."""
        target = decision.target
        if target not in self._certificates:
            state = self._store.state(target.name, target.key_type)
            self._certificates[target] = read_state(state, self._wish(decision.wanted), self._clock.now())
        return self._certificates[target]

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
        pauses = Pauses(self._clock, self._account.recall("pauses"))
        known = Known(self._identifiers, self._orders, pauses, self._limits, under_way)
        return pace(candidates, known, now, only)

    def _candidate(self, decision: Decision) -> Candidate:
        found = self._candidates.get(decision.target)
        if found is None or found.decision is not decision:
            order = self._open_order(decision)
            pending = bool(order and order["url"])
            found = Candidate(decision, self.failures_of(decision), pending, order is not None)
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
        for decision in asked:
            target, known = decision.target, self.failures_of(decision)
            self._certificates[target] = Failures()
            self._candidates.pop(target, None)
            if write and known != Failures():
                self._store.update_state(target.name, target.key_type, **NO_FAILURES)
        self._forgive(name for decision in asked for name in _bases(decision.wanted))
        if write and asked:
            self._account.remember("identifiers", document_of(self._identifiers))

    def note_orders(self, attempts: Sequence[Attempt]) -> None:
        """Write down the new orders just before the CA hears of them; an order that can't be written down is not made.

        An attempt that orders once more, as the answer got lost, needs another place within the limits.
        """
        at = self._clock.now().replace(microsecond=0)
        ordering = [attempt for attempt in attempts if attempt.held is None]
        for attempt in ordering:
            if is_exempt(attempt.decision, self.failures_of(attempt.decision), at):
                self._exempt.add(attempt.decision.target)
            elif attempt.ordered and (deferral := self._lacks_place(attempt.decision)):
                attempt.held = HeldError(deferral)
            else:
                self._reserve(attempt.decision, at)
        try:
            self._account.remember("orders", self._orders.as_dict())
        except StoreError as error:
            for attempt in ordering:
                attempt.held = error

    def _lacks_place(self, decision: Decision) -> Deferral | None:
        """Why no further order may be made for a certificate within the limits."""
        pauses = Pauses(self._clock, self._account.recall("pauses"))
        known = Known(self._identifiers, self._orders, pauses, self._limits)
        return Places(known, self._clock.now()).take(self._candidate(decision))

    def _reserve(self, decision: Decision, at: datetime) -> None:
        names = _names(decision.wanted)
        self._noted.add(decision.target)
        self._orders.reserve(_key(decision.target), names, at)
        if self._limits.max_orders_per_domain is not None and not decision.issued_before:
            self._orders.note_new(registered_domains(decision.wanted.identifiers), names, at)

    def has_ordered(self, wanted: Wanted, url: str) -> bool:
        """Whether an order with this URL was made before for these names."""
        return self._orders.knows(_names(wanted), url)

    def record(self, attempts: Sequence[Attempt]) -> None:
        """Remember what came of a run; what can't be written down is in the results all the same."""
        now = self._clock.now()
        well = {name for each in attempts if each.stored for name in _bases(each.decision.wanted)}
        failed: dict[str, tuple[str, timedelta]] = {}
        validations: Counter[str] = Counter()
        for attempt in attempts:
            self._candidates.pop(attempt.decision.target, None)
            error = attempt.failure
            if error is None or attempt.held is error or attempt.is_tried_again:
                continue
            refusal = refusal_in(error, now, attempt.decision.wanted.identifiers)
            attempt.refused = refusal is not None and refusal.until is not None
            if isinstance(error, StoreError):
                refusal = Refusal(now)  # as soon as the store is well again
            self._record_one(attempt.decision, error, refusal, now)
            if refusal is None:
                names = blamed(error, attempt.decision.wanted.identifiers) - well
                longest = _longest_delay(attempt.decision, now)
                failed.update((name, (error.message, min(longest, failed.get(name, NO_FAILURE)[1]))) for name in names)
                validations.update(validated(error) & names)
        self._forgive(well)
        for name, (reason, longest) in failed.items():
            known = self._identifiers.get(name, Failures())
            self._identifiers[name] = known.failed(now, reason, validations[name], longest)
        self._settle_orders(attempts)
        with suppress(StoreError):
            self._account.remember("identifiers", document_of(self._identifiers))

    def record_outage(self, attempts: Sequence[Attempt], error: Error, most: int) -> None:
        """Let all of them fail since none gets as far as the CA, which counts as no failure of a certificate.

        No more than ``most`` of them have it written down.
        """
        now = self._clock.now()
        refusal = refusal_in(error, now)
        for attempt in attempts:
            attempt.failure = error
            attempt.refused = refusal is not None
        for attempt in attempts[:most]:
            self._record_one(attempt.decision, error, refusal or Refusal(now), now)

    def _record_one(self, decision: Decision, error: Error, refusal: Refusal | None, now: datetime) -> None:
        known = self.failures_of(decision)
        if refusal is None:
            after = known.failed(now, error.message, longest=_longest_delay(decision, now))
        elif refusal.until is None:
            after = known.stopped(now, error.message)
        else:
            after = known.refused_until(now, refusal.until, error.message)
        target = decision.target
        self._certificates[target] = after
        self._candidates.pop(target, None)
        with suppress(StoreError):
            sections = state_of(after, error, self._wish(decision.wanted))
            self._store.update_state(target.name, target.key_type, **sections)

    def _settle_orders(self, attempts: Sequence[Attempt]) -> None:
        """Give back the places of orders that were not made, and of those that the CA calls invalid.

        Every other order counts, whatever has become of it: somebody else may have its certificate. So does one of
        an earlier process of which nothing is known. An order that was to be exempt counts after all when the CA has
        not taken what it replaces.
        """
        for attempt in attempts:
            target, names = attempt.decision.target, _names(attempt.decision.wanted)
            if target in self._exempt:
                self._settle_exempt(attempt, names)
            elif attempt.order is not None:
                self._orders.settle_as(_key(target), names, attempt.order.url, self._clock.now())
            elif attempt.ordered:
                self._orders.settle(_key(target))
            elif target in self._noted:
                self._orders.release(_key(target))
            if attempt.order is not None and attempt.order.status == "invalid":
                self._orders.give_back(names, attempt.order.url)
            self._noted.discard(target)
            self._exempt.discard(target)
        with suppress(StoreError):
            self._account.remember("orders", self._orders.as_dict())

    def _settle_exempt(self, attempt: Attempt, names: list[str]) -> None:
        """Count an order after all that the CA has made without what it replaces."""
        now = self._clock.now().replace(microsecond=0)
        if attempt.ordered and not attempt.replaces:
            self._orders.note(names, now)
        if attempt.order is not None:
            self._orders.note_url(names, attempt.order.url, now)

    def _forgive(self, names: Iterable[str]) -> None:
        """Forget the failures of these names, though not the validations that the CA has counted."""
        for name in names:
            known = self._identifiers.pop(name, Failures()).forgiven()
            if known != Failures():
                self._identifiers[name] = known

    def _open_order(self, decision: Decision) -> dict[str, Any] | None:
        """What is known of an order that may be open and is for what is wanted now."""
        try:
            return pending_order(self._store, decision, self._account_url)
        except StoreError:
            return None

    def _wish(self, wanted: Wanted) -> dict[str, Any]:
        """What a failure is about: the same certificate wanted otherwise, or from another CA, may well succeed."""
        return {
            "domains": _names(wanted),
            # a single profile as earlier versions wrote it, so that what they remember still holds
            "profile": wanted.profiles[0] if len(wanted.profiles) == 1 else list(wanted.profiles) or None,
            "directory": self._authority.directory,
            "account": self._authority.account,
        }


def _longest_delay(decision: Decision, now: datetime) -> timedelta:
    """How long the next attempt may be put off: there are to be some more before the certificate expires.

    One that has expired is tried as often as its lifetime makes worthwhile.
    """
    stored = decision.stored
    if stored is None:
        return DELAYS[-1]
    left = stored.not_after - now
    if left <= timedelta():
        left = (stored.not_after - stored.not_before) / ATTEMPTS
    return min(max(left / ATTEMPTS, DELAYS[0]), DELAYS[-1])


def _key(target: Target) -> str:
    return f"{target.name}/{target.key_type}"


def _names(wanted: Wanted) -> list[str]:
    return sorted(identifier.value for identifier in wanted.identifiers)


def _bases(wanted: Wanted) -> frozenset[str]:
    return frozenset(identifier.base for identifier in wanted.identifiers)
