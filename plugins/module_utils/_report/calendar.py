# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When certificates are due and when they expire, counted by day, week or month."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from .survey import Survey

WIDTHS = (timedelta(days=1), timedelta(weeks=1), timedelta(days=30))
MOST_BARS = 60


@dataclass(frozen=True)
class Bar:
    """From ``start`` on, for one width of the calendar: how many are due then, and how many expire."""

    start: datetime
    renewals: int
    expiries: int


@dataclass(frozen=True)
class Calendar:
    """Bars side by side; the first one has what lies in the past as well."""

    width: timedelta
    bars: tuple[Bar, ...]

    @property
    def highest(self) -> int:
        """The largest number in it, at least 1."""
        return max([1, *(max(each.renewals, each.expiries) for each in self.bars)])

    @property
    def unit(self) -> str:
        """What a bar is."""
        return {1: "day", 7: "week"}.get(self.width.days, f"{self.width.days} days")


def make_calendar(survey: Survey) -> Calendar:
    """As fine as the farthest expiry allows with MOST_BARS bars; what lies beyond is in the last one."""
    start = survey.now.replace(hour=0, minute=0, second=0, microsecond=0)
    renewals = [row.renew_at for row in survey.rows if row.renew_at and row.listed]
    expiries = [row.not_after for row in survey.rows if row.not_after]
    farthest = max([start, *renewals, *expiries]) - start
    width = next((each for each in WIDTHS if farthest < each * MOST_BARS), WIDTHS[-1])
    number = min(farthest // width + 1, MOST_BARS)
    due, over = (_count(instants, start, width, number) for instants in (renewals, expiries))
    return Calendar(width, tuple(Bar(start + width * at, due[at], over[at]) for at in range(number)))


def _count(instants: Iterable[datetime], start: datetime, width: timedelta, number: int) -> Sequence[int]:
    counts = [0] * number
    for instant in instants:
        counts[min(max((instant - start) // width, 0), number - 1)] += 1
    return counts
