# SPDX-License-Identifier: GPL-3.0-or-later
"""Each state: in check mode, for real, and again."""

from __future__ import annotations

import ipaddress
import secrets
from pathlib import Path
from typing import Any

import pytest

from tests.lab import Lab

from .conftest import Dns01

PRIMARIES = ("knot", "bind", "powerdns")
ALL = (*PRIMARIES, "nsd")


def held(lab: Lab, owner: str, *names: str) -> list[set[str]]:
    return [set(lab.txt(name, owner)) for name in names or PRIMARIES]


def test_present_in_check_mode_only_says_so(dns01: Dns01, lab: Lab, name: str, value: str) -> None:
    result = dns01(check=True, records=[{"name": name, "values": [value]}])
    assert result["changed"]
    assert not result["updates"]
    assert result["diff"]["after"] == {name: {primary: [value] for primary in PRIMARIES}}
    assert held(lab, name) == [set()] * 3


def test_present_gets_values_onto_every_responder_and_then_changes_nothing(
    dns01: Dns01, lab: Lab, name: str, value: str
) -> None:
    lab.add_txt("bind", name, "of-another-order")
    records = [{"name": name, "values": [value, "second"]}]
    result = dns01(records=records)
    assert result["changed"]
    assert result["messages"] == dict.fromkeys(PRIMARIES, 1)
    assert result["diff"]["before"][name] == {"knot": [], "bind": ["of-another-order"], "powerdns": []}
    assert held(lab, name) == [{value, "second"}, {value, "second", "of-another-order"}, {value, "second"}]
    assert held(lab, name, "nsd") == [{value, "second"}]

    again = dns01(records=records)
    assert not again["changed"]
    assert not again["messages"]
    assert again["diff"] == {"before": {}, "after": {}}
    assert not dns01(check=True, records=records)["changed"]


def test_there_is_a_verdict_for_each_address_and_transport(dns01: Dns01, lab: Lab, name: str, value: str) -> None:
    result = dns01(records=[{"name": name, "values": [value]}])
    expected = {
        (responder.name, address, responder.port, transport)
        for responder in lab.responders
        for address in responder.addresses
        for transport in ("udp", "tcp")
    }
    verdicts = result["verdicts"]
    assert {(each["responder"], each["address"], each["port"], each["transport"]) for each in verdicts} == expected
    for verdict in verdicts:
        assert (verdict["wanted"], verdict["found"], verdict["lacking"], verdict["problem"]) == (1, 1, [], None)
        assert 0 <= verdict["seconds"] < 20
        assert 60 < verdict["largest_response"] < 1232


def test_only_the_primary_that_lacks_a_value_gets_an_update(dns01: Dns01, lab: Lab, name: str, value: str) -> None:
    records = [{"name": name, "values": [value]}]
    dns01(records=records)
    lab.remove_txt("powerdns", name, value)
    result = dns01(records=records)
    assert result["changed"]
    assert result["messages"] == {"powerdns": 1}


def test_absent_removes_exactly_the_values_and_then_changes_nothing(
    dns01: Dns01, lab: Lab, name: str, value: str
) -> None:
    dns01(records=[{"name": name, "values": [value, "kept"]}])
    records = [{"name": name, "values": [value]}]
    check = dns01(check=True, state="absent", records=records)
    assert check["changed"]
    assert held(lab, name) == [{value, "kept"}] * 3
    result = dns01(state="absent", records=records)
    assert result["changed"]
    assert result["diff"]["after"] == {name: {primary: ["kept"] for primary in PRIMARIES}}
    assert held(lab, name) == [{"kept"}] * 3
    assert {verdict["responder"] for verdict in result["verdicts"]} == set(PRIMARIES)
    again = dns01(state="absent", records=records)
    assert not again["changed"]
    assert not again["messages"]
    assert not dns01(check=True, state="absent", records=records)["changed"]


