# SPDX-License-Identifier: GPL-3.0-or-later
"""Module `certificates` with http-01 and tls-alpn-01: one task, a real CA, real web servers (G10, G13)."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.lab import Lab
from tests.modules import Outcome, run_module
from tests.options import ca, responders, tsig_keys
from tests.playbooks import run_playbook

from .servers import CHALLENGES, redirects, validation_host, webroot_of

Keep = Callable[..., Outcome]
SITE = {
    "name": "fronts",
    "domains": ["fronts.fleet.test"],
    "key_types": ["rsa-2048", "ecdsa-p256"],
    "profile": "classic",
    "challenge": "http-01",
}


@pytest.fixture
def keep(lab: Lab, tmp_path: Path) -> Keep:
    """Call `certificates` with the lab's CA and without any responders."""
    authority = {**ca(lab), "store": str(tmp_path / "store")}
    assert run_module(lab, "account", {**authority, "terms_agreed": True}).changed
    addresses = [each.address for each in lab.frontends]

    def call(*sites: dict[str, Any], check: bool = False, inventory: Path = lab.inventory, **more: Any) -> Outcome:
        options: dict[str, Any] = {
            "http_port": lab.validation_ports[0],
            "https_port": lab.validation_ports[1],
            "http_wait": 0,
        }
        options["allowed_networks"] = ["127.0.0.0/8"]  # where the lab is
        wanted = [{**SITE, **site} for site in sites]
        for entry in wanted:
            if entry["challenge"] == "http-01":
                entry.setdefault("challenge_addresses", addresses)
        arguments = {**authority, **options, "certificates": wanted, **more}
        return run_module(lab, "certificates", arguments, check=check, inventory=inventory)

    return call


def left_over(lab: Lab) -> list[str]:
    return [path.name for each in lab.frontends if webroot_of(each).exists() for path in webroot_of(each).iterdir()]


def test_answers_are_distributed_to_every_frontend_and_taken_away(keep: Keep, lab: Lab) -> None:
    site = {"challenge_hosts": ["frontends"]}
    expected = keep(site, check=True)
    assert expected["counts"]["issued"] == 2
    result = keep(site)
    assert not result.failed, result.output
    assert result["counts"] == {"issued": 2, "renewed": 0, "valid": 0, "deferred": 0, "failed": 0}
    # the second key goes behind the first, which has to wait for its answers
    assert (result["runs"], result["orders"], result["left"], result["notes"]) == (2, 2, 0, [])
    assert sorted(result["attempted"]) == ["fronts (ecdsa-p256)", "fronts (rsa-2048)"]
    assert "placements" not in result.result
    assert "run 1: 1 issued; 1 left" in result.output
    assert "run 2: 1 issued; none left" in result.output
    assert left_over(lab) == []
    assert not keep(site).changed


def test_a_frontend_without_the_answer_is_named_and_the_ca_never_asked(keep: Keep, lab: Lab) -> None:
    first, second, third = lab.frontends
    result = keep({"challenge_hosts": [first.name, third.name]}, {"name": "other", "challenge_hosts": ["frontends"]})
    failed, well = result["certificates"][:2], result["certificates"][2:]
    assert {outcome["status"] for outcome in failed} == {"failed", "deferred"}
    for outcome in failed:
        assert f"fronts.fleet.test {second.address}: status 404" in outcome["reason"]
        assert first.address not in outcome["reason"]
        assert third.address not in outcome["reason"]
    assert sum(outcome["failures"] for outcome in failed) == 1
    assert len(well) == 2
    assert left_over(lab) == []
    again = keep({"challenge_hosts": ["frontends"]}, retry=["fronts"])
    assert again["counts"]["issued"] == 2


def test_runs_stay_bounded(keep: Keep, lab: Lab) -> None:
    sites = [{"name": name, "challenge_hosts": ["frontends"]} for name in ("one", "two")]
    sites[1]["domains"] = ["front1.fleet.test"]
    first = keep(*sites, run_size=2, max_runs=1)
    assert (first["runs"], first["left"]) == (1, 2)
    assert first["counts"]["issued"] == first["counts"]["deferred"] == 2
    assert keep(*sites, run_size=2)["counts"] == {"issued": 2, "renewed": 0, "valid": 2, "deferred": 0, "failed": 0}
    assert left_over(lab) == []


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("nobody", "the inventory has neither a host nor a group 'nobody'"),
        ("other", "other is in neither of the groups frontends and validation_hosts"),
    ],
)
def test_hosts_that_are_none_of_the_fleet_are_told_before_there_is_an_order(
    keep: Keep, lab: Lab, tmp_path: Path, host: str, reason: str
) -> None:
    inventory = tmp_path / "inventory"
    inventory.mkdir()
    (inventory / "lab.yml").symlink_to(lab.inventory)
    (inventory / "other.ini").write_text(
        f"other ansible_connection=local certfleet_frontend_webroot={tmp_path}/other\n"
    )
    result = keep({"challenge_hosts": [host]}, inventory=inventory)
    assert f"certificates[0]: challenge_hosts: {reason}" in result.output
    assert result.result.get("orders", 0) == 0
    assert not (tmp_path / "other").exists()


