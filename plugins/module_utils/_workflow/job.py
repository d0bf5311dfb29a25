# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole job for a list of certificates: plan, then runs of bounded size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from .._core.clock import format_instant
from .._core.errors import StoreError
from .._store.certificates import CertificateStore
from .issuance.run import Attempt
from .plan import Decision, Stored, decide, order_by_urgency, read_stored
from .wanted import Wanted

FailOn = Literal["expired", "any", "never"]
FEW = 10
STATUSES = ("issued", "renewed", "valid", "deferred", "failed")


@dataclass
class Outcome:
    """What became of one certificate."""

    decision: Decision
    status: str
    reason: str
    stored: Stored | None
    details: dict[str, Any] = field(default_factory=dict)

    def serves(self, now: datetime) -> bool:
        """Whether the store has a certificate for it that has not expired."""
        return self.stored is not None and self.stored.not_after > now

    def as_dict(self) -> dict[str, Any]:
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
            # apart, since an error has a name or a status of its own to tell, such as that of an HTTP answer
            **({"failure": self.details} if self.details else {}),
        }


def make_plan(
    wanted: Iterable[Wanted], store: CertificateStore, directory: str, now: datetime, account_uri: str | None = None
) -> list[Decision]:
    """Decide for every wanted certificate from what the store holds; nothing is read from the CA.

    Only with ``account_uri``, the account in use, can orders say what they replace.
    """
    stored = read_store(store)
    return [
        decision for each in wanted for decision in decide(each, stored.get(each.name, {}), directory, now, account_uri)
    ]


def read_store(store: CertificateStore) -> dict[str, dict[str, Stored]]:
    """All stored certificates by name and key type; one whose record is broken counts as not there."""
    found: dict[str, dict[str, Stored]] = {}
    for entry in store.scan():
        if entry.issuance is None:
            continue
        try:
            state = store.state(entry.name, entry.key_type)
        except StoreError:
            state = {}
        try:
            found.setdefault(entry.name, {})[entry.key_type] = read_stored(entry.name, entry.issuance, state)
        except (KeyError, ValueError, TypeError):
            continue
    return found


def clear_finished(decisions: Iterable[Decision], store: CertificateStore) -> None:
    """Forget orders of certificates that are not due: a run was killed between putting one into place and this."""
    for decision in decisions:
        if not decision.due:
            with suppress(StoreError):  # it can wait until the certificate is due
                store.clear_pending(decision.target.name, decision.target.key_type)


def carry_out(
    decisions: Sequence[Decision],
    now: datetime,
    run_size: int,
    max_runs: int | None,
    do_run: Callable[[list[Decision]], list[Attempt]],
) -> list[Outcome]:
    """Do what is due in runs of ``run_size``; what is left after ``max_runs`` runs is deferred."""
    due = order_by_urgency(decisions, now)
    runs = [due[start : start + run_size] for start in range(0, len(due), run_size)]
    attempts = {attempt.decision.target: attempt for run in runs[:max_runs] for attempt in do_run(run)}
    return [outcome_of(decision, attempts.get(decision.target)) for decision in decisions]


def expect(decision: Decision) -> Outcome:
    """What becomes of a decision if all goes well."""
    status = {"issue": "issued", "renew": "renewed", "keep": "valid"}[decision.action]
    return Outcome(decision, status, decision.reason, decision.stored)


def outcome_of(decision: Decision, attempt: Attempt | None) -> Outcome:
    """What became of a decision: the attempt tells, if there was one."""
    if not decision.due:
        return Outcome(decision, "valid", decision.reason, decision.stored)
    if attempt is None or (attempt.failure is None and attempt.stored is None):
        return Outcome(decision, "deferred", f"not done yet: {decision.reason}", decision.stored)
    if attempt.failure is not None:
        result = attempt.failure.result()
        return Outcome(decision, "failed", result.pop("msg"), decision.stored, result)
    return Outcome(decision, "issued" if decision.action == "issue" else "renewed", decision.reason, attempt.stored)


def count(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many certificates have each status."""
    counts = dict.fromkeys(STATUSES, 0)
    for outcome in outcomes:
        counts[outcome.status] += 1
    return counts


def describe_fatal(outcomes: Iterable[Outcome], fail_on: FailOn, now: datetime) -> dict[str, str]:
    """The message of a task that must fail, or nothing: a failure counts when no valid certificate serves meanwhile."""
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    fatal = [each for each in failed if fail_on == "any" or (fail_on == "expired" and not each.serves(now))]
    if not fatal:
        return {}
    lines = [f"{outcome.decision.target}: {outcome.reason}" for outcome in fatal[:FEW]]
    more = [f"and {len(fatal) - FEW} more"] if len(fatal) > FEW else []
    some = "1 certificate" if len(fatal) == 1 else f"{len(fatal)} certificates"
    return {"msg": "\n".join([f"{some} could not be issued", *lines, *more])}
