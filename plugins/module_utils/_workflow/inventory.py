# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the store holds, for people, monitoring and other plays."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import jmespath
import jmespath.exceptions

from .._core.clock import format_instant
from .._core.errors import Error, InputError
from .._core.files import Files
from .._store.certificates import CertificateStore, StoredCertificate
from .plan import Stored, read_stored

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
    described: dict[str, Any] = {"name": entry.name, "key_type": entry.key_type, "problem": entry.broken}
    try:
        state = store.state(entry.name, entry.key_type)
        stored = read_stored(entry.name, entry.issuance, state) if entry.issuance is not None else None
        pending = store.pending(entry.name, entry.key_type)
    except (Error, KeyError, TypeError, ValueError) as error:
        return {**described, "problem": f"a record in the store is broken: {error}"}
    described.update(
        failures=state.get("failures", 0),
        last_failure=state.get("last_failure"),
        next_attempt=state.get("next_attempt"),
        needs_human=state.get("needs_human", False),
        order=pending and pending.get("url"),
        problem=entry.broken or store.state_problem(entry.name, entry.key_type),
    )
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


def _describe_window(stored: Stored) -> dict[str, str] | None:
    window = stored.window
    return {"start": format_instant(window.start), "end": format_instant(window.end)} if window else None
