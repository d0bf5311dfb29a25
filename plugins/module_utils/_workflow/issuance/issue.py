# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run from keys to stored certificates, through dns-01 on every responder."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from ..._acme.challenge import dns_01
from ..._core.errors import Error
from ..._dns.fleet import Fleet
from ..._dns.record import TxtRecord
from ..._dns.report import Report
from . import steps
from .awaiting import await_issued, await_ready
from .opening import open_orders
from .run import Attempt, Run
from .storing import note_orders, record_failures, store_issued


def issue(run: Run, fleet: Fleet, wait: float) -> None:
    """Take all attempts of the run as far as they get; ``wait`` is how many seconds the responders have.

    Whatever happens, every value that was published is withdrawn again; the CA
    and the disk are kept at work meanwhile.
    """
    steps.check_profiles(run)
    steps.prepare_keys(run)
    note_orders(run)
    open_orders(run)
    steps.read_authorizations(run)
    records = {attempt: _records_of(run, attempt) for attempt in run.going}
    with ThreadPoolExecutor(max_workers=1) as background:
        try:
            _publish(run, fleet, records, wait)
            steps.answer(run)
            await_ready(run)
        finally:
            withdrawal = background.submit(fleet.withdraw, sorted(frozenset().union(*records.values())))
        steps.finalize(run)
        await_issued(run)
        steps.download(run)
        store_issued(run)
        record_failures(run)
    report = withdrawal.result()
    run.updates.update(report.messages)
    run.notes.extend(note for note in report.notes if note not in run.notes)


def _records_of(run: Run, attempt: Attempt) -> frozenset[TxtRecord]:
    """The TXT values that an attempt needs (RFC 8555 §8.4); an attempt without its challenge fails here."""
    records = set()
    try:
        for authorization in steps.pending_authorizations(run, attempt):
            records.add(TxtRecord(*dns_01(authorization, run.session.key)))
    except Error as error:
        attempt.failure = error
    return frozenset(records)


def _publish(run: Run, fleet: Fleet, records: Mapping[Attempt, frozenset[TxtRecord]], wait: float) -> None:
    """Have the values on the responders; who lacks one is the failure of the certificates that need it.

    A primary that can't be reached is none yet: the verification says whether the others make up for it.
    """
    published = fleet.publish(_all(run, records))
    _take(run, published, records)
    _take(run, fleet.verify(_all(run, records), wait).after(published), records)


def _take(run: Run, report: Report, records: Mapping[Attempt, frozenset[TxtRecord]]) -> None:
    run.updates.update(report.messages)
    run.notes.extend(note for note in report.notes if note not in run.notes)
    for attempt in run.going:
        lacking = sorted(record for record in records[attempt] if record in report.failed)
        if lacking:
            attempt.failure = report.failed[lacking[0]]


def _all(run: Run, records: Mapping[Attempt, frozenset[TxtRecord]]) -> list[TxtRecord]:
    """The values that the attempts which have not failed need, each one once."""
    return sorted(frozenset().union(*(records[attempt] for attempt in run.going)))
