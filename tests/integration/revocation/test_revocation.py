# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates are revoked at the CA, and replaced before or after that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.lab import Lab
from tests.lab.ca_faults import first, refuse
from tests.lab.ca_proxy import CaProxy
from tests.modules import Outcome, run_module
from tests.options import ca, responders, tsig_keys

SHOP = {"name": "shop", "domains": ["shop.test"], "key_types": ["rsa-2048", "ecdsa-p256"], "profile": "classic"}


class Site:
    """A store with the certificates of one site."""

    def __init__(self, lab: Lab, store: Path) -> None:
        self.lab, self.store = lab, store
        self.authority = {**ca(lab), "store": str(store)}

    def keep(self) -> Outcome:
        dns = {"responders": responders(self.lab), "tsig_keys": tsig_keys(self.lab), "wait": 20}
        return run_module(self.lab, "certificates", {**self.authority, **dns, "certificates": [SHOP]})

    def revoke(self, *, check: bool = False, diff: bool = False, **options: Any) -> Outcome:
        arguments = {**self.authority, "name": "shop", **options}
        return run_module(self.lab, "certificate_revoke", arguments, check=check, diff=diff)

    def serials(self) -> dict[str, str]:
        """The serial numbers of the live certificates, by key type."""
        return {entry["key_type"]: entry["serial"] for entry in self.described()}

    def content(self) -> dict[Path, bytes]:
        """All files of the store but the lock, which says who had it last."""
        files = (path for path in self.store.rglob("*") if path.is_file() and path.name != ".lock")
        return {path: path.read_bytes() for path in files}

    def described(self) -> list[dict[str, Any]]:
        return list(run_module(self.lab, "store_info", {"store": str(self.store)})["certificates"])


@pytest.fixture
def site(lab: Lab, tmp_path: Path) -> Site:
    site = Site(lab, tmp_path / "store")
    registered = run_module(lab, "account", {**site.authority, "terms_agreed": True})
    assert not registered.failed, registered.output
    assert site.keep().changed
    return site


def statuses(outcome: Outcome) -> dict[str, str]:
    return {entry["key_type"]: entry["status"] for entry in outcome["certificates"]}


def test_live_certificates_are_revoked_once_and_then_replaced_and_delivered_no_more(lab: Lab, site: Site) -> None:
    before = site.serials()
    checked = site.revoke(reason="key_compromise", check=True)
    assert checked.changed
    assert {lab.status_of(serial)[0] for serial in before.values()} == {"Valid"}

    outcome = site.revoke(reason="key_compromise", diff=True)
    assert statuses(outcome) == {"rsa-2048": "revoked", "ecdsa-p256": "revoked"}, outcome.output
    assert {lab.status_of(serial) for serial in before.values()} == {("Revoked", 1)}
    assert f"serial number {before['rsa-2048']}: revoked (key_compromise)" in outcome["diff"]["after"]
    assert all(entry["revocation"]["revoked_at"] for entry in site.described())

    again = site.revoke(reason="key_compromise")
    assert not again.changed
    assert set(statuses(again).values()) == {"was revoked"}

    recipient = run_module(lab, "certificate_install", {"path": str(site.store / "web"), "state": "prepared"})
    fetched = run_module(
        lab,
        "certificate_fetch",
        {"store": str(site.store), "recipient": recipient["recipient"], "names": ["shop"], "ignore_missing": True},
    )
    assert "was revoked at" in fetched["left_out"][0]["reason"]
    assert "bundle" not in fetched.result

    renewed = site.keep()
    assert {entry["reason"].partition(" at ")[0] for entry in renewed["certificates"]} == {"revoked"}
    assert set(before.values()).isdisjoint(site.serials().values())
    assert all(entry["revocation"] is None for entry in site.described())


