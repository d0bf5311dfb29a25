# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders of which nothing has become, or nothing is known: they count as long as the CA may count them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from tests.unit.plugins.module_utils._acme.fakes import HOST, Answer, Seen

from .issuing_ca import Manners, Site, site_of, statuses

Found = Callable[..., Site]
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SHOP = site_of("shop", key_types=["ecdsa-p256"])


@pytest.fixture
def site(tmp_path: Path) -> Found:
    """A store and a CA with these manners."""
    return lambda **manners: Site(tmp_path / "store", Manners(**manners))


def kill_once_ordered(found: Site, number: int) -> None:
    """Have the task killed when the CA has made the order with this number, before the answer arrives."""

    def kill() -> None:
        if len(found.ca.orders) >= number:
            found.ca.watch = lambda: None
            raise KeyboardInterrupt

    found.ca.watch = kill


def keep_killed(found: Site, later: timedelta = MINUTE, **limits: int) -> bool:
    """One task that is killed right after the next new order; whether it got that far."""
    kill_once_ordered(found, len(found.ca.orders) + 1)
    try:
        found.keep(SHOP, later=later, **limits)
    except KeyboardInterrupt:
        return True
    finally:
        found.ca.watch = lambda: None
    return False


@pytest.mark.parametrize("reuses", [False, True], ids=["each order is new", "open orders are handed out again"])
def test_orders_that_somebody_else_finalizes_meanwhile_count_for_their_names(site: Found, reuses: bool) -> None:
    found = site(reuses_orders=reuses)
    for _task in range(10):
        for number in range(2):
            path = f"/authorization/{len(found.ca.authorizations) + number + 1}/answer"
            found.ca.script[path] = deque([Answer(503)])
        found.keep(SHOP, later=HOUR, max_orders_per_names=2)
        found.ca.validate_all()
        found.ca.finalize_all_for_somebody_else()
    assert len(found.ca.issued) == 2
    found.ca.script.clear()
    assert statuses(found.keep(SHOP, later=8 * DAY, max_orders_per_names=2)) == {"shop/ecdsa-p256": "issued"}


@pytest.mark.parametrize("limit", ["max_orders", "max_orders_per_names"])
def test_kills_right_after_each_new_order_overrun_no_limit(site: Found, limit: str) -> None:
    found = site()
    killed = [keep_killed(found, **{limit: 2}) for _task in range(12)]
    assert killed.count(True) == len(found.ca.orders) == 2
    assert statuses(found.keep(SHOP, later=8 * DAY, **{limit: 2})) == {"shop/ecdsa-p256": "issued"}


def test_kills_before_a_certificate_is_ordered_again_use_up_no_place(site: Found) -> None:
    """The fate of its first order is unknown, and each further task is killed over another certificate."""
    found = site()
    first = site_of("a", key_types=["ecdsa-p256"])
    assert keep_killed(found)
    for number in range(2, 6):
        kill_once_ordered(found, number)
        with pytest.raises(KeyboardInterrupt):
            found.keep(first, SHOP, later=MINUTE, width=1)
    assert statuses(found.keep(SHOP, later=MINUTE, max_orders_per_names=2)) == {"shop/ecdsa-p256": "issued"}


def test_an_order_whose_answer_got_lost_is_made_again_within_the_limit_only(site: Found) -> None:
    found = site()
    for _task in range(4):
        found.ca.after["/new-order"] = deque([requests.exceptions.ConnectionError("reset")] * 2)
        found.keep(SHOP, later=HOUR, max_orders_per_names=3)
    assert len(found.ca.orders) == 3


def test_an_exempt_order_that_turns_invalid_gives_no_other_order_back(site: Found) -> None:
    """Only an order that has been counted has a place to give back."""
    found = site(lifetime=timedelta(days=6))
    found.keep(SHOP, later=timedelta())
    found.keep(SHOP, later=timedelta(hours=20))
    # an instant in the window is drawn by lot; here it is the first
    known = found.store.state("shop", "ecdsa-p256")["renewal"]
    found.store.update_state("shop", "ecdsa-p256", renewal={**known, "chosen": known["start"]})
    found.clock.seconds += timedelta(hours=77.4).total_seconds()  # the last minutes of the CA's window
    found.ca.script["/authorization/2/answer"] = deque([Answer(503)])
    found.keep(SHOP)
    found.ca.manners.failing.add("shop.example.com")
    found.keep(SHOP, later=2 * HOUR)
    assert [each.status for each in found.ca.orders] == ["valid", "invalid"]
    found.ca.manners.failing.clear()
    (entry,) = found.keep(SHOP, later=HOUR, max_orders_per_names=1)["certificates"]
    assert "max_orders_per_names: its names have had 1 orders" in entry["reason"]


@pytest.mark.parametrize("url", ["ht!tp://[", "https://[", "https://", "http://ca.test/order/1", "x\ny", ""])
def test_an_order_without_a_usable_url_is_lost_and_made_anew(site: Found, url: str) -> None:
    found = site()
    found.ca.script["/authorization/1/answer"] = deque([Answer(503)])
    found.keep(SHOP)
    pending = found.store.pending("shop", "ecdsa-p256")
    found.store.set_pending("shop", "ecdsa-p256", {**(pending or {}), "url": url})
    assert statuses(found.keep(SHOP, later=HOUR)) == {"shop/ecdsa-p256": "issued"}
    assert len(found.ca.orders) == 2


def test_a_ca_with_one_order_url_for_all_names_is_told_in_a_clear_sentence(site: Found) -> None:
    found = site()
    usual = found.ca.routes["/new-order"]
    url = f"{HOST}/order/1"

    def name_the_first(seen: Seen) -> Answer:
        return replace(usual(seen), headers={"Location": url})

    found.ca.routes["/new-order"] = name_the_first
    mail = site_of("mail", key_types=["ecdsa-p256"])
    assert statuses(found.keep(SHOP)) == {"shop/ecdsa-p256": "issued"}
    for number in (2, 3):
        (entry,) = found.keep(mail, later=HOUR)["certificates"]
        reason = f"The CA's order at {url} is for other names: shop.example.com instead of mail.example.com"
        assert (entry["status"], entry["reason"]) == ("failed", reason)
        assert len(found.ca.orders) == number
    found.ca.routes["/new-order"] = usual
    assert statuses(found.keep(mail, later=DAY)) == {"mail/ecdsa-p256": "issued"}
