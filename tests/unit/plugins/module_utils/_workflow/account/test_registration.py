# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts from registration to deactivation, against a CA in memory and a store on disk."""

from __future__ import annotations

import itertools
import json
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from ansible_collections.certfleet.acme.plugins.module_utils._acme.account import ExternalBinding, register
from ansible_collections.certfleet.acme.plugins.module_utils._acme.directory import fetch_directory
from ansible_collections.certfleet.acme.plugins.module_utils._acme.key import AccountKey
from ansible_collections.certfleet.acme.plugins.module_utils._acme.network import Network
from ansible_collections.certfleet.acme.plugins.module_utils._acme.problem import NetworkError, ProblemError
from ansible_collections.certfleet.acme.plugins.module_utils._acme.session import Session
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._store.accounts import AccountStore
from ansible_collections.certfleet.acme.plugins.module_utils._store.certificates import CertificateStore
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.account.record import WantedAccount
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.account.registration import keep_account, settle
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.connection import Authority
from ansible_collections.certfleet.acme.plugins.module_utils._x509.key import (
    fingerprint_of,
    key_to_pem,
    load_key,
    make_key,
)
from urllib3.exceptions import ProtocolError

from tests.unit.plugins.module_utils._acme.fakes import DIRECTORY, HOST, Answer, FakeCa, FakeClock, refusal

OPS = WantedAccount(contact=("mailto:ops@example.com",), terms_agreed=True)
KEEP = WantedAccount()


class PowerCutError(Exception):
    """The power fails."""


class Kit:
    """A CA, a store, and the way from one to the other."""

    def __init__(self, root: Path) -> None:
        self.ca = FakeCa()
        self.root = root
        self.files = Files(str(root))
        self.store = AccountStore(self.files, "ca.test-dir", "default")
        self.clock = FakeClock()
        self.network = Network(transport=self.ca, clock=self.clock)

    def run(self, wanted: WantedAccount | None, check: bool = False) -> dict[str, Any]:
        """One task."""
        directory = fetch_directory(self.network, DIRECTORY)
        return settle(self.store, self.network, directory, wanted, check)

    def crash_at(self, number: int) -> None:
        """Let the power fail before the effect of this number (a write, or a request that may change something)."""
        numbers = itertools.count()

        def effect() -> None:
            if next(numbers) == number:
                raise PowerCutError

        self.files = FailingFiles(str(self.root), effect)
        self.store = AccountStore(self.files, "ca.test-dir", "default")
        self.ca.routes = {path: self._failing(path, effect) for path in ("/new-account", "/key-change")}

    def _failing(self, path: str, effect: Callable[[], None]) -> Callable[[Any], Any]:
        handler = {"/new-account": self.ca._new_account, "/key-change": self.ca._key_change}[path]

        def handle(seen: Any) -> Any:
            effect()
            answer = handler(seen)
            effect()
            return answer

        return handle

    def recover(self) -> None:
        """The power is back."""
        self.ca.routes = {}
        self.files = Files(str(self.root))
        self.store = AccountStore(self.files, "ca.test-dir", "default")
        self.ca.seen.clear()

    @property
    def thumbprint(self) -> str:
        """That of the key in the store."""
        pem = self.store.key()
        assert pem is not None
        return AccountKey(load_key(pem)).thumbprint

    def snapshot(self) -> dict[str, bytes]:
        """All files of the store."""
        return {str(path): path.read_bytes() for path in sorted(self.root.rglob("*")) if path.is_file()}

    def books(self) -> list[tuple[Any, ...]]:
        """What the CA has in its books."""
        return [(each.url, each.key.thumbprint(), tuple(each.contact), each.status) for each in self.ca.accounts]


class FailingFiles(Files):
    """A folder on a machine whose power fails."""

    def __init__(self, root: str, effect: Callable[[], None]) -> None:
        super().__init__(root)
        self._effect = effect

    def write(self, relative: str, content: bytes, mode: int = 0o600) -> None:
        self._effect()
        super().write(relative, content, mode)

    def rename(self, relative: str, other: str) -> None:
        self._effect()
        super().rename(relative, other)

    def remove(self, relative: str) -> bool:
        self._effect()
        return super().remove(relative)


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(tmp_path)


@pytest.fixture
def registered(kit: Kit) -> Kit:
    """With an account that is as OPS wants it."""
    kit.run(OPS)
    kit.ca.seen.clear()
    return kit


