# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dns-01 in a run: values on every responder before the CA looks (RFC 8555 §8.4)."""

from __future__ import annotations

from ..._acme.challenge import dns_01
from ..._dns.fleet import Fleet
from ..._dns.record import TxtRecord
from ..._dns.report import Report
from . import steps
from .run import Attempt, Run


class DnsAnswers:
    """The TXT values that the attempts of a run need; ``wait`` is how many seconds the responders have."""

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
        published = self._fleet.publish(self._needed())
        self._take(published)
        self._take(self._fleet.verify(self._needed(), self._wait).after(published))

    def withdraw(self) -> None:
        """Have none of them any more."""
        self._tell(self._fleet.withdraw(sorted(frozenset().union(*self._records.values()))))

    def _take(self, report: Report) -> None:
        self._tell(report)
        for attempt in self._run.going:
            lacking = sorted(record for record in self._records.get(attempt, ()) if record in report.failed)
            if lacking:
                attempt.failure = report.failed[lacking[0]]

    def _tell(self, report: Report) -> None:
        self._run.updates.update(report.messages)
        self._run.note(*report.notes)

    def _needed(self) -> list[TxtRecord]:
        """The values that the attempts which have not failed need, each one once."""
        return sorted(frozenset().union(*(self._records.get(attempt, ()) for attempt in self._run.going)))
