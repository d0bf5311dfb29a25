# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts are registered, changed, bound and deactivated at each make of CA."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error

from tests.lab import Lab

from .conftest import Ca, Store, statuses


def test_an_account_is_registered_once(store: Store) -> None:
    again = store.account(terms_agreed=True, contact=("mailto:ops@fleet.test",))
    assert not again["changed"]
    assert again["account_uri"].startswith("https://")


def test_a_contact_is_changed_once(store: Store) -> None:
    assert store.account(contact=("mailto:tls@fleet.test",))["actions"] == ["change contact"]
    assert not store.account(contact=("mailto:tls@fleet.test",))["changed"]


def test_contacts_are_removed_or_the_ca_is_told_to_have_refused_it(store: Store) -> None:
    if refusal := store.ca.make.contact_refusal:
        with pytest.raises(Error, match=refusal):
            store.account(contact=())
        assert not store.account(contact=("mailto:ops@fleet.test",))["changed"]
    else:
        store.account(contact=())
        assert not store.account(contact=())["changed"]


def test_the_key_is_changed_or_the_ca_is_told_to_be_unable_to(store: Store) -> None:
    before = store.account()["key_thumbprint"]
    if refusal := store.ca.make.rollover_refusal:
        with pytest.raises(Error, match=refusal):
            store.account(key_label="2026-12")
        assert store.account()["key_thumbprint"] == before
    else:
        changed = store.account(key_label="2026-12")
        assert changed["actions"] == ["change key"]
        assert changed["key_thumbprint"] != before
    site = {"name": "rolled", "domains": ["rolled.fleet.test"], "key_types": ["ecdsa-p256"]}
    assert set(statuses(store.keep(site)).values()) == {"issued"}


def test_an_account_is_bound_to_a_customer(binding_ca: Ca, lab: Lab, tmp_path: Path) -> None:
    store = Store(lab, binding_ca, tmp_path / "store")
    with pytest.raises(Error, match="^external_binding: "):
        store.account(terms_agreed=True)
    with pytest.raises(Error, match="refused the new account"):
        store.bound_account("AAAA" * 16)
    assert store.bound_account()["actions"] == ["register"]
    assert not store.bound_account()["changed"]
    site = {"name": "bound", "domains": ["bound.fleet.test"], "key_types": ["ecdsa-p256"]}
    assert set(statuses(store.keep(site)).values()) == {"issued"}
    refusal = binding_ca.make.bound_revocation_refusal
    by_key = store.revoke("bound", by_certificate=True)
    assert set(statuses(by_key).values()) == {"failed" if refusal else "revoked"}
    if refusal:
        assert refusal in by_key["msg"]
        assert set(statuses(store.revoke("bound", by_certificate=False)).values()) == {"revoked"}


def test_a_deactivated_account_is_gone_from_the_store(store: Store) -> None:
    assert store.deactivate()["actions"] == ["deactivate", "remove from store"]
    assert not store.deactivate()["changed"]
