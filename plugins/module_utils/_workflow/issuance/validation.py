# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What authorizations say of an order: that it can still become a certificate, or why it can't (RFC 8555 §7.1.6).

Some CAs leave an order pending when a challenge has failed, with the reason in the challenge or in the authorization
only. Others keep an order pending whose authorizations are over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import datetime

from ..._acme.authorization import Authorization, deactivate_authorization, fetch_authorization
from ..._acme.order import Order
from ..._core.errors import Error
from ..._core.workers import do_each
from .run import Attempt, LostOrderError, Run


def check_usable(run: Run, attempt: Attempt) -> None:
    """LostOrderError when a pending order can't become a certificate by the wanted kind of challenge.

    The CA is told to give it up, or it might hand it out again as the answer to the next new order.
    """
    found = [run.authorizations[url] for url in attempt.placed_order.authorizations if url in run.authorizations]
    kind = attempt.decision.wanted.challenge
    # a new order that seems to have expired tells that this host's clock is ahead, and what it lacks the CA never offers
    now = None if attempt.ordered else run.clock.now()
    reasons = [reason for each in found if (reason := _why_useless(each, kind, now))]
    if reasons:
        give_up(run, found)
        raise LostOrderError(
            f"Nothing can become of the order {attempt.placed_order.url}: {'; '.join(reasons)}",
            order=attempt.placed_order.url,
        )


def give_up(run: Run, authorizations: Iterable[Authorization]) -> None:
    """Have the CA end an order by one of its authorizations that is still pending (RFC 8555 §7.5.2)."""
    pending = next((each for each in authorizations if each.status == "pending"), None)
    if pending:
        with suppress(Error):  # a CA that can't do that makes new orders anyway
            deactivate_authorization(run.session, pending.url)


def _why_useless(each: Authorization, kind: str, now: datetime | None) -> str | None:
    name = each.identifier.value
    if each.status not in ("pending", "valid"):
        return f"the authorization for {name} is {each.status}"
    if each.status == "pending" and now and each.expires and each.expires <= now:
        return f"the authorization for {name} has expired"
    challenge = each.challenge(kind)
    if each.status == "pending" and challenge is None and now:
        return f"the authorization for {name} has no {kind} challenge"
    if each.status == "pending" and challenge and challenge.status not in ("pending", "processing", "valid"):
        return f"the {kind} challenge for {name} is {challenge.status}"
    return None


def check_going(run: Run, attempt: Attempt) -> None:
    """Look for a failed validation at an order that stays pending; Error with the CA's reasons when there is one.

    LostOrderError when an authorization is over for another reason.
    """
    found = _read(run, attempt.placed_order)
    failed = [each for each in found if _has_failed(run, attempt, each)]
    if failed:
        attempt.given_up = True
        raise describe_failure(attempt.placed_order, failed)
    run.authorizations.update((each.url, each) for each in found)
    check_usable(run, attempt)


def _has_failed(run: Run, attempt: Attempt, each: Authorization) -> bool:
    """Whether the challenge that was answered has failed; one that is pending may show an earlier answer's error."""
    challenge = each.challenge(attempt.decision.wanted.challenge)
    if each.status == "invalid" or challenge is None:
        return each.status == "invalid"
    refused = challenge.error is not None and each.url in run.refused_answers
    return challenge.status == "invalid" or (challenge.status == "pending" and refused)


def describe_invalid(run: Run, attempt: Attempt) -> Error:
    """Why the CA has made an order invalid."""
    return describe_failure(attempt.placed_order, _read(run, attempt.placed_order))


def describe_failure(order: Order, authorizations: Collection[Authorization]) -> Error:
    """Why an order failed: the order's own problem or those of its challenges, whole and by name."""
    failed = {each.identifier.value: each.error for each in authorizations if each.error or each.status == "invalid"}
    sentences = [
        f"{name}: {problem.sentence() if problem else 'the validation failed, and the CA gives no reason'}"
        for name, problem in sorted(failed.items())
    ]
    if order.error is not None and not sentences:
        sentences = [order.error.sentence()]
    return Error(
        "; ".join(sentences) or f"The CA gave up the order without a reason: {order.url}",
        problem=order.error.as_dict() if order.error else None,
        problems={name: problem.as_dict() if problem else {} for name, problem in failed.items()},
    )


def _read(run: Run, order: Order) -> list[Authorization]:
    """The authorizations of an order as they are now, as far as they can be read."""
    found, _failed = do_each(lambda url: fetch_authorization(run.session, url), order.authorizations, 1)
    return list(found.values())
