# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The step of a run that takes up pending orders and makes the others (RFC 8555 §7.4).

That an order is about to be made is on disk before the CA hears of it, and its
URL as soon as it is known. So after a kill or a lost answer it is known that
there may be an order, and it is looked for before another one is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from ..._acme.order import Order, fetch_order, new_order
from ..._acme.problem import PREFIX, LostConnectionError, NetworkError, ProblemError
from ..._core.clock import format_instant
from ..._core.errors import Error, NotTriedError, StoreError
from ..._core.workers import guarded
from ..pending import PendingOrder, pending_order
from ..renewal import OFTEN, note_not_replaceable
from .adoption import adopt_orders, take_from_others
from .run import STATUSES, Attempt, Run

OF_REPLACES = ("alreadyReplaced", "malformed", "unauthorized", "notFound", "conflict")
"""What CAs have called it when they would not take ``replaces``."""

ABOUT_REPLACED = ("certificate", "replac", "renewal")
"""What the text of a server error is about when it is about the certificate that is replaced.

Pebble 2.10 fails so when the serial number begins with a sign byte, as one of 256 does.
"""

GONE = (400, 401, 403, 404, 410)

NOTHING_PENDING = "no order is pending that fits the wanted certificate; state=present makes one"


def open_orders(run: Run) -> None:
    """Take up each pending order that still fits, and make the others; each URL is on disk at once."""
    in_doubt: list[Attempt] = []

    def resume(attempt: Attempt) -> None:
        target = attempt.decision.target
        pending = pending_order(run.store, attempt.decision, run.session.account_url)
        if pending and pending.url:
            _take_up(run, attempt, pending, pending.url)
        elif pending or run.store.has_broken_order(target.name, target.key_type):
            in_doubt.append(attempt)

    run.step(resume)
    _adopt(run, in_doubt)
    _order(run, [attempt for attempt in run.going if attempt.order is None])


def resume_orders(run: Run) -> None:
    """Take up the pending orders only; a certificate without one fails."""

    def resume(attempt: Attempt) -> None:
        pending = pending_order(run.store, attempt.decision, run.session.account_url)
        if pending and pending.url:
            _take_up(run, attempt, pending, pending.url)
        if attempt.order is None:
            raise NotTriedError(NOTHING_PENDING)

    run.step(resume)


def _take_up(run: Run, attempt: Attempt, pending: PendingOrder, url: str) -> None:
    """Go on with an order, unless nothing can become of it any more."""
    now = run.clock.now()
    hopeless = pending.is_old(now)
    try:
        order = fetch_order(run.session, url)
    except (NetworkError, ProblemError) as error:
        if hopeless or _is_gone(error):
            return
        raise
    # once finalized, an order is of use to nobody who has not the key
    for_lost_key = attempt.key_made and order.status in ("processing", "valid")
    stuck = hopeless and order.status == "processing"
    over = order.status in ("pending", "ready") and order.expires is not None and order.expires <= now
    lost = order.status not in STATUSES or order.status == "invalid" or attempt.is_of_others(order)
    if not (lost or for_lost_key or stuck or over):
        attempt.profile = pending.profile
        run.take(attempt, order)


def _is_gone(error: NetworkError | ProblemError) -> bool:
    """Whether a CA has no such order: it forgets them after a while, and CAs have several words for that."""
    if not isinstance(error, ProblemError) or error.asks_to_wait or error.is_("badNonce"):
        return False
    return error.problem.status in GONE


def _order(run: Run, attempts: Sequence[Attempt]) -> None:
    """Make orders; one whose answer got lost is looked for, and made once more when the CA doesn't have it."""
    lost: dict[Attempt, NetworkError | ProblemError] = {}

    def order(attempt: Attempt) -> None:
        try:
            _order_anew(run, attempt)
        except (NetworkError, ProblemError) as error:
            if not error.uncertain:
                raise
            lost[attempt] = error

    _note(run, attempts)
    run.step(order, list(attempts))
    _adopt(run, list(lost))
    for attempt, error in lost.items():
        # a CA that only is slow may make the order yet, so that is left to a later run
        again = attempt.failure is None and isinstance(error, LostConnectionError)
        if attempt.order is not None:
            attempt.ordered = True
        elif not again:
            attempt.failure = error
    left = [attempt for attempt in lost if attempt.order is None and attempt.failure is None]
    _note(run, left)
    run.step(lambda attempt: _order_anew(run, attempt), left)