def test_the_same_in_a_file_is_the_failure_of_that_certificate(keep: Keep, lab: Lab, tmp_path: Path) -> None:
    addresses = [each.address for each in lab.frontends]
    one_key = {**SITE, "key_types": ["ecdsa-p256"], "challenge_addresses": addresses}
    bad = {**one_key, "name": "bad", "challenge_hosts": ["nobody"]}
    good = {**one_key, "name": "good", "domains": ["front1.fleet.test"], "challenge_hosts": ["frontends"]}
    (tmp_path / "list.json").write_text(json.dumps([bad, good]))
    result = keep(certificates=None, certificates_file=str(tmp_path / "list.json"))
    assert (result["counts"]["issued"], result["counts"]["failed"]) == (1, 1), result.output
    (failed,) = [each for each in result["certificates"] if each["name"] == "bad"]
    assert "challenge_hosts: the inventory has neither a host nor a group 'nobody'" in failed["reason"]
    assert failed["failure"]["option"] == "challenge_hosts"
    assert result["notes"] == []
    assert left_over(lab) == []


def test_a_host_that_does_not_take_the_answers_is_told_and_the_others_are_not_held_up(keep: Keep, lab: Lab) -> None:
    site = {"challenge_hosts": ["frontends"]}
    webroot = webroot_of(lab.frontends[1])
    shutil.rmtree(webroot, ignore_errors=True)
    webroot.parent.mkdir(exist_ok=True)
    webroot.write_text("no folder")
    try:
        result = keep(site)
    finally:
        webroot.unlink()
    assert (result["counts"]["failed"], result["counts"]["deferred"]) == (1, 1)
    assert any(
        note.startswith("front2: the answers to challenges could not be made present: ") for note in result["notes"]
    )
    assert left_over(lab) == []


def test_a_host_that_can_not_be_reached_is_told(keep: Keep, lab: Lab, tmp_path: Path) -> None:
    inventory = tmp_path / "inventory"
    inventory.mkdir()
    (inventory / "lab.yml").symlink_to(lab.inventory)
    (inventory / "gone.ini").write_text(
        "[frontends]\ngone ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=1\n"
    )
    result = keep({"challenge_hosts": ["frontends", "gone"]}, inventory=inventory)
    assert result["counts"]["issued"] == 2, result.output
    assert any(
        note.startswith("gone: the answers to challenges could not be made present: ") for note in result["notes"]
    )


def test_a_run_that_breaks_off_between_its_steps_ends_the_task(keep: Keep, lab: Lab, tmp_path: Path) -> None:
    """The store is away while the answers are on a host: with it in place for each first step, that would never end."""
    store, calls = tmp_path / "store", tmp_path / "calls"
    python = tmp_path / "python"
    python.write_text(
        f"#!/bin/sh\necho >>{calls}\n"
        f"if [ -e {store}.away ]; then rm {store}; mv {store}.away {store}; else mv {store} {store}.away; echo >{store}; fi\n"
        'exec /usr/bin/python3 "$@"\n'
    )
    python.chmod(0o755)
    inventory = tmp_path / "inventory"
    inventory.mkdir()
    (inventory / "lab.yml").symlink_to(lab.inventory)
    variables = f"ansible_connection=local ansible_python_interpreter={python} ansible_pipelining=true"
    (inventory / "odd.ini").write_text(
        f"[frontends]\nodd {variables} certfleet_frontend_webroot={tmp_path / 'challenges'}\n"
    )
    sites = [{"name": name, "challenge_hosts": ["odd"], "key_types": ["ecdsa-p256"]} for name in ("one", "two")]
    result = keep(*sites, run_size=1, inventory=inventory)
    assert result.failed
    assert str(store) in result["msg"]
    assert len(calls.read_text().splitlines()) == 2
    assert {each["status"] for each in result["certificates"]} == {"deferred"}