def lost() -> requests.ConnectionError:
    return requests.ConnectionError(ProtocolError("Connection aborted."))


# each state: in check mode, for real, repeated

LIFE: list[tuple[str, WantedAccount | None, list[str]]] = [
    ("created", OPS, ["register"]),
    ("another contact", replace(OPS, contact=("mailto:new@example.com",)), ["change contact"]),
    ("no contact", replace(OPS, contact=()), ["change contact"]),
    ("a label", replace(KEEP, key_label="2026-11"), ["change key"]),
    ("another type", replace(KEEP, key_type="ecdsa-p384"), ["change key"]),
    ("gone", None, ["deactivate", "remove from store"]),
]


@pytest.mark.parametrize("stage", range(len(LIFE)), ids=[name for name, _wanted, _steps in LIFE])
def test_each_stage_is_told_by_check_mode_done_once_and_then_left_alone(kit: Kit, stage: int) -> None:
    for _name, earlier, _steps in LIFE[:stage]:
        kit.run(earlier)
    _name, wanted, steps = LIFE[stage]

    before = (kit.snapshot(), kit.books())
    foreseen = kit.run(wanted, check=True)
    assert (kit.snapshot(), kit.books()) == before

    done = kit.run(wanted)
    assert done["changed"]
    assert done["actions"] == foreseen["actions"] == steps
    assert _without_what_was_made(done, foreseen) == foreseen

    before = (kit.snapshot(), kit.books())
    for check in (True, False):
        again = kit.run(wanted, check)
        assert not again["changed"]
        assert again["diff"]["before"] == again["diff"]["after"] == done["diff"]["after"]
    assert (kit.snapshot(), kit.books()) == before


def _without_what_was_made(done: dict[str, Any], foreseen: dict[str, Any]) -> dict[str, Any]:
    """The result with everything that check mode could not know put back."""
    result = json.loads(json.dumps(done))
    for name in ("account_uri", "key_thumbprint"):
        if foreseen.get(name) is None and name in result:
            result[name] = None
        if foreseen["diff"]["after"].get(name) == "(to be made)":
            result["diff"]["after"][name] = "(to be made)"
    return dict(result)


def test_a_repeated_run_asks_for_the_account_and_nothing_else(registered: Kit) -> None:
    registered.run(OPS)
    assert registered.ca.paths() == ["/account/1"]
    assert registered.ca.seen[-1].payload is None


def test_the_result_says_all_but_the_key(kit: Kit) -> None:
    result = kit.run(OPS)
    assert {name: result[name] for name in result if name != "diff"} == {
        "changed": True,
        "actions": ["register"],
        "status": "valid",
        "account_uri": f"{HOST}/account/1",
        "contact": ["mailto:ops@example.com"],
        "key_type": "ecdsa-p256",
        "key_label": None,
        "key_thumbprint": kit.thumbprint,
        "terms_of_service": f"{HOST}/terms/1",
        "terms_of_service_agreed": f"{HOST}/terms/1",
        "terms_of_service_changed": False,
    }
    assert "PRIVATE" not in json.dumps(result)


# what has to be agreed to or given first


def test_terms_that_are_not_agreed_to_are_named_and_nothing_happens(kit: Kit) -> None:
    for check in (True, False):
        with pytest.raises(Error) as raised:
            kit.run(replace(OPS, terms_agreed=False), check)
        assert raised.value.message.startswith("terms_agreed: ")
        assert f"{HOST}/terms/1" in raised.value.message
    assert kit.snapshot() == {}
    assert kit.ca.paths() == []


def test_a_ca_without_terms_needs_no_agreement(kit: Kit) -> None:
    kit.ca.meta = {}
    assert kit.run(KEEP)["account_uri"] == f"{HOST}/account/1"


def test_a_binding_that_is_missing_is_named_and_nothing_happens(kit: Kit) -> None:
    kit.ca.meta["externalAccountRequired"] = True
    with pytest.raises(Error, match=r"^external_binding: .* key_id and a key"):
        kit.run(OPS)
    assert kit.snapshot() == {}
    assert kit.ca.paths() == []


