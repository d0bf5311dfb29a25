# SPDX-License-Identifier: GPL-3.0-or-later
"""The CA in memory with Let's Encrypt's limits, its windows for renewals, and troubles of its own."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import requests
from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import Clock, format_instant
from cryptography import x509

from tests.unit.plugins.module_utils._acme.fakes import Answer, Seen, refusal

from .issuing_ca import Authorization, IssuingCa, Manners, Order

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SHORT = 10 * DAY  # what lives shorter is renewed at half of its lifetime


@dataclass
class Counts:
    """What counts against a limit, by what it is about: the instants."""

    orders: list[datetime] = field(default_factory=list)
    sets: dict[frozenset[str], list[datetime]] = field(default_factory=dict)
    domains: dict[str, list[datetime]] = field(default_factory=dict)
    failures: dict[str, list[datetime]] = field(default_factory=dict)


class LimitedCa(IssuingCa):
    """A CA whose authorizations stay valid for ``reuse``, and which adds the names ``extra`` to certificates.

    ``refused`` has a sentence for each limit that was run into. While it ``is_down`` all requests get a page.
    ``validations`` counts them, whether they succeed or not. The first one from ``trouble`` on fails, and so do all
    for a tenth of a lifetime; a lifetime later there is trouble again. ``broken`` is the end of a path and a number:
    of the requests for such paths the one with this number gets status 500.
    """

    def __init__(self, clock: Clock, lifetime: timedelta, reuse: timedelta = 7 * HOUR) -> None:
        super().__init__(clock, Manners(reuses_orders=True, reuses_authorizations=True, lifetime=lifetime))
        self.reuse = reuse
        self.refused: list[str] = []
        self.extra: tuple[str, ...] = ()
        self.is_down = False
        self.broken = "", 0
        self.validations = 0
        self.trouble = self._healed = clock.now()
        self._counts = Counts()
        self._exempt: set[str] = set()

    def _answer(self, seen: Seen, request: requests.PreparedRequest) -> Answer:
        if self.is_down:
            return Answer(503, content=b"<html><body>maintenance</body></html>")
        end, number = self.broken
        if number and seen.path.endswith(end):
            self.broken = end, number - 1
            if number == 1:
                return Answer(500, content=b"<html><body>broken</body></html>")
        return super()._answer(seen, request)

    def _new_order(self, seen: Seen) -> Answer:
        names = frozenset(each["value"] for each in seen.payload["identifiers"])
        exempt = self._is_renewal(seen.payload.get("replaces"))
        limit = self._limit_on(names, exempt)
        if limit:
            self.refused.append(f"{format_instant(self.clock.now())} {limit}: {' '.join(sorted(names))}")
            return refusal("rateLimited", 429, limit, Retry_After="3600")
        before = len(self.orders)
        answer = super()._new_order(seen)
        if exempt:
            self._exempt.add(answer.headers["Location"])
        elif len(self.orders) > before:
            self._counts.orders.append(self.clock.now())
        return answer

    def _is_renewal(self, replaces: str | None) -> bool:
        """Whether an order is made in the window of the certificate that it replaces."""
        if replaces is None:
            return False
        start, end = self._window(self._certificate(replaces))
        return start <= self.clock.now() <= end

    def _limit_on(self, names: frozenset[str], exempt: bool) -> str:
        counts = self._counts
        if any(self._recent(counts.failures.setdefault(name, []), HOUR) >= 5 for name in names):
            return "failed validations"
        if exempt:
            return ""
        if self._recent(counts.orders, 3 * HOUR) >= 300:
            return "orders"
        if self._recent(counts.sets.setdefault(names, []), 7 * DAY) >= 5:
            return "the same names"
        crowded = any(self._recent(counts.domains.setdefault(each, []), 7 * DAY) >= 50 for each in _domains(names))
        return "the domain" if crowded and not counts.sets[names] else ""

    def _recent(self, instants: list[datetime], period: timedelta) -> int:
        instants[:] = [each for each in instants if self.clock.now() - each < period]
        return len(instants)

    def _authorization(self, value: str) -> Authorization:
        for each in self.authorizations:
            if each.status == "valid" and each.expires is not None and each.expires <= self.clock.now():
                each.status = "expired"
        return super()._authorization(value)

    def _validate(self, made: Authorization) -> Answer:
        now = self.clock.now()
        if now >= self.trouble:
            self._healed, self.trouble = now + self.manners.lifetime / 10, now + self.manners.lifetime
        self.manners.failing = {made.name} if now < self._healed else set()
        answer = super()._validate(made)
        self.validations += 1
        if made.status == "valid":
            made.expires = self.clock.now() + self.reuse
        else:
            self._counts.failures.setdefault(made.name, []).append(self.clock.now())
        return answer

    def _issue(self, order: Order, der: bytes) -> bytes:
        names = frozenset(each["value"] for each in order.payload["identifiers"])
        if order.url not in self._exempt:
            self._counts.sets.setdefault(names, []).append(self.clock.now())
            for domain in _domains(names):
                self._counts.domains.setdefault(domain, []).append(self.clock.now())
        more = [{"type": "dns", "value": name} for name in self.extra]
        payload: dict[str, Any] = {**order.payload, "identifiers": [*order.payload["identifiers"], *more]}
        return super()._issue(replace(order, payload=payload), der)

    def _renewal_info(self, serial: str) -> Answer:
        """The pause is the longest that there is, so that a year has few questions."""
        start, end = map(format_instant, self._window(self._certificate(serial)))
        return Answer(document={"suggestedWindow": {"start": start, "end": end}}, headers={"Retry-After": "86400"})

    def _certificate(self, identity: str) -> x509.Certificate:
        number = int.from_bytes(base64.urlsafe_b64decode(identity.rpartition(".")[2] + "=="), "big")
        return next(each for each in reversed(self.issued) if each.serial_number == number)

    def _window(self, certificate: x509.Certificate) -> tuple[datetime, datetime]:
        """Two per cent of the lifetime: 3.2 hours for 160 hours."""
        start, lifetime = certificate.not_valid_before_utc, self.manners.lifetime
        middle = start + lifetime * (1 / 2 if lifetime < SHORT else 2 / 3)
        return middle - lifetime / 100, middle + lifetime / 100


def _domains(names: frozenset[str]) -> set[str]:
    """The registered domains of these names."""
    return {".".join(name.split(".")[-2:]) for name in names}
