# SPDX-License-Identifier: GPL-3.0-or-later
"""The module account, run by Ansible against a real CA."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._acme.order import new_order
from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import SystemClock
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._core.identifier import Identifier
from ansible_collections.certfleet.acme.plugins.module_utils._store.certificates import CertificateStore
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.connection import Authority, connect
from ansible_collections.certfleet.acme.plugins.module_utils._x509.key import fingerprint_of, key_to_pem, make_key

from tests.integration.account.conftest import MAC_KEY, Account, files, play
from tests.lab import Lab
from tests.lab.ca_faults import Effect, first, lose_answer, lose_request, lose_to_gateway, nth, refuse, rewrite
from tests.lab.ca_proxy import CaProxy

STAGES: list[tuple[dict[str, Any], list[str]]] = [
    ({"terms_agreed": True, "contact": ["ops@fleet.test"]}, ["register"]),
    ({"contact": ["tls@fleet.test", "mailto:ops@fleet.test"]}, ["change contact"]),
    ({"contact": []}, ["change contact"]),
    ({"key_label": "2026-11"}, ["change key"]),
    ({"key_label": "2026-12", "contact": ["ops@fleet.test"]}, ["change contact", "change key"]),
    ({"key_type": "rsa-2048"}, ["change key"]),
    ({"state": "absent"}, ["deactivate", "remove from store"]),
]


def test_each_state_is_foreseen_reached_and_then_left_alone(lab: Lab, store: Path, tmp_path: Path) -> None:
    common = {"directory": lab.directory, "ca_bundle": str(lab.ca_bundle), "store": str(store)}
    tasks = [
        {"certfleet.acme.account": {**common, **options}, "check_mode": check}
        for options, _actions in STAGES
        for check in (True, False, True, False)
    ]
    results = play(lab, tmp_path, tasks)
    for number, (options, actions) in enumerate(STAGES):
        foreseen, done, *again = results[4 * number : 4 * number + 4]
        assert foreseen["actions"] == done["actions"] == actions, options
        assert foreseen["changed"]
        assert done["changed"]
        assert [each["changed"] for each in again] == [False, False], options
        assert foreseen["diff"]["before"] == done["diff"]["before"]
        assert again[0]["diff"]["before"] == done["diff"]["after"]
        for name in ("contact", "key_type", "key_label", "terms_of_service_agreed", "status"):
            assert foreseen.get(name) == done.get(name)
    assert results[1]["contact"] == ["mailto:ops@fleet.test"]
    assert results[1]["terms_of_service_agreed"] == results[1]["terms_of_service"]
    assert len({results[4 * number + 1]["key_thumbprint"] for number in (0, 3, 4, 5)}) == 4
    assert results[21]["key_type"] == "rsa-2048"
    assert files(store) == {}


def test_a_check_leaves_no_trace(account: Account, store: Path) -> None:
    assert account(check=True, terms_agreed=True).changed
    assert not store.exists()
    assert account(terms_agreed=True).changed


def test_the_key_is_for_its_user_only(account: Account, store: Path) -> None:
    account(terms_agreed=True)
    (key,) = store.rglob("key.pem")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert all(stat.S_IMODE(each.stat().st_mode) == 0o700 for each in key.parents if store in (each, *each.parents))


def test_terms_have_to_be_agreed_to(account: Account, store: Path) -> None:
    for check in (True, False):
        refused = account(check=check)
        assert refused.failed
        assert refused["msg"].startswith("terms_agreed: ")
        assert refused["terms_of_service"] in refused["msg"]
    assert files(store) == {}


def test_bad_input_gets_one_sentence(lab: Lab, store: Path, tmp_path: Path) -> None:
    binding = {"key_id": "a", "key": "?"}
    bad: list[tuple[dict[str, Any], str]] = [
        ({"key_type": "dsa"}, "key_type: 'dsa' is not one of rsa-2048, "),
        ({"contact": ["nobody"]}, "contact: 'nobody' is neither one mail address nor a URL"),
        ({"account": "../other"}, "account: '../other' is no name for the store"),
        ({"directory": "http://ca.fleet.test/dir"}, "directory: 'http://ca.fleet.test/dir' is not an https:// URL"),
        ({"ca_bundle": "/nowhere.pem"}, "ca_bundle: '/nowhere.pem' can't be read"),
        ({"key_file": "/nowhere.pem"}, "key_file: '/nowhere.pem' can't be read"),
        ({"external_binding": binding}, "external_binding: its key is not base64url text"),
    ]
    common = {"directory": lab.directory, "ca_bundle": str(lab.ca_bundle), "store": str(store), "terms_agreed": True}
    tasks = [{"certfleet.acme.account": {**common, **options}, "ignore_errors": True} for options, _sentence in bad]
    for result, (_options, sentence) in zip(play(lab, tmp_path, tasks), bad, strict=True):
        assert result["failed"]
        assert result["msg"].startswith(sentence)
    assert files(store) == {}


def test_a_wrong_bundle_and_a_wrong_directory_are_named(lab: Lab, account: Account, store: Path) -> None:
    assert "ca_bundle" in account(terms_agreed=True, ca_bundle=str(lab.issuer_bundle))["msg"]
    other = account(terms_agreed=True, directory=f"{lab.management}/roots/0")
    assert "is not the directory of a CA" in other["msg"]
    assert files(store) == {}


def test_a_ca_that_binds_accounts_gets_the_binding(bound_lab: Lab, account: Account, store: Path) -> None:
    refused = account(terms_agreed=True)
    assert refused["msg"].startswith("external_binding: ")
    assert files(store) == {}
    wrong = account(terms_agreed=True, external_binding={"key_id": "kid-1", "key": "AAAA" * 16})
    assert wrong.failed
    assert wrong["problem"]["type"].startswith("urn:ietf:params:acme:error:")
    binding = {"key_id": "kid-1", "key": MAC_KEY}
    assert account(check=True, terms_agreed=True, external_binding=binding)["actions"] == ["register"]
    assert account(terms_agreed=True, external_binding=binding)["actions"] == ["register"]
    assert not account(terms_agreed=True, external_binding=binding).changed
    assert not account().changed
    assert account(key_label="a")["actions"] == ["change key"]


BOUND: dict[str, Any] = {
    "terms_agreed": True,
    "contact": ["ops@fleet.test"],
    # as it is copied from a page, with the line break in the middle
    "external_binding": {"key_id": "kid-1\n", "key": f" {MAC_KEY[:32]}\n{MAC_KEY[32:]}\n"},
}
BINDING_MISSING = refuse(403, "externalAccountRequired", "a binding is missing")


@pytest.fixture
def bound_account(bound_lab: Lab, proxy: CaProxy, account: Account) -> tuple[CaProxy, Account]:
    """The module at a CA that binds accounts, by way of a proxy."""
    through = {"directory": proxy.directory, "ca_bundle": str(proxy.ca_bundle)}
    return proxy, lambda **options: account(**through, **options)


def test_a_mistyped_binding_key_is_mended_by_the_right_one(bound_account: tuple[CaProxy, Account]) -> None:
    proxy, account = bound_account
    wrong = account(**{**BOUND, "external_binding": {"key_id": "kid-1", "key": "AAAA" * 16}})
    assert wrong.failed
    assert "refused the new account" in wrong["msg"]
    proxy.inject("newAccount", BINDING_MISSING, nth(1))
    assert account(**BOUND)["actions"] == ["register"]
    assert not account(**BOUND).changed
    assert not account().changed


def test_a_lost_record_is_made_anew_where_the_search_needs_a_binding(
    bound_account: tuple[CaProxy, Account], store: Path
) -> None:
    proxy, account = bound_account
    first = account(**BOUND)
    (record,) = store.rglob("account.json")
    record.unlink()
    proxy.inject("newAccount", BINDING_MISSING, nth(1))
    again = account(**BOUND)
    assert again["account_uri"] == first["account_uri"]
    assert record.exists()
    assert not account().changed


@pytest.mark.parametrize("binds_searches", [False, True])
def test_an_account_whose_registration_a_gateway_gave_up_is_had_by_the_next_run(
    bound_account: tuple[CaProxy, Account], binds_searches: bool
) -> None:
    proxy, account = bound_account
    proxy.inject("newAccount", lose_to_gateway(504), nth(1))
    assert "HTTP 504" in account(**BOUND)["msg"]
    proxy.heal()
    if binds_searches:
        proxy.inject("newAccount", BINDING_MISSING, nth(1))
    again = account(**BOUND)
    assert again["actions"] == (["register"] if binds_searches else ["adopt"])
    assert again["contact"] == ["mailto:ops@fleet.test"]
    assert not account(**BOUND).changed


def test_a_ca_that_cant_change_keys_leaves_the_account_its_key(proxy: CaProxy, account: Account, store: Path) -> None:
    through = {"directory": proxy.directory, "ca_bundle": str(proxy.ca_bundle)}
    account(terms_agreed=True, **through)
    before = files(store)
    proxy.inject("keyChange", refuse(501, "rejectedIdentifier", "not implemented"))
    refused = account(key_label="a", **through)
    assert refused["msg"].startswith(f"key_label: {proxy.directory} can't change the key of an account")
    assert files(store) == before
    assert not account(check=True, **through).changed
    assert not account(**through).changed


def test_a_new_key_is_waited_for_and_not_taken_for_unknown(proxy: CaProxy, account: Account) -> None:
    through = {"directory": proxy.directory, "ca_bundle": str(proxy.ca_bundle)}
    account(terms_agreed=True, **through)
    stale = refuse(400, "malformed", "JWS verification error")
    # one request has looked for the account before
    proxy.inject("account", stale, lambda number: 1 < number <= 4)
    changed = account(key_label="a", **through)
    assert changed["actions"] == ["change key"]
    assert proxy.struck[stale.name] == 3
    proxy.heal()
    proxy.inject("account", stale, first(2))
    assert not account(key_label="a", **through).changed
    assert proxy.struck[stale.name] == 5


def test_orders_wait_for_a_new_key_too(proxy: CaProxy, account: Account, store: Path) -> None:
    through = {"directory": proxy.directory, "ca_bundle": str(proxy.ca_bundle)}
    account(terms_agreed=True, **through)
    account(key_label="a", **through)
    stale = refuse(400, "malformed", "JWS verification error")
    proxy.inject("newOrder", stale, first(2))
    authority = Authority(proxy.directory, "default", str(proxy.ca_bundle))
    with connect(authority, Files(str(store)), 1, SystemClock()) as session:
        assert new_order(session, [Identifier("dns", "shop.test")]).status in ("pending", "ready")
    assert proxy.struck[stale.name] == 2


MAKES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no contacts": lambda _account: [None],
    "contacts without mailto:": lambda account: [each.partition(":")[2] for each in account.get("contact") or ()],
    "other contacts": lambda _account: ["mailto:first@fleet.test"],
}


@pytest.mark.parametrize("make", MAKES)
def test_contacts_that_come_back_in_another_way_change_nothing(proxy: CaProxy, account: Account, make: str) -> None:
    through = {"directory": proxy.directory, "ca_bundle": str(proxy.ca_bundle)}
    for kind in ("account", "newAccount"):
        proxy.inject(kind, rewrite(make, lambda shown: {**shown, "contact": MAKES[make](shown)}))
    for contact in (["ops@fleet.test"], ["tls@fleet.test", "ops@fleet.test"], []):
        assert account(terms_agreed=True, contact=contact, **through).changed
        assert not account(check=True, contact=contact, **through).changed
        assert not account(contact=contact, **through).changed


def test_a_ca_without_meta_and_without_removal_of_contacts_is_no_failure(proxy: CaProxy, account: Account) -> None:
    through = {"directory": proxy.directory, "ca_bundle": str(proxy.ca_bundle)}
    account(terms_agreed=True, contact=["ops@fleet.test"], **through)
    proxy.inject("directory", rewrite("no meta", lambda shown: {k: v for k, v in shown.items() if k != "meta"}))
    proxy.inject("account", refuse(400, "malformed", "contact is empty"), nth(2))
    assert account(contact=[], **through)["actions"] == ["change contact"]
    again = account(contact=[], terms_agreed=True, **through)
    assert not again.changed
    assert again["terms_of_service"] is None


@pytest.mark.parametrize("effect", [lose_request(), lose_answer()], ids=lambda effect: effect.name)
def test_a_change_of_the_key_that_was_cut_off_is_finished(
    proxy: CaProxy, account: Account, store: Path, effect: Effect
) -> None:
    through = {"directory": proxy.directory, "ca_bundle": str(proxy.ca_bundle)}
    account(terms_agreed=True, **through)
    proxy.inject("keyChange", effect, first())
    cut_off = account(key_label="a", **through)
    assert cut_off.failed
    assert "the next run finds out which key the CA knows" in cut_off["msg"]
    (pending,) = store.rglob("next.pem")
    next_key = pending.read_bytes()

    foreseen = account(check=True, key_label="a", **through)
    assert foreseen["actions"] == ["finish key change"]
    assert pending.read_bytes() == next_key
    finished = account(key_label="a", **through)
    assert finished["actions"] == ["finish key change"]
    assert finished["key_thumbprint"] == foreseen["key_thumbprint"]
    (key,) = store.rglob("key.pem")
    assert key.read_bytes() == next_key
    assert not pending.exists()
    assert not account(key_label="a", **through).changed


def test_the_account_of_another_clients_key_is_taken_over(account: Account, store: Path, tmp_path: Path) -> None:
    first = account(terms_agreed=True, contact=["ops@fleet.test"], account="first")
    (key,) = store.rglob("key.pem")
    mine = tmp_path / "mine.pem"
    mine.write_bytes(key.read_bytes())
    foreseen = account(check=True, account="second", key_file=str(mine))
    taken = account(account="second", key_file=str(mine))
    assert foreseen["actions"] == taken["actions"] == ["adopt"]
    assert taken["account_uri"] == foreseen["account_uri"] == first["account_uri"]
    assert taken["contact"] == ["mailto:ops@fleet.test"]
    assert not account(account="second", key_file=str(mine)).changed
    other = tmp_path / "other.pem"
    other.write_bytes(key_to_pem(make_key("ecdsa-p256")))
    assert account(account="second", key_file=str(other))["msg"].startswith("key_file: the account has another key")


def test_the_key_of_a_certificate_is_refused(account: Account, store: Path, tmp_path: Path) -> None:
    key = make_key("ecdsa-p256")
    contents = {"privkey.pem": key_to_pem(key), "fullchain.pem": b"of no matter"}
    CertificateStore(Files(str(store))).add_generation(
        "shop", "ecdsa-p256", contents, {"fingerprint": fingerprint_of(key)}
    )
    path = tmp_path / "key.pem"
    path.write_bytes(key_to_pem(key))
    refused = account(terms_agreed=True, key_file=str(path))
    assert refused["msg"] == "key_file: this is the key of the certificate shop; an account needs one of its own"


def test_a_ca_that_was_set_up_anew_registers_the_same_key(lab: Lab, account: Account) -> None:
    first = account(terms_agreed=True, contact=["ops@fleet.test"])
    lab.restart_ca()
    again = account(terms_agreed=True)
    assert again["actions"] == ["register"]
    assert again["key_thumbprint"] == first["key_thumbprint"]
    assert again["contact"] == ["mailto:ops@fleet.test"]
    assert not account(terms_agreed=True, contact=["ops@fleet.test"]).changed
