# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dns-01 in a run: values on every responder before the CA looks (RFC 8555 §8.4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

from ..._acme.challenge import dns_01
from ..._core.errors import Error, StoreError
from ..._core.workers import isolate
from ..._dns.fleet import Fleet
from ..._dns.record import CHALLENGE_LABEL, TxtRecord
from ..._dns.report import Report
from ..._dns.update import ABSENT
from ..pending import pending_order
from ..plan import Decision
from ..wanted import Target, Wanted
from . import steps
from .run import Attempt, Run


def check_zones(run: Run, fleet: Fleet) -> None:
    """Let drop out what the responders would not take values for, before it costs an order.

    What has a pending order already is gone on with: its values are published soon enough.
    """
    attempts = [attempt for attempt in run.going if attempt.held is None and not _has_order(run, attempt)]
    failed, notes = rehearse(fleet, [attempt.decision for attempt in attempts])
    run.note(*notes)
    for attempt in attempts:
        attempt.failure = failed.get(attempt.decision.target)


def _has_order(run: Run, attempt: Attempt) -> bool:
    with suppress(StoreError):
        return pending_order(run.store, attempt.decision, run.session.account_url) is not None
    return False


def rehearse(fleet: Fleet, decisions: Iterable[Decision]) -> tuple[dict[Target, Error], Sequence[str]]:
    """The certificates whose values would find no zone or be refused, each with the reason, and notes.

    Each primary gets updates without effect; the CA is asked nothing, and nothing is written.
    """
    needs = {each.target: _values_for(each.wanted) for each in decisions if each.wanted.challenge == "dns-01"}
    failed: dict[Target, Error] = {}
    notes: dict[str, None] = {}

    def ask(targets: Sequence[Target]) -> None:
        values = sorted(frozenset().union(*(needs[target] for target in targets)))
        report = fleet.rehearse(fleet.plan_publish(values, ask=False))
        lacking = {target: sorted(needs[target] & report.failed.keys()) for target in targets}
        failed.update((target, report.failed[values[0]]) for target, values in lacking.items() if values)
        notes.update(dict.fromkeys(report.notes))

    failed.update(isolate(ask, list(needs)))
    return failed, list(notes)


def _values_for(wanted: Wanted) -> frozenset[TxtRecord]:
    """A value at each name that the order will need one at; which one, only the CA can tell."""
    return frozenset(TxtRecord(f"{CHALLENGE_LABEL}.{each.base}", ABSENT) for each in wanted.identifiers)


class DnsAnswers:
    """The TXT values that the attempts of a run need; ``wait`` is how many seconds the responders have."""

    challenge = "dns-01"

    def __init__(self, run: Run, fleet: Fleet, wait: float) -> None:
        self._run = run
        self._fleet = fleet
        self._wait = wait
        self._records: dict[Attempt, frozenset[TxtRecord]] = {}

    def prepare(self) -> None:
        """Find out what is needed; an attempt without its challenge fails here."""
        found = steps.answers_of(self._run, "dns-01", dns_01)
        self._records = {
            attempt: frozenset(TxtRecord(owner, value) for _identifier, (owner, value) in answers)
            for attempt, answers in found.items()
        }

    def publish(self) -> None:
        """Have the values on the responders; who lacks one is the failure of the certificates that need it.

        A primary that can't be reached is none yet: the verification says whether the others make up for it.
        """
        going = [attempt for attempt in self._run.going if self._records.get(attempt)]
        for attempt, error in isolate(self._publish, going).items():
            attempt.failure = attempt.failure or error

    def withdraw(self) -> None:
        """Have none of them any more; what could not be withdrawn is left to the next run, which has it in the ledger."""
        values = sorted(frozenset().union(*self._records.values()))
        left = isolate(lambda part: self._tell(self._fleet.withdraw(part)), values)
        for error in left.values():
            self._run.note(f"{error.message}. Values may be left; the next run withdraws them")

    def _publish(self, attempts: Sequence[Attempt]) -> None:
        published = self._fleet.publish(self._needed(attempts))
        self._take(published)
        self._take(self._fleet.verify(self._needed(attempts), self._wait).after(published))

    def _take(self, report: Report) -> None:
        self._tell(report)
        for attempt in self._run.going:
            lacking = sorted(record for record in self._records.get(attempt, ()) if record in report.failed)
            if lacking:
                attempt.failure = report.failed[lacking[0]]

    def _tell(self, report: Report) -> None:
        self._run.updates.update(report.messages)
        self._run.note(*report.notes)

    def _needed(self, attempts: Sequence[Attempt]) -> list[TxtRecord]:
        """The values that those of the attempts need which have not failed, each one once."""
        going = [attempt for attempt in attempts if attempt.failure is None]
        return sorted(frozenset().union(*(self._records[attempt] for attempt in going)))
