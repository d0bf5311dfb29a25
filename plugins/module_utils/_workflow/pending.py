# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of the order of an interrupted attempt."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from .._core.clock import parse_instant, read_instant
from .._core.errors import StoreError
from .._store.certificates import CertificateStore
from .plan import Decision


def pending_order(store: CertificateStore, decision: Decision, account_url: str | None) -> dict[str, Any] | None:
    """What the store has of an order that fits what is wanted now; its ``url`` may be None: see CertificateStore.pending().

    An order of another account than that one does not fit; None when it is not known which account is in use.
    """
    target, wanted = decision.target, decision.wanted
    pending = store.pending(target.name, target.key_type)
    if pending is None:
        return None
    names = sorted(identifier.value for identifier in wanted.identifiers)
    fits = sorted(pending["identifiers"]) == names and wanted.accepts(pending.get("profile"))
    return pending if fits and account_url in (None, pending.get("account_uri")) else None


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
