# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the store holds, for people, monitoring and other plays."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import jmespath
import jmespath.exceptions

from .._core.clock import format_instant
from .._core.errors import InputError, StoreError
from .._core.files import Files
from .._store.certificates import CertificateStore, StoredCertificate
from .broken import read_entry
from .plan import Stored

# what an issuance record has for others than ourselves
_FIELDS = (
    *("not_before", "not_after", "issued_at", "issuer", "serial", "sha256"),
    *("profile", "preferred_chain", "directory", "account_uri", "certificate_id"),
)


def list_certificates(files: Files, now: datetime) -> list[dict[str, Any]]:
    """A description of each stored certificate, by name and key type; no keys in it."""
    store = CertificateStore(files)
    return [_describe(store, entry, now) for entry in store.scan(unissued=True)]


def search(certificates: list[dict[str, Any]], query: str | None) -> Any:
    """What a JMESPath expression gives for the list; InputError when it is not one."""
    if query is None:
        return certificates
    try:
        return jmespath.search(query, certificates)
    except jmespath.exceptions.JMESPathError as error:
        raise InputError("query", query, f"is no JMESPath expression that works here: {error}") from error


def _describe(store: CertificateStore, entry: StoredCertificate, now: datetime) -> dict[str, Any]:
    state = store.state(entry.name, entry.key_type)
    stored, problem = read_entry(store, entry, state)
    described: dict[str, Any] = {
        "name": entry.name,
        "key_type": entry.key_type,
        **_describe_failures(state),
        "order": _describe_order(store, entry),
        "problem": problem,
    }
    if stored is None or entry.issuance is None:  # never issued, or not readable
        return described
    return {
        **described,
        **{field: entry.issuance.get(field) for field in _FIELDS},
        "domains": entry.issuance["identifiers"],
        "renew_at": format_instant(stored.renew_at),
        "renewal_window": _describe_window(stored),
        "renewal_explanation": stored.renewal.explanation if stored.renewal else None,
        "revocation": stored.revocation.as_dict() if stored.revocation else None,
        "days_left": round((stored.not_after - now).total_seconds() / 86400, 2),
    }


def _describe_failures(state: Mapping[str, Any]) -> dict[str, Any]:
    """What is remembered of failures; what is not of its kind counts as not there."""
    failures, last, following = (state.get(member) for member in ("failures", "last_failure", "next_attempt"))
    return {
        "failures": failures if isinstance(failures, int) else 0,
        "last_failure": last if isinstance(last, Mapping) else None,
        "next_attempt": following if isinstance(following, str) else None,
        "needs_human": state.get("needs_human") is True,
    }


def _describe_order(store: CertificateStore, entry: StoredCertificate) -> str | None:
    """The URL of the order that is under way."""
    try:
        return (store.pending(entry.name, entry.key_type) or {}).get("url")
    except StoreError:
        return None


def _describe_window(stored: Stored) -> dict[str, str] | None:
    window = stored.window
    return {"start": format_instant(window.start), "end": format_instant(window.end)} if window else None
