# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts are registered, changed, bound and deactivated at each make of CA."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error

from tests.lab import Lab

from .conftest import Ca, Store, statuses
from .makes import MAKES


def test_an_account_is_registered_once(store: Store) -> None:
    again = store.account(terms_agreed=True, contact=("mailto:ops@fleet.test",))
    assert not again["changed"]
    assert again["account_uri"].startswith("https://")


def test_a_contact_is_changed_once(store: Store) -> None:
    assert store.account(contact=("mailto:tls@fleet.test",))["actions"] == ["change contact"]
    assert not store.account(contact=("mailto:tls@fleet.test",))["changed"]


def test_removed_contacts_are_no_failure_and_no_change_the_next_time(store: Store) -> None:
    # some CAs ignore this, some refuse it: RFC 8555 §7.3.2 lets them
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
    with pytest.raises(Error, match=r"^external_binding: "):
        store.account(terms_agreed=True)
    with pytest.raises(Error, match="refused the new account"):
        store.bound_account("AAAA" * 16)
    assert store.bound_account()["actions"] == ["register"]
    assert not store.bound_account()["changed"]
    site = {"name": "bound", "domains": ["bound.fleet.test"], "key_types": ["ecdsa-p256"]}
    assert set(statuses(store.keep(site)).values()) == {"issued"}
    revoked = store.revoke("bound", by_certificate=False)
    assert set(statuses(revoked).values()) == {"revoked"}, revoked


@pytest.mark.parametrize("ca", [make for make in MAKES if not make.binds], ids=lambda make: make.name, indirect=True)
def test_a_binding_is_no_hindrance_where_the_ca_knows_none(ca: Ca, lab: Lab, tmp_path: Path) -> None:
    store = Store(lab, ca, tmp_path / "store")
    assert store.bound_account()["actions"] == ["register"]
    assert not store.bound_account()["changed"]


def test_a_deactivated_account_is_gone_from_the_store(store: Store) -> None:
    assert store.deactivate()["actions"] == ["deactivate", "remove from store"]
    assert not store.deactivate()["changed"]
