# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting with a deadline."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

from .clock import Clock
from .number import LARGEST


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds until the time in a Retry-After header (RFC 9110 §10.2.3), or None when there is none.

    Both forms are read, seconds and HTTP-date; a time in the past gives 0,
    and text that is neither counts as no header at all. Never more than LARGEST, with which a time can still be counted.
    """
    if not value:
        return None
    seconds = value.strip()
    if seconds.isascii() and seconds.isdigit():
        return min(float(seconds), LARGEST)
    until = read_date(value)
    return None if until is None else min(max(0.0, (until - now).total_seconds()), LARGEST)


def read_date(value: str | None) -> datetime | None:
    """The time in a header (HTTP-date, RFC 9110 §5.6.7), or None when there is none that can be read."""
    try:
        date = parsedate_to_datetime(value or "")
    except (TypeError, ValueError, OverflowError):
        return None
    return date.replace(tzinfo=timezone.utc) if date.tzinfo is None else date


def rounds(
    clock: Clock, deadline: float, first: float = 0.05, factor: float = 1.6, longest: float = 5.0
) -> Iterator[int]:
    """Count rounds 0, 1, 2 … with growing pauses between them until ``deadline`` (clock.monotonic()).

    The first round comes at once, and the last one at the deadline itself, so
    that a change just before it is still seen.
    """
    pause = first
    number = 0
    while True:
        yield number
        left = deadline - clock.monotonic()
        if left <= 0:
            return
        clock.sleep(min(pause, left))
        pause = min(pause * factor, longest)
        number += 1
