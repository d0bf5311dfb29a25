# SPDX-License-Identifier: GPL-3.0-or-later
"""Let's Encrypt's limits: token buckets by account, domain, set of names and failures."""

from __future__ import annotations

import math
import time
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal

from ..ca_messages import RENEWAL_INFO, Pass, Reply, Request, path_of, problem
from . import Behaviour, Clock, made_order, unsigned

Bucket = Literal["account", "domain", "set", "failures"]
"""Which limit: what each of its buckets is for."""

HOUR = 3600.0
WEEK = 7 * 24 * HOUR


@dataclass(frozen=True)
class Limit:
    """So many in a period (seconds), after which one more comes free each ``period / count``."""

    count: int
    period: float


class Buckets:
    """A token bucket for each key; kept as the instant at which it will be full again (GCRA)."""

    def __init__(self, limit: Limit, clock: Clock) -> None:
        self.limit = limit
        self._clock = clock
        self._full_at: dict[Hashable, float] = {}
        self._all_full_at = 0.0

    @property
    def _step(self) -> float:
        return self.limit.period / self.limit.count

    def wait(self, key: Hashable = None) -> float:
        """Seconds until a token is there, 0 when one is."""
        full_at = self._full_at.get(key, self._all_full_at)
        return max(0.0, full_at + self._step - self.limit.period - self._clock())

    def spend(self, key: Hashable = None) -> None:
        """Take a token, even one that is not there yet."""
        self._full_at[key] = max(self._full_at.get(key, self._all_full_at), self._clock()) + self._step

    def exhaust(self, key: Hashable = None) -> None:
        """Let there be no token for a whole period."""
        self._full_at[key] = self._full_after_a_period

    def exhaust_all(self) -> None:
        """The same for every key."""
        self._full_at.clear()
        self._all_full_at = self._full_after_a_period

    @property
    def _full_after_a_period(self) -> float:
        return self._clock() + 2 * self.limit.period - self._step


@dataclass(frozen=True)
class Allowance:
    """Let's Encrypt's limits."""

    orders_per_account: Limit = Limit(300, 3 * HOUR)
    certificates_per_domain: Limit = Limit(50, WEEK)
    certificates_per_set: Limit = Limit(5, WEEK)
    failures_per_name: Limit = Limit(5, HOUR)
    """Failed validations of a name by an account."""


@dataclass(frozen=True)
class _Check:
    """A bucket that has to have a token for an order, and how Boulder words it that there is none."""

    buckets: Buckets
    key: Hashable
    what: str
    anchor: str

    @property
    def wait(self) -> float:
        return self.buckets.wait(self.key)

    def refusal(self, now: float, nonce: str) -> Reply:
        limit = self.buckets.limit
        again = datetime.fromtimestamp(math.ceil(now + self.wait), timezone.utc)
        detail = (
            f"too many {self.what.format(count=limit.count)} in the last {_duration(limit.period)}, "
            f"retry after {again:%Y-%m-%d %H:%M:%S} UTC: see https://letsencrypt.org/docs/rate-limits/#{self.anchor}"
        )
        return problem(429, "rateLimited", detail, retry_after=str(math.ceil(self.wait)), nonce=nonce)