def test_what_is_marked_is_replaced_first_and_only_then_revoked(lab: Lab, site: Site) -> None:
    before = site.serials()
    marked = site.revoke(state="marked", reason="superseded")
    assert statuses(marked) == {"rsa-2048": "marked", "ecdsa-p256": "marked"}
    assert not site.revoke(state="marked", reason="superseded").changed

    waiting = site.revoke(which="replaced")
    assert not waiting.changed
    assert set(statuses(waiting).values()) == {"waiting"}
    assert {lab.status_of(serial)[0] for serial in before.values()} == {"Valid"}

    renewed = site.keep()
    assert {entry["reason"] for entry in renewed["certificates"]} == {"to be revoked (superseded)"}
    after = site.serials()

    revoked = site.revoke(which="replaced")
    assert statuses(revoked) == {"rsa-2048": "revoked", "ecdsa-p256": "revoked"}, revoked.output
    assert {lab.status_of(serial) for serial in before.values()} == {("Revoked", 4)}
    assert {lab.status_of(serial)[0] for serial in after.values()} == {"Valid"}

    # once more, so that nothing is left to be done, least of all about the new ones
    assert not site.revoke(which="replaced").changed
    assert not site.keep().changed


def test_the_certificates_own_key_can_sign_without_an_account(lab: Lab, site: Site) -> None:
    serials = site.serials()
    outcome = site.revoke(signed_by="certificate", key_types=["ecdsa-p256"], account="nobody", reason="key_compromise")
    assert statuses(outcome) == {"ecdsa-p256": "revoked"}, outcome.output
    assert lab.status_of(serials["ecdsa-p256"]) == ("Revoked", 1)
    assert lab.status_of(serials["rsa-2048"])[0] == "Valid"
    assert "PRIVATE KEY" not in outcome.output


def test_one_that_the_ca_knows_to_be_revoked_is_written_down(lab: Lab, site: Site) -> None:
    site.revoke(key_types=["rsa-2048"])
    for state in site.store.glob("certificates/shop/*/state.json"):
        state.unlink()
    outcome = site.revoke(key_types=["rsa-2048"])
    assert not outcome.changed
    assert statuses(outcome) == {"rsa-2048": "was revoked"}
    assert [bool(entry["revocation"]) for entry in site.described()] == [False, True]


def test_a_refusal_is_told_in_the_cas_words_and_does_not_keep_the_others(lab: Lab, site: Site) -> None:
    other = run_module(lab, "account", {**site.authority, "account": "other", "terms_agreed": True})
    assert not other.failed
    outcome = site.revoke(account="other")
    assert outcome.failed
    assert set(statuses(outcome).values()) == {"failed"}
    assert "the revocation of shop (rsa-2048)" in outcome["msg"]
    assert "the revocation of shop (ecdsa-p256)" in outcome["msg"]
    assert all(entry["revocation"] is None for entry in site.described())


def test_a_ca_that_wants_the_account_to_sign_is_told_with_the_way_out(lab: Lab, proxy: CaProxy, tmp_path: Path) -> None:
    site = Site(lab, tmp_path / "store")
    site.authority |= {"directory": proxy.directory, "ca_bundle": str(proxy.ca_bundle)}
    run_module(lab, "account", {**site.authority, "terms_agreed": True})
    assert site.keep().changed
    proxy.inject("revokeCert", refuse(403, "unauthorized", "sign as an account"), first())
    only: dict[str, Any] = {"key_types": ["ecdsa-p256"], "reason": "key_compromise"}
    refused = site.revoke(**only, signed_by="certificate")
    assert refused["msg"].endswith("sign as an account; this CA may want the account's key instead: signed_by=account")
    assert statuses(site.revoke(**only)) == {"ecdsa-p256": "revoked"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"name": "nothing"}, "name: 'nothing' has no certificate in the store"),
        ({"name": "../shop"}, "name: '../shop' is no name for the store"),
        ({"key_types": ["rsa-4096"]}, "has no certificate in the store with a key of type rsa-4096"),
        ({"key_types": ["dsa"]}, "key_types: 'dsa' is not one of"),
        ({"reason": "because"}, "value of reason must be one of"),
        ({"directory": "https://192.0.2.1/directory"}, "is not where shop (ecdsa-p256) came from"),
    ],
)
def test_bad_input_is_told_before_anything_is_sent_or_written(site: Site, options: dict[str, Any], says: str) -> None:
    before = site.content()
    outcome = site.revoke(**options)
    assert outcome.failed
    assert says in outcome["msg"]
    assert site.content() == before


def test_a_mark_that_is_broken_counts_as_none(site: Site) -> None:
    path = site.store / "certificates/shop/rsa-2048/state.json"
    path.write_text(json.dumps({"revocations": {site.serials()["rsa-2048"]: {"reason": 5}}}))
    assert not site.keep().changed
