# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order the steps of a run come: for the whole way, and for its two halves with a user in between."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from ..._dns.fleet import Fleet
from . import steps
from .alpn import AlpnAnswers, Listener
from .awaiting import await_issued, await_ready
from .dns import DnsAnswers, check_zones
from .opening import open_orders, resume_orders
from .run import Run
from .storing import note_orders, record_failures, store_issued
from .web import Web, WebAnswers


@dataclass(frozen=True)
class Means:
    """With what challenges are answered; the responders have ``wait`` seconds. ``csrs`` came from frontends."""

    fleet: Fleet
    wait: float
    web: Web
    listener: Listener = field(default_factory=Listener)
    csrs: Mapping[str, steps.CsrOrProblem] = field(default_factory=dict)

    @property
    def taken_up(self) -> frozenset[str]:
        """The certificates that others have done their part for, and that alone are gone on with."""
        return self.web.placed | frozenset(self.csrs)


def issue(run: Run, means: Means) -> None:
    """Take all attempts of the run as far as they get.

    Whatever happens, every answer that was published is withdrawn again; the CA
    and the disk are kept at work meanwhile.
    """
    _order(run, means)
    all_answers = (
        DnsAnswers(run, means.fleet, means.wait),
        WebAnswers(run, means.web),
        AlpnAnswers(run, means.listener),
    )
    for answers in all_answers:
        answers.prepare()
    with ThreadPoolExecutor(max_workers=1) as background:
        try:
            for answers in all_answers:
                answers.publish()
            steps.answer(run)
            await_ready(run)
        finally:
            withdrawals = [background.submit(answers.withdraw) for answers in all_answers]
        _collect(run)
    for withdrawal in withdrawals:
        withdrawal.result()


def place(run: Run) -> None:
    """The first half: orders, whose challenges the user answers."""
    _order(run)
    record_failures(run)


def finish(run: Run) -> None:
    """The second half, when all answers are in place."""
    steps.prepare_keys(run)
    resume_orders(run)
    steps.read_authorizations(run)
    steps.answer(run)
    await_ready(run)
    _collect(run)


def order_next(run: Run) -> None:
    """Orders in the place of finished ones for the same names; one that needs no validation goes all the way."""
    _order(run)
    for attempt in run.going:
        attempt.parked = attempt.placed_order.status == "pending"
    _collect(run)


def _order(run: Run, means: Means | None = None) -> None:
    steps.check_profiles(run)
    steps.prepare_keys(run, means.csrs if means else {})
    if means:
        check_zones(run, means.fleet)
    note_orders(run)
    open_orders(run)
    steps.read_authorizations(run)


def _collect(run: Run) -> None:
    steps.finalize(run)
    await_issued(run)
    steps.download(run)
    store_issued(run)
    record_failures(run)
