# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding orders whose URL never arrived, in the account's list of orders (RFC 8555 §7.1.2.1).

A CA need not have such a list, and Let's Encrypt has none; it answers a new
order for the same names with the pending one that it has already.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..._acme.account import fetch_account
from ..._acme.order import Order, fetch_order, list_orders
from ..._acme.problem import ProblemError, UnusableAnswerError
from ..._core.errors import StoreError
from ..._core.workers import do_each
from ..._store.certificates import StoredCertificate
from .run import Attempt, Run

MOST_READ = 200
"""How many orders are read in search of the lost ones, the newest first."""


def adopt_orders(run: Run, attempts: Sequence[Attempt]) -> dict[Attempt, Order]:
    """The orders that the CA has for these attempts and that nobody holds; none from a CA without a list.

    What is not found within the run's patience counts as not there, or a slow CA would hold up all for hours.
    Raises Error when there may be a list, but it can't be had now.
    """
    if not attempts:
        return {}
    deadline = run.clock.monotonic() + run.patience
    held = set(_held(run))
    candidates = [url for url in reversed(_listed(run)) if url not in held][:MOST_READ]
    left, found = list(attempts), {}
    for start in range(0, len(candidates), run.width):
        if not left or run.clock.monotonic() >= deadline:
            break
        orders, _failed = do_each(
            lambda url: fetch_order(run.session, url), candidates[start : start + run.width], run.width
        )
        for order in orders.values():
            attempt = next((each for each in left if _fits(each, order)), None)
            if attempt is not None:
                left.remove(attempt)
                found[attempt] = order
    return found


def _listed(run: Run) -> list[str]:
    """The account's orders; CAs append new ones."""
    try:
        url = fetch_account(run.session).orders
        return list_orders(run.session, url, run.patience) if url else []
    except ProblemError as error:
        # some CAs name a list that they don't have
        if error.asks_to_wait:
            raise
        return []
    except UnusableAnswerError:
        return []


def _held(run: Run) -> Iterator[str]:
    """The URLs of the orders that a certificate of this store has or came from."""
    for each in run.store.scan(unissued=True):
        for url in (_pending_url(run, each), (each.issuance or {}).get("order_url")):
            if isinstance(url, str):
                yield url


def take_from_others(run: Run, attempt: Attempt, url: str) -> None:
    """Have no other certificate of the store hold this order, which the CA has handed out for this one.

    The other one has either left the list or is in that of another task: it orders anew.
    """
    target = attempt.decision.target
    for each in run.store.scan(unissued=True):
        if (each.name, each.key_type) != (target.name, target.key_type) and _pending_url(run, each) == url:
            run.store.drop_order(each.name, each.key_type)


def _pending_url(run: Run, each: StoredCertificate) -> object:
    try:
        return (run.store.pending(each.name, each.key_type) or {}).get("url")
    except StoreError:  # a broken record of another certificate does not concern this one
        return None


def _fits(attempt: Attempt, order: Order) -> bool:
    """Whether an order is what the attempt wants to order, and nothing has been done with it."""
    wanted = attempt.decision.wanted
    same_profile = order.profile is None or attempt.profile is None or order.profile == attempt.profile
    return order.status in ("pending", "ready") and same_profile and set(order.identifiers) == set(wanted.identifiers)
