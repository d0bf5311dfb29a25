# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module order says it would do, from the list and the store alone."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._store.accounts import AccountStore
from ansible_collections.certfleet.acme.plugins.module_utils._store.certificates import CertificateStore
from ansible_collections.certfleet.acme.plugins.module_utils._store.layout import authority_name
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.connection import Authority
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.ordering import Ordering
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.wanted import parse_wanted

from tests.unit.plugins.module_utils._acme.fakes import refusal
from tests.unit.plugins.module_utils._core.fakes import FakeClock

from .issuing_ca import Manners, Site, site_of, statuses

CA = "https://acme.example/directory"
ACCOUNT = "https://acme.example/acct/1"
SHOP = {"name": "shop", "domains": ["shop.example.com"], "key_types": ["ecdsa-p256"], "profile": "classic"}
PENDING = {
    "url": "https://acme.example/order/1",
    "identifiers": ["shop.example.com"],
    "profile": "classic",
    "account_uri": ACCOUNT,
}


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        ({}, False),
        ({"url": None}, True),
        ({"identifiers": ["other.example.com"]}, True),
        ({"profile": None}, True),
        ({"account_uri": "https://acme.example/acct/2"}, True),
    ],
    ids=lambda value: next(iter(value), "nothing") if isinstance(value, dict) else None,
)
def test_only_an_order_that_would_be_taken_up_counts_as_pending(
    tmp_path: Path, change: dict[str, Any], changed: bool
) -> None:
    files = Files(str(tmp_path / "store"))
    AccountStore(files, authority_name(CA), "default").set_record({"account_uri": ACCOUNT})
    CertificateStore(files).set_pending("shop", "ecdsa-p256", {**PENDING, **change})
    ordering = Ordering(files, Authority(CA, "default"), 1, 1.0, FakeClock())
    assert ordering.check(parse_wanted([SHOP]), "present")["changed"] is changed


BOTH = parse_wanted([site_of("shop")])


def values(result: dict[str, Any]) -> list[str]:
    return [value for record in result["dns_records"] for value in record["values"]]


def test_both_keys_of_a_site_are_finished_after_one_validation_where_the_ca_keeps_it(tmp_path: Path) -> None:
    found = Site(tmp_path, Manners(reuses_orders=True, reuses_authorizations=True, looks=1))
    placed = found.ordering.place(BOTH)
    assert statuses(placed) == {"shop/ecdsa-p256": "deferred", "shop/ecdsa-p384": "deferred"}
    assert ("msg" in placed, len(placed["orders"]), len(values(placed))) == (False, 1, 1)
    assert len(found.ordering.place(BOTH)["orders"]) == len(found.ca.orders) == 1

    finished = found.ordering.finish(BOTH)
    assert statuses(finished) == {"shop/ecdsa-p256": "issued", "shop/ecdsa-p384": "issued"}
    assert (finished["orders"], len(found.ca.orders), finished["changed"]) == ([], 2, True)
    assert statuses(found.ordering.finish(BOTH)) == {"shop/ecdsa-p256": "valid", "shop/ecdsa-p384": "valid"}


def test_each_key_of_a_site_has_its_round_where_the_ca_validates_for_each_order(tmp_path: Path) -> None:
    found = Site(tmp_path)
    found.ordering.place(BOTH)
    finished = found.ordering.finish(BOTH)
    assert statuses(finished) == {"shop/ecdsa-p256": "issued", "shop/ecdsa-p384": "deferred"}
    assert ("msg" in finished, len(finished["orders"]), len(values(finished))) == (False, 1, 1)
    assert values(found.ordering.place(BOTH)) == values(finished)
    assert statuses(found.ordering.finish(BOTH)) == {"shop/ecdsa-p256": "valid", "shop/ecdsa-p384": "issued"}
    assert len(found.ca.orders) == 2


def test_a_certificate_goes_on_waiting_behind_one_that_could_not_be_finished(tmp_path: Path) -> None:
    found = Site(tmp_path, Manners(reuses_orders=True))
    found.ordering.place(BOTH)
    found.ca.script["/order/1/finalize"] = deque([refusal("serverInternal", 503)])
    assert statuses(found.ordering.finish(BOTH)) == {"shop/ecdsa-p256": "failed", "shop/ecdsa-p384": "deferred"}
    assert len(found.ca.orders) == 1


def test_an_order_that_is_dead_is_placed_anew_in_the_same_task(tmp_path: Path) -> None:
    found = Site(tmp_path, Manners(after_failure="authorization"))
    found.ordering.place(BOTH)
    found.ca.authorizations[0].status = "expired"
    placed = found.ordering.place(BOTH)
    assert [each["url"][-1] for each in placed["orders"]] == ["2"]
