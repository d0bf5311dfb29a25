# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate that is due, and all that decides whether it may be tried now: plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from .._acme.pauses import Pauses
from .._core.errors import NotTriedError
from .failures import Failures
from .orders import Limits, OrderLog
from .plan import Decision
from .renewal import OFTEN


@dataclass(frozen=True)
class Candidate:
    """A certificate that is due, and what is remembered of it.

    ``pending``: an order for it can be resumed. ``open``: there may be one, also where its URL is not known.
    """

    decision: Decision
    failures: Failures = field(default_factory=Failures)
    pending: bool = False
    open: bool = False

    @cached_property
    def names(self) -> frozenset[str]:
        """What its authorizations are about."""
        return frozenset(identifier.base for identifier in self.decision.wanted.identifiers)

    @cached_property
    def exact_names(self) -> tuple[str, ...]:
        """What its order is for."""
        return tuple(sorted(identifier.value for identifier in self.decision.wanted.identifiers))


@dataclass(frozen=True)
class Deferral:
    """Why a certificate is not tried now, and when it will be; None: when a human has acted and asked for it.

    ``failing`` says that something is wrong, and that it does not just wait for its turn.
    """

    until: datetime | None
    reason: str
    failing: bool


class HeldError(NotTriedError):
    """No order may be made for a certificate at the moment, although one that is pending may go on."""

    def __init__(self, deferral: Deferral) -> None:
        super().__init__(deferral.reason)
        self.deferral = deferral


@dataclass(frozen=True)
class Known:
    """What is remembered beside the certificates: failures by name, orders made, pauses that the CA asked for.

    ``under_way``: the task talks to the CA already, and has nonces whatever the CA says to new ones.
    """

    identifiers: Mapping[str, Failures]
    orders: OrderLog
    pauses: Pauses
    limits: Limits
    under_way: bool = False


def is_exempt(decision: Decision, failures: Failures, now: datetime) -> bool:
    """Whether the CA counts the order against no limit: it says inside the CA's window what it replaces (RFC 9773 §5)."""
    window = decision.stored.window if decision.stored else None
    return decision.replaces is not None and window is not None and now in window and failures.count < OFTEN
