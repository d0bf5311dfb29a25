# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How all certificates are doing, from the list and the store alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .._core.clock import Clock
from .._core.errors import StoreError
from .._core.files import Files
from .._report.survey import Row, Survey
from .._store.certificates import CertificateStore
from .broken import find_problems
from .connection import Authority, account_in_use
from .forecast import foresee
from .job import Outcome, make_plan, read_store
from .memory import Memory
from .orders import Limits
from .wanted import Wanted

Problems = Mapping[tuple[str, str], str]
"""Why what the store has of a certificate can't be read, by name and key type."""


def survey_fleet(
    wanted: Sequence[Wanted],
    files: Files,
    authority: Authority,
    clock: Clock,
    *,
    host: str,
    notes: Sequence[str] = (),
) -> Survey:
    """A row for each certificate of the list, and for those in the store that are not on it."""
    store, now = CertificateStore(files), clock.now()
    decisions = make_plan(wanted, store, authority.directory, now, account_in_use(authority, files))
    memory = Memory(files, authority, Limits(), clock)
    problems = find_problems(store)
    rows = [_describe(store, outcome, problems) for outcome in foresee(decisions, memory, clock).outcomes]
    listed = {(row.name, row.key_type) for row in rows}
    rows += [row for row in _unlisted(store, problems) if (row.name, row.key_type) not in listed]
    return Survey(now, host, authority.directory, tuple(rows), tuple(notes))


def _describe(store: CertificateStore, outcome: Outcome, problems: Problems) -> Row:
    target, stored, wanted = outcome.decision.target, outcome.stored, outcome.decision.wanted
    failure = _failure_of(store, outcome)
    # what was deferred says until when, which changes with each attempt although nothing else does
    reason = failure.get("msg") or problems.get((target.name, target.key_type)) or outcome.decision.reason
    return Row(
        name=target.name,
        key_type=target.key_type,
        domains=tuple(identifier.value for identifier in wanted.identifiers),
        reason=str(reason),
        not_after=stored.not_after if stored else None,
        renew_at=stored.renew_at if stored else None,
        next_attempt=outcome.next_attempt,
        failures=outcome.failures,
        needs_human=outcome.needs_human,
        issuer=_issuer(store, target.name, target.key_type) if stored else None,
        admins=wanted.admins,
        failure=failure,
    )


def _unlisted(store: CertificateStore, problems: Problems) -> Iterator[Row]:
    """Each certificate of the store, and each that can't be read any more."""
    found = read_store(store)
    for (name, key_type), problem in problems.items():
        if key_type not in found.get(name, {}):
            yield Row(name, key_type, (), problem, listed=False)
    for name, kinds in found.items():
        for key_type, stored in kinds.items():
            yield Row(
                name=name,
                key_type=key_type,
                domains=tuple(sorted(stored.identifiers)),
                reason=problems.get((name, key_type), ""),
                not_after=stored.not_after,
                issuer=_issuer(store, name, key_type),
                listed=False,
            )


def _failure_of(store: CertificateStore, outcome: Outcome) -> Mapping[str, Any]:
    """What went wrong last; empty when nothing is wrong."""
    target, fault = outcome.decision.target, outcome.decision.wanted.fault
    if fault is not None:
        return fault.result()
    return _last_failure(store, target.name, target.key_type) if outcome.failures or outcome.needs_human else {}


def _last_failure(store: CertificateStore, name: str, key_type: str) -> Mapping[str, Any]:
    found = store.state(name, key_type).get("last_failure")
    return found if isinstance(found, Mapping) else {}


def _issuer(store: CertificateStore, name: str, key_type: str) -> str | None:
    try:
        issuer = (store.issuance(name, key_type) or {}).get("issuer")
    except StoreError:
        return None
    return issuer if isinstance(issuer, str) else None