def test_swept_removes_every_value_at_the_name_and_then_changes_nothing(
    dns01: Dns01, lab: Lab, name: str, value: str
) -> None:
    other = f"{name.removesuffix('fleet.test')}shop.test"
    dns01(records=[{"name": name, "values": [value]}, {"name": other, "values": [value]}])
    lab.add_txt("knot", name, "left by an earlier tool")
    check = dns01(check=True, state="swept", records=[{"name": name}])
    assert check["changed"]
    assert check["diff"]["before"][name]["knot"] == sorted([value, "left by an earlier tool"])
    result = dns01(state="swept", records=[{"name": name}])
    assert result["changed"]
    assert held(lab, name) == [set()] * 3
    assert held(lab, other) == [{value}] * 3
    assert not dns01(state="swept", records=[{"name": name}])["changed"]
    assert not dns01(check=True, state="swept", records=[{"name": name}])["changed"]


def test_verified_changes_nothing_and_names_the_address_that_lacks_a_value(
    dns01: Dns01, lab: Lab, name: str, value: str
) -> None:
    records = [{"name": name, "values": [value, "second"]}]
    dns01(records=records)
    assert not dns01(state="verified", records=records)["changed"]
    lab.remove_txt("powerdns", name, value)
    result = dns01(state="verified", wait=1, records=records)
    assert result["failed"]
    assert not result["changed"]
    powerdns = next(responder for responder in lab.responders if responder.name == "powerdns")
    where = f"powerdns {powerdns.address}:{powerdns.port}"
    assert result["failures"] == [
        {
            "name": name,
            "value": value,
            "reason": f"The value for {name} is not on every responder: "
            f"{where}/udp: 1 of 2 values after 1 s; {where}/tcp: 1 of 2 values after 1 s",
        }
    ]
    assert result["msg"] == result["failures"][0]["reason"]
    assert held(lab, name, "powerdns") == [{"second"}]


def test_a_value_for_a_delegated_name_is_written_where_its_cname_ends(dns01: Dns01, lab: Lab, value: str) -> None:
    name, owner = "_acme-challenge.delegated.fleet.test", "delegated.validation.test"
    records = [{"name": name, "values": [value]}]
    result = dns01(records=records)
    assert result["places"] == [{"name": name, "owner": owner, "zone": "validation.test"}]
    assert held(lab, owner, *ALL) == [{value}] * 4
    assert not dns01(records=records)["changed"]
    assert dns01(state="absent", records=records)["changed"]
    assert held(lab, owner) == [set()] * 3


def test_a_sweep_behind_a_cname_leaves_alone_what_is_no_challenge(dns01: Dns01, lab: Lab, value: str) -> None:
    owner = "delegated.validation.test"
    lab.add_txt("knot", owner, "v=spf1 -all")
    lab.add_txt("knot", owner, value)
    assert dns01(state="swept", records=[{"name": "_acme-challenge.delegated.fleet.test"}])["changed"]
    assert held(lab, owner, "knot") == [{"v=spf1 -all"}]
    lab.remove_txt("knot", owner, "v=spf1 -all")


def test_several_zones_take_one_message_each(dns01: Dns01, lab: Lab, value: str) -> None:
    stem = f"_acme-challenge.{secrets.token_hex(6)}"
    names = [f"{stem}.fleet.test", f"{stem}-b.fleet.test", f"{stem}.sub.fleet.test", f"{stem}.shop.test"]
    result = dns01(records=[{"name": each, "values": [value]} for each in names])
    assert result["messages"] == dict.fromkeys(PRIMARIES, 3)
    assert [place["zone"] for place in result["places"]] == [
        "fleet.test", "fleet.test", "sub.fleet.test", "shop.test",
    ]  # fmt: skip
    assert all(held(lab, each, *ALL) == [{value}] * 4 for each in names)


def test_an_answer_too_large_for_udp_is_fetched_over_tcp_and_noted(dns01: Dns01, name: str) -> None:
    values = [secrets.token_urlsafe(32) for _round in range(40)]
    result = dns01(records=[{"name": name, "values": values}])
    assert "msg" not in result
    assert {verdict["found"] for verdict in result["verdicts"]} == {40}
    assert all(verdict["largest_response"] > 1232 for verdict in result["verdicts"])
    assert any("more than the 1232 that fit" in note for note in result["notes"])
    assert dns01(state="absent", records=[{"name": name, "values": values}])["changed"]


