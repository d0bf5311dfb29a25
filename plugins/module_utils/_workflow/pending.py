# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which order of an interrupted attempt is gone on with."""

from __future__ import annotations

from typing import Any

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
