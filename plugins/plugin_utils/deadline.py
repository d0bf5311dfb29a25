# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An end to work that waits for somebody else, within a process that may have an alarm already."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

AGAIN = 10.0
"""Seconds after which what does not end even then is interrupted once more: cleaning up can hang, too."""


class DeadlineError(BaseException):
    """The time is over. It is no Exception, so that what is interrupted does not take it for a failure of its own."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise DeadlineError after so many seconds. An alarm that is set already goes off afterwards, if it is due."""
    before, left = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)[0]
    begun = time.monotonic()
    signal.signal(signal.SIGALRM, _interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left:
            signal.alarm(max(1, math.ceil(left - (time.monotonic() - begun))))


def _interrupt(_signal: int, _frame: Any) -> None:
    raise DeadlineError
