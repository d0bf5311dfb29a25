# SPDX-License-Identifier: GPL-3.0-or-later
"""A mistake in zones, delegation or TSIG keys costs no order, and check mode tells it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.lab import Lab
from tests.lab.ca_proxy import CaProxy
from tests.lab.dns_faults import Fault
from tests.lab.dns_proxy import DnsProxy
from tests.modules import Outcome, run_module
from tests.options import responders

from .conftest import Keep, authority

GOOD = "good.fleet.test"
ELSEWHERE = ("www.nowhere.test", "www.fleet.tset")


def site(name: str) -> dict[str, Any]:
    """A certificate for one name."""
    return {"name": name, "domains": [name], "key_types": ["ecdsa-p256"], "profile": "classic"}


@pytest.fixture
def through(lab: Lab, store: Path, keep: Keep, proxy: CaProxy) -> Keep:
    """Call `certificates` with the CA behind the proxy, which has forgotten the registration."""
    ca = {"directory": proxy.directory, "ca_bundle": str(proxy.ca_bundle)}
    assert not run_module(lab, "account", {**authority(lab, store), **ca, "terms_agreed": True}).failed
    proxy.forget()

    def call(certificates: list[dict[str, Any]] | None, **more: Any) -> Outcome:
        return keep(certificates, **{**ca, **more})

    return call


def by_name(result: Outcome) -> dict[str, dict[str, Any]]:
    """What became of each certificate, by its first name."""
    return {entry["domains"][0]: entry for entry in result["certificates"]}


def snapshot(store: Path) -> dict[str, bytes]:
    """All files of a store."""
    return {str(path): path.read_bytes() for path in store.rglob("*") if path.is_file()}


def test_names_without_a_zone_cost_no_order_and_hold_up_no_other(through: Keep, proxy: CaProxy) -> None:
    result = through([site(name) for name in (*ELSEWHERE, GOOD)])
    assert result.failed
    assert {name: entry["status"] for name, entry in by_name(result).items()} == {
        **dict.fromkeys(ELSEWHERE, "failed"),
        GOOD: "issued",
    }
    assert proxy.orders == [(GOOD,)]
    for name in ELSEWHERE:
        assert by_name(result)[name]["reason"].startswith(f"The zone of _acme-challenge.{name} can't be found")
    # the rehearsal is not among them: one to publish, one to withdraw
    assert set(result["updates"].values()) == {2}


def test_a_cname_to_a_zone_that_is_not_listed_costs_no_order_and_holds_up_no_other(
    through: Keep, proxy: CaProxy
) -> None:
    delegated, beside = "delegated.fleet.test", "beside-delegated.fleet.test"
    result = through([site(delegated), site(beside)])
    found = by_name(result)
    assert (found[delegated]["status"], found[beside]["status"]) == ("failed", "issued")
    assert "list the zone in validation_zones if it is yours" in found[delegated]["reason"]
    assert proxy.orders == [(beside,)]
    again = through([site(delegated), site(beside)], validation_zones=["validation.test"], retry=[delegated])
    assert not again.failed
    assert by_name(again)[delegated]["status"] == "issued"


def test_a_name_that_a_policy_refuses_costs_no_order(lab: Lab, through: Keep, proxy: CaProxy) -> None:
    for make in ("knot", "bind"):
        lab.limit_names(make, f"_acme-challenge.{GOOD}")
    result = through([site(GOOD), site("denied.fleet.test")])
    assert by_name(result)[GOOD]["status"] == "issued"
    denied = by_name(result)["denied.fleet.test"]
    assert denied["status"] == "failed"
    assert {refusal["code"] for refusal in denied["failure"]["refusals"]} == {"REFUSED", "BADKEY"}
    assert proxy.orders == [(GOOD,)]


def test_a_wrong_secret_reads_failed_in_check_mode(lab: Lab, through: Keep, proxy: CaProxy, store: Path) -> None:
    lab.change_tsig("bind")
    before = snapshot(store)
    certificates = [site(GOOD), site("other.fleet.test")]
    checked = through(certificates, check=True)
    assert checked.failed
    assert not checked.changed
    assert checked["counts"]["failed"] == 2
    reason = by_name(checked)[GOOD]["reason"]
    assert "bind " in reason
    assert "(BADSIG): the signature with the TSIG key acme is wrong: the secrets differ" in reason
    assert reason in checked["msg"]
    assert (checked["orders"], checked["requests"], checked["updates"]) == (0, 0, {})
    assert snapshot(store) == before
    assert not proxy.requests
    assert not through(certificates, check=True, fail_on="never").failed
    lab.restore_tsig("bind")
    assert through(certificates, check=True)["counts"]["issued"] == 2


def test_check_mode_tells_the_bad_name_and_foresees_the_others(through: Keep, proxy: CaProxy) -> None:
    checked = through([site(ELSEWHERE[0]), site(GOOD)], check=True)
    assert checked.failed
    assert checked.changed
    assert {name: entry["status"] for name, entry in by_name(checked).items()} == {
        ELSEWHERE[0]: "failed",
        GOOD: "issued",
    }
    assert not proxy.requests


def test_check_mode_ends_soon_where_no_primary_can_be_reached(lab: Lab, keep: Keep) -> None:
    for responder in lab.responders:
        lab.down(responder.name)
    began = time.monotonic()
    checked = keep([site(GOOD)], check=True)
    assert time.monotonic() - began < 15
    assert "The zone of _acme-challenge.good.fleet.test can't be found: " in by_name(checked)[GOOD]["reason"]


def test_one_primary_that_is_down_is_noted_and_fails_nothing(lab: Lab, keep: Keep) -> None:
    lab.down("powerdns")
    checked = keep([site(GOOD)], check=True)
    assert by_name(checked)[GOOD]["status"] == "issued"
    assert any(note.startswith("powerdns ") for note in checked["notes"])
    assert keep([site(GOOD)], check=True, require_all=True).failed


def test_a_secondary_is_not_asked_to_take_updates(lab: Lab, keep: Keep) -> None:
    with DnsProxy.before(lab, "nsd") as before_nsd:
        before_nsd.inject(Fault("slow", seconds=0.0, about="updates"))
        assert not keep([site(GOOD)], check=True, responders=before_nsd.stand_in("nsd", responders(lab))).failed
        assert not before_nsd.counts