def _note(run: Run, attempts: Sequence[Attempt]) -> None:
    """Record the orders that are about to be made, since the run may be killed in between."""
    if run.memory and attempts:
        run.memory.note_orders(attempts)


def _adopt(run: Run, attempts: Sequence[Attempt]) -> None:
    try:
        with guarded():
            found = adopt_orders(run, attempts)
    except Error as error:
        for attempt in attempts:
            attempt.failure = error
        return

    def take(attempt: Attempt) -> None:
        order = found[attempt]
        _remember(run, attempt, order.url)
        run.take(attempt, order)

    run.step(take, list(found))


def _order_anew(run: Run, attempt: Attempt) -> None:
    if attempt.held:
        raise attempt.held
    target, wanted = attempt.decision.target, attempt.decision.wanted
    run.session.pauses.check("newOrder", [each.value for each in wanted.identifiers], attempt.decision.issued_before)
    _remember(run, attempt, None)
    try:
        order, attempt.replaces = _send(run, attempt)
    except Error as error:
        uncertain = isinstance(error, (NetworkError, ProblemError)) and error.uncertain
        # a CA that fails at everything must not use up how many orders may be made
        attempt.ordered = uncertain and isinstance(error, NetworkError)
        if not uncertain:
            run.store.drop_order(target.name, target.key_type)
        raise
    attempt.ordered = True
    if run.memory and run.memory.has_ordered(wanted, order.url):
        take_from_others(run, attempt, order.url)
    _remember(run, attempt, order.url)
    run.take(attempt, order)


def _remember(run: Run, attempt: Attempt, url: str | None) -> None:
    """Have on disk that there is an order, or without a URL that there may be one."""
    target, wanted = attempt.decision.target, attempt.decision.wanted
    pending: Mapping[str, Any] = {
        "url": url,
        "identifiers": [identifier.value for identifier in wanted.identifiers],
        "profile": attempt.profile,
        "account_uri": run.session.account_url,
        "ordered_at": format_instant(run.clock.now()),
    }
    run.store.set_pending(target.name, target.key_type, dict(pending))


def _send(run: Run, attempt: Attempt) -> tuple[Order, str | None]:
    """Make the order, and what it says that it replaces.

    When the CA refuses ``replaces``, the order is made without it, and that is remembered (RFC 9773 §5).
    """
    wanted, renewal = attempt.decision.wanted, attempt.decision.issued_before
    # a CA that does not know the word may refuse the order over it, or break
    willing = run.session.directory.renewal_information and not _has_failed_often(run, attempt)
    replaces = attempt.decision.replaces if willing else None
    try:
        return new_order(run.session, wanted.identifiers, attempt.profile, replaces, renewal), replaces
    except ProblemError as error:
        if replaces is None or not _may_be_about_replaces(error):
            raise
        refused = error
    order = new_order(run.session, wanted.identifiers, attempt.profile, renewal=renewal)
    with suppress(StoreError):  # the next renewal finds it out again
        note_not_replaceable(run.store, attempt.decision.target, replaces, refused.problem.reason)
    return order, None


def _has_failed_often(run: Run, attempt: Attempt) -> bool:
    """Whether it is time to try it without what an order can do without."""
    failures = run.store.state(attempt.decision.target.name, attempt.decision.target.key_type).get("failures")
    return isinstance(failures, int) and failures >= OFTEN


def _may_be_about_replaces(error: ProblemError) -> bool:
    """Whether the CA may have refused ``replaces``: there is more than one word for that, so the rest is excluded."""
    about_names = bool(error.details["identifiers"])
    # what has a name in the RFC is about something else; a page or a word of the CA's own may mean anything
    unnamed = not error.problem.type.startswith(PREFIX) and 400 <= (error.problem.status or 0) < 500
    known = error.problem.name in OF_REPLACES or error.problem.status in (404, 409)
    text = error.problem.reason.lower()
    broken = error.is_("serverInternal") and any(word in text for word in ABOUT_REPLACED)
    return not about_names and not error.asks_to_wait and (known or unnamed or broken)
