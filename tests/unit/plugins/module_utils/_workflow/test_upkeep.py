# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks that keep certificates, against a CA in memory with the manners of real ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from tests.unit.plugins.module_utils._acme.fakes import Answer

from .issuing_ca import Manners, Site, csr_for, site_of, statuses

Found = Callable[..., Site]
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
BOULDER = {"reuses_orders": True, "reuses_authorizations": True}


@pytest.fixture
def site(tmp_path: Path) -> Found:
    """A store and a CA with these manners."""
    return lambda **manners: Site(tmp_path / "store", Manners(**manners))


# One order for a set of names at a time


@pytest.mark.parametrize("looks", [0, 2], ids=["finalized at once", "finalized later"])
def test_both_keys_of_a_site_get_their_certificates_from_a_ca_that_hands_out_one_order(site: Found, looks: int) -> None:
    found = site(**BOULDER, looks=looks)
    result = found.keep(*(site_of(f"s{number}") for number in range(20)))
    assert set(statuses(result).values()) == {"issued"}
    assert (result["counts"]["issued"], result["orders"], len(found.ca.orders)) == (40, 40, 40)
    assert (result["runs"], result["left"]) == (1, 0)
    assert len(found.fleet.published) == 20, "each site is validated once"
    assert len({record["order_url"] for record in _records(found)}) == 40


@pytest.mark.parametrize("reuses", [False, True])
def test_two_orders_for_the_same_names_are_never_open_at_once(site: Found, reuses: bool) -> None:
    found = site(reuses_orders=reuses)
    most = 0

    def count(*_arguments: object) -> None:
        nonlocal most
        most = max(most, len(found.ca.open_orders()))

    found.ca.watch = count
    assert set(statuses(found.keep(site_of("shop"))).values()) == {"issued"}
    assert most == 1


def test_keys_of_three_frontends_are_certified_in_one_task(site: Found) -> None:
    found = site(**BOULDER, looks=1)
    entry = site_of("shop", key="frontend", frontends=["web1", "web2", "web3"], key_types=["ecdsa-p256"])
    asked = found.keep(entry)
    assert [each["host"] for each in asked["key_requests"]] == ["web1", "web2", "web3"]
    csrs = {each["certificate"]: csr_for(each["domains"]) for each in asked["key_requests"]}
    assert set(statuses(found.keep(entry, csrs=csrs)).values()) == {"issued"}
    assert len(found.fleet.published) == 1


def test_a_name_that_fails_is_tried_with_one_key_and_holds_up_no_other_site(site: Found) -> None:
    found = site(**BOULDER, failing={"bad.example.com"})
    assert statuses(found.keep(site_of("bad"), site_of("good"))) == {
        "bad/ecdsa-p256": "failed",
        "bad/ecdsa-p384": "deferred",
        "good/ecdsa-p256": "issued",
        "good/ecdsa-p384": "issued",
    }
    assert len(found.ca.orders) == 3
    found.ca.manners.failing.clear()
    assert set(statuses(found.keep(site_of("bad"), later=2 * MINUTE)).values()) == {"issued"}


def test_renewals_go_one_after_the_other_too(site: Found) -> None:
    found = site(**BOULDER, looks=1)
    found.keep(site_of("shop"))
    result = found.keep(site_of("shop"), later=85 * DAY)
    assert set(statuses(result).values()) == {"renewed"}
    assert [each.payload.get("replaces") for each in found.ca.orders].count(None) == 2


@pytest.mark.parametrize("path", ["/order/1/finalize", "/order/1/certificate", "/new-order"])
def test_an_answer_that_gets_lost_costs_neither_certificate(site: Found, path: str) -> None:
    found = site(**BOULDER)
    found.ca.after[path] = deque([requests.exceptions.ReadTimeout("late")])
    found.keep(site_of("shop"))
    result = found.keep(site_of("shop"), later=2 * MINUTE)
    assert set(statuses(result).values()) <= {"issued", "valid"}
    assert len(found.ca.orders) == 2


def test_a_task_that_was_killed_after_the_first_order_goes_on_with_it(site: Found) -> None:
    found = site(**BOULDER)

    def kill() -> None:
        if found.ca.orders:
            found.ca.watch = lambda: None
            raise KeyboardInterrupt

    found.ca.watch = kill
    with pytest.raises(KeyboardInterrupt):
        found.keep(site_of("shop"))
    result = found.keep(site_of("shop"))
    assert set(statuses(result).values()) == {"issued"}
    assert len(found.ca.orders) == 2


def test_an_order_that_the_ca_hands_out_twice_counts_once(site: Found) -> None:
    """Its URL got lost with the disk, say: the CA answers each new order with it."""
    found = site(**BOULDER)
    found.ca.script["/authorization/1"] = deque([Answer(503), Answer(503)])
    for _time in range(2):
        found.keep(site_of("shop", key_types=["ecdsa-p256"]), later=2 * DAY)
        found.store.clear_pending("shop", "ecdsa-p256")
    assert set(statuses(found.keep(site_of("shop"), later=2 * DAY, max_orders_per_names=2)).values()) == {"issued"}
    assert len(found.ca.orders) == 2


def test_an_order_that_another_certificate_has_is_taken_over(site: Found) -> None:
    """The other certificate is in no list any more, or in that of another task."""
    found = site(**BOULDER)
    found.ca.script["/authorization/1"] = deque([Answer(503)])
    found.keep(site_of("shop", key_types=["ecdsa-p256"]))
    assert found.store.pending("shop", "ecdsa-p256")
    entry = {**site_of("other"), "domains": ["shop.example.com"], "key_types": ["ecdsa-p384"]}
    assert statuses(found.keep(entry, later=DAY)) == {"other/ecdsa-p384": "issued"}
    assert not found.store.pending("shop", "ecdsa-p256")
    assert set(statuses(found.keep(site_of("shop"), later=DAY)).values()) == {"issued"}


def test_an_order_that_somebody_else_has_finalized_is_ordered_anew_in_the_same_task(site: Found) -> None:
    """Another host with the same account has been quicker: the certificate is for its key."""
    found = site(**BOULDER)

    def finalize() -> None:
        if found.ca.open_orders() and found.ca.orders[0].status == "ready":
            found.ca.watch = lambda: None
            found.ca.finalize_for_somebody_else(found.ca.orders[0])

    found.ca.watch = finalize
    result = found.keep(site_of("shop", key_types=["ecdsa-p256"]))
    assert statuses(result) == {"shop/ecdsa-p256": "issued"}
    assert len(found.ca.orders) == 2


def _records(found: Site) -> list[dict[str, str]]:
    return [each.issuance for each in found.store.scan() if each.issuance]
