# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that a CA, or a server in front of it, refuses for coming too fast (RFC 6585 §4, RFC 9110 §10.2.3).

Such a request is waited with and sent again, and from the first refusal on
all requests keep a pace: it grows steadily, and drops a little with each
refusal. How many requests are under way follows from the pace. A limit on
their number alone would not do: one at a time is still 300 a second to a CA
that is near (docs/adr/0025).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from .._core.clock import Clock
from .pauses import concerns_all
from .problem import ProblemError

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0  # seconds before it is sent again, doubled each time, when the CA does not say
OWN_PAUSE = 1.0  # seconds: up to here a pause is for the refused request alone, as the pace takes care of the others
DECREASE = 0.95  # of the pace, for a refusal
INCREASE, SHARE = 1.0, 0.05  # requests a second, or of the pace where that is more: added to the pace each second
STEEPEST = 1.1  # times the pace, for one request that got through
SLOWEST, FASTEST = 1.0, 1000.0  # requests a second: no pace is lower, and beyond it none is kept
GIVEN_BACK = 1.0  # seconds of patience, for each request that got through

Answer = TypeVar("Answer")


class Throttle:
    """The pace of requests to one CA, and the patience with its refusals; shared by all threads.

    ``width`` is the pace in requests a second that the first refusal leads to; before it there is none.
    ``patience`` are the seconds that are spent on waiting at most: all pauses are taken from it,
    and each request that gets through gives a second back.
    """

    def __init__(self, clock: Clock, width: int, patience: float) -> None:
        self._clock = clock
        self._first = float(width)
        self._patience = self._left = patience
        self._pace = 0.0  # requests a second; 0 for as fast as it goes
        self._searching = True  # for the pace that the CA bears: it has not been found too fast yet
        self._stuck = False  # nothing has got through since the last refusal
        self._next = self._slowed = self._waited_until = clock.monotonic()
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        self._thread = threading.local()

    def wait_turn(self) -> None:
        """Return when the next request may be sent; called before each one."""
        if not self._pace:
            return
        with self._turn:
            while (left := self._next - self._clock.monotonic()) > 0:
                self._clock.sleep(left)
            now = self._thread.sent = self._clock.monotonic()
            self._next = now + 1 / (self._pace or FASTEST)

    def patiently(self, ask: Callable[[], Answer], names: Sequence[str] = ()) -> Answer:
        """What ``ask`` returns; it is called again when the CA refused the request for coming too fast.

        ``names`` are those that the request is about: a limit on one of them is
        not waited out. Any other refusal is raised, and so is one that asks for
        more patience than is left.
        """
        waited, pause = 0.0, FIRST_PAUSE
        while True:
            try:
                answer = ask()
            except ProblemError as error:
                if not is_plain(error, names):
                    raise
                seconds = error.retry_after or pause
                if error.given_up or not self._put_off(seconds, waited):
                    error.given_up = True
                    raise
            else:
                self._passed()
                return answer
            self._clock.sleep(seconds)
            waited += seconds
            pause = min(2 * pause, LONGEST_PAUSE)

    def _put_off(self, seconds: float, waited: float) -> bool:
        """Slow down, and take so many seconds from the patience; false when there is too little left of it."""
        with self._lock:
            now = self._clock.monotonic()
            until = now + seconds
            if not self._stuck:
                self._stuck, self._waited_until = True, max(now, self._waited_until)
            more = max(0.0, until - self._waited_until)
            if more > self._left or waited + seconds > self._patience:
                # the others of its kind are refused at once, so a lower pace would gain nothing
                self._pace = max(self._pace, self._first) if self._pace else 0.0
                return False
            self._left -= more
            self._waited_until += more
            self._slow_down(now)
            if seconds > OWN_PAUSE:
                self._next = max(self._next, until)
            return True

    def _slow_down(self, now: float) -> None:
        """Lower the pace, once for all requests that were sent at the one before."""
        if not self._pace:
            self._pace, self._searching = self._first, True
        elif getattr(self._thread, "sent", float("-inf")) > self._slowed:
            self._pace, self._searching = max(self._pace * DECREASE, SLOWEST), False
        else:
            return
        self._slowed = now

    def _passed(self) -> None:
        """Raise the pace a little; nothing to do where there is none."""
        if not self._pace:
            return
        with self._lock:
            self._stuck = False
            self._left = min(self._left + GIVEN_BACK, self._patience)
            steepest, steady = self._pace * STEEPEST, self._pace + max(INCREASE / self._pace, SHARE)
            self._pace = steepest if self._searching else min(steepest, steady)
            if self._pace > FASTEST:
                self._pace = 0.0


def is_plain(error: ProblemError, names: Sequence[str] = ()) -> bool:
    """Whether a refusal is about how fast requests come, not about what they ask for.

    That is a 429, or a 503 that says when to come back, which concerns no name
    in particular. A limit that ACME itself tells (``rateLimited``, RFC 8555
    §6.6) has to say when, too: one that does not may be for a human to lift.
    """
    if not error.asks_to_wait or not concerns_all(error.problem, names):
        return False
    return error.retry_after is not None or (error.problem.status == 429 and not error.is_("rateLimited"))
