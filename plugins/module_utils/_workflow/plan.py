# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deciding what to do, without doing it: the wanted list, the store and the time in, decisions out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from .._core.clock import format_instant, parse_instant
from .members import NOW
from .renewal import CERTIFICATE_ID, Renewal, Window, read_renewal, usable_part
from .revoked import Revocation, read_revocation
from .timing import renewal_instant
from .wanted import Target, Wanted

_TEXTS = ("directory", "profile", "preferred_chain", "account_uri")


@dataclass(frozen=True)
class Stored:
    """What the plan needs to know of a certificate in the store, and what is remembered of its renewal.

    ``directory`` is None when the record had to be rebuilt from the certificate, which does not tell
    its CA, its profile and its chain: they then count as those that are wanted. ``identifiers`` are the
    certificate's own; ``ordered`` are those of its order, None when a CA can't have added any. ``key_types``
    are all that were wanted when it was ordered, None when that is not known.
    """

    identifiers: frozenset[str]
    not_before: datetime
    not_after: datetime
    directory: str | None
    profile: str | None
    preferred_chain: str | None
    name: str = ""
    certificate_id: str | None = None
    account_uri: str | None = None
    renewal: Renewal | None = None
    revocation: Revocation | None = None
    ordered: frozenset[str] | None = None
    key_types: frozenset[str] | None = None

    @property
    def names_ordered(self) -> frozenset[str]:
        """The names that the list had for it; a CA may have added some."""
        return self.ordered or self.identifiers

    @property
    def renew_at(self) -> datetime:
        """From when on it is due: the instant chosen in the CA's window, else as its lifetime says."""
        return self.chosen or renewal_instant(self.name, self.not_before, self.not_after)

    @property
    def chosen(self) -> datetime | None:
        """The instant chosen in the CA's window, or None when there is no window that can be used.

        That it lies in the part that can be used is not taken on trust: after it, the certificate would expire.
        """
        instant, window = (self.renewal.chosen, self.renewal.window) if self.renewal else (None, None)
        part = window and usable_part(window, self.not_before, self.not_after)
        return instant if instant and part and instant in part else None

    @property
    def window(self) -> Window | None:
        """When the CA wants it to be renewed, or None when that is not known."""
        return self.renewal.window if self.renewal else None

    @property
    def due_reason(self) -> str:
        """Since when it is due and who says so, once it is."""
        origin = f", chosen from the CA's window {self.window}" if self.chosen else ""
        return f"due since {format_instant(self.renew_at)}{origin}"

    def is_wanted_back(self, now: datetime) -> bool:
        """Whether it is to be replaced at once, long before its time, because it was revoked or soon will be."""
        if self.revocation:
            return True
        early = renewal_instant(self.name, self.not_before, self.not_after) > now
        return early and self.chosen is not None and self.window is not None and self.window.end <= now


@dataclass(frozen=True)
class Decision:
    """What to do about one certificate, and why.

    ``replaces`` is the id of the certificate that the order says it replaces (RFC 9773 §5). ``issued_before``: the
    store has a certificate of the same CA for exactly these names. With the action ``wait`` there is no certificate
    of this key type yet, and ``until`` is when its siblings are renewed. With ``refuse``, the entry of the list can't
    be used, and whatever the store has for it stays as it is. ``served_until`` is how long siblings serve
    a site to which this key type is missing.
    """

    target: Target
    wanted: Wanted
    action: Literal["issue", "renew", "keep", "wait", "refuse"]
    reason: str
    stored: Stored | None
    replaces: str | None = None
    issued_before: bool = False
    until: datetime | None = None
    served_until: datetime | None = None

    @property
    def due(self) -> bool:
        """Whether there is something to order."""
        return self.action in ("issue", "renew")


def read_stored(name: str, issuance: Mapping[str, Any], state: Mapping[str, Any] | None = None) -> Stored:
    """The stored certificate of this name that an issuance record describes, with what its state remembers.

    KeyError, TypeError or ValueError when the record is broken.
    """
    identifiers = frozenset(issuance["identifiers"])
    if not all(isinstance(identifier, str) for identifier in identifiers):
        raise TypeError("an identifier is no text")
    if not all(isinstance(issuance.get(member), (str, type(None))) for member in _TEXTS):
        raise TypeError(f"not all of {', '.join(_TEXTS)} are texts")
    certificate_id = issuance.get("certificate_id")
    if not isinstance(certificate_id, str) or not CERTIFICATE_ID.fullmatch(certificate_id):
        certificate_id = None
    section = (state or {}).get("renewal")
    ordered, key_types = (_read_texts(issuance.get(member)) for member in ("ordered", "key_types"))
    return Stored(
        identifiers=identifiers,
        not_before=parse_instant(issuance["not_before"]),
        not_after=parse_instant(issuance["not_after"]),
        directory=issuance["directory"],
        profile=issuance.get("profile"),
        preferred_chain=issuance.get("preferred_chain"),
        name=name,
        certificate_id=certificate_id,
        account_uri=issuance.get("account_uri"),
        renewal=read_renewal(section, certificate_id) if certificate_id else None,
        revocation=read_revocation(state or {}, issuance.get("serial")),
        ordered=ordered,
        key_types=key_types,
    )


def _read_texts(value: object) -> frozenset[str] | None:
    """A list of texts, or None: records of earlier versions lack it, and nothing depends on it."""
    if not isinstance(value, list) or not value or not all(isinstance(text, str) for text in value):
        return None
    return frozenset(value)


