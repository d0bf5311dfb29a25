# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order the steps of a run come: for the whole way, and for its two halves with a user in between."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Protocol

from ..._core.errors import UnexpectedError
from ..._core.workers import guarded
from . import steps
from .awaiting import await_issued, await_ready
from .opening import open_orders, resume_orders
from .run import Run
from .storing import record_failures, store_issued


class Solver(Protocol):
    """Has the answers to one kind of challenge in place while the CA looks."""

    @property
    def challenge(self) -> str:
        """The kind of challenge."""

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


def carry_out(run: Run, recipe: Callable[[Run], None]) -> None:
    """Take the attempts of a run as far as a recipe goes.

    What nobody expected between the steps is no single certificate's: all fail that are not in the store by then.
    """
    try:
        with guarded():
            recipe(run)
    except UnexpectedError as error:
        for attempt in run.going:
            attempt.failure = None if attempt.stored else error
        with suppress(UnexpectedError), guarded():
            record_failures(run)


def issue(run: Run, means: Means) -> None:
    """Take all attempts of the run as far as they get.

    Whatever happens, every answer that was published is withdrawn again; the CA
    and the disk are kept at work meanwhile.
    """
    _order(run, means)
    solvers = means.solvers(run)
    for solver in solvers:
        _solve(run, solver, solver.prepare)
    with ThreadPoolExecutor(max_workers=1) as background:
        try:
            for solver in solvers:
                _solve(run, solver, solver.publish)
            steps.answer(run)
            await_ready(run)
        finally:
            withdrawals = [background.submit(solver.withdraw) for solver in solvers]
        _collect(run)
    for withdrawal in withdrawals:
        try:
            with guarded():
                withdrawal.result()
        except UnexpectedError as error:
            run.note(f"{error.message}. Answers to challenges may be left")


def _solve(run: Run, solver: Solver, step: Callable[[], None]) -> None:
    """Do a step of a solver; what nobody expected there is the failure of all that need this kind of challenge."""
    try:
        with guarded():
            step()
    except UnexpectedError as error:
        for attempt in run.going:
            if attempt.decision.wanted.challenge == solver.challenge:
                attempt.failure = error


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
