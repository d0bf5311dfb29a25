# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of the order of an interrupted attempt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from .._core.clock import parse_instant, read_instant
from .._core.errors import StoreError
from .._store.certificates import CertificateStore
from .plan import Decision

LONGEST_LIFE = timedelta(days=7)
"""How long an order is gone on with that can't be read, or that the CA is at work on."""


@dataclass(frozen=True)
class PendingOrder:
    """An order on disk, to be resumed.

    ``url`` is None while the CA has not told it: there may be an order. ``profile`` is the one that it was made with
    (None: the CA's default).
    """

    url: str | None
    profile: str | None
    ordered_at: datetime | None

    def is_old(self, now: datetime) -> bool:
        """Whether it was made so long ago that it must not be waited for any longer."""
        return self.ordered_at is not None and now - self.ordered_at > LONGEST_LIFE


def pending_order(store: CertificateStore, decision: Decision, account_url: str | None) -> PendingOrder | None:
    """The order on disk that fits the wanted certificate; StoreError when the store can't be read.

    The order has to be of the account with this URL. With None, the account is not known and any one will do.
    """
    target, wanted = decision.target, decision.wanted
    pending = store.pending(target.name, target.key_type)
    if pending is None:
        return None
    fits = sorted(pending["identifiers"]) == sorted(wanted.names) and wanted.accepts(pending.get("profile"))
    if not fits or account_url not in (None, pending.get("account_uri")):
        return None
    return PendingOrder(pending["url"], pending.get("profile"), read_instant(pending.get("ordered_at")))


def may_be_made(store: CertificateStore, name: str, key_type: str, at: datetime) -> bool:
    """Whether the CA may have made the order that was reserved at this instant when a task was killed.

    The record of a new order is on disk before the CA hears of it, and takes the place of an earlier order's.
    """
    try:
        pending = store.pending(name, key_type)
        begun_at = read_instant(pending.get("ordered_at")) if pending else None
        if store.has_broken_order(name, key_type) or (pending and (begun_at is None or begun_at >= at)):
            return True
        issued = (store.issuance(name, key_type) or {}).get("issued_at")
        return issued is not None and parse_instant(issued) >= at
    except (StoreError, ValueError):
        return True