def decide(
    wanted: Wanted, stored: Mapping[str, Stored], directory: str, now: datetime, account_uri: str | None = None
) -> list[Decision]:
    """One decision for each key type of a wanted certificate.

    ``stored`` has what there is of its name, by key type; ``directory`` is the
    CA that it should come from, and ``account_uri`` the account there.
    """
    decisions = [_decide_one(target, wanted, stored, directory, now) for target in wanted.targets]
    return [_say_what_it_replaces(decision, directory, account_uri) for decision in decisions]


def order_by_urgency(decisions: Iterable[Decision], now: datetime) -> list[Decision]:
    """What is due, the most urgent first: expired, missing, revoked or wanted back by the CA, then what ends next.

    In the CA's window its end counts, since renewals outside of it count against limits; else the certificate's.
    A key type that is missing beside others goes behind their renewals, which must not wait for it.
    """
    return sorted((decision for decision in decisions if decision.due), key=lambda decision: _urgency(decision, now))


def _urgency(decision: Decision, now: datetime) -> tuple[datetime, bool, bool, Target]:
    stored = decision.stored
    if stored is None:
        return max(now, decision.served_until or now), False, decision.served_until is not None, decision.target
    wanted_back = stored.is_wanted_back(now)
    end = stored.window.end if stored.window and now in stored.window else stored.not_after
    return (now if wanted_back else end), wanted_back, False, decision.target


def _decide_one(
    target: Target, wanted: Wanted, siblings: Mapping[str, Stored], directory: str, now: datetime
) -> Decision:
    stored = siblings.get(target.key_type)
    if wanted.fault is not None:
        return Decision(target, wanted, "refuse", wanted.fault.message, stored)
    if stored is None:
        return _decide_missing(target, wanted, siblings, directory, now)
    for due in _reasons_to_renew(wanted, stored, directory, now):
        return Decision(target, wanted, "renew", due, stored)
    reason = f"valid until {format_instant(stored.not_after)}"
    if changes := ", ".join(_changed_settings(wanted, stored)):
        reason += f"; {changes}, for the renewal that is due from {format_instant(stored.renew_at)} on"
    return Decision(target, wanted, "keep", reason, stored)


def _decide_missing(
    target: Target, wanted: Wanted, siblings: Mapping[str, Stored], directory: str, now: datetime
) -> Decision:
    if not siblings:
        return Decision(target, wanted, "issue", "there is none yet", None)
    reason = f"key types changed: the store has {', '.join(sorted(siblings))}"
    # a key type that is wanted no longer serves until one that is has come
    serving = [siblings[each] for each in wanted.key_types if each in siblings] or list(siblings.values())
    if wanted.apply == NOW or any(_is_no_reason_to_wait(target, wanted, each, directory, now) for each in serving):
        served_until = max(each.not_after for each in serving)
        return Decision(target, wanted, "issue", reason, None, served_until=served_until)
    until = min(each.renew_at for each in serving)
    reason += f", and {target.key_type} follows with the renewal that is due from {format_instant(until)} on"
    return Decision(target, wanted, "wait", reason, None, until=until)


def _is_no_reason_to_wait(target: Target, wanted: Wanted, sibling: Stored, directory: str, now: datetime) -> bool:
    """Whether a sibling is due itself, or was ordered when this key type was wanted already: it then failed or got lost."""
    was_wanted = sibling.key_types is None or target.key_type in sibling.key_types
    return was_wanted or any(_reasons_to_renew(wanted, sibling, directory, now))


def _say_what_it_replaces(decision: Decision, directory: str, account_uri: str | None) -> Decision:
    stored = decision.stored
    if not decision.due or stored is None or not _is_replaceable(decision.wanted, stored, directory, account_uri):
        return decision
    return replace(decision, replaces=stored.certificate_id)


def _is_replaceable(wanted: Wanted, stored: Stored, directory: str, account_uri: str | None) -> bool:
    """Whether an order can say that it replaces the certificate (RFC 9773 §5)."""
    ours = account_uri is not None and (stored.directory, stored.account_uri) == (directory, account_uri)
    refused = stored.renewal is not None and stored.renewal.not_replaceable is not None
    return ours and not refused and not _names(wanted).isdisjoint(stored.identifiers)


def _names(wanted: Wanted) -> frozenset[str]:
    return frozenset(identifier.value for identifier in wanted.identifiers)


def _reasons_to_renew(wanted: Wanted, stored: Stored, directory: str, now: datetime) -> Iterator[str]:
    names, before = _names(wanted), stored.names_ordered
    if now >= stored.not_after:
        yield f"expired at {format_instant(stored.not_after)}"
    if stored.revocation:
        yield str(stored.revocation)
    if names != before:
        yield _describe_names_changed(names, before)
    if stored.directory not in (None, directory):
        # e.g. from a CA's staging environment, which no browser trusts, to the real one
        yield f"CA changed from {stored.directory} to {directory}"
    if wanted.apply == NOW:
        yield from _changed_settings(wanted, stored)
    if now >= stored.renew_at:
        yield stored.due_reason


def _changed_settings(wanted: Wanted, stored: Stored) -> Iterator[str]:
    """What a new certificate would have otherwise, but no site depends on today."""
    if stored.directory is None:
        return
    if not wanted.accepts(stored.profile):
        profile = " or ".join(wanted.profiles) or "the default"
        yield f"profile changed from {stored.profile or 'the default'} to {profile}"
    if wanted.preferred_chain != stored.preferred_chain:
        yield f"chain changed from {stored.preferred_chain or 'the default'} to {wanted.preferred_chain or 'the default'}"


def _describe_names_changed(names: frozenset[str], before: frozenset[str]) -> str:
    changes = [f"+{name}" for name in sorted(names - before)] + [f"-{name}" for name in sorted(before - names)]
    more = f" and {len(changes) - 5} more" if len(changes) > 5 else ""
    return f"names changed: {' '.join(changes[:5])}{more}"
