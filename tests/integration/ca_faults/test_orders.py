# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders whose answer, key or URL got lost: none is made twice where that can be known."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.lab.ca_faults import (
    Effect,
    always,
    answer,
    break_json,
    delay,
    first,
    lose_answer,
    lose_request,
    lose_to_gateway,
    nth,
    rewrite,
    still_processing,
    web_page,
)

from .conftest import TIMEOUT, Site, fresh, statuses

SLOW = replace(delay(TIMEOUT + 0.5), name="answer after the timeout")
NO_LIST = rewrite("no list of orders", lambda account: {k: v for k, v in account.items() if k != "orders"})
EARLY, LATE = timedelta(minutes=2), timedelta(days=80)


@pytest.mark.parametrize("effect", [lose_answer(), SLOW, lose_to_gateway()], ids=lambda effect: effect.name)
def test_an_order_whose_answer_got_lost_is_adopted_in_the_same_run(site: Site, effect: Effect) -> None:
    names = fresh(6)
    site.proxy.inject("newOrder", effect, first(3))
    result = site.keep(names)
    assert set(statuses(result).values()) == {"issued"}, result
    assert (len(site.proxy.orders), result["orders"]) == (6, 6)


def test_an_order_whose_answer_got_lost_is_adopted_by_the_next_run(site: Site) -> None:
    (name,) = fresh(1)
    site.proxy.inject("newOrder", lose_answer(), first())
    site.proxy.inject("orders", web_page(503), always)
    assert statuses(site.keep([name])) == {name: "failed"}
    pending = site.pending(name)
    assert pending is not None
    assert pending["url"] is None

    site.proxy.heal()
    result = site.keep([name], later=EARLY)
    assert statuses(result) == {name: "issued"}
    assert (len(site.proxy.orders), result["orders"]) == (1, 0)


def test_the_order_of_the_other_key_type_is_not_taken_for_the_lost_one(site: Site) -> None:
    """Both have the same names."""
    (name,) = fresh(1)
    site.proxy.inject("newOrder", lose_answer(), nth(2))
    result = site.keep([name], concurrency=1, key_types=["ecdsa-p256", "ecdsa-p384"])
    assert {entry["status"] for entry in result["certificates"]} == {"issued"}
    assert len(site.proxy.orders) == 2
    urls = {json.loads(path.read_text())["order_url"] for path in site.folder.rglob("issuance.json")}
    assert len(urls) == 2


def test_an_order_that_never_arrived_is_made_once_more(site: Site) -> None:
    (name,) = fresh(1)
    site.proxy.inject("newOrder", lose_request(), first())
    assert statuses(site.keep([name])) == {name: "issued"}
    assert len(site.proxy.orders) == 1


@pytest.mark.parametrize(
    ("kind", "effect"),
    [("account", NO_LIST), ("orders", answer(404)), ("orders", break_json())],
    ids=["no list", "a list that is not there", "a list that can't be read"],
)
def test_without_a_list_a_lost_answer_costs_no_order_where_the_ca_hands_it_out_again(
    site: Site, kind: Any, effect: Effect
) -> None:
    (name,) = fresh(1)
    site.proxy.inject(kind, effect, always)
    site.proxy.inject("newOrder", lose_answer(), first())
    assert statuses(site.keep([name])) == {name: "issued"}
    assert len(site.proxy.orders) == 1


def test_a_long_list_of_orders_is_read_to_its_end(site: Site) -> None:
    """Pebble gives three of them at a time, the oldest first."""
    assert set(statuses(site.keep(fresh(8))).values()) == {"issued"}
    (name,) = fresh(1)
    site.proxy.inject("newOrder", lose_answer(), first())
    assert statuses(site.keep([name])) == {name: "issued"}
    assert len(site.proxy.orders) == 9
    assert site.proxy.requests["orders"] >= 3


def test_an_order_whose_url_leads_nowhere_is_asked_for_anew(site: Site) -> None:
    (name,) = fresh(1)
    site.proxy.inject("authorization", web_page(503), first())
    assert statuses(site.keep([name])) == {name: "failed"}
    pending = site.pending(name)
    assert pending is not None
    _rewrite(_folder(site, name) / "order.json", url=pending["url"] + "gone")
    assert statuses(site.keep([name], later=EARLY)) == {name: "issued"}
    assert len(site.proxy.orders) == 1


def test_an_order_that_became_valid_meanwhile_is_downloaded_with_the_key_that_was_kept(site: Site) -> None:
    (name,) = fresh(1)
    site.proxy.inject("order", still_processing(), always)
    site.proxy.inject("finalize", still_processing(), always)
    assert statuses(site.keep([name], patience=1.0)) == {name: "failed"}
    assert "was not issued within 1 s" in site.state(name)["last_failure"]["msg"]
    key = (_folder(site, name) / "order.pem").read_bytes()

    site.proxy.heal()
    site.proxy.forget()
    assert statuses(site.keep([name], later=EARLY)) == {name: "issued"}
    assert (_folder(site, name) / "live" / "privkey.pem").read_bytes() == key
    assert not {"newOrder", "challenge", "finalize"} & set(site.proxy.requests)


def test_a_valid_order_is_of_no_use_without_its_key(site: Site) -> None:
    (name,) = fresh(1)
    site.proxy.inject("order", still_processing(), always)
    site.proxy.inject("finalize", still_processing(), always)
    assert statuses(site.keep([name], patience=1.0)) == {name: "failed"}
    (_folder(site, name) / "order.pem").unlink()
    site.proxy.heal()
    assert statuses(site.keep([name], later=EARLY)) == {name: "issued"}
    assert len(site.proxy.orders) == 2


def test_a_certificate_that_has_been_replaced_already_is_renewed_without_saying_so(site: Site) -> None:
    (name,) = fresh(1)
    assert statuses(site.keep([name])) == {name: "issued"}
    before = _folder(site, name) / "live" / "issuance.json"
    certificate_id = json.loads(before.read_text())["certificate_id"]
    # its successor gets lost with the disk that it was on, and the backup knows nothing of it
    backup = {path: path.read_bytes() for path in before.resolve().parent.iterdir()}
    assert statuses(site.keep([name], later=LATE)) == {name: "renewed"}
    live = _folder(site, name) / "live"
    live.unlink()
    live.symlink_to(f"generations/{next(iter(backup)).parent.name}")
    for path, content in backup.items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)

    site.proxy.forget()
    site.proxy.inject("authorization", web_page(503), first())
    assert statuses(site.keep([name], later=LATE)) == {name: "failed"}
    assert site.proxy.requests["newOrder"] == 2
    renewal = site.state(name)["renewal"]
    assert renewal["certificate_id"] == certificate_id
    assert "eplaced" in renewal["not_replaceable"] or "replacement" in renewal["not_replaceable"]
    assert statuses(site.keep([name], later=LATE + EARLY)) == {name: "renewed"}
    assert len(site.proxy.orders) == 1


def _folder(site: Site, name: str) -> Path:
    return site.folder / "certificates" / name.split(".", maxsplit=1)[0] / "ecdsa-p256"


def _rewrite(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
