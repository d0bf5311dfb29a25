# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The second of the hour or the day at which a host renews, and how schedulers write it down (G24, G25)."""

from __future__ import annotations

import re
from datetime import date
from hashlib import sha256

from ..module_utils._core.plain import quote

PERIODS = {"hourly": 3600, "daily": 86400}
"""Seconds in each period."""

_ZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")


def renewal_second(host: str, period: str = "hourly", salt: str = "") -> int:
    """The second of the period, from 0, at which this host renews.

    It is drawn from a hash of the name: even over many hosts, and always the same for one, without anything
    that would have to be remembered. A salt draws anew. Raises ValueError for a period that there is not.
    """
    if period not in PERIODS:
        raise ValueError(f"the period is one of {', '.join(PERIODS)}, not {quote(period)}")
    if not host:
        raise ValueError("the name of the host is empty")
    digest = sha256(f"{salt}\0{host}".encode()).digest()
    # a multiplication instead of a remainder: no second is more likely than another
    return int.from_bytes(digest[:8], "big") * PERIODS[period] >> 64


def renewal_calendar(host: str, period: str = "hourly", salt: str = "") -> str:
    """The calendar event for OnCalendar= of a systemd timer (systemd.time(7)), in UTC."""
    hour, minute, second = _clock(renewal_second(host, period, salt))
    return f"*-*-* {f'{hour:02}' if period == 'daily' else '*'}:{minute:02}:{second:02} UTC"


def renewal_cron(host: str, period: str = "hourly", salt: str = "") -> dict[str, str]:
    """The fields ``minute`` and ``hour`` of a crontab, and ``second``, which the job has to sleep for."""
    hour, minute, second = _clock(renewal_second(host, period, salt))
    return {"minute": str(minute), "hour": str(hour) if period == "daily" else "*", "second": str(second)}


def renewal_rrule(
    host: str, period: str = "hourly", salt: str = "", timezone: str = "UTC", start: str = "2026-01-01"
) -> str:
    """The rule of an AWX schedule: DTSTART and RRULE of RFC 5545 on one line, with a space between them.

    AWX refuses a DTSTART without a time zone and an RRULE without an INTERVAL. Raises ValueError for a
    ``start`` that is no day, or a ``timezone`` that can't be one.
    """
    hour, minute, second = _clock(renewal_second(host, period, salt))
    if not _ZONE.fullmatch(timezone):
        raise ValueError(f"the time zone is a name like Europe/Berlin, not {quote(timezone)}")
    day = date.fromisoformat(start)
    return f"DTSTART;TZID={timezone}:{day.isoformat().replace('-', '')}T{hour:02}{minute:02}{second:02} RRULE:FREQ={period.upper()};INTERVAL=1"


def _clock(second: int) -> tuple[int, int, int]:
    """Hour, minute and second; the hour is 0 within an hourly period."""
    return second // 3600, second // 60 % 60, second % 60
