# SPDX-License-Identifier: GPL-3.0-or-later
"""Check mode asks each make of primary, by updates without effect, whether it would take the values."""

from __future__ import annotations

from typing import Any

import dns.message
import dns.query
import pytest

from tests.lab import Lab

from .conftest import Dns01

PRIMARIES = ("knot", "bind", "powerdns")


@pytest.fixture(params=PRIMARIES)
def only(request: pytest.FixtureRequest, responders: list[dict[str, Any]]) -> dict[str, Any]:
    """One primary as the only responder."""
    listed = [responder for responder in responders if responder["name"] == request.param]
    return {"responders": listed, "check_name_servers": False}


def serial_of(primary: dict[str, Any], zone: str = "fleet.test") -> int:
    """The serial of a zone at a primary."""
    question = dns.message.make_query(zone, "SOA")
    answer = dns.query.udp(question, primary["addresses"][0], port=primary["port"], timeout=5)
    return int(answer.answer[0][0].serial)


def test_a_rehearsal_changes_neither_values_nor_serial(
    dns01: Dns01, lab: Lab, only: dict[str, Any], name: str, value: str
) -> None:
    (primary,) = only["responders"]
    lab.add_txt(primary["name"], name, "of-another-order")
    before = serial_of(primary)
    for owner in (name, f"_acme-challenge.new-{value[:8].lower().strip('-_')}.fleet.test"):
        result = dns01(check=True, records=[{"name": owner, "values": [value]}], **only)
        assert "msg" not in result
        assert result["changed"]
    assert serial_of(primary) == before
    assert lab.txt(primary["name"], name) == {"of-another-order"}


@pytest.mark.parametrize("forget", [False, True])
def test_a_wrong_key_is_told_in_check_mode_as_when_publishing(
    dns01: Dns01, lab: Lab, only: dict[str, Any], forget: bool, name: str
) -> None:
    records = [{"name": name, "values": ["value"]}]
    lab.change_tsig(only["responders"][0]["name"], forget=forget)
    checked = dns01(check=True, records=records, **only)
    assert checked["msg"] == dns01(records=records, **only)["msg"]
    assert "TSIG key acme" in checked["msg"]


@pytest.mark.parametrize("check", [True, False])
def test_a_name_that_a_policy_refuses_holds_up_no_other(
    dns01: Dns01, lab: Lab, responders: list[dict[str, Any]], check: bool
) -> None:
    fine, denied = (f"_acme-challenge.{label}.fleet.test" for label in ("fine", "denied"))
    for make, code in {"bind": "REFUSED", "knot": "BADKEY"}.items():
        lab.limit_names(make, fine)
        listed = [responder for responder in responders if responder["name"] == make]
        records = [{"name": name, "values": ["value"]} for name in (fine, denied)]
        result = dns01(check=check, records=records, responders=listed, check_name_servers=False)
        assert [failure["name"] for failure in result["failures"]] == [denied]
        assert f"({code})" in result["msg"]


def test_an_unserved_zone_is_told_in_check_mode(dns01: Dns01, name: str, value: str) -> None:
    records = [{"name": owner, "values": [value]} for owner in (name, "_acme-challenge.www.nowhere.test")]
    result = dns01(check=True, records=records)
    assert [failure["name"] for failure in result["failures"]] == ["_acme-challenge.www.nowhere.test"]
    assert "The zone of _acme-challenge.www.nowhere.test can't be found" in result["msg"]
