# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered of a certificate's renewal: the CA's window, and the instant chosen in it (RFC 9773 §4.2).

It is the section ``renewal`` of the certificate's state. It names the certificate that it is about, so that
the window of an old certificate never drives the one that took its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .._core.clock import SLACK, format_instant, read_instant
from .._store.certificates import CertificateStore
from .wanted import Target

CERTIFICATE_ID = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")  # RFC 9773 §4.1
RESERVE = 20  # what part of the lifetime is kept for what may go wrong, at its end
OFTEN = 3
"""After so many failures in a row an order does not say any more what it replaces."""

LONGEST_INTERVAL = timedelta(days=1)  # between two questions


@dataclass(frozen=True)
class Window:
    """When the CA wants a certificate to be renewed."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        return f"{format_instant(self.start)} to {format_instant(self.end)}"

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= instant <= self.end


@dataclass(frozen=True)
class Renewal:
    """What is known about the renewal of the certificate with this id.

    ``chosen`` is the instant in the window from which on it is due, or None when the window is of no use.
    ``asked`` is when the CA answered last, ``next_ask`` from when on it may be asked again.
    ``not_replaceable`` is why an order can't say that it replaces this certificate.
    """

    certificate_id: str
    window: Window | None = None
    chosen: datetime | None = None
    explanation: str | None = None
    asked: datetime | None = None
    next_ask: datetime | None = None
    not_replaceable: str | None = None

    def may_ask(self, now: datetime) -> bool:
        """Whether the time for the next question has come."""
        return may_ask(self.asked, self.next_ask, now)

    def as_section(self) -> dict[str, Any]:
        """The JSON form, without what is not known."""
        window = self.window
        section = {
            "certificate_id": self.certificate_id,
            "start": window and format_instant(window.start),
            "end": window and format_instant(window.end),
            "chosen": self.chosen and format_instant(self.chosen),
            "explanation": self.explanation,
            "asked": self.asked and format_instant(self.asked),
            "next_ask": self.next_ask and format_instant(self.next_ask),
            "not_replaceable": self.not_replaceable,
        }
        return {member: value for member, value in section.items() if value is not None}


def read_renewal(section: object, certificate_id: str) -> Renewal:
    """What a section says about this certificate; nothing when it is about another one or broken."""
    if not isinstance(section, Mapping) or section.get("certificate_id") != certificate_id:
        return Renewal(certificate_id)
    start, end, chosen = (read_instant(section.get(member)) for member in ("start", "end", "chosen"))
    window = Window(start, end) if start and end and start < end else None
    return Renewal(
        certificate_id,
        window=window,
        chosen=chosen if window and chosen and chosen in window else None,
        explanation=_text(section, "explanation") if window else None,
        asked=read_instant(section.get("asked")),
        next_ask=read_instant(section.get("next_ask")),
        not_replaceable=_text(section, "not_replaceable"),
    )


def may_ask(asked: datetime | None, next_ask: datetime | None, now: datetime) -> bool:
    """Whether a pause is over; one that was written by a clock that has jumped, or is too long, counts for nothing."""
    if asked is None or next_ask is None or asked > now + SLACK:
        return True
    return now >= next_ask or next_ask > now + LONGEST_INTERVAL + SLACK


def usable_part(window: Window, not_before: datetime, not_after: datetime) -> Window | None:
    """The part of a window in which a certificate can be renewed; None when the window makes no sense for it.

    The last twentieth of the lifetime stays free, so that a renewal that fails can be repeated. A window in
    the past is how a CA says "at once" (RFC 9773 §4.2), but one that had ended a lifetime before the
    certificate began is a mistake, which would have each new certificate renewed, too.
    """
    lifetime = not_after - not_before
    latest = not_after - lifetime / RESERVE
    if window.start >= latest or not_before - window.end > lifetime:
        return None
    return Window(window.start, min(window.end, latest))


def choose_instant(part: Window, taken: Iterable[datetime], share: float) -> datetime:
    """An instant in a window, to the second: one that a sibling has taken, so that they are renewed together.

    Else how far into the window it is, is drawn by lot: ``share`` from 0 to 1.
    """
    for instant in taken:
        if instant in part:
            return instant
    instant = part.start + share * (part.end - part.start)
    return max(part.start, instant.replace(microsecond=0))


def note_not_replaceable(store: CertificateStore, target: Target, certificate_id: str, reason: str) -> None:
    """Remember that no order can say that it replaces this certificate (RFC 9773 §5), and why."""
    section = store.state(target.name, target.key_type).get("renewal")
    known = read_renewal(section, certificate_id).as_section()
    store.update_state(target.name, target.key_type, renewal={**known, "not_replaceable": reason})


def _text(section: Mapping[str, Any], member: str) -> str | None:
    value = section.get(member)
    return value if isinstance(value, str) and value else None
