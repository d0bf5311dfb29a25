# SPDX-License-Identifier: GPL-3.0-or-later
"""Let's Encrypt's ways together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from . import Behaviour
from .keys import KeyCache
from .limits import HOUR, WEEK, Allowance, Limit, TokenBuckets
from .nonces import NonceRefusals
from .orders import OrderReuse, SlowFinalize
from .rates import NonceRate


@dataclass(frozen=True)
class Limits:
    """Let's Encrypt's limits and delays, as far as a test's patience goes."""

    orders_per_account: int = 300
    """In 3 hours."""
    certificates_per_domain: int = 50
    """In 7 days, for each registered domain; sets of names that were issued before don't count."""
    certificates_per_set: int = 5
    """In 7 days, for exactly these names."""
    failures_per_name: int = 5
    """Failed validations in an hour, of a name by an account."""
    nonces_per_second: float = 20.0
    nonces_at_once: int = 10
    finalize_seconds: float = 0.2
    """How long an order stays `processing`."""
    finalize_retry_after: int = 1
    """What finalize and an order that is `processing` say in Retry-After; Let's Encrypt says 3."""
    key_cache_seconds: float = 5.0
    """How long a new account key is refused, and the former one accepted."""

    @classmethod
    def of(cls, given: Mapping[str, float]) -> Limits:
        """These limits instead of the defaults; raises ValueError for an unknown one."""
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(given) - set(known))
        if unknown:
            raise ValueError(f"no limit {', '.join(unknown)}; there are {', '.join(known)}")
        return cls(**given)  # type: ignore[arg-type]  # JSON has whole numbers where they belong


def letsencrypt(limits: Limits, nonce_reject: int = 0) -> Sequence[Behaviour]:
    """The behaviours, for a CA that refuses no good nonce by itself; ``nonce_reject`` percent are refused here instead."""
    allowance = Allowance(
        Limit(limits.orders_per_account, 3 * HOUR),
        Limit(limits.certificates_per_domain, WEEK),
        Limit(limits.certificates_per_set, WEEK),
        Limit(limits.failures_per_name, HOUR),
    )
    return (
        NonceRate(limits.nonces_per_second, limits.nonces_at_once),
        NonceRefusals(nonce_reject),
        KeyCache(limits.key_cache_seconds),
        TokenBuckets(allowance),
        OrderReuse(),
        SlowFinalize(limits.finalize_seconds, retry_after=str(limits.finalize_retry_after)),
    )
