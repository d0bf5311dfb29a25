# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time, as something that is handed in, so that tests never wait."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Protocol

from .plain import quote

SLACK = timedelta(minutes=5)
"""How far ahead of now a noted instant may be: clocks differ a little and are put right in small steps.

What lies further ahead was written by a clock that was wrong, and must hold up nothing until that time comes.
"""


class Clock(Protocol):
    """Where the engine reads the time and where it waits."""

    def now(self) -> datetime:
        """The time of day, always with the UTC zone."""

    def monotonic(self) -> float:
        """Seconds that only go forward, for deadlines."""

    def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The time of day, in UTC."""
        return datetime.now(timezone.utc)

    def monotonic(self) -> float:
        """Seconds since some fixed point, unmoved by clock changes."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def format_instant(instant: datetime) -> str:
    """An instant as RFC 3339 text in UTC, to the second (``2026-11-23T04:05:06Z``)."""
    return instant.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_instant(text: str) -> datetime:
    """The instant that :func:`format_instant` wrote, or any RFC 3339 text; ValueError otherwise."""
    try:
        instant = datetime.fromisoformat(text.replace("Z", "+00:00"))
        if instant.tzinfo is None:
            raise ValueError(f"{quote(text)} has no time zone")
        return instant.astimezone(timezone.utc)
    except (AttributeError, TypeError, OverflowError) as error:
        raise ValueError(f"{quote(text)} is no instant") from error


def read_instant(value: object) -> datetime | None:
    """What a file or a CA gives as an instant, or None when it is none.

    One member that is missing or damaged then counts as not known, and what stands beside it is not lost.
    """
    try:
        return parse_instant(value) if isinstance(value, str) else None
    except ValueError:
        return None
