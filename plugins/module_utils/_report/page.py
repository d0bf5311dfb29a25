# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleet as one HTML page that needs nothing but itself."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import datetime
from typing import Any

import jinja2

from .._core.clock import format_instant
from .._core.plain import plain
from .calendar import Bar, make_calendar
from .page_parts import PAGE, SCRIPT, STYLE
from .survey import STATES, TITLES, Row, Survey

HEIGHT = 140
BAR = 18
"""Of the plot, in its own units: the height of the highest bar, and the width of a pair of bars."""

_VOLATILE = re.compile(rb'<time id="now"[^>]*>[^<]*')


def render_page(survey: Survey) -> bytes:
    """The page, in UTF-8. What others have written is text on it and never markup."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    calendar = make_calendar(survey)
    rows = [_describe(row, survey.now) for state in STATES for row in survey.in_state(state)]
    text = environment.from_string(PAGE).render(
        policy=f"default-src 'none'; style-src '{_hash(STYLE)}'; script-src '{_hash(SCRIPT)}'",
        style=STYLE,
        script=SCRIPT,
        host=survey.host,
        directory=survey.directory,
        now=format_instant(survey.now),
        states=[(state, TITLES[state], survey.counts[state]) for state in STATES if survey.counts[state]],
        rows=rows,
        notes=[plain(note) for note in survey.notes],
        bars=[_draw(each, number, calendar.highest) for number, each in enumerate(calendar.bars)],
        unit=calendar.unit,
        highest=calendar.highest,
        height=HEIGHT,
        bar=BAR,
    )
    return text.encode()


def says_the_same(page: bytes, other: bytes) -> bool:
    """Whether two pages differ in nothing but the time at which they were written."""
    return _VOLATILE.sub(b"", page) == _VOLATILE.sub(b"", other)


def _describe(row: Row, now: datetime) -> dict[str, Any]:
    return {
        "name": row.name,
        "key_type": row.key_type,
        "domains": row.domains,
        "state": row.state(now),
        "title": TITLES[row.state(now)],
        "reason": plain(row.reason),
        "failures": row.failures,
        "details": json.dumps(row.failure, indent=1, sort_keys=True) if row.failure else "",
        "admins": row.admins,
        "issuer": row.issuer or "",
        **{member: _instant(getattr(row, member)) for member in ("not_after", "renew_at", "next_attempt")},
    }


def _instant(instant: datetime | None) -> str:
    return format_instant(instant) if instant else ""


def _draw(each: Bar, number: int, highest: int) -> dict[str, Any]:
    """A pair of bars in the units of the plot; what is there is seen, however little it is."""
    heights = {kind: _height(getattr(each, kind), highest) for kind in ("renewals", "expiries")}
    return {
        "at": number * BAR,
        "date": each.start.strftime("%Y-%m-%d"),
        "label": each.start.strftime("%d %b") if number % 4 == 0 else "",
        "renewals": each.renewals,
        "expiries": each.expiries,
        "heights": heights,
    }


def _height(number: int, highest: int) -> float:
    return max(2.0, round(HEIGHT * number / highest, 1)) if number else 0.0


def _hash(text: str) -> str:
    """What a policy allows an element by (Content Security Policy Level 3 §2.3.1)."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
