# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a certificate is doing, for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

STATES = ("human", "expired", "failing", "expiring", "waiting", "due", "valid", "unlisted")
"""From the worst on."""

TITLES = {
    "human": "Somebody has to act",
    "expired": "Expired",
    "failing": "Failing",
    "expiring": "Near expiry",
    "waiting": "Not issued yet",
    "due": "Due for renewal",
    "valid": "Valid",
    "unlisted": "Not on the list any more",
}

PROBLEMS = ("human", "expired", "failing", "expiring")
"""What somebody is told about."""


@dataclass(frozen=True)
class Row:
    """One certificate.

    ``reason`` is what is to be said about it, of a failure all that the CA or the servers said; ``failure`` is the
    same as data, with the CA's problem document (RFC 8555 §6.7). ``listed`` says whether it is wanted.
    """

    name: str
    key_type: str
    domains: tuple[str, ...]
    reason: str = ""
    not_after: datetime | None = None
    renew_at: datetime | None = None
    next_attempt: datetime | None = None
    failures: int = 0
    needs_human: bool = False
    issuer: str | None = None
    admins: tuple[str, ...] = ()
    failure: Mapping[str, Any] = field(default_factory=dict)
    listed: bool = True

    def state(self, now: datetime) -> str:
        """One of STATES: the worst that holds.

        A certificate is near its expiry when half of the time is over that its renewal was given, whatever its
        lifetime, so that there is still as much again for somebody to act.
        """
        late = self.not_after and self.renew_at and self.renew_at + (self.not_after - self.renew_at) / 2
        holds = {
            "human": self.needs_human,
            "unlisted": not self.listed,
            "expired": self.not_after is not None and self.not_after <= now,
            "failing": self.failures > 0,
            "waiting": self.not_after is None,
            "expiring": late is not None and late <= now,
            "due": self.renew_at is not None and self.renew_at <= now,
        }
        return next((state for state, so in holds.items() if so), "valid")


@dataclass(frozen=True)
class Survey:
    """A fleet at an instant: ``host`` is where the store is, ``notes`` what a run found worth knowing."""

    now: datetime
    host: str
    directory: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    def in_state(self, state: str) -> list[Row]:
        """The rows in one state, the next to expire first."""
        return sorted((row for row in self.rows if row.state(self.now) == state), key=_urgency)

    @property
    def problems(self) -> list[Row]:
        """What somebody has to know, the worst first."""
        return [row for state in PROBLEMS for row in self.in_state(state)]

    @property
    def counts(self) -> dict[str, int]:
        """How many are in each state."""
        return {state: len(self.in_state(state)) for state in STATES}

    def of(self, rows: Iterable[Row], *, with_notes: bool) -> Survey:
        """The same with these rows only; notes are about the whole fleet."""
        return Survey(self.now, self.host, self.directory, tuple(rows), self.notes if with_notes else ())


def _urgency(row: Row) -> tuple[bool, float, str, str]:
    expiry = row.not_after.timestamp() if row.not_after else 0.0
    return row.not_after is not None, expiry, row.name, row.key_type
