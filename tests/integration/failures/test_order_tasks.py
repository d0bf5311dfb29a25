# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders for other challenges wait for what has failed like all others, unless somebody asks for them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import InputError
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.orders import Limits

from tests.lab.ca_faults import first

from .conftest import Upkeeper, site, statuses, wait_of

MINUTE = timedelta(minutes=1)
A_BIT = timedelta(seconds=30)


def test_tasks_that_order_again_and_again_make_no_attempt_before_its_time(fleet: Upkeeper) -> None:
    fleet.refuse_orders()
    assert statuses(fleet.place(site("one"))) == {"one": "failed"}
    for number in range(20):
        placed = fleet.place(site("one"), check=number == 0)
        (entry,) = placed["certificates"]
        assert (entry["status"], entry["failures"], placed["changed"]) == ("deferred", 1, False)
        assert entry["reason"].startswith("not before ")
        assert timedelta() < wait_of(entry) <= MINUTE + A_BIT
        assert ("msg" in placed) == (number > 0), "what was asked for and is not there fails the task"
    assert fleet.asked_for_orders == 1
    assert fleet.place(site("one"), check=True, retry=["one"])["changed"]
    assert statuses(fleet.place(site("one"), later=2 * MINUTE)) == {"one": "failed"}
    assert fleet.asked_for_orders == 2


def test_an_order_that_somebody_asks_for_waits_for_no_failure_but_for_the_limits(fleet: Upkeeper) -> None:
    fleet.refuse_orders(first(1))
    assert statuses(fleet.keep(site("one"))) == {"one": "failed"}
    with pytest.raises(InputError, match="retry: 'once'"):
        fleet.place(site("one"), retry=["once"])
    placed = fleet.place(site("one"), retry=["one.fleet.test"])
    assert len(placed["orders"]) == 1
    assert "msg" not in placed

    refused = fleet.place(site("one"), site("two"), limits=Limits(max_orders=1))
    assert [order["name"] for order in refused["orders"]] == ["one"], "a pending order goes on"
    assert refused["msg"].startswith("1 certificate could not be issued\ntwo (ecdsa-p256): not before ")
    assert statuses(fleet.keep(site("one"), limits=Limits(max_orders=1))) == {"one": "issued"}


def test_a_site_that_has_failed_gets_one_order_first_and_the_others_follow(fleet: Upkeeper) -> None:
    both = site("one", key_types=["rsa-2048", "ecdsa-p256"])
    fleet.refuse_orders(first(1))
    assert set(statuses(fleet.place(both)).values()) == {"failed", "deferred"}
    placed = fleet.place(both, later=2 * MINUTE)
    assert [len(placed["orders"]), "msg" in placed] == [1, False]
    assert "is tried first" in "".join(entry["reason"] for entry in placed["certificates"])


def test_what_has_no_order_to_finish_has_not_failed_once_more(fleet: Upkeeper) -> None:
    for _number in range(2):
        (entry,) = fleet.finish(site("one"))["certificates"]
        assert (entry["status"], entry["failures"]) == ("failed", 0)
        assert "no order is pending" in entry["reason"]
    assert len(fleet.place(site("one"))["orders"]) == 1