def test_the_playbook_needs_no_responders(lab: Lab, tmp_path: Path) -> None:
    certificate = {
        **SITE,
        "challenge_hosts": ["frontends"],
        "challenge_addresses": [each.address for each in lab.frontends],
    }
    variables = {
        "certfleet_certificates": [certificate],
        "certfleet_http_port": lab.validation_ports[0],
        "certfleet_https_port": lab.validation_ports[1],
        "certfleet_dns_responders": [],
        "certfleet_terms_agreed": True,
        "certfleet_store": str(tmp_path / "store"),
        "certfleet_frontend_path": str(tmp_path / "{{ inventory_hostname }}"),
    }
    for said in ("2 orders; 2 issued", "0 orders; 2 valid"):
        played = run_playbook(lab, "certfleet.acme.renew", variables=variables)
        assert played.status == 0, played.output
        assert said in played.output
    assert left_over(lab) == []


def test_the_validation_host_answers_where_every_frontend_redirects_to_it(keep: Keep, lab: Lab, tmp_path: Path) -> None:
    target = f"http://{lab.spare_address}:{lab.validation_ports[0]}"
    webroot = tmp_path / "www" / CHALLENGES
    with validation_host(lab, tmp_path / "www"), redirects(lab, target):
        elsewhere = keep({}, webroot=str(tmp_path / "elsewhere"))
        assert (elsewhere["counts"]["failed"], elsewhere["counts"]["deferred"]) == (1, 1)
        for frontend in lab.frontends:
            assert f"fronts.fleet.test {frontend.address} -> {target}" in elsewhere["certificates"][0]["reason"]
        assert keep({}, webroot=str(webroot), retry=["all"])["counts"]["issued"] == 2
        # the same by Ansible, as for several validation hosts
        site = {"name": "several", "domains": ["fronts.fleet.test"], "challenge_hosts": ["validation_hosts"]}
        assert keep(site, webroot=str(webroot))["counts"]["issued"] == 2
    assert list(webroot.iterdir()) == []


def test_both_ways_and_dns_go_together(keep: Keep, lab: Lab, tmp_path: Path) -> None:
    by_dns = {"name": "wild", "domains": ["*.fleet.test"], "challenge": "dns-01"}
    sentence = "responders: [] is empty, and certificate wild needs them for dns-01"
    assert keep({}, by_dns, strict=True)["msg"] == sentence
    assert keep(by_dns)["msg"] == sentence, "nothing could be done without them"
    needed = keep({"challenge_hosts": ["frontends"]}, by_dns)
    assert (needed["counts"]["issued"], needed["counts"]["failed"]) == (2, 2), "the others are gone on with"
    assert {each["reason"] for each in needed["certificates"] if each["name"] == "wild"} == {sentence}
    dns = {"responders": responders(lab), "tsig_keys": tsig_keys(lab), "wait": 60}
    result = keep({"challenge_hosts": ["frontends"]}, by_dns, **dns)
    assert (result["counts"]["valid"], result["counts"]["issued"]) == (2, 2), result.output


def test_an_address_is_validated_where_it_is(keep: Keep, lab: Lab) -> None:
    address = lab.frontends[0].address
    site = {"domains": [address], "profile": "shortlived", "challenge_hosts": ["front1"], "challenge_addresses": []}
    result = keep(site)
    assert not result.failed, result.output
    assert result["counts"]["issued"] == 2


def test_a_single_host_answers_tls_alpn_by_itself(keep: Keep, lab: Lab) -> None:
    """A name and an address, in a profile that allows addresses."""
    site = {
        "name": "single",
        "challenge": "tls-alpn-01",
        "domains": ["challenge.fleet.test", lab.spare_address],
        "profile": "shortlived",
    }
    where = (lab.spare_address, lab.validation_ports[1])
    with socket.create_server(where):
        taken = keep(site, tls_alpn_address=lab.spare_address)
    assert taken["counts"]["failed"] >= 1
    sentence = f"tls-alpn-01 can't be answered at {where[0]}, port {where[1]}: Address already in use"
    assert sentence in [each["reason"] for each in taken["certificates"]]
    result = keep(site, tls_alpn_address=lab.spare_address, retry=["all"])
    assert not result.failed, json.dumps(result.result, indent=1)
    assert result["counts"]["issued"] == 2
    assert result["certificates"][0]["domains"] == ["challenge.fleet.test", lab.spare_address]
