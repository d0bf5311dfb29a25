# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one store and account remember of failures, of certificates and of the names in them (G28)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from .._core.clock import Clock
from .._core.errors import Error, NotTriedError, StoreError
from .._core.workers import guarded
from .._store.certificates import CertificateStore
from .._store.memory import AccountMemory
from .connection import Authority
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
from .plan import Decision
from .wanted import Target, Wanted

ATTEMPTS = 4
"""How many more attempts there are at least before a certificate expires, however often it has failed."""


class FailureBook:
    """Failures of certificates, in the store, and of ``names``, as the account sees them."""

    def __init__(self, store: CertificateStore, account: AccountMemory, authority: Authority, clock: Clock) -> None:
        self._store = store
        self._account = account
        self._authority = authority
        self._clock = clock
        self.names = read_identifiers(account.recall("identifiers"), clock.now())
        self._certificates: dict[Target, Failures] = {}

    def of(self, decision: Decision) -> Failures:
        """The remembered failures, or none if names, profile, CA or account have changed since."""
        target = decision.target
        if target not in self._certificates:
            state = self._store.state(target.name, target.key_type)
            self._certificates[target] = read_state(state, self._wish(decision.wanted), self._clock.now())
        return self._certificates[target]

    def forget(self, decisions: Iterable[Decision], *, write: bool) -> None:
        """Forget the failures of these certificates and their names, though not what the CA counts."""
        asked = list(decisions)
        for decision in asked:
            target, known = decision.target, self.of(decision)
            self._certificates[target] = Failures()
            if write and known != Failures():
                self._store.update_state(target.name, target.key_type, **NO_FAILURES)
        self._forgive(name for decision in asked for name in _bases(decision.wanted))
        if write and asked:
            self._account.remember("identifiers", document_of(self.names))

    def record(self, attempts: Sequence[Attempt]) -> None:
        """Remember what came of a run; what can't be written down is in the results all the same."""
        now = self._clock.now()
        well = {name for each in attempts if each.stored for name in _bases(each.decision.wanted)}
        blame = _Blame()
        for attempt in attempts:
            error = attempt.failure
            if error is None or isinstance(error, NotTriedError) or attempt.is_tried_again:
                continue
            try:
                with guarded():
                    self._record(attempt, error, blame, well, now)
            except Error as unexpected:
                # what nobody expected of its details must not cost the others what is remembered of them
                self.note(attempt.decision, unexpected, None, now)
        self._forgive(well)
        blame.charge(self.names, now)
        with suppress(StoreError):
            self._account.remember("identifiers", document_of(self.names))

    def _record(self, attempt: Attempt, error: Error, blame: _Blame, well: set[str], now: datetime) -> None:
        decision = attempt.decision
        refusal = refusal_in(error, now, decision.wanted.identifiers)
        attempt.refused = refusal is not None and refusal.until is not None
        if isinstance(error, StoreError):
            refusal = Refusal(now)  # as soon as the store is well again
        self.note(decision, error, refusal, now)
        if refusal is None:
            names = blamed(error, decision.wanted.identifiers) - well
            blame.add(names, error, _longest_delay(decision, now))

    def note(self, decision: Decision, error: Error, refusal: Refusal | None, now: datetime) -> None:
        """Remember one more failure of a certificate, or that the CA has refused it for now."""
        known = self.of(decision)
        if refusal is None:
            after = known.failed(now, error.message, longest=_longest_delay(decision, now))
        elif refusal.until is None:
            after = known.stopped(now, error.message)
        else:
            after = known.refused_until(now, refusal.until, error.message)
        target = decision.target
        self._certificates[target] = after
        with suppress(StoreError):
            sections = state_of(after, error, self._wish(decision.wanted))
            self._store.update_state(target.name, target.key_type, **sections)

    def _forgive(self, names: Iterable[str]) -> None:
        """Forget the failures of these names, though not the validations that the CA has counted."""
        for name in names:
            known = self.names.pop(name, Failures()).forgiven()
            if known != Failures():
                self.names[name] = known

    def _wish(self, wanted: Wanted) -> dict[str, Any]:
        """What a failure is about: the same certificate wanted otherwise, or from another CA, may well succeed."""
        return {
            "domains": sorted(wanted.names),
            # a single profile as earlier versions wrote it, so that what they remember still holds
            "profile": wanted.profiles[0] if len(wanted.profiles) == 1 else list(wanted.profiles) or None,
            "directory": self._authority.directory,
            "account": self._authority.account,
        }


class _Blame:
    """What a run has to hold against names: once for each, however many certificates failed for it."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}
        self._longest: dict[str, timedelta] = {}
        self._validations: Counter[str] = Counter()

    def add(self, names: frozenset[str], error: Error, longest: timedelta) -> None:
        """One certificate's error, for which no name is put off for longer than ``longest``."""
        for name in names:
            self._reasons[name] = error.message
            self._longest[name] = min(longest, self._longest.get(name, DELAYS[-1]))
        self._validations.update(validated(error) & names)

    def charge(self, known: dict[str, Failures], now: datetime) -> None:
        """Add it to what is known of the names."""
        for name, reason in self._reasons.items():
            before = known.get(name, Failures())
            known[name] = before.failed(now, reason, self._validations[name], self._longest[name])


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


def _bases(wanted: Wanted) -> frozenset[str]:
    return frozenset(identifier.base for identifier in wanted.identifiers)
