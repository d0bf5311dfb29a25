# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One message about a fleet for one administrator (G29)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from textwrap import indent
from typing import Any

from .._core.bundle import digest_of
from .._core.clock import format_instant
from .._core.plain import one_line, plain
from .survey import PROBLEMS, TITLES, Row, Survey

MOST_DOMAINS = 5
MOST_TOLD = 100
"""Certificates in one message; the page has all."""


@dataclass(frozen=True)
class Digest:
    """A subject, a text, and an identity that stays the same as long as nothing changes that somebody has to know."""

    subject: str
    text: str
    identity: str


def compose(survey: Survey) -> Digest:
    """The message about these certificates."""
    return Digest(_subject(survey), "\n".join(_lines(survey)) + "\n", _identity(survey))


def _subject(survey: Survey) -> str:
    counts = survey.counts
    told = [f"{counts[state]} {TITLES[state].lower()}" for state in PROBLEMS if counts[state]]
    # a header is one line
    return one_line(f"[certfleet] {survey.host}: {', '.join(told) or 'all certificates are well'}")


def _lines(survey: Survey) -> Iterator[str]:
    problems = survey.problems
    yield f"{survey.host}, {format_instant(survey.now)}"
    yield f"CA: {survey.directory}"
    yield ""
    told = problems[:MOST_TOLD]
    for state in PROBLEMS:
        rows = [row for row in told if row.state(survey.now) == state]
        if rows:
            yield f"{TITLES[state].upper()} ({survey.counts[state]})"
            yield ""
            for row in rows:
                yield from _describe(row, survey.now)
                yield ""
    if len(problems) > MOST_TOLD:
        yield f"and {len(problems) - MOST_TOLD} more"
        yield ""
    rest = {TITLES[state].lower(): number for state, number in survey.counts.items() if state not in PROBLEMS}
    others = [f"{number} {title}" for title, number in rest.items() if number]
    yield f"{'All others' if problems else 'All'}: {', '.join(others) or 'none'}."
    if survey.notes:
        yield ""
        yield "WORTH KNOWING"
        yield ""
        yield from (f"  - {one_line(note)}" for note in survey.notes)


def _describe(row: Row, now: datetime) -> Iterator[str]:
    more = f" and {len(row.domains) - MOST_DOMAINS} more" if len(row.domains) > MOST_DOMAINS else ""
    yield f"  {row.name} ({row.key_type}): {one_line(' '.join(row.domains[:MOST_DOMAINS]))}{more}"
    if row.reason:
        yield indent(plain(row.reason), "    ")
    for document in _documents(row):
        yield indent(f"The CA's answer: {json.dumps(document, sort_keys=True)}", "    ")
    if row.not_after is None:
        yield "    There is no certificate yet."
    else:
        yield f"    Valid until {format_instant(row.not_after)}." if row.not_after > now else "    Nothing serves."
    if row.needs_human:
        yield f"    Not tried again before you ask for it: playbook retry with certfleet_retry=[{row.name}]."
    elif row.next_attempt:
        yield f"    Next attempt: {format_instant(row.next_attempt)}."


def _documents(row: Row) -> list[Any]:
    """The CA's problem documents, whole."""
    problem, problems = row.failure.get("problem"), row.failure.get("problems")
    found = [problem] if problem else []
    return [*found, *problems.values()] if isinstance(problems, dict) else found


def _identity(survey: Survey) -> str:
    """A hash over what is wrong, not over since when or how often; empty when nothing is."""
    wrong = [
        [row.name, row.key_type, row.state(survey.now), *row.domains, _lasting(row.reason)] for row in survey.problems
    ]
    return digest_of(sorted(wrong)) if wrong else ""


def _lasting(reason: str) -> str:
    """The reason without what is another one at each attempt: tokens, numbers and times."""
    return re.sub(r"[0-9]+", "0", re.sub(r"[A-Za-z0-9_-]{20,}", "…", reason))
