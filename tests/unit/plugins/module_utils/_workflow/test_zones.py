# SPDX-License-Identifier: GPL-3.0-or-later
"""Responders are asked whether they would take the values before anything is ordered, and in check mode."""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.bounds import Bounds
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.issuance.means import Means
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.issuance.web import Web
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.job import FailOn
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.upkeep import Upkeep
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.wanted import parse_wanted

from tests.unit.plugins.module_utils._acme.fakes import Answer

from .issuing_ca import Site, site_of, statuses

BAD = "_acme-challenge.bad.example.com"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A store and a CA; the responders refuse one name."""
    found = Site(tmp_path / "store")
    found.fleet.refused = {BAD}
    return found


def one(name: str, **more: Any) -> dict[str, Any]:
    return site_of(name, key_types=["ecdsa-p256"], **more)


def check(site: Site, *entries: dict[str, Any], fail_on: FailOn = "expired", **bounds: Any) -> dict[str, Any]:
    """What check mode says."""
    means = Means(site.fleet, 1.0, Web(""))  # type: ignore[arg-type]
    options = {"run_size": 200, "max_runs": None, "concurrency": 4, "patience": 60.0, **bounds}
    upkeep = Upkeep(site.files, site.authority, means, Bounds(**options), site.clock, open_session=site.connect)
    return upkeep.check(parse_wanted(entries), (), fail_on)


def test_what_would_be_refused_costs_no_order_and_holds_up_no_other(site: Site) -> None:
    result = site.keep(one("bad"), one("good"))
    assert statuses(result) == {"bad/ecdsa-p256": "failed", "good/ecdsa-p256": "issued"}
    assert result["certificates"][0]["reason"] == f"{BAD} is refused"
    assert (result["orders"], len(site.ca.orders)) == (1, 1)
    assert result["certificates"][0]["failures"] == 1
    assert not site.fleet.values


def test_a_name_that_is_refused_beside_a_good_one_fails_its_certificate(site: Site) -> None:
    result = site.keep(one("both", domains=["good.example.com", "bad.example.com", "*.bad.example.com"]))
    assert statuses(result) == {"both/ecdsa-p256": "failed"}
    assert not site.ca.orders
    assert site.fleet.rehearsed == [BAD, "_acme-challenge.good.example.com"]


def test_an_order_that_is_pending_is_gone_on_with(site: Site) -> None:
    site.ca.script["/authorization/1/answer"] = deque([Answer(503)])
    site.keep(one("good"))
    site.fleet.rehearsed.clear()
    assert statuses(site.keep(one("good"), later=timedelta(days=1))) == {"good/ecdsa-p256": "issued"}
    assert not site.fleet.rehearsed
    assert len(site.ca.orders) == 1


def test_other_challenges_need_no_responder(site: Site) -> None:
    assert statuses(check(site, one("bad", challenge="http-01"))) == {"bad/ecdsa-p256": "issued"}
    assert not site.fleet.rehearsed


def test_check_mode_foresees_the_failure_and_fails_as_it_was_told_to(site: Site) -> None:
    result = check(site, one("bad"), one("good"))
    assert statuses(result) == {"bad/ecdsa-p256": "failed", "good/ecdsa-p256": "issued"}
    assert result["msg"] == f"1 certificate could not be issued\nbad (ecdsa-p256): {BAD} is refused"
    assert result["counts"] == {"issued": 1, "renewed": 0, "valid": 0, "deferred": 0, "failed": 1}
    assert "msg" not in check(site, one("bad"), one("good"), fail_on="never")
    assert not site.ca.orders


def test_check_mode_asks_about_no_more_than_the_task_would_try(site: Site) -> None:
    result = check(site, one("good"), one("other"), one("third"), run_size=1, max_runs=2)
    assert sorted(statuses(result).values()) == ["deferred", "issued", "issued"]
    assert len(site.fleet.rehearsed) == 2


def test_check_mode_asks_about_nothing_where_nothing_is_due(site: Site) -> None:
    site.keep(one("good"))
    site.fleet.rehearsed.clear()
    assert statuses(check(site, one("good"))) == {"good/ecdsa-p256": "valid"}
    assert not site.fleet.rehearsed
