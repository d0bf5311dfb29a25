# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order the steps of a run come: for the whole way, and for its two halves with a user in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from . import steps
from .awaiting import await_issued, await_ready
from .opening import open_orders, resume_orders
from .run import Run
from .storing import record_failures, store_issued


class Solver(Protocol):
    """Has the answers to one kind of challenge in place while the CA looks."""

    def prepare(self) -> None:
        """Find out what the orders need; an attempt that can't have it fails or is parked here."""

    def publish(self) -> None:
        """Have every answer where the CA will look when this returns; what lacks one fails."""

    def withdraw(self) -> None:
        """Take away whatever was published, also after a failure."""


class Means(Protocol):
    """With what challenges are answered; ``csrs`` came from frontends."""

    @property
    def csrs(self) -> Mapping[str, steps.CsrOrProblem]:
        """By certificate, as text."""

    def check(self, run: Run) -> None:
        """Let drop out before an order is made what could not be answered."""

    def solvers(self, run: Run) -> Sequence[Solver]:
        """One for each kind of challenge."""


def issue(run: Run, means: Means) -> None:
    """Take all attempts of the run as far as they get.

    Whatever happens, every answer that was published is withdrawn again; the CA
    and the disk are kept at work meanwhile.
    """
    _order(run, means)
    solvers = means.solvers(run)
    for solver in solvers:
        solver.prepare()
    with ThreadPoolExecutor(max_workers=1) as background:
        try:
            for solver in solvers:
                solver.publish()
            steps.answer(run)
            await_ready(run)
        finally:
            withdrawals = [background.submit(solver.withdraw) for solver in solvers]
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
        means.check(run)
    open_orders(run)
    steps.read_authorizations(run)


def _collect(run: Run) -> None:
    steps.finalize(run)
    await_issued(run)
    steps.download(run)
    store_issued(run)
    record_failures(run)
