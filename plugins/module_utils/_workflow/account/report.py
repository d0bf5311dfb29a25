# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user gets to see of an account: never a key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..._acme.directory import Directory
from ..._acme.key import AccountKey
from .look import Found
from .plan import Step, contact_of, is_known, terms_changed
from .record import DEFAULT_KEY_TYPE, Record, WantedAccount

TO_BE_MADE = "(to be made)"


def report_present(
    found: Found, wanted: WantedAccount, directory: Directory, steps: Sequence[Step], record: Record | None
) -> dict[str, Any]:
    """The result of state ``present``; without a ``record`` it is foreseen from the plan."""
    before = _view(found)
    after = {**before, **_foresee(found, wanted, directory, steps)}
    if record is not None:
        after["account_uri"], after["key_thumbprint"] = record.account_uri, record.thumbprint
    return {
        "changed": bool(steps),
        "actions": list(steps),
        "status": "valid",
        "account_uri": _made(after["account_uri"]),
        "contact": after["contact"],
        "key_type": after["key_type"],
        "key_label": after["key_label"],
        "key_thumbprint": _made(after["key_thumbprint"]),
        "terms_of_service": directory.terms_of_service,
        "terms_of_service_agreed": after["terms_of_service"],
        "terms_of_service_changed": terms_changed(found.record, directory),
        "diff": {"before": before, "after": after},
    }


def report_absent(found: Found | None, steps: Sequence[Step]) -> dict[str, Any]:
    """The result of state ``absent``; nothing was there when ``found`` is None."""
    record = found.record if found else None
    before = _record_view(record) if record else {"state": "present" if found and found.key else "absent"}
    return {
        "changed": bool(steps),
        "actions": list(steps),
        "status": "deactivated" if found and found.account else None,
        "account_uri": record.account_uri if record else None,
        "diff": {"before": before, "after": {"state": "absent"}},
    }


def _view(found: Found) -> dict[str, Any]:
    """The account as the store has it, with the contact that the CA shows."""
    record, account = found.record, found.account
    if record is None or account is None or not is_known(record, account):
        return {"state": "absent"}
    return {**_record_view(record), "contact": list(contact_of(record, account))}


def _record_view(record: Record) -> dict[str, Any]:
    return {
        "state": "present",
        "account_uri": record.account_uri,
        "contact": list(record.contact),
        "key_type": record.key_type,
        "key_label": record.key_label,
        "key_thumbprint": record.thumbprint,
        "terms_of_service": record.terms_of_service,
    }


def _foresee(found: Found, wanted: WantedAccount, directory: Directory, steps: Sequence[Step]) -> dict[str, Any]:
    """What the steps change of the view."""
    changes: dict[str, Any] = {"state": "present"}
    if "register" in steps or "adopt" in steps:
        known = found.account.contact if found.account else None
        kept = found.record.contact if found.record and not found.account else ()
        changes |= {
            "account_uri": found.account.url if found.account else TO_BE_MADE,
            "contact": list(known or kept),
            "key_type": found.key_type or wanted.key_type or DEFAULT_KEY_TYPE,
            "key_label": wanted.key_label,
            "key_thumbprint": AccountKey(found.key).thumbprint if found.key else TO_BE_MADE,
            "terms_of_service": directory.terms_of_service if wanted.terms_agreed else None,
        }
    if wanted.contact is not None:
        changes["contact"] = list(wanted.contact)
    if "record terms of service" in steps:
        changes["terms_of_service"] = directory.terms_of_service
    if "finish key change" in steps and found.key:
        changes |= _with_key(found, wanted, AccountKey(found.next_key or found.key).thumbprint)
    if "change key" in steps:
        changes |= _with_key(found, wanted, TO_BE_MADE)
    return changes


def _with_key(found: Found, wanted: WantedAccount, thumbprint: str) -> dict[str, Any]:
    kept = found.record.key_label if found.record else None
    return {
        "key_type": wanted.key_type or found.key_type,
        "key_label": kept if wanted.key_label is None else wanted.key_label,
        "key_thumbprint": thumbprint,
    }


def _made(value: str) -> str | None:
    return None if value == TO_BE_MADE else value
