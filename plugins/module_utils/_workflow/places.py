# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The orders that may still be made within all limits (G23)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from .._core.clock import format_instant
from .candidate import Candidate, Deferral, Known, is_exempt
from .orders import WINDOW, WINDOW_PER_NAMES, Slots
from .registered_domain import registered_domains


class Places:
    """The orders that may still be made within all limits; each order uses up a place."""

    def __init__(self, known: Known, now: datetime) -> None:
        self._orders = known.orders
        self._limits = known.limits
        self._now = now
        self._all = Slots(known.orders.instants(now), known.limits.max_orders, WINDOW)
        self._names: dict[tuple[str, ...], Slots] = {}
        self._domains: dict[str, Slots] = {}
        self._new: set[tuple[str, ...]] = set()

    def take(self, each: Candidate) -> Deferral | None:
        """Take a place, unless the certificate needs none; why and until when there is none."""
        if is_exempt(each.decision, each.failures, self._now):
            return None
        for until, reason, repeated in self._own_limits(each):
            if until > self._now:
                return Deferral(until, f"not before {format_instant(until)}: {reason}", failing=repeated)
        until = self._all.next_free(self._now)
        self._all.take(until)
        if until > self._now:
            reason = f"max_orders: {self._limits.max_orders} orders are as many as are made in three hours"
            return Deferral(until, f"not before {format_instant(until)}: {reason}", failing=False)
        self._of_names(each).take(self._now)
        for domain in self._new_domains(each):
            self._of_domain(domain).take(self._now)
        self._new.add(each.exact_names)
        return None

    def _own_limits(self, each: Candidate) -> Iterator[tuple[datetime, str, bool]]:
        """Until when it has no place of its own and why, and whether that comes of its own orders."""
        most = self._limits.max_orders_per_names
        yield (
            self._of_names(each).next_free(self._now),
            f"max_orders_per_names: its names have had {most} orders in seven days",
            True,
        )
        for domain in self._new_domains(each):
            most = self._limits.max_orders_per_domain or 0
            yield (
                self._of_domain(domain).next_free(self._now),
                f"max_orders_per_domain: {domain} has had {most} new sets of names in seven days",
                False,
            )

    def _of_names(self, each: Candidate) -> Slots:
        names = each.exact_names
        if names not in self._names:
            taken = self._orders.instants_for(names, self._now)
            self._names[names] = Slots(taken, self._limits.max_orders_per_names, WINDOW_PER_NAMES)
        return self._names[names]

    def _of_domain(self, domain: str) -> Slots:
        if domain not in self._domains:
            taken = self._orders.new_in(domain, self._now)
            self._domains[domain] = Slots(taken, self._limits.max_orders_per_domain or 0, WINDOW_PER_NAMES)
        return self._domains[domain]

    def _new_domains(self, each: Candidate) -> frozenset[str]:
        """The registered domains for which its names are new to the CA, if that is limited."""
        known = each.decision.issued_before or each.exact_names in self._new
        if known or self._limits.max_orders_per_domain is None:
            return frozenset()
        domains = registered_domains(each.decision.wanted.identifiers)
        return frozenset(domain for domain in domains if not self._orders.has_new(domain, each.exact_names))
