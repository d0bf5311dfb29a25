# SPDX-License-Identifier: GPL-3.0-or-later
"""A clock that only moves when someone sleeps."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

START = datetime(2026, 11, 23, 4, 0, tzinfo=timezone.utc)


class FakeClock:
    """Starts at START; ``sleeps`` are the pauses that were asked for."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.sleeps: list[float] = []

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.seconds += seconds