def test_leftovers_are_warned_about_until_they_are_swept_and_only_where_that_is_asked(
    dns01: Dns01, lab: Lab, name: str, value: str
) -> None:
    below = f"{name.replace('_acme-challenge.', '_acme-challenge.www.')}"
    beside = name.removeprefix("_acme-challenge.")
    for number in range(25):
        lab.add_txt("knot", name, f"left-by-an-earlier-tool-{number:020}")
    for other in (below, beside):
        lab.add_txt("knot", other, "of-somebody-else")
    records = [{"name": name, "values": [value]}]
    result = dns01(records=records)
    assert "msg" not in result
    assert [note for note in result["notes"] if note.startswith(f"An answer of knot about {name} has ")]
    dns01(state="absent", records=records)
    assert dns01(state="swept", records=[{"name": name}])["changed"]
    assert held(lab, name) == [set()] * 3
    assert held(lab, below, "knot") == held(lab, beside, "knot") == [{"of-somebody-else"}]
    assert not [note for note in dns01(records=records)["notes"] if note.startswith("An answer of knot")]


def test_ipv6_is_used_for_updates_and_verified(
    dns01: Dns01, lab: Lab, responders: list[dict[str, Any]], name: str, value: str
) -> None:
    bind = next(responder for responder in responders if responder["name"] == "bind")
    addresses = [address for address in bind["addresses"] if ipaddress.ip_address(address).version == 6]
    if not addresses:
        pytest.skip("this machine has no IPv6")
    only = [{**bind, "addresses": addresses}]
    result = dns01(responders=only, check_name_servers=False, records=[{"name": name, "values": [value]}])
    assert {verdict["address"] for verdict in result["verdicts"]} == {"::1"}
    assert result["updates"][0]["address"] == f"[::1]:{bind['port']}"
    assert held(lab, name, "bind") == [{value}]


def test_servers_that_nobody_listed_are_verified_through_the_ns_records(
    dns01: Dns01, responders: list[dict[str, Any]], name: str, value: str
) -> None:
    listed = [responder for responder in responders if responder["name"] != "nsd"]
    result = dns01(responders=listed, wait=0, require_all=True, records=[{"name": name, "values": [value]}])
    # the lab's servers are not on port 53, where unlisted ones are looked for
    assert "ns-nsd.fleet.test" in result["msg"]
    assert "msg" not in dns01(
        responders=listed, wait=0, check_name_servers=False, records=[{"name": name, "values": [value]}]
    )


def test_a_responder_listed_with_one_of_its_addresses_is_verified_on_all(
    dns01: Dns01, lab: Lab, responders: list[dict[str, Any]], name: str, value: str
) -> None:
    first = [{**each, "addresses": each["addresses"][:1]} for each in responders]
    result = dns01(responders=first, records=[{"name": name, "values": [value]}])
    assert "msg" not in result
    assert {verdict["address"] for verdict in result["verdicts"]} == {
        address for responder in lab.responders for address in responder.addresses
    }


def test_the_ledger_has_what_was_published_and_not_yet_removed(
    dns01: Dns01, tmp_path: Path, name: str, value: str
) -> None:
    store = tmp_path / "store"
    records = [{"name": name, "values": [value]}]
    dns01(check=True, store=str(store), records=records)
    assert not store.exists()
    dns01(store=str(store), records=records)
    assert sorted(path.stem for path in (store / "dns").iterdir()) == sorted(PRIMARIES)
    assert value in (store / "dns/knot.json").read_text()
    dns01(store=str(store), state="absent", records=records)
    assert not list((store / "dns").iterdir())


def test_a_sweep_takes_values_out_of_the_ledger(dns01: Dns01, tmp_path: Path, name: str, value: str) -> None:
    dns01(store=str(tmp_path), records=[{"name": name, "values": [value]}])
    dns01(store=str(tmp_path), state="swept", records=[{"name": name}])
    assert not list((tmp_path / "dns").iterdir())