def test_an_account_is_bound_and_the_binding_is_remembered_without_its_key(kit: Kit) -> None:
    kit.ca.meta["externalAccountRequired"] = True
    kit.ca.mac_keys["kid-1"] = b"\x01" * 32
    kit.run(replace(OPS, external_binding=ExternalBinding("kid-1", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE")))
    assert kit.ca.accounts[0].bound_to == "kid-1"
    assert not kit.run(OPS)["changed"]
    assert all(b"AQEBAQ" not in content for content in kit.snapshot().values())


def test_a_wrong_binding_is_the_cas_to_refuse_and_can_be_mended(kit: Kit) -> None:
    kit.ca.meta["externalAccountRequired"] = True
    kit.ca.mac_keys["kid-1"] = b"\x01" * 32
    with pytest.raises(ProblemError):
        kit.run(replace(OPS, external_binding=ExternalBinding("kid-1", "AAAA")))
    right = ExternalBinding("kid-1", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE")
    assert kit.run(replace(OPS, external_binding=right))["actions"] == ["register"]


RIGHT = ExternalBinding("kid-1", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE")
WRONG = ExternalBinding("kid-1", "AAAA")


@pytest.fixture
def binding(kit: Kit) -> Kit:
    """With a CA that demands a binding for everything that is asked with a key, the search too."""
    kit.ca.meta["externalAccountRequired"] = True
    kit.ca.mac_keys["kid-1"] = b"\x01" * 32
    kit.ca.binds_searches = True
    return kit


def test_a_mistyped_binding_key_does_not_lock_the_account(binding: Kit) -> None:
    for _again in range(2):
        with pytest.raises(ProblemError, match="refused the new account: externalAccountRequired"):
            binding.run(replace(OPS, external_binding=WRONG))
    with pytest.raises(ProblemError, match="externalAccountRequired"):
        binding.run(OPS)
    bound = replace(OPS, external_binding=RIGHT)
    assert binding.run(bound, check=True)["actions"] == binding.run(bound)["actions"] == ["register"]
    assert not binding.run(bound)["changed"]
    assert not binding.run(OPS)["changed"]


def test_a_lost_record_is_made_anew_where_the_search_needs_a_binding(binding: Kit) -> None:
    bound = replace(OPS, external_binding=RIGHT)
    first = binding.run(bound)
    (binding.root / "accounts/ca.test-dir/default/account.json").unlink()
    assert binding.run(replace(bound, contact=None))["account_uri"] == first["account_uri"]
    assert len(binding.ca.accounts) == 1
    result = binding.run(KEEP)
    assert not result["changed"]
    assert result["contact"] == ["mailto:ops@example.com"], "as the CA had it"


def test_an_account_that_is_there_gets_the_contact_that_is_asked_for(binding: Kit) -> None:
    bound = replace(OPS, external_binding=RIGHT)
    binding.run(bound)
    (binding.root / "accounts/ca.test-dir/default/account.json").unlink()
    other = replace(bound, contact=("mailto:new@example.com",))
    binding.run(other)
    assert binding.ca.accounts[0].contact == ["mailto:new@example.com"]
    assert not binding.run(other)["changed"]


@pytest.mark.parametrize("binds_searches", [False, True])
def test_a_gateway_that_gave_up_does_not_lock_the_account(binding: Kit, binds_searches: bool) -> None:
    binding.ca.binds_searches = binds_searches
    bound = replace(OPS, external_binding=RIGHT)
    done = binding.ca._new_account

    def give_up(seen: Any) -> Answer:
        answer = done(seen)
        return Answer(504, content=b"<html>Gateway Timeout</html>") if answer.status == 201 else answer

    binding.ca.routes = {"/new-account": give_up}
    with pytest.raises(ProblemError, match="HTTP 504"):
        binding.run(bound)
    assert binding.run(bound)["account_uri"] == f"{HOST}/account/1"
    assert not binding.run(bound)["changed"]
    assert len(binding.ca.accounts) == 1


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("stale", [0, 2])
def test_a_key_change_that_was_cut_off_is_finished_where_the_search_needs_a_binding(
    binding: Kit, where: str, stale: int
) -> None:
    bound = replace(OPS, external_binding=RIGHT, key_label="a")
    binding.run(replace(bound, key_label=None))
    getattr(binding.ca, where)["/key-change"] = deque([lost()])
    with pytest.raises(NetworkError):
        binding.run(bound)
    binding.ca.refuses_signatures, binding.ca.stale_requests = True, stale
    assert binding.run(bound)["actions"] == ["finish key change"]
    assert not binding.run(OPS)["changed"]
    assert len(binding.ca.accounts) == 1


def test_an_account_is_not_taken_out_while_nobody_can_tell_whether_it_is_there(binding: Kit) -> None:
    binding.run(replace(OPS, external_binding=RIGHT))
    (binding.root / "accounts/ca.test-dir/default/account.json").unlink()
    with pytest.raises(ProblemError, match="externalAccountRequired"):
        binding.run(None)
    assert binding.store.key() is not None


# terms of service


@pytest.mark.parametrize("agreed", [True, False])
def test_a_ca_without_meta_needs_no_agreement_and_changes_nothing_later(kit: Kit, agreed: bool) -> None:
    kit.ca.shows_meta, kit.ca.meta = False, {}
    wanted = replace(KEEP, terms_agreed=agreed)
    result = kit.run(wanted)
    assert result["terms_of_service"] is result["terms_of_service_agreed"] is None
    for check in (True, False):
        assert not kit.run(wanted, check)["changed"]


def test_new_terms_are_reported_until_they_are_agreed_to(registered: Kit) -> None:
    registered.ca.meta["termsOfService"] = f"{HOST}/terms/2"
    for _again in range(2):
        result = registered.run(KEEP)
        assert result["terms_of_service_changed"]
        assert not result["changed"]
        assert result["terms_of_service_agreed"] == f"{HOST}/terms/1"
    result = registered.run(OPS)
    assert result["terms_of_service_changed"]
    assert result["actions"] == ["record terms of service"]
    assert result["terms_of_service_agreed"] == f"{HOST}/terms/2"
    assert not registered.run(OPS)["terms_of_service_changed"]


# contact


def test_a_ca_that_hides_contacts_is_not_asked_to_change_them_again(kit: Kit) -> None:
    kit.ca.shows_contact = False
    kit.run(OPS)
    assert not kit.run(OPS)["changed"]
    other = replace(OPS, contact=("mailto:new@example.com",))
    assert kit.run(other)["contact"] == ["mailto:new@example.com"]
    assert not kit.run(other)["changed"]
    assert kit.ca.accounts[0].contact == ["mailto:new@example.com"]


def test_a_contact_that_another_client_changed_is_changed_back(registered: Kit) -> None:
    registered.ca.accounts[0].contact = ["mailto:other@example.com"]
    assert registered.run(KEEP)["contact"] == ["mailto:other@example.com"]
    assert registered.run(OPS)["actions"] == ["change contact"]
    assert registered.ca.accounts[0].contact == ["mailto:ops@example.com"]


MAKES: dict[str, Callable[[list[str]], Any]] = {
    "hides them": lambda _contact: None,
    "answers null": lambda _contact: [None],
    "leaves mailto: out": lambda contact: [each.removeprefix("mailto:") for each in contact] or [None],
    "ignores changes": lambda _contact: ["mailto:first@example.com"],
    "turns them round": lambda contact: list(reversed(contact)),
}


@pytest.mark.parametrize("make", MAKES)
def test_contacts_that_come_back_in_another_way_change_nothing(kit: Kit, make: str) -> None:
    kit.ca.shown_contact = MAKES[make]
    two = ("mailto:a@example.com", "mailto:b@example.com")
    for contact in (two, ("mailto:b@example.com",), (), two):
        wanted = replace(OPS, contact=contact)
        assert kit.run(wanted)["contact"] == list(contact)
        for check in (True, False):
            again = kit.run(wanted, check)
            assert not again["changed"]
            assert again["contact"] == list(contact)
            assert again["diff"]["before"] == again["diff"]["after"]


def test_contacts_that_come_back_from_a_change_only_change_nothing(kit: Kit) -> None:
    """As where the answer repeats what was sent, and nothing of it is kept."""
    account = kit.ca._account
    kit.ca.routes["/account/1"] = lambda seen: (
        _without_contact(account(seen)) if seen.payload is None else account(seen)
    )
    assert kit.run(OPS)["changed"]
    assert not kit.run(OPS)["changed"]
    other = replace(OPS, contact=("mailto:new@example.com",))
    assert kit.run(other)["actions"] == ["change contact"]
    for check in (True, False):
        assert not kit.run(other, check)["changed"]


def _without_contact(answer: Answer) -> Answer:
    return replace(answer, document={**answer.document, "contact": []})


@pytest.mark.parametrize("name", ["malformed", "invalidContact", "unsupportedContact"])
def test_a_ca_that_removes_no_contact_is_asked_once(registered: Kit, name: str) -> None:
    registered.ca.routes["/account/1"] = _refuse_no_contact(registered.ca, name)
    none = replace(OPS, contact=())
    assert registered.run(none)["actions"] == ["change contact"]
    for check in (True, False):
        assert not registered.run(none, check)["changed"]
    with pytest.raises(ProblemError, match=name):
        registered.run(replace(OPS, contact=("mailto:bad@example.com",)))


def _refuse_no_contact(ca: FakeCa, name: str) -> Callable[[Any], Answer]:
    refused: tuple[Any, ...] = ([], ["mailto:bad@example.com"])

    def handle(seen: Any) -> Answer:
        changes = seen.payload or {}
        return refusal(name, 400) if changes.get("contact") in refused else ca._account(seen)

    return handle


def test_the_order_of_contacts_does_not_matter(kit: Kit) -> None:
    kit.run(replace(OPS, contact=("mailto:a@example.com", "mailto:b@example.com")))
    assert not kit.run(replace(OPS, contact=("mailto:b@example.com", "mailto:a@example.com")))["changed"]


# the key


@pytest.mark.parametrize("key_type", ["rsa-2048", "ecdsa-p256", "ecdsa-p384"])
def test_a_new_account_gets_the_type_of_key_that_is_asked_for(kit: Kit, key_type: str) -> None:
    assert kit.run(replace(OPS, key_type=key_type))["key_type"] == key_type
    assert not kit.run(OPS)["changed"]


def test_the_key_changes_once_for_each_label(registered: Kit) -> None:
    first = registered.thumbprint
    assert registered.run(replace(KEEP, key_label="a"))["actions"] == ["change key"]
    second = registered.thumbprint
    assert not registered.run(replace(KEEP, key_label="a"))["changed"]
    assert not registered.run(KEEP)["changed"]
    assert registered.run(replace(KEEP, key_label="b"))["actions"] == ["change key"]
    assert len({first, second, registered.thumbprint}) == 3


def test_a_label_at_registration_is_the_first_keys(kit: Kit) -> None:
    assert kit.run(replace(OPS, key_label="a"))["actions"] == ["register"]
    assert not kit.run(replace(OPS, key_label="a"))["changed"]


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_change_of_the_key_that_the_network_cut_off_is_finished(registered: Kit, where: str) -> None:
    wanted = replace(KEEP, key_label="a")
    getattr(registered.ca, where)["/key-change"] = deque([lost()])
    with pytest.raises(NetworkError, match="the next run finds out which key the CA knows"):
        registered.run(wanted)
    pending = registered.store.next_key()
    assert pending is not None

    books = registered.books()
    foreseen = registered.run(wanted, check=True)
    assert registered.books() == books
    done = registered.run(wanted)
    assert done == foreseen
    assert done["actions"] == ["finish key change"]
    assert (done["key_label"], done["key_thumbprint"]) == ("a", registered.thumbprint)
    assert registered.store.key() == pending
    assert registered.store.next_key() is None
    assert not registered.run(wanted)["changed"]


def test_a_change_that_was_cut_off_is_finished_whatever_is_asked_for(registered: Kit) -> None:
    registered.ca.after["/key-change"] = deque([lost()])
    with pytest.raises(NetworkError):
        registered.run(replace(KEEP, key_type="ecdsa-p384"))
    assert registered.run(OPS)["actions"] == ["finish key change"]
    assert registered.run(replace(KEEP, key_type="ecdsa-p256"))["actions"] == ["change key"]


def test_a_key_that_the_ca_refuses_is_given_up(registered: Kit) -> None:
    before = registered.thumbprint
    registered.ca.script["/key-change"] = deque([refusal("badPublicKey", 400, "P-384 is not for us")])
    with pytest.raises(ProblemError, match="P-384 is not for us"):
        registered.run(replace(KEEP, key_type="ecdsa-p384"))
    assert registered.store.next_key() is None
    assert registered.thumbprint == before
    assert not registered.run(OPS)["changed"]


def test_an_overloaded_ca_leaves_a_change_open(registered: Kit) -> None:
    registered.ca.script["/key-change"] = deque([refusal("serverInternal", 503)])
    with pytest.raises(Error, match="the next run finds out which key the CA knows"):
        registered.run(replace(KEEP, key_label="a"))
    assert registered.run(replace(KEEP, key_label="a"))["actions"] == ["finish key change"]


@pytest.mark.parametrize("refused", [refusal("rejectedIdentifier", 501, "not implemented"), Answer(501, content=b"no")])
def test_a_ca_without_a_key_change_leaves_the_account_its_key(registered: Kit, refused: Answer) -> None:
    """Caddy has the resource in its directory, and answers like that."""
    before = registered.snapshot()
    registered.ca.routes["/key-change"] = lambda _seen: refused
    with pytest.raises(Error, match=r"^key_label: .*https://ca.test/dir can't change the key of an account"):
        registered.run(replace(OPS, key_label="a"))
    assert registered.snapshot() == before
    for check in (True, False):
        assert not registered.run(OPS, check)["changed"]


@pytest.mark.parametrize(
    ("wanted", "option"), [({"key_label": "a"}, "key_label"), ({"key_type": "ecdsa-p384"}, "key_type")]
)
def test_a_directory_without_a_key_change_is_told_before_a_key_is_made(
    registered: Kit, wanted: dict[str, str], option: str
) -> None:
    before = registered.snapshot()
    registered.ca.leaves_out = ("keyChange",)
    for check in (True, False):
        with pytest.raises(Error, match=rf"^{option}: .* can't change the key of an account"):
            registered.run(replace(OPS, **wanted), check)
    assert registered.snapshot() == before
    assert not registered.run(OPS)["changed"]


@pytest.mark.parametrize("is_listed", [True, False])
def test_a_key_that_lies_beside_since_a_ca_could_not_change_it_is_given_up(registered: Kit, is_listed: bool) -> None:
    registered.store.set_next_key(key_to_pem(make_key("ecdsa-p256")))
    registered.ca.routes["/key-change"] = lambda _seen: refusal("rejectedIdentifier", 501)
    registered.ca.leaves_out = () if is_listed else ("keyChange",)
    with pytest.raises(Error, match=r"^account: .*can't change the key of an account"):
        registered.run(OPS)
    assert not registered.run(OPS)["changed"]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("done", [True, False])
def test_what_a_gateway_leaves_open_the_next_run_finds_out(registered: Kit, status: int, done: bool) -> None:
    change = registered.ca._key_change

    def fail(seen: Any) -> Answer:
        if done:
            change(seen)
        return Answer(status, content=b"<html>Try later</html>")

    registered.ca.routes["/key-change"] = fail
    with pytest.raises(Error, match="the next run finds out which key the CA knows"):
        registered.run(replace(KEEP, key_label="a"))
    registered.ca.routes.clear()
    assert registered.run(replace(KEEP, key_label="a"))["actions"] == ["finish key change"]
    assert not registered.run(replace(KEEP, key_label="a"))["changed"]
    assert len(registered.ca.accounts) == 1


def test_a_key_that_is_the_accounts_already_is_not_given_up(registered: Kit) -> None:
    """A front end may answer the search by the key from before, and the change with what is there now."""
    registered.ca.after["/key-change"] = deque([lost()])
    with pytest.raises(NetworkError):
        registered.run(replace(KEEP, key_label="a"))
    found = Answer(200, {"status": "valid"}, {"Location": f"{HOST}/account/1"})
    registered.ca.script["/new-account"] = deque([found])
    registered.ca.stale_requests = 1
    registered.ca.script["/key-change"] = deque([refusal("malformed", 409, "new key is already in use")])
    pending = registered.store.next_key()
    assert registered.run(replace(KEEP, key_label="a"))["actions"] == ["finish key change"]
    assert registered.store.key() == pending
    assert not registered.run(replace(KEEP, key_label="a"))["changed"]


# front ends of the CA that know the former key for a while


def test_a_change_of_the_key_ends_when_the_ca_takes_the_new_one(registered: Kit) -> None:
    registered.ca.stale_requests = 4
    registered.run(replace(KEEP, key_label="a"))
    assert registered.ca.stale_requests == 0
    registered.ca.seen.clear()
    assert not registered.run(OPS)["changed"]
    assert registered.ca.paths() == ["/account/1"]


def test_the_new_key_is_not_waited_for_without_end(registered: Kit) -> None:
    registered.ca.stale_requests = 1000
    registered.run(replace(KEEP, key_label="a"))
    assert 25 <= sum(registered.clock.slept) <= 35
    assert registered.store.next_key() is None
    registered.ca.stale_requests = 0
    assert not registered.run(OPS)["changed"]


def test_a_key_that_was_just_changed_is_not_taken_for_unknown(registered: Kit) -> None:
    registered.run(replace(KEEP, key_label="a"))
    registered.ca.stale_requests = 3
    registered.ca.seen.clear()
    assert not registered.run(OPS, check=True)["changed"]
    assert registered.ca.paths() == ["/account/1"] * 4


def test_a_key_that_was_changed_long_ago_is_believed_to_be_refused(registered: Kit) -> None:
    registered.run(replace(KEEP, key_label="a"))
    registered.clock.sleep(3600)
    registered.ca.stale_requests = 1
    registered.ca.seen.clear()
    assert not registered.run(OPS)["changed"]
    assert registered.ca.paths() == ["/account/1", "/new-account"]


def test_what_follows_a_change_that_was_cut_off_waits_for_the_new_key(registered: Kit) -> None:
    registered.ca.after["/key-change"] = deque([lost()])
    with pytest.raises(NetworkError):
        registered.run(replace(KEEP, key_label="a"))
    registered.ca.stale_requests = 5
    wanted = replace(OPS, key_label="a", contact=("mailto:new@example.com",))
    assert registered.run(wanted)["actions"] == ["finish key change", "change contact"]
    assert registered.ca.accounts[0].contact == ["mailto:new@example.com"]


def test_a_registration_survives_a_crash_at_any_moment(tmp_path: Path) -> None:
    points = 0
    for number in itertools.count():
        kit = Kit(tmp_path / str(number))
        kit.crash_at(number)
        try:
            kit.run(OPS)
            break
        except PowerCutError:
            points += 1
        kit.recover()
        result = kit.run(OPS)
        assert result["contact"] == ["mailto:ops@example.com"]
        assert [each.url for each in kit.ca.accounts] == [result["account_uri"]], "one account, and that one"
        assert not kit.run(OPS)["changed"]
    assert points >= 4


@pytest.mark.parametrize("wanted", [replace(KEEP, key_label="a"), replace(KEEP, key_type="ecdsa-p384")])
def test_a_change_of_the_key_survives_a_crash_at_any_moment(tmp_path: Path, wanted: WantedAccount) -> None:
    points = 0
    for number in itertools.count():
        kit = Kit(tmp_path / str(number))
        kit.run(OPS)
        kit.crash_at(number)
        try:
            kit.run(wanted)
            break
        except PowerCutError:
            points += 1
        kit.recover()
        result = kit.run(wanted)
        assert result["key_thumbprint"] == kit.thumbprint == AccountKey(load_key(kit.store.key() or b"")).thumbprint
        assert kit.store.next_key() is None
        assert kit.run(OPS)["actions"] == [], "the CA knows the key in the store"
        assert not kit.run(wanted)["changed"]
        assert kit.ca.paths().count("/key-change") <= 1, "one key change is enough"
    assert points >= 5


def test_a_removal_survives_a_crash_at_any_moment(tmp_path: Path) -> None:
    points = 0
    for number in itertools.count():
        kit = Kit(tmp_path / str(number))
        kit.run(OPS)
        kit.crash_at(number)
        try:
            kit.run(None)
            break
        except PowerCutError:
            points += 1
        kit.recover()
        kit.run(None)
        assert kit.snapshot() == {}
        assert kit.ca.accounts[0].status == "deactivated"
    assert points >= 3


# taking over


def test_the_account_of_a_key_is_found_and_taken_over(kit: Kit) -> None:
    key = make_key("ecdsa-p384")
    session = Session(kit.network, fetch_directory(kit.network, DIRECTORY), AccountKey(key))
    url = register(session, ["mailto:old@example.com"], terms_agreed=True).url
    wanted = replace(KEEP, key=key)
    foreseen = kit.run(wanted, check=True)
    assert kit.snapshot() == {}
    result = kit.run(wanted)
    assert result == foreseen
    assert (result["actions"], result["account_uri"]) == (["adopt"], url)
    assert (result["contact"], result["key_type"]) == (["mailto:old@example.com"], "ecdsa-p384")
    assert not kit.run(wanted)["changed"]
    assert not kit.run(KEEP)["changed"]


def test_taking_over_and_changing_goes_in_one(kit: Kit) -> None:
    key = make_key("ecdsa-p256")
    register(Session(kit.network, fetch_directory(kit.network, DIRECTORY), AccountKey(key)), terms_agreed=True)
    assert kit.run(replace(OPS, key=key))["actions"] == ["adopt", "change contact"]
    assert kit.ca.accounts[0].contact == ["mailto:ops@example.com"]
    assert not kit.run(replace(OPS, key=key))["changed"]


def test_a_key_without_an_account_is_registered(kit: Kit) -> None:
    key = make_key("ecdsa-p256")
    assert kit.run(replace(OPS, key=key))["actions"] == ["register"]
    assert kit.thumbprint == AccountKey(key).thumbprint


def test_a_key_that_was_taken_over_may_change_since(kit: Kit) -> None:
    wanted = replace(OPS, key=make_key("ecdsa-p256"))
    kit.run(wanted)
    kit.run(replace(wanted, key_label="a"))
    assert not kit.run(wanted)["changed"]


def test_another_key_than_that_in_the_store_is_refused(registered: Kit) -> None:
    before = registered.snapshot()
    with pytest.raises(Error, match=r"^key_file: the account has another key"):
        registered.run(replace(OPS, key=make_key("ecdsa-p256")))
    assert registered.snapshot() == before
    assert registered.ca.paths() == []


def test_the_key_of_a_certificate_is_refused_before_anything_is_sent(kit: Kit) -> None:
    key = make_key("ecdsa-p256")
    issuance = {"fingerprint": fingerprint_of(key)}
    files = {"privkey.pem": key_to_pem(key), "fullchain.pem": b"of no matter"}
    CertificateStore(kit.files).add_generation("shop", "ecdsa-p256", files, issuance)
    before = kit.snapshot()
    authority = Authority("https://nowhere.invalid/dir", "default")
    for check in (True, False):
        with pytest.raises(Error, match=r"^key_file: this is the key of the certificate shop"):
            keep_account(authority, kit.files, replace(OPS, key=key), check, FakeClock())
    assert kit.snapshot() == before


# accounts that the CA no longer has


def test_a_ca_that_forgot_the_account_registers_its_key_again(registered: Kit) -> None:
    registered.ca.accounts.clear()
    before = registered.thumbprint
    with pytest.raises(Error, match="terms_agreed"):
        registered.run(KEEP)
    result = registered.run(replace(OPS, contact=None))
    assert result["actions"] == ["register"]
    assert result["contact"] == ["mailto:ops@example.com"]
    assert registered.thumbprint == before
    assert not registered.run(OPS)["changed"]


def test_a_deactivated_account_is_told_and_can_be_taken_out(registered: Kit) -> None:
    registered.ca.accounts[0].status = "deactivated"
    for check in (True, False):
        with pytest.raises(Error, match=r"^account: it is deactivated at .*the account is deactivated.*state=absent"):
            registered.run(OPS, check)
    assert registered.run(None)["actions"] == ["remove from store"]
    assert registered.run(OPS)["account_uri"] == f"{HOST}/account/2"


def test_a_record_that_is_lost_is_found_again_by_the_key(registered: Kit) -> None:
    (registered.root / "accounts/ca.test-dir/default/account.json").unlink()
    assert registered.run(KEEP)["actions"] == ["adopt"]
    # which terms were agreed to is not known any more, so agreeing to them is recorded once more
    assert registered.run(OPS)["actions"] == ["record terms of service"]
    assert not registered.run(OPS)["changed"]


def test_a_run_takes_away_what_a_killed_one_was_writing(registered: Kit, tmp_path: Path) -> None:
    (key,) = tmp_path.rglob("key.pem")
    (key.parent / ".new-1").write_bytes(b"half a key")
    registered.run(WantedAccount(), check=True)
    assert (key.parent / ".new-1").exists()
    registered.run(WantedAccount())
    assert not (key.parent / ".new-1").exists()


def test_nothing_is_asked_to_take_out_what_is_not_there(kit: Kit) -> None:
    authority = Authority("https://nowhere.invalid/dir", "default")
    assert not keep_account(authority, kit.files, None, False, FakeClock())["changed"]
    assert kit.snapshot() == {}


def test_two_accounts_at_one_ca_are_kept_apart(registered: Kit) -> None:
    registered.store = AccountStore(registered.files, "ca.test-dir", "second")
    assert registered.run(OPS)["account_uri"] == f"{HOST}/account/2"
    registered.run(None)
    registered.store = AccountStore(registered.files, "ca.test-dir", "default")
    assert not registered.run(OPS)["changed"]
