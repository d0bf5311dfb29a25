# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for the CA, with as few requests as it takes (RFC 8555 §7.4, §7.5.1).

An order is not read before the CA's Retry-After is over, counted from when it
was last read: what the run did meanwhile is part of the pause. And when the
CA turns out to be still at work on some orders in a row, those that came after
them are not asked for either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from ..._acme.order import Order, fetch_order
from ..._acme.pauses import PausedError
from ..._acme.problem import NetworkError, ProblemError
from ..._core.errors import Error
from .replicas import LAGS, is_unknown
from .run import Attempt, Run
from .validation import check_going, describe_invalid

ENOUGH = 4  # orders in a row that are not done: the CA has not got further
SHORTEST = 0.001  # seconds
FIRST, FACTOR, STEPS = 0.05, 1.6, 10  # seconds between looks when the CA does not say, up to 5


def await_ready(run: Run) -> None:
    """Wait until the CA has validated everything; the order's status says so for all names in one request."""
    _Wait(run, lambda order: order.status == "pending").until_done("validated")


def await_issued(run: Run) -> None:
    """Wait until the CA has made the certificates."""
    _Wait(run, _is_under_way).until_done("issued")


def _is_under_way(order: Order) -> bool:
    """Whether the certificate is still to come: a valid order may show its URL a moment later."""
    return order.status in ("ready", "processing") or (order.status == "valid" and order.certificate is None)


class _Wait:
    """The orders of a run that are unfinished, read until none is, or until the run's patience ends."""

    def __init__(self, run: Run, is_unfinished: Callable[[Order], bool]) -> None:
        self._run = run
        self._is_unfinished = is_unfinished
        self._looks: Counter[Attempt] = Counter()
        self._unknown: Counter[Attempt] = Counter()
        self._in_a_row = 0
        self._fruitless = 0
        self._deadline = run.clock.monotonic() + run.patience

    def until_done(self, wanted: str) -> None:
        clock, deadline = self._run.clock, self._deadline
        while waiting := self._waiting():
            pause = min(*(attempt.next_look for attempt in waiting), deadline) - clock.monotonic()
            if pause > 0:
                clock.sleep(max(pause, SHORTEST))
            now = clock.monotonic()
            self._round([attempt for attempt in waiting if attempt.next_look <= now])
            if now >= deadline:
                break
        for attempt in self._waiting():
            attempt.failure = attempt.trouble or self._describe_late(attempt, wanted)

    def _describe_late(self, attempt: Attempt, wanted: str) -> Error:
        order, patience = attempt.placed_order, self._run.patience
        return Error(
            f"The order was not {wanted} within {patience:.0f} s, and is taken up again later: {order.url}",
            order=order.url,
        )

    def _waiting(self) -> list[Attempt]:
        return [attempt for attempt in self._run.going if self._is_unfinished(attempt.placed_order)]

    def _round(self, due: list[Attempt]) -> None:
        """Look at the orders that are due, those first that were looked at least often, until it is no use."""
        self._in_a_row = 0
        before = self._looks.copy()
        self._run.step(self._look, sorted(due, key=before.__getitem__))
        left = [attempt for attempt in due if self._is_unfinished(attempt.placed_order)]
        self._fruitless = 0 if len(left) < len(due) else self._fruitless + 1
        for attempt in left:
            pause = FIRST * FACTOR ** min(self._fruitless + self._looks[attempt], STEPS)
            attempt.next_look = max(attempt.next_look, self._run.clock.monotonic() + pause)
        # what the CA asked for those that made us stop goes for those that were left out, too
        earliest = min((each.next_look for each in left if self._looks[each] > before[each]), default=0.0)
        for attempt in left:
            attempt.next_look = max(attempt.next_look, earliest)

    def _look(self, attempt: Attempt) -> None:
        if self._in_a_row >= ENOUGH:
            return
        self._looks[attempt] += 1
        order = self._read(attempt)
        if order is not None:
            self._run.take(attempt, order)
        self._in_a_row = self._in_a_row + 1 if order is None or self._is_unfinished(order) else 0
        if order is not None and order.status == "invalid":
            raise describe_invalid(self._run, attempt)
        if order is not None and order.status == "pending" and self._is_suspect(attempt):
            check_going(self._run, attempt)

    def _is_suspect(self, attempt: Attempt) -> bool:
        """Whether to look for a failed validation: at once if the CA hinted at one, else ever more seldom."""
        looks = self._looks[attempt]
        hinted = not self._run.refused_answers.isdisjoint(attempt.placed_order.authorizations)
        return hinted or (looks > 1 and looks.bit_count() == 1)

    def _read(self, attempt: Attempt) -> Order | None:
        """The order as it is now; None when there may be an answer later, while there is time."""
        try:
            order = fetch_order(self._run.session, attempt.placed_order.url)
        except PausedError as error:
            pause = (error.until - self._run.clock.now()).total_seconds()
            self._put_off(attempt, error, pause)
        except ProblemError as error:
            if (error.problem.status or 500) < 500 and not error.asks_to_wait and not self._may_lag(attempt, error):
                raise
            self._put_off(attempt, error, error.retry_after)
        except NetworkError as error:
            self._put_off(attempt, error, None)
        else:
            attempt.trouble = None
            return order
        return None

    def _may_lag(self, attempt: Attempt, error: ProblemError) -> bool:
        """Whether the order is so new that the CA's server need not know it yet."""
        self._unknown[attempt] += 1
        return is_unknown(error) and attempt.ordered and self._unknown[attempt] <= len(LAGS)

    def _put_off(self, attempt: Attempt, error: Error, pause: float | None) -> None:
        """Look again after so many seconds; raise the error when the deadline is before that."""
        attempt.trouble = error
        attempt.next_look = self._run.clock.monotonic() + (pause or 0.0)
        if attempt.next_look > self._deadline:
            raise error
