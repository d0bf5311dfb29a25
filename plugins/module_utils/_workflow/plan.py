# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deciding what to do, without doing it: the wanted list, the store and the time in, decisions out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from .._core.clock import format_instant, parse_instant
from .timing import renewal_instant
from .wanted import Target, Wanted


@dataclass(frozen=True)
class Stored:
    """What the plan needs to know of a certificate in the store."""

    identifiers: frozenset[str]
    not_before: datetime
    not_after: datetime
    directory: str
    profile: str | None
    preferred_chain: str | None

    @property
    def renew_at(self) -> datetime:
        """From when on it is due."""
        return renewal_instant(self.not_before, self.not_after)


@dataclass(frozen=True)
class Decision:
    """What to do about one certificate, and why.

    ``replaces`` is the id of the certificate that the order says it replaces (RFC 9773 §5).
    """

    target: Target
    wanted: Wanted
    action: Literal["issue", "renew", "keep"]
    reason: str
    stored: Stored | None
    replaces: str | None = None

    @property
    def due(self) -> bool:
        """Whether there is something to order."""
        return self.action != "keep"


def read_stored(issuance: Mapping[str, Any]) -> Stored:
    """The stored certificate that an issuance record describes; KeyError, TypeError or ValueError when it is broken."""
    identifiers = frozenset(issuance["identifiers"])
    if not all(isinstance(identifier, str) for identifier in identifiers):
        raise TypeError("an identifier is no text")
    return Stored(
        identifiers=identifiers,
        not_before=parse_instant(issuance["not_before"]),
        not_after=parse_instant(issuance["not_after"]),
        directory=issuance["directory"],
        profile=issuance.get("profile"),
        preferred_chain=issuance.get("preferred_chain"),
    )


def decide(wanted: Wanted, stored: Mapping[str, Stored], directory: str, now: datetime) -> list[Decision]:
    """One decision for each key type of a wanted certificate.

    ``stored`` has what there is of its name, by key type; ``directory`` is the
    CA that it should come from.
    """
    return [_decide_one(target, wanted, stored, directory, now) for target in wanted.targets]


def order_by_urgency(decisions: Iterable[Decision], now: datetime) -> list[Decision]:
    """What is due, the most urgent first: expired, missing, then the next to expire."""
    return sorted(
        (decision for decision in decisions if decision.due),
        key=lambda decision: (decision.stored.not_after if decision.stored else now, decision.target),
    )


def _decide_one(
    target: Target, wanted: Wanted, siblings: Mapping[str, Stored], directory: str, now: datetime
) -> Decision:
    stored = siblings.get(target.key_type)
    if stored is None:
        reason = f"key types changed: the store has {', '.join(sorted(siblings))}" if siblings else "there is none yet"
        return Decision(target, wanted, "issue", reason, None)
    for due in _reasons_to_renew(wanted, stored, directory, now):
        return Decision(target, wanted, "renew", due, stored)
    return Decision(target, wanted, "keep", f"valid until {format_instant(stored.not_after)}", stored)


def _reasons_to_renew(wanted: Wanted, stored: Stored, directory: str, now: datetime) -> Iterator[str]:
    names = frozenset(identifier.value for identifier in wanted.identifiers)
    if now >= stored.not_after:
        yield f"expired at {format_instant(stored.not_after)}"
    if names != stored.identifiers:
        yield _describe_names_changed(names, stored.identifiers)
    if directory != stored.directory:
        # e.g. from a CA's staging environment, which no browser trusts, to the real one
        yield f"CA changed from {stored.directory} to {directory}"
    if wanted.profile != stored.profile:
        yield f"profile changed from {stored.profile or 'the default'} to {wanted.profile or 'the default'}"
    if wanted.preferred_chain != stored.preferred_chain:
        yield f"chain changed from {stored.preferred_chain or 'the default'} to {wanted.preferred_chain or 'the default'}"
    if now >= stored.renew_at:
        yield f"due since {format_instant(stored.renew_at)}"


def _describe_names_changed(names: frozenset[str], before: frozenset[str]) -> str:
    changes = [f"+{name}" for name in sorted(names - before)] + [f"-{name}" for name in sorted(before - names)]
    more = f" and {len(changes) - 5} more" if len(changes) > 5 else ""
    return f"names changed: {' '.join(changes[:5])}{more}"
