# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole job for a list of certificates: plan, then runs of bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from .._core.clock import format_instant
from .._core.errors import StoreError
from .._store.certificates import CertificateStore, StoredCertificate
from .candidate import Deferral, HeldError
from .issuance.run import Attempt
from .plan import Decision, Stored, decide, read_stored
from .recovery import mend, recover
from .wanted import Wanted

FailOn = Literal["expired", "any", "never"]
FEW = 10
STATUSES = ("issued", "renewed", "valid", "deferred", "failed")


@dataclass(frozen=True)
class Outcome:
    """What became of one certificate.

    ``failing`` says that something is wrong with it, now or since an earlier attempt; ``failures`` is how many
    attempts in a row have failed, and ``next_attempt`` from when on there may be another one.
    """

    decision: Decision
    status: str
    reason: str
    stored: Stored | None
    details: dict[str, Any] = field(default_factory=dict)
    failing: bool = False
    failures: int = 0
    needs_human: bool = False
    next_attempt: datetime | None = None

    def is_fatal(self, fail_on: FailOn, now: datetime) -> bool:
        """Whether the task has to fail over it: ``expired`` means only where no valid certificate serves meanwhile."""
        return self.failing and (fail_on == "any" or (fail_on == "expired" and not self._serves(now)))

    def _serves(self, now: datetime) -> bool:
        """Whether the stored certificate is valid and has all names: a site that was added to it has none yet."""
        wanted = {identifier.value for identifier in self.decision.wanted.identifiers}
        stored = self.stored
        if stored is None or (stored.revocation and stored.revocation.done):
            return False
        return stored.not_after > now and wanted <= stored.identifiers

    def as_dict(self, fail_on: FailOn, now: datetime) -> dict[str, Any]:
        """The JSON-safe form that modules return."""
        target, stored = self.decision.target, self.stored
        return {
            "name": target.name,
            "key_type": target.key_type,
            "domains": [identifier.value for identifier in self.decision.wanted.identifiers],
            "status": self.status,
            "reason": self.reason,
            "not_after": format_instant(stored.not_after) if stored else None,
            "renew_at": format_instant(stored.renew_at) if stored else None,
            "next_attempt": format_instant(self.next_attempt) if self.next_attempt else None,
            "needs_human": self.needs_human,
            "failures": self.failures,
            "fatal": self.is_fatal(fail_on, now),
            # apart, since an error has a name or a status of its own to tell, such as that of an HTTP answer
            **({"failure": self.details} if self.details else {}),
        }


def make_plan(
    wanted: Iterable[Wanted],
    store: CertificateStore,
    directory: str,
    now: datetime,
    account_uri: str | None = None,
    *,
    mended: list[str] | None = None,
) -> list[Decision]:
    """Decide for every wanted certificate from what the store holds; nothing is read from the CA.

    Only with ``account_uri``, the account in use, can orders say what they replace. Given a list ``mended``,
    records that are broken are made anew on disk, and the list gets a sentence about each: for who holds the lock.
    """
    stored = read_store(store, mended)
    issued = {
        each.names_ordered for siblings in stored.values() for each in siblings.values() if each.directory == directory
    }
    return [
        replace(decision, issued_before=each.names in issued)
        for each in wanted
        for decision in decide(each, stored.get(each.name, {}), directory, now, account_uri)
    ]


def read_store(store: CertificateStore, mended: list[str] | None = None) -> dict[str, dict[str, Stored]]:
    """All stored certificates by name and key type; one that is broken beyond recovery counts as not there."""
    found: dict[str, dict[str, Stored]] = {}
    for entry in store.scan():
        state = store.state(entry.name, entry.key_type)
        stored = _read_entry(entry, state) or _recover(store, entry, state, mended)
        if stored is not None:
            found.setdefault(entry.name, {})[entry.key_type] = stored
    return found


def _read_entry(entry: StoredCertificate, state: Mapping[str, Any]) -> Stored | None:
    if entry.issuance is None:
        return None
    try:
        return read_stored(entry.name, entry.issuance, state)
    except (KeyError, ValueError, TypeError):
        return None


def _recover(
    store: CertificateStore, entry: StoredCertificate, state: Mapping[str, Any], mended: list[str] | None
) -> Stored | None:
    """The certificate with its record made anew, if it is still there."""
    recovered = recover(store, entry.name, entry.key_type)
    if recovered is None:
        return None
    if mended is not None:
        try:
            mended.append(mend(store, recovered))
        except StoreError as error:  # the certificate is as good as before
            mended.append(f"The record of {entry.name} ({entry.key_type}) is broken, and stays so: {error.message}")
    return read_stored(entry.name, recovered.record, state)


def clear_finished(decisions: Iterable[Decision], store: CertificateStore) -> None:
    """Forget orders of certificates that are not due: a run was killed between putting one into place and this.

    Of an entry that can't be used nobody knows whether its certificate is due.
    """
    for decision in decisions:
        if not decision.due and decision.action != "refuse":
            with suppress(StoreError):  # it can wait until the certificate is due
                store.clear_pending(decision.target.name, decision.target.key_type)


def expect(decision: Decision) -> Outcome:
    """What becomes of a decision if all goes well."""
    fault = decision.wanted.fault
    if fault is not None:
        reason, details, stored = fault.message, dict(fault.details), decision.stored
        return Outcome(decision, "failed", reason, stored, details, failing=True, needs_human=True)
    status = {"issue": "issued", "renew": "renewed", "keep": "valid", "wait": "deferred"}[decision.action]
    return Outcome(decision, status, decision.reason, decision.stored, next_attempt=decision.until)


def outcome_of(decision: Decision, attempt: Attempt | None, deferral: Deferral | None = None) -> Outcome:
    """What became of a decision: the attempt tells, if there was one, else why and until when it was put off."""
    if not decision.due:
        return expect(decision)
    if attempt and attempt.failure is not None:
        if isinstance(attempt.failure, HeldError):
            return put_off(decision, attempt.failure.deferral)
        result = attempt.failure.result()
        status = "deferred" if attempt.refused else "failed"
        return Outcome(decision, status, result.pop("msg"), decision.stored, result, failing=True)
    if attempt and attempt.stored:
        return Outcome(decision, "issued" if decision.action == "issue" else "renewed", decision.reason, attempt.stored)
    return put_off(decision, deferral or Deferral(None, f"not done yet: {decision.reason}", failing=False))


def put_off(decision: Decision, deferral: Deferral) -> Outcome:
    """The outcome of what is left for another time."""
    reason, until = deferral.reason, deferral.until
    return Outcome(decision, "deferred", reason, decision.stored, failing=deferral.failing, next_attempt=until)


def count(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many certificates have each status."""
    counts = dict.fromkeys(STATUSES, 0)
    for outcome in outcomes:
        counts[outcome.status] += 1
    return counts


def describe_fatal(outcomes: Iterable[Outcome], fail_on: FailOn, now: datetime) -> dict[str, str]:
    """The message of a task that must fail, or nothing."""
    fatal = [outcome for outcome in outcomes if outcome.is_fatal(fail_on, now)]
    if not fatal:
        return {}
    lines = [f"{outcome.decision.target}: {outcome.reason}" for outcome in fatal[:FEW]]
    more = [f"and {len(fatal) - FEW} more"] if len(fatal) > FEW else []
    some = "1 certificate" if len(fatal) == 1 else f"{len(fatal)} certificates"
    return {"msg": "\n".join([f"{some} could not be issued", *lines, *more])}
