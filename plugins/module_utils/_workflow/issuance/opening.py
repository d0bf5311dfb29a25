# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The step of a run that takes up pending orders and makes the others (RFC 8555 §7.4)."""

from __future__ import annotations

from ..._acme.order import Order, fetch_order, new_order
from ..._acme.problem import ProblemError
from ..._core.errors import Error
from .run import Attempt, Run


def open_orders(run: Run) -> None:
    """Take up each pending order that still fits, and make the others; each URL is on disk at once."""

    def open_order(attempt: Attempt) -> None:
        run.take(attempt, _resume(run, attempt) or _order_anew(run, attempt))

    run.step(open_order)


def resume_orders(run: Run) -> None:
    """Take up the pending orders only; a certificate without one fails."""

    def resume(attempt: Attempt) -> None:
        order = _resume(run, attempt)
        if order is None:
            raise Error("no order is pending that fits the wanted certificate; state=present makes one")
        run.take(attempt, order)

    run.step(resume)


def _resume(run: Run, attempt: Attempt) -> Order | None:
    target, wanted = attempt.decision.target, attempt.decision.wanted
    pending = run.store.pending(target.name, target.key_type)
    if pending is None:
        return None
    names = [identifier.value for identifier in wanted.identifiers]
    fits = sorted(pending["identifiers"]) == sorted(names) and pending.get("profile") == wanted.profile
    if not fits or pending.get("account_uri") != run.session.account_url:
        return None
    try:
        order = fetch_order(run.session, pending["url"])
    except ProblemError as error:
        if error.problem.status in (403, 404):  # the CA forgets orders after a while
            return None
        raise
    return order if order.status != "invalid" else None


def _order_anew(run: Run, attempt: Attempt) -> Order:
    target, wanted = attempt.decision.target, attempt.decision.wanted
    order = new_order(run.session, wanted.identifiers, wanted.profile)
    attempt.ordered = True
    pending = {
        "url": order.url,
        "identifiers": [identifier.value for identifier in wanted.identifiers],
        "profile": wanted.profile,
        "account_uri": run.session.account_url,
    }
    run.store.set_pending(target.name, target.key_type, pending)
    return order
