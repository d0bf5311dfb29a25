# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The orders of one account, from just before the CA hears of them until it is known what became of them (ADR 0031)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from .._core.clock import Clock
from .._core.errors import Error, StoreError
from .._core.workers import guarded
from .._store.certificates import CertificateStore
from .._store.memory import AccountMemory
from .issuance.run import Attempt
from .orders import Limits, OrderLog
from .pending import may_be_made
from .plan import Decision
from .registered_domain import registered_domains
from .wanted import Target, Wanted


class OrderBook:
    """What counts against the limits on orders; ``log`` is what the pace is made from."""

    def __init__(self, account: AccountMemory, limits: Limits, clock: Clock) -> None:
        self._account = account
        self._limits = limits
        self._clock = clock
        self.log = OrderLog(account.recall("orders"), clock.now())
        self._noted: set[Target] = set()
        self._exempt: set[Target] = set()

    def release_unmade(self, store: CertificateStore) -> None:
        """Give back the places that an earlier process took for orders which the CA can't have made."""
        for target, at in self.log.reserved.items():
            name, _slash, key_type = target.partition("/")
            if not may_be_made(store, name, key_type, at):
                self.log.release(target)

    def reserve(self, decision: Decision, at: datetime) -> None:
        """Take a place for an order that is about to be made."""
        names = _names(decision.wanted)
        self._noted.add(decision.target)
        self.log.reserve(_key(decision.target), names, at)
        if self._limits.max_orders_per_domain is not None and not decision.issued_before:
            self.log.note_new(registered_domains(decision.wanted.identifiers), names, at)

    def exempt(self, decision: Decision) -> None:
        """Note that an order is about to be made which the CA does not count, as it replaces a certificate."""
        self._exempt.add(decision.target)

    def knows(self, wanted: Wanted, url: str) -> bool:
        """Whether an order with this URL was made before for these names."""
        return self.log.knows(_names(wanted), url)

    def write(self) -> None:
        """Write all of it down, or raise StoreError."""
        self._account.remember("orders", self.log.as_dict())

    def settle(self, attempts: Sequence[Attempt]) -> None:
        """Give back the places of orders that were not made, and of those that the CA calls invalid.

        Every other order counts, whatever has become of it: somebody else may have its certificate. So does one of
        an earlier process of which nothing is known. An order that was to be exempt counts after all when the CA has
        not taken what it replaces.
        """
        for attempt in attempts:
            # one whose place nobody can settle keeps it until its time is over
            with suppress(Error), guarded():
                self._settle(attempt)
            self._noted.discard(attempt.decision.target)
            self._exempt.discard(attempt.decision.target)
        with suppress(StoreError):
            self.write()

    def _settle(self, attempt: Attempt) -> None:
        target, names = attempt.decision.target, _names(attempt.decision.wanted)
        if target in self._exempt:
            self._settle_exempt(attempt, names)
        elif attempt.order is not None:
            self.log.settle_as(_key(target), names, attempt.order.url, self._clock.now())
        elif attempt.ordered:
            self.log.settle(_key(target))
        elif target in self._noted:
            self.log.release(_key(target))
        if attempt.order is not None and attempt.order.status == "invalid":
            self.log.give_back(names, attempt.order.url)

    def _settle_exempt(self, attempt: Attempt, names: list[str]) -> None:
        """Count an order after all that the CA has made without what it replaces."""
        now = self._clock.now().replace(microsecond=0)
        if attempt.ordered and not attempt.replaces:
            self.log.note(names, now)
        if attempt.order is not None:
            self.log.note_url(names, attempt.order.url, now)


def _key(target: Target) -> str:
    return f"{target.name}/{target.key_type}"


def _names(wanted: Wanted) -> list[str]:
    return sorted(wanted.names)
