# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The four things that can be asked for a list of names: what module dns01 does, without Ansible."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .._core.errors import Error, InputError
from .fleet import Fleet
from .holdings import unknown_holdings
from .plan import Plan
from .record import CHALLENGE_LABEL, TxtRecord, parse_name, parse_record
from .report import Report

# How many failures are told in the message itself; the result has them all.
TOLD = 5

# A digest as dns-01 has it: SHA-256 in base64url (RFC 8555 §8.4).
_DIGEST = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class Target:
    """What the user lists: a name and its values."""

    name: str
    records: tuple[TxtRecord, ...]


def parse_targets(entries: Sequence[Mapping[str, Any]], state: str) -> tuple[Target, ...]:
    """The list as the user writes it; InputError for a name or a value that can't be used in this state."""
    targets = []
    for entry in entries:
        name = parse_name(str(entry.get("name") or ""), "records")
        values = entry.get("values") or ()
        if state == "swept":
            _check_sweepable(name, values)
        elif not values:
            raise InputError("records", name, f"has no values, which state {state} needs")
        targets.append(Target(name, tuple(parse_record(name, str(value)) for value in values)))
    return tuple(targets)


def parse_sweep(entries: Sequence[Mapping[str, Any]]) -> tuple[tuple[Target, ...], list[str]]:
    """The names to sweep, and a note for each one that can't be used; InputError when none can.

    The names are those of a whole list of certificates, of which one odd line must not keep the others from being swept.
    """
    targets: list[Target] = []
    faults: list[InputError] = []
    for entry in entries:
        try:
            targets += parse_targets([entry], "swept")
        except InputError as error:
            faults.append(error)
    if faults and not targets:
        raise faults[0]
    return tuple(targets), [f"Not swept: {fault.message}" for fault in faults]


def _check_sweepable(name: str, values: Sequence[str]) -> None:
    if name.split(".", maxsplit=1)[0] != CHALLENGE_LABEL:
        raise InputError("records", name, f"is not swept, as it does not begin with {CHALLENGE_LABEL}")
    if values:
        raise InputError(
            "records", name, "has values, but state swept removes all there are: use state absent for some"
        )


@dataclass(frozen=True)
class Outcome:
    """What was done, or would be done; ``before`` and ``after`` are values by name and responder."""

    changed: bool
    report: Report
    before: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    after: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The outcome as a module returns it, with ``msg`` when something failed."""
        report = self.report
        failed = [
            {"name": record.name, "value": record.value or None, "reason": error.message}
            for record, error in sorted(report.failed.items())
        ]
        result = {
            "changed": self.changed,
            "places": [
                {"name": place.name, "owner": place.owner, "zone": place.zone} for place in report.places.values()
            ],
            "updates": [update.as_dict() for update in report.updates],
            "messages": dict(report.messages),
            "verdicts": [verdict.as_dict() for verdict in report.verdicts],
            "failures": failed,
            "notes": list(report.notes),
        }
        return {**result, "msg": _message([str(failure["reason"]) for failure in failed])} if failed else result


def _message(reasons: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(reasons))
    left = len(distinct) - TOLD
    more = f". And {left} more, see failures" if left > 0 else ""
    return ". ".join(distinct[:TOLD]) + more


class Job:
    """One state for a list of names on a fleet; ``wait`` is in seconds, and ``check`` sends no update with an effect."""

    def __init__(self, fleet: Fleet, wait: float, *, verify: bool = True, check: bool = False) -> None:
        self._fleet = fleet
        self._wait = wait
        self._verify = verify
        self._check = check

    def carry_out(self, state: str, targets: Sequence[Target]) -> Outcome:
        """Reach ``present``, ``absent``, ``swept`` or ``verified``."""
        records = list(dict.fromkeys(record for target in targets for record in target.records))
        if state == "verified":
            return Outcome(False, self._fleet.verify(records, self._wait))
        if state == "present":
            return self._make(self._fleet.plan_publish(records), records, self._fleet.verify)
        if state == "absent":
            return self._make(self._fleet.plan_withdraw(records), records, self._fleet.verify_absent)
        plan = _only_challenges(self._fleet.plan_sweep(target.name for target in targets))
        found = [record for sources in plan.origins.values() for record in sources]
        return self._make(plan, found, self._fleet.verify_absent)

    def _make(
        self,
        plan: Plan,
        records: Sequence[TxtRecord],
        verify: Callable[[Sequence[TxtRecord], float], Report],
    ) -> Outcome:
        before, after = _picture(plan)
        if self._check:
            return Outcome(plan.changed, self._foresee(plan), before, after)
        report = self._fleet.apply(plan)
        if not self._verify:
            return Outcome(report.changed, _strict(report), before, after)
        verified = verify([record for record in records if record not in report.failed], self._wait).after(report)
        report = replace(
            report,
            verdicts=verified.verdicts,
            failed={**verified.failed, **report.failed},
            notes=[*report.notes, *verified.notes],
        )
        return Outcome(report.changed, report, before, after)

    def _foresee(self, plan: Plan) -> Report:
        """What would fail: values that a primary would not take, and names about which one does not answer."""
        report = self._fleet.rehearse(plan)
        if not self._verify:
            report = _strict(report)
        return Report(places=plan.places, failed={**report.failed, **_unanswered(plan)}, notes=report.notes)


def _strict(report: Report) -> Report:
    """The same where nobody looks whether the others make up for a primary that could not be reached."""
    return replace(report, failed={**report.unreached, **report.failed})


def _unanswered(plan: Plan) -> dict[TxtRecord, Error]:
    """The records about which a primary did not say whether it has them."""
    failed: dict[TxtRecord, Error] = {}
    for (responder, owner), problem in plan.holdings.problems.items():
        for record, origins in plan.origins.items():
            if record.name == owner and (responder, owner) not in plan.holdings.records:
                error = unknown_holdings(owner, problem)
                failed.update((origin, error) for origin in origins)
    return failed


def _only_challenges(plan: Plan) -> Plan:
    """A sweep that leaves alone what can't be a challenge's value at names that a CNAME record led to.

    Such a name may well hold something else, like the records of a mail domain.
    """

    def ours(record: TxtRecord) -> bool:
        return record.name.startswith(f"{CHALLENGE_LABEL}.") or bool(_DIGEST.fullmatch(record.value))

    changes = (
        replace(change, remove=tuple(record for record in change.remove if ours(record))) for change in plan.changes
    )
    origins = {record: sources for record, sources in plan.origins.items() if ours(record)}
    return replace(plan, changes=tuple(change for change in changes if change.remove), origins=origins)


def _picture(plan: Plan) -> tuple[dict[str, dict[str, list[str]]], dict[str, dict[str, list[str]]]]:
    """The values by owner name and responder that change, before and after."""
    before: dict[str, dict[str, list[str]]] = {}
    after: dict[str, dict[str, list[str]]] = {}
    for change in plan.changes:
        responder = change.responder.name
        for owner in sorted({record.name for record in (*change.add, *change.remove)}):
            held = {record.value for record in plan.holdings.at(responder, owner)}
            added = {record.value for record in change.add if record.name == owner}
            removed = {record.value for record in change.remove if record.name == owner}
            before.setdefault(owner, {})[responder] = sorted(held)
            after.setdefault(owner, {})[responder] = sorted((held | added) - removed)
    return before, after
