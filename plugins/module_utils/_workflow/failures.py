# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered of failed attempts, and when the next one may be made (G26, G28).

The same form serves a certificate, and an identifier as one account sees it. All of this is plain values:
documents of the store and the time in, documents out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from .._acme.order import NEW_ORDER
from .._acme.pauses import LONGEST_PAUSE, URL, longest_pause, words_of
from .._acme.problem import Problem, ProblemError
from .._core.clock import SLACK, format_instant, read_instant
from .._core.errors import Error, FrontendError, StoreError, UnexpectedError
from .._core.identifier import Identifier
from .._core.plain import plain

DELAYS = (timedelta(minutes=1), timedelta(minutes=10), timedelta(minutes=100), timedelta(days=1))
"""How long to wait after the first failure in a row, the second, the third, and every one after that."""

MOST_VALIDATIONS, VALIDATION_WINDOW = 5, timedelta(hours=1)
"""After so many failed validations of an identifier in that time CAs refuse more, whoever asks for them."""

LONGEST_REASON = 500
KEPT = timedelta(days=30)
"""How long the failures of a name are kept that nobody tries any more."""

EXPLANATION = re.compile(
    r"//(docs?|help|support|community|kb|wiki)\.|/(docs?|documentation|help|support|kb|faq|wiki)\b|limits?\b"
)
"""What tells a page about limits in general from one where the operator can lift a limit."""

_CHALLENGE = "_acme-challenge."


@dataclass(frozen=True)
class Failures:
    """Attempts that have failed in a row; ``reason`` is what the last one was told.

    ``next_attempt`` is the instant before which none is made. ``validations`` are the latest ones that the
    CA has seen fail.
    """

    count: int = 0
    at: datetime | None = None
    next_attempt: datetime | None = None
    needs_human: bool = False
    reason: str = ""
    validations: tuple[datetime, ...] = ()

    def blocked_until(self, now: datetime) -> datetime | None:
        """When the next attempt may be made, or None when it may be made now."""
        if self.next_attempt is None or self.at is None:
            return None
        # the pause is as long as it was meant to be, also when the clock was ahead then
        until = min(self.at, now) + min(self.next_attempt - self.at, LONGEST_PAUSE)
        return until if until > now else None

    def validations_until(self, now: datetime) -> datetime | None:
        """When the CA takes another validation, or None when it takes one now; nobody can hurry this."""
        recent = sorted(min(at, now) for at in self.validations if now - VALIDATION_WINDOW < at <= now + SLACK)
        return recent[-MOST_VALIDATIONS] + VALIDATION_WINDOW if len(recent) >= MOST_VALIDATIONS else None

    def matters(self, now: datetime) -> bool:
        """Whether it is still of any consequence."""
        return (self.at is not None and now - self.at < KEPT) or any(
            now - VALIDATION_WINDOW < at <= now + SLACK for at in self.validations
        )

    def failed(self, now: datetime, reason: str, validations: int = 0, longest: timedelta = DELAYS[-1]) -> Failures:
        """The same after one more failed attempt, in which so many validations failed; the pause is ``longest`` at most."""
        recent = [at for at in self.validations if now - VALIDATION_WINDOW < at <= now + SLACK]
        return Failures(
            count=self.count + 1,
            at=now,
            next_attempt=now + min(delay_after(self.count + 1), longest),
            reason=reason,
            validations=(*recent, *[now] * validations)[-2 * MOST_VALIDATIONS :],
        )

    def refused_until(self, now: datetime, until: datetime, reason: str) -> Failures:
        """The same after the CA has asked to come back later: this is not counted as a failure."""
        return replace(self, at=now, next_attempt=until, reason=reason)

    def stopped(self, now: datetime, reason: str) -> Failures:
        """The same after the CA has refused until somebody does something about it."""
        return replace(self, count=self.count + 1, at=now, next_attempt=None, needs_human=True, reason=reason)

    def forgiven(self) -> Failures:
        """What holds even when a retry was asked for."""
        return Failures(validations=self.validations)


def delay_after(failures: int) -> timedelta:
    """How long to wait after so many failures in a row."""
    return DELAYS[min(max(failures, 1), len(DELAYS)) - 1]


@dataclass(frozen=True)
class Refusal:
    """That the CA wants nothing for now: until an instant, or for None until a human has acted."""

    until: datetime | None