class TokenBuckets(Behaviour):
    """Let's Encrypt's limits, told in Boulder's words.

    - An order whose ``replaces`` names a certificate that the CA has renewal information about is exempt from all of
      them. Whether its window is open is not looked at: tests set clocks forward, and the CA's goes on as it is.
    - A set of names that has been issued before is exempt from the limit per domain.
    - The registered domain of a name are its last two labels.
    - A certificate counts when it is finalized, an order when it is made, and an answer that Boulder finds in its
      database, as :class:`OrderReuse` does, counts once more. A validation that fails counts when the client looks at its
      authorization.
    """

    def __init__(self, allowance: Allowance | None = None, clock: Clock = time.time) -> None:
        super().__init__(clock)
        given = allowance or Allowance()
        self._orders = Buckets(given.orders_per_account, clock)
        self._domains = Buckets(given.certificates_per_domain, clock)
        self._sets = Buckets(given.certificates_per_set, clock)
        self._failures = Buckets(given.failures_per_name, clock)
        self._issued: set[frozenset[str]] = set()
        self._exempt: set[str] = set()
        self._failed: set[str] = set()

    def no_new_names(self, domain: str) -> None:
        """For the next week no certificate for new names of this registered domain; renewals pass."""
        with self._lock:
            self._domains.exhaust(domain)

    def none_left(self, bucket: Bucket) -> None:
        """For a whole period every account, domain, set of names or name is at this limit; renewals pass."""
        buckets = {"account": self._orders, "domain": self._domains, "set": self._sets, "failures": self._failures}
        with self._lock:
            buckets[bucket].exhaust_all()

    def answer(self, request: Request, forward: Pass) -> Reply:
        """Refuse orders beyond a limit, and count what is made."""
        is_renewal = request.kind == "newOrder" and _is_renewal(request, forward)
        if request.kind == "newOrder" and not is_renewal and (refusal := self._refusal(request)):
            return refusal
        reply = forward(request)
        with self._lock:
            self._count(request, reply, is_renewal)
        return reply

    def _refusal(self, request: Request) -> Reply | None:
        with self._lock:
            checks = list(self._checks(request.account, _names_of(request.payload)))
            slowest = max(checks, key=lambda each: each.wait)
            if not slowest.wait:
                return None
            self.struck += 1
            return slowest.refusal(self._clock(), request.nonce)

    def _checks(self, account: str, names: frozenset[str]) -> Iterator[_Check]:
        yield _Check(self._orders, account, "new orders ({count}) from this account", "new-orders-per-account")
        what, anchor = "for this exact set of identifiers", "new-certificates-per-exact-set-of-identifiers"
        yield _Check(self._sets, names, f"certificates ({{count}}) already issued {what}", anchor)
        anchor = "authorization-failures-per-identifier-per-account"
        for name in sorted(names):
            yield _Check(self._failures, (account, name), f'failed authorizations ({{count}}) for "{name}"', anchor)
        if names not in self._issued:
            anchor = "new-certificates-per-registered-domain"
            for domain in sorted(set(map(registered_domain, names))):
                yield _Check(self._domains, domain, f'certificates ({{count}}) already issued for "{domain}"', anchor)

    def _count(self, request: Request, reply: Reply, is_renewal: bool) -> None:
        if made_order(request, reply):
            finalize = path_of(reply.document["finalize"])
            if is_renewal:
                self._exempt.add(finalize)
            else:
                self._exempt.discard(finalize)
                self._orders.spend(request.account)
        elif request.kind == "finalize" and reply.status == 200:
            self._count_certificate(_names_of(reply.document), request.path in self._exempt)
        elif request.kind == "authorization" and reply.status == 200:
            self._count_failure(request, reply.document)

    def _count_certificate(self, names: frozenset[str], is_exempt: bool) -> None:
        if not is_exempt:
            self._sets.spend(names)
            if names not in self._issued:
                for domain in set(map(registered_domain, names)):
                    self._domains.spend(domain)
        self._issued.add(names)

    def _count_failure(self, request: Request, authorization: Mapping[str, Any]) -> None:
        if authorization["status"] == "invalid" and request.path not in self._failed:
            self._failed.add(request.path)
            self._failures.spend((request.account, authorization["identifier"]["value"]))


def registered_domain(name: str) -> str:
    """The last two labels of a name."""
    return ".".join(name.split(".")[-2:])


def _is_renewal(request: Request, forward: Pass) -> bool:
    replaces = request.payload.get("replaces")
    if not replaces:
        return False
    return forward(unsigned("GET", f"{RENEWAL_INFO}/{replaces}", request.host)).status == 200


def _names_of(document: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(each["value"] for each in document.get("identifiers", ()))


def _duration(seconds: float) -> str:
    """As Go writes it."""
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours}h{rest // 60}m{rest % 60}s"
