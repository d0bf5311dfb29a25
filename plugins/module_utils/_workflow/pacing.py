# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the certificates that are due may be tried now, and when the others may (G23, G26, G28).

All of it is plain values: what is due, what is remembered and the time in; what to take and what to
leave for when out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from .._acme.pauses import PausedError, Pauses
from .._core.clock import format_instant
from .candidate import Candidate, Deferral, HeldError, Known, is_exempt
from .failures import Failures
from .orders import WINDOW_PER_NAMES, Slots
from .places import Places
from .plan import Decision
from .wanted import Target

EVERYTHING = ("directory", "newNonce", "order")
"""The kinds of requests without which a certificate gets nowhere, also with an order that is pending."""

ALL_OF_AN_ORDER = ("newOrder", "authorization", "challenge", "finalize", "certificate")
"""Those that a new order needs besides; none is made to be left lying about."""


@dataclass
class Pace:
    """The certificates to try now, those that may only resume an order, and those that wait, with the time.

    ``behind`` are the certificates that can be taken as soon as another one for the same names is through, in the same
    task.
    """

    taken: list[Decision] = field(default_factory=list)
    held: dict[Target, HeldError] = field(default_factory=dict)
    deferred: dict[Target, Deferral] = field(default_factory=dict)
    behind: dict[Target, Deferral] = field(default_factory=dict)

    def put_behind(self, each: Candidate, other: Candidate, now: datetime) -> None:
        """Leave a certificate until another one for the same names is through."""
        reason = f"{other.decision.target} goes first: only one order for the same names is open at a time"
        waits = self.deferred.get(other.decision.target)
        if waits:
            self.deferred[each.decision.target] = replace(waits, reason=reason)
        else:
            self.behind[each.decision.target] = Deferral(now, reason, failing=False)


def pace(candidates: Sequence[Candidate], known: Known, now: datetime, only: Collection[Target] | None = None) -> Pace:
    """Tell what may be tried now from what may not; the candidates come with the most urgent first.

    For the same names only one is taken: CAs answer a second new order with the one that is still open. ``only`` are
    the certificates that can be taken, None for all; the others count because they may have an open order.
    """
    result = Pace()
    open_now: list[Candidate] = []
    for each in candidates:
        deferral = _blocked(each, known, now)
        if deferral:
            result.deferred[each.decision.target] = deferral
        elif only is None or each.decision.target in only:
            open_now.append(each)
    leaders = _one_for_each_failing_name(open_now, known, now)
    first = _first_for_same_names(candidates, open_now, known, now)
    places = Places(known, now)
    for each in open_now:
        target = each.decision.target
        leader = leaders.get(target)
        if leader:
            names = ", ".join(sorted(each.names & leader.names)[:3])
            reason = f"{leader.decision.target} is tried first, since an attempt for {names} has failed"
            result.deferred[target] = Deferral(now, reason, failing=True)
            continue
        deferral = _no_order(each, known, places)
        other = first[each.exact_names]
        if deferral and not each.pending:
            result.deferred[target] = deferral
        elif other is not each:
            result.put_behind(each, other, now)
        else:
            result.taken.append(each.decision)
            if deferral:
                result.held[target] = HeldError(deferral)
    return result


def _blocked(each: Candidate, known: Known, now: datetime) -> Deferral | None:
    """What keeps a certificate from being tried at all, also with an order that is pending."""
    if each.failures.needs_human:
        reason = f"the CA has paused it, and it is not tried before a human has acted: {each.failures.reason}"
        return Deferral(None, reason, failing=True)
    waits: list[tuple[datetime, str]] = []
    needed = [kind for kind in EVERYTHING if kind != "newNonce" or not known.under_way]
    if paused := _pause(each, known.pauses, needed):
        waits.append((paused.until, paused.message))
    if until := each.failures.blocked_until(now):
        waits.append((until, _describe_failures(each.failures)))
    for name in sorted(each.names & known.identifiers.keys()):
        remembered = known.identifiers[name]
        if until := remembered.blocked_until(now):
            waits.append((until, f"{name} {_describe_failures(remembered)}"))
        if until := remembered.validations_until(now):
            waits.append((until, f"{name} has failed too many validations within an hour for the CA to take more"))
    if not waits:
        return None
    until, reason = max(waits, key=lambda wait: wait[0])
    return Deferral(until, f"not before {format_instant(until)}: {reason}", failing=True)