def refusal_in(error: Error, now: datetime, identifiers: Iterable[Identifier] = ()) -> Refusal | None:
    """Whether an error of a certificate with these identifiers is not a failure but a refusal.

    A limit on a new order that does not say until when is what the CA answers for names that it has paused.
    """
    until = read_instant(error.details.get("until"))
    if until is not None:  # it was not even sent, since the CA had asked so before
        return Refusal(until)
    if not isinstance(error, ProblemError) or not error.asks_to_wait:
        return None
    if error.retry_after is not None:
        # "at once" (or a date that is over for our clock) is no time to wait: without one it is a failure like others,
        # or each run would ask for everything again
        seconds = min(error.retry_after, longest_pause(error.problem.status).total_seconds())
        return Refusal(now + timedelta(seconds=seconds)) if seconds > 0 else None
    limited = error.problem.status != 503 and error.is_("rateLimited") and error.what.startswith(NEW_ORDER)
    return Refusal(None) if limited and _is_for_a_human(error.problem, identifiers) else None


def _is_for_a_human(problem: Problem, identifiers: Iterable[Identifier]) -> bool:
    """Whether there is something to act on: a page to go to, or one of these names.

    A CA that is merely busy tells neither, and would have every certificate of a fleet stopped by it. A page that
    explains the limit is none to act on.
    """
    pages = [url for url in URL.findall(problem.sentence()) if not EXPLANATION.search(url)]
    names = {name for identifier in identifiers for name in (identifier.value, identifier.base)}
    return bool(pages) or not names.isdisjoint(words_of(problem))


def blamed(error: Error, identifiers: Iterable[Identifier]) -> frozenset[str]:
    """The names (without ``*.``) that an error is about: those it names, else all of the certificate.

    None for what is wrong with the store, with a frontend or with this collection.
    """
    bases = frozenset(identifier.base for identifier in identifiers)
    if isinstance(error, (StoreError, FrontendError, UnexpectedError)):
        return frozenset()
    owner = error.details.get("name")
    named = [*_names(error.details.get("problems")), *_names(error.details.get("identifiers"))]
    named += [owner.removeprefix(_CHALLENGE)] if isinstance(owner, str) and owner.startswith(_CHALLENGE) else []
    return bases.intersection(name.lower().removeprefix("*.") for name in named) or bases


def validated(error: Error) -> frozenset[str]:
    """The names whose validation has failed at the CA."""
    return frozenset(name.lower() for name in _names(error.details.get("problems")))


def read_state(state: Mapping[str, Any], wanted: Mapping[str, Any], now: datetime) -> Failures:
    """The failures of a certificate from its state; none when they were about something else than is ``wanted`` now."""
    last = state.get("last_failure")
    if not isinstance(last, Mapping) or state.get("failed_for", wanted) != wanted:
        return Failures()
    return _read({**state, "at": last.get("at"), "reason": last.get("msg")}, now)


def state_of(failures: Failures, error: Error, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The sections of a certificate's state after an attempt that ended with this error."""
    at = format_instant(failures.at) if failures.at else None
    return {
        "failures": failures.count or None,
        "last_failure": {**error.result(), "at": at},
        "next_attempt": format_instant(failures.next_attempt) if failures.next_attempt else None,
        "needs_human": failures.needs_human or None,
        "failed_for": dict(wanted),
    }


NO_FAILURES: Mapping[str, None] = dict.fromkeys(
    ("failures", "last_failure", "next_attempt", "needs_human", "failed_for")
)
"""The same sections after a success."""


def read_identifiers(document: Mapping[str, Any], now: datetime) -> dict[str, Failures]:
    """The failures by identifier, from what an account's memory has; what can't be read or is old counts for nothing."""
    found = {name: _read(entry, now) for name, entry in document.items() if isinstance(entry, Mapping)}
    return {name: failures for name, failures in found.items() if failures.matters(now)}


def document_of(identifiers: Mapping[str, Failures]) -> dict[str, Any]:
    """The form in which an account's memory keeps them."""
    return {
        name: {
            "failures": failures.count,
            "at": format_instant(failures.at) if failures.at else None,
            "next_attempt": format_instant(failures.next_attempt) if failures.next_attempt else None,
            "reason": failures.reason[:LONGEST_REASON],
            "validations": [format_instant(at) for at in failures.validations],
        }
        for name, failures in sorted(identifiers.items())
    }


def _read(document: Mapping[str, Any], now: datetime) -> Failures:
    count, at = document.get("failures", 0), read_instant(document.get("at"))
    listed = document.get("validations")
    validations = [read_instant(each) for each in listed] if isinstance(listed, list) else []
    kept = Failures(validations=tuple(each for each in validations if each is not None))
    needs_human = document.get("needs_human") is True
    if at is None or not isinstance(count, int) or (at > now + SLACK and not needs_human):
        return kept
    return replace(
        kept,
        count=max(count, 0),
        at=at,
        next_attempt=read_instant(document.get("next_attempt")),
        needs_human=needs_human,
        reason=plain(str(document.get("reason") or "")),
    )


def _names(members: Any) -> list[str]:
    return [str(name) for name in members] if isinstance(members, Mapping) else []
