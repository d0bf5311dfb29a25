# SPDX-License-Identifier: GPL-3.0-or-later
"""Each make of primary on its own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab import Lab

from .conftest import Dns01

PRIMARIES = ("knot", "bind", "powerdns")
ALGORITHMS = {"acme": "hmac-sha256", "acme512": "hmac-sha512"}


@pytest.fixture(params=PRIMARIES)
def primary(request: pytest.FixtureRequest, responders: list[dict[str, Any]]) -> dict[str, Any]:
    """One primary as a user lists it."""
    return next(responder for responder in responders if responder["name"] == request.param)


@pytest.fixture
def records(name: str, value: str) -> list[dict[str, Any]]:
    """One value at a name."""
    return [{"name": name, "values": [value]}]


@pytest.mark.parametrize("key", ALGORITHMS)
def test_values_come_and_go_beside_others(
    dns01: Dns01, lab: Lab, primary: dict[str, Any], key: str, records: list[dict[str, Any]]
) -> None:
    name, (value,) = records[0]["name"], records[0]["values"]

    def run(**options: Any) -> dict[str, Any]:
        only = [{**primary, "tsig_key": key}]
        return dns01(responders=only, check_name_servers=False, records=records, **options)

    lab.add_txt(primary["name"], name, "of-another-order")
    assert [run()["changed"], run()["changed"]] == [True, False]
    assert lab.txt(primary["name"], name) == {value, "of-another-order"}
    assert [run(state="absent")["changed"], run(state="absent")["changed"]] == [True, False]
    assert lab.txt(primary["name"], name) == {"of-another-order"}


def test_many_values_take_as_few_messages_as_possible(dns01: Dns01, primary: dict[str, Any], value: str) -> None:
    records = [{"name": f"_acme-challenge.m{number}.fleet.test", "values": [value]} for number in range(450)]
    options: dict[str, Any] = {"responders": [primary], "check_name_servers": False, "records": records}
    assert dns01(**options)["messages"] == {primary["name"]: 3}
    assert dns01(state="absent", **options)["messages"] == {primary["name"]: 3}


@pytest.mark.parametrize("forget", [False, True])
def test_a_wrong_key_is_told_from_a_wrong_secret(
    dns01: Dns01, lab: Lab, primary: dict[str, Any], forget: bool, records: list[dict[str, Any]]
) -> None:
    lab.change_tsig(primary["name"], forget=forget)
    # PowerDNS does not say what is wrong with a signature (RFC 8945 §5.2 wants it to)
    code = "REFUSED" if primary["name"] == "powerdns" else "BADKEY" if forget else "BADSIG"
    result = dns01(responders=[primary], check_name_servers=False, records=records)
    assert result["failed"]
    assert not result["changed"]
    where = f"{primary['name']} {primary['addresses'][0]}:{primary['port']}"
    assert result["msg"].startswith(f"{where} refused the update of zone fleet.test ({code}): ")
    assert "TSIG key acme" in result["msg"]


def test_an_unsigned_update_is_refused(dns01: Dns01, primary: dict[str, Any], name: str, value: str) -> None:
    unsigned = [{**primary, "tsig_key": None}]
    result = dns01(responders=unsigned, check_name_servers=False, records=[{"name": name, "values": [value]}])
    assert "without a TSIG key" in result["msg"]