def _describe_failures(failures: Failures) -> str:
    if not failures.count:
        return f"was refused for now: {failures.reason}"
    times = "once" if failures.count == 1 else f"{failures.count} times in a row"
    return f"failed {times}: {failures.reason}"


def _one_for_each_failing_name(candidates: Sequence[Candidate], known: Known, now: datetime) -> dict[Target, Candidate]:
    """The candidates that wait for another one which shares a name that has failed, each with that other.

    RSA and ECDSA certificates of a site share the CA's patience for their names: one attempt tells whether the
    names work again.
    """
    leaders: dict[str, Candidate] = {}
    waiting: dict[Target, Candidate] = {}
    failing_names = {name for name, failures in known.identifiers.items() if failures.count}
    concerned = [each for each in candidates if not each.names.isdisjoint(failing_names)]
    for each in sorted(concerned, key=lambda each: _turn(each, known, now)):
        failing = sorted(each.names & failing_names)
        leader = next((leaders[name] for name in failing if name in leaders), None)
        if leader:
            waiting[each.decision.target] = leader
        else:
            leaders.update(dict.fromkeys(failing, each))
    return waiting


def _first_for_same_names(
    candidates: Sequence[Candidate], open_now: Sequence[Candidate], known: Known, now: datetime
) -> dict[tuple[str, ...], Candidate]:
    """Which certificate goes first for each exact set of names.

    One with an open order counts also when it can't be taken now.
    """
    able = {each.decision.target for each in open_now}
    alike: dict[tuple[str, ...], list[Candidate]] = {}
    for each in candidates:
        if each.open or each.decision.target in able:
            alike.setdefault(each.exact_names, []).append(each)
    return {
        names: group[0] if len(group) == 1 else min(group, key=lambda each: _turn(each, known, now))
        for names, group in alike.items()
    }


def _turn(each: Candidate, known: Known, now: datetime) -> tuple[bool, int, bool]:
    """Sort key: of several certificates the smallest goes first.

    Last goes one that may make no order, since nobody would learn anything from it for days. One that has failed more
    often than the others goes behind them, so that none is left out for ever; then one with an open order is first.
    """
    return _is_held_up(each, known, now), each.failures.count, not each.open


def _is_held_up(each: Candidate, known: Known, now: datetime) -> bool:
    """Whether its own names, or the CA, keep it from an order that it needs."""
    if each.pending:
        return False
    if _pause(each, known.pauses, ALL_OF_AN_ORDER):
        return True
    own = Slots(known.orders.instants_for(each.exact_names, now), known.limits.max_orders_per_names, WINDOW_PER_NAMES)
    return own.next_free(now) > now and not is_exempt(each.decision, each.failures, now)


def _no_order(each: Candidate, known: Known, places: Places) -> Deferral | None:
    """Why no order may be made for a certificate now, or None when it has got its place among them."""
    if paused := _pause(each, known.pauses, ALL_OF_AN_ORDER):
        return Deferral(paused.until, paused.message, failing=True)
    return places.take(each)


def _pause(each: Candidate, pauses: Pauses, kinds: Sequence[str]) -> PausedError | None:
    """The pause of one of these kinds of requests that lasts longest for a certificate."""
    found: list[PausedError] = []
    for kind in kinds:
        try:
            pauses.check(kind, each.exact_names, each.decision.issued_before)
        except PausedError as error:
            found.append(error)
    return max(found, key=lambda error: error.until, default=None)
