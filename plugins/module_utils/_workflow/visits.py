# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether runs come often enough for the windows in which a CA wants certificates to be renewed (RFC 9773 §4.2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from .._core.clock import format_instant, read_instant
from .._core.errors import StoreError
from .._store.memory import AccountMemory
from .plan import Decision

RESOLUTION = timedelta(minutes=10)
"""How exactly it is remembered when the last run was: not each task has to write."""

LONGEST_ABSENCE = timedelta(days=3)
"""After more than this nobody has forgotten to run it more often, but to run it at all."""


def note_visit(memory: AccountMemory, decisions: Sequence[Decision], now: datetime) -> list[str]:
    """Remember that there is a run now; a sentence when the last one was longer ago than a window is long.

    For who holds the store's lock.
    """
    last = read_instant(memory.recall("visits").get("at"))
    if last is None or not timedelta() <= now - last < RESOLUTION:
        with suppress(StoreError):  # the next run writes it down
            memory.remember("visits", {"at": format_instant(now)})
    return [] if last is None or now - last > LONGEST_ABSENCE else list(_warn(decisions, now - last))


def _warn(decisions: Sequence[Decision], pause: timedelta) -> Iterator[str]:
    narrow = [
        (window.end - window.start, str(each.target))
        for each in decisions
        if each.stored and (window := each.stored.window) and window.end - window.start < pause
    ]
    if narrow:
        length, target = min(narrow)
        more = f" and {len(narrow) - 1} more" if len(narrow) > 1 else ""
        yield (
            f"The last run was {_hours(pause)} ago, and the CA's window for the renewal of {target}{more} is "
            f"{_hours(length)} long: only runs that come more often meet it, and renewals outside of it count against "
            "the CA's limits"
        )


def _hours(span: timedelta) -> str:
    return f"{span / timedelta(hours=1):.2g} h"
