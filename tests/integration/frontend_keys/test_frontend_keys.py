# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that stay on the frontends that made them (G9): real orders, real keys, and nothing secret in the store."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.lab import Lab
from tests.modules import Outcome, run_module
from tests.options import ca, responders, tsig_keys
from tests.playbooks import Played, run_playbook

SHOP = {
    "name": "shop",
    "domains": ["shop.fleet.test", "*.shop.fleet.test"],
    "key_types": ["ecdsa-p256"],
    "profile": "classic",
    "key": "frontend",
    "frontends": ["front1", "front2"],
}
RSA = {**SHOP, "name": "rsa", "domains": ["rsa.fleet.test"], "key_types": ["rsa-2048"], "frontends": ["front3"]}


class Fleet:
    """A store, three frontends, and the playbooks."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab, self.folder = lab, folder
        self.store = folder / "store"

    def play(self, playbook: str, *given: dict[str, Any] | str, **variables: Any) -> Played:
        """A playbook with these certificates and arguments."""
        certificates = [each for each in given if isinstance(each, dict)]
        arguments = [each for each in given if isinstance(each, str)]
        base = {
            "certfleet_certificates": certificates,
            "certfleet_terms_agreed": True,
            "certfleet_store": str(self.store),
            "certfleet_frontend_path": str(self.folder / "{{ inventory_hostname }}"),
        }
        return run_playbook(self.lab, f"certfleet.acme.{playbook}", *arguments, variables={**base, **variables})

    def keep(self, *certificates: dict[str, Any], **more: Any) -> Outcome:
        dns = {"responders": responders(self.lab), "tsig_keys": tsig_keys(self.lab), "wait": 60}
        arguments = {**ca(self.lab), "store": str(self.store), **dns, "certificates": certificates, **more}
        return run_module(self.lab, "certificates", arguments)

    def live(self, host: str, name: str = "shop", key_type: str = "ecdsa-p256") -> Path:
        return self.folder / host / "certificates" / name / key_type / "live"

    def key_of(self, host: str, **certificate: str) -> str:
        """The public key of the private key in use, which has to be that of the certificate."""
        folder = self.live(host, **certificate)
        of_key = openssl("pkey", "-pubout", "-in", str(folder / "privkey.pem"))
        assert of_key == openssl("x509", "-noout", "-pubkey", "-in", str(folder / "fullchain.pem"))
        return of_key


def openssl(*arguments: str) -> str:
    return subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def fleet(lab: Lab, tmp_path: Path) -> Fleet:
    return Fleet(lab, tmp_path)


def test_each_frontend_has_a_key_of_its_own_and_the_store_has_none(fleet: Fleet) -> None:
    played = fleet.play("renew", SHOP, RSA)
    assert played.status == 0, played.output
    assert "3 orders; 3 issued" in played.output
    keys = {fleet.key_of("front1"), fleet.key_of("front2"), fleet.key_of("front3", name="rsa", key_type="rsa-2048")}
    assert len(keys) == 3
    # each has its own, and nobody else's
    assert not fleet.live("front3").exists()
    assert not fleet.live("front1", "rsa", "rsa-2048").exists()
    for path in (fleet.store / "certificates").rglob("*"):
        assert not path.is_file() or "PRIVATE KEY" not in path.read_text(), path
    assert "PRIVATE KEY" not in played.output
    for host in ("front1", "front2", "front3"):
        for path in (fleet.folder / host).rglob("privkey.pem"):
            assert path.stat().st_mode & 0o077 == 0
            assert path.read_text().splitlines()[1] not in played.output
        assert not list((fleet.folder / host / "requests").rglob("privkey.pem"))
    again = fleet.play("renew", SHOP, RSA)
    assert "0 orders; 3 valid" in again.output
    assert sum(again.changes.values()) == 0, again.output


@pytest.mark.parametrize("reuse", [False, True])
def test_a_renewal_is_for_a_fresh_key_or_the_same_as_asked(fleet: Fleet, reuse: bool) -> None:
    site = {**SHOP, "frontends": ["front1"], "reuse_key": reuse}
    fleet.play("renew", site)
    before = fleet.key_of("front1")
    # other names make it due
    site["domains"] = ["shop.fleet.test"]
    played = fleet.play("renew", site)
    assert "1 orders; 1 renewed" in played.output, played.output
    assert (fleet.key_of("front1") == before) is reuse


def test_a_run_that_was_cut_off_goes_on_with_the_same_key(fleet: Fleet) -> None:
    site = {**SHOP, "frontends": ["front1"]}
    nobody = [{"name": "nobody", "address": "127.0.0.1", "port": 1}]
    fleet.play("renew", site, certfleet_dns_responders=nobody, certfleet_fail_on="never")
    pending = fleet.folder / "front1/requests/shop/ecdsa-p256/privkey.pem"
    made = openssl("pkey", "-pubout", "-in", str(pending))
    played = fleet.play("retry", site)
    assert played.status == 0, played.output
    assert fleet.key_of("front1") == made
    assert not pending.exists()


def test_a_csr_is_asked_for_as_often_as_it_takes(fleet: Fleet) -> None:
    options = {"state": "requested", "path": str(fleet.folder / "front1")}
    request = {"name": "shop", "key_type": "ecdsa-p256", "domains": ["shop.fleet.test"]}
    arguments = {**options, "requests": [request]}
    expected = run_module(fleet.lab, "certificate_install", arguments, host="front1", check=True)
    assert expected.changed
    assert not (fleet.folder / "front1").exists()
    first = run_module(fleet.lab, "certificate_install", {**options, "requests": [request]}, host="front1")
    second = run_module(fleet.lab, "certificate_install", {**options, "requests": [request]}, host="front1")
    assert first.changed
    assert not second.changed
    assert "PRIVATE KEY" not in first.output
    keys = set()
    for outcome in (first, second):
        path = fleet.folder / "x.csr"
        path.write_text(outcome["csrs"][0]["csr"])
        keys.add(openssl("req", "-noout", "-pubkey", "-in", str(path)))
        assert "Subject: \n" in openssl("req", "-noout", "-text", "-in", str(path)) + "\n"
    assert len(keys) == 1


def test_the_first_key_is_a_change_also_where_it_is_to_be_kept(fleet: Fleet) -> None:
    request = {"name": "shop", "key_type": "ecdsa-p256", "domains": ["shop.fleet.test"], "reuse_key": True}
    arguments = {"state": "requested", "path": str(fleet.folder / "front1"), "requests": [request]}
    expected = run_module(fleet.lab, "certificate_install", arguments, host="front1", check=True)
    made, again = (run_module(fleet.lab, "certificate_install", arguments, host="front1") for _time in range(2))
    assert (expected.changed, made.changed, again.changed) == (True, True, False)


def test_what_a_frontend_can_not_do_is_told_and_holds_up_no_other(fleet: Fleet) -> None:
    fleet.play("renew")
    shutil.rmtree(fleet.folder / "front1")
    (fleet.folder / "front1").write_text("no folder")
    played = fleet.play("renew", SHOP, RSA, certfleet_fail_on="never")
    assert "2 orders; 2 issued, 1 failed" in played.output
    assert "front1 made no CSR: " in played.output
    result = fleet.keep({**SHOP, "frontends": ["nobody"]})
    assert "frontends: the inventory has neither a host nor a group 'nobody'" in str(result.result)


def test_more_than_a_week_allows_is_told_before_anything_is_ordered(fleet: Fleet) -> None:
    site = {**SHOP, "frontends": ["frontends"], "key_types": ["rsa-2048", "ecdsa-p256"]}
    played = fleet.play("renew", site, certfleet_max_orders_per_names=4)
    assert "4 orders; 4 issued, 2 deferred" in played.output, played.output
    assert "shop: 6 certificates for the same names, of which no more than 4 are ordered in seven days" in played.output
    assert "its names have had 4 orders in seven days" in played.output


def test_groups_stand_for_their_hosts_wherever_the_list_is_read(fleet: Fleet) -> None:
    site = {**SHOP, "frontends": ["frontends"]}
    played = fleet.play("renew", site, "--check")
    assert "3 issued" in played.output
    fleet.play("renew", site)
    assert "3 valid" in fleet.play("renew", site, "--check").output
    ca_options = {"directory": fleet.lab.directory, "store": str(fleet.store)}
    told = run_module(fleet.lab, "report", {**ca_options, "certificates": [site]})
    assert (told["counts"]["valid"], told["counts"]["unlisted"]) == (3, 0)


def test_an_order_by_hand_is_for_keys_in_the_store(fleet: Fleet) -> None:
    fleet.play("renew")
    refused = run_module(fleet.lab, "order", {**ca(fleet.lab), "store": str(fleet.store), "certificates": [SHOP]})
    assert refused.failed
    assert "certificates: 'shop@front1' is for a key on a frontend" in refused["msg"]


def test_a_csr_for_other_names_is_refused(fleet: Fleet, tmp_path: Path) -> None:
    """A frontend that somebody else rules gets no certificate for what is not its own."""
    fleet.play("renew")
    certificate = "shop@front1 (ecdsa-p256)"
    options = {"state": "requested", "path": str(tmp_path / "evil")}
    for domains, key_type, reason in (
        (["bank.fleet.test"], "ecdsa-p256", "is for other names than the certificate should have"),
        (["*.shop.fleet.test", "shop.fleet.test"], "rsa-2048", "is for a key of type rsa-2048"),
    ):
        request = {"name": "shop", "key_type": key_type, "domains": domains}
        made = run_module(fleet.lab, "certificate_install", {**options, "requests": [request]}, host="front1")
        csrs = [{"certificate": certificate, "csr": made["csrs"][0]["csr"]}]
        refused = fleet.keep(SHOP, csrs=csrs, retry=["all"])
        (outcome,) = refused["certificates"]
        assert outcome["reason"] == f"The CSR of front1 for {certificate} {reason}"
        assert refused["orders"] == 0


def test_a_key_that_is_lost_is_told_and_replaced(fleet: Fleet) -> None:
    site = {**SHOP, "frontends": ["front1"]}
    fleet.play("renew", site)
    shutil.rmtree(fleet.folder / "front1")
    played = fleet.play("deploy", site)
    assert "shop (ecdsa-p256)" in played.output
    assert "certfleet_revoke=[shop@front1]" in played.output
    revoked = fleet.play("revoke", site, certfleet_revoke=["shop@front1"])
    assert revoked.status == 0, revoked.output
    assert fleet.key_of("front1")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"frontends": []}, "certificates[0].frontends: [] is empty, and key: frontend needs to know which"),
        ({"key": "store", "reuse_key": True}, "certificates[0].reuse_key: True is for key: frontend"),
        ({"name": "a@b"}, "certificates[0].name: 'a@b' is no name for the store"),
    ],
)
def test_bad_input_is_told(fleet: Fleet, change: dict[str, Any], sentence: str) -> None:
    result = fleet.keep({**SHOP, **change})
    assert result.failed
    assert sentence in result["msg"], json.dumps(result.result)


def test_a_frontend_makes_no_key_for_names_outside_its_domains(fleet: Fleet) -> None:
    (bound := fleet.folder / "bound.yml").write_text(
        json.dumps({"frontends": {"hosts": {"front1": {"certfleet_frontend_domains": ["rsa.fleet.test"]}}}})
    )
    played = fleet.play("renew", SHOP, "-i", str(bound))
    assert "frontends: front1 may not have 'shop.fleet.test'" in played.output
    assert "1 issued" in played.output
    assert not fleet.live("front1").exists()
    assert fleet.key_of("front2")
