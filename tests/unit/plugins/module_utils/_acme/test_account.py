# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts: registration, search, contact, external binding, key change, deactivation."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable

import josepy
import pytest
import requests
from acme.jws import JWS
from ansible_collections.certfleet.acme.plugins.module_utils._acme.account import (
    Account,
    ExternalBinding,
    deactivate,
    fetch_account,
    find,
    register,
    update_contact,
)
from ansible_collections.certfleet.acme.plugins.module_utils._acme.key import AccountKey
from ansible_collections.certfleet.acme.plugins.module_utils._acme.key_change import change_key, inner_jws
from ansible_collections.certfleet.acme.plugins.module_utils._acme.problem import NetworkError, ProblemError
from ansible_collections.certfleet.acme.plugins.module_utils._acme.session import Session
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error, InputError
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from urllib3.exceptions import ProtocolError

from tests.unit.plugins.module_utils._acme.fakes import HOST, Answer, FakeCa

MAC_KEY = b"\xfb\xff" * 16


def lost() -> requests.ConnectionError:
    return requests.ConnectionError(ProtocolError("Connection aborted."))


def test_an_account_is_registered_with_the_key_in_the_signature(ca: FakeCa, session: Session) -> None:
    account = register(session, ["mailto:ops@example.com"], terms_agreed=True)
    assert account == Account(
        f"{HOST}/account/1", "valid", ("mailto:ops@example.com",), None, f"{HOST}/account/1/orders"
    )
    assert ca.seen[-1].payload == {"contact": ["mailto:ops@example.com"], "termsOfServiceAgreed": True}
    assert ca.seen[-1].protected["jwk"] == session.key.public_jwk


def test_registering_again_gives_the_same_account(ca: FakeCa, session: Session) -> None:
    assert register(session, terms_agreed=True) == register(session, terms_agreed=True)
    assert len(ca.accounts) == 1


def test_registration_survives_a_lost_answer(ca: FakeCa, session: Session) -> None:
    ca.after["/new-account"] = deque([lost()])
    assert register(session, terms_agreed=True).url == f"{HOST}/account/1"
    assert len(ca.accounts) == 1


def test_terms_that_are_not_agreed_are_the_cas_to_refuse(session: Session) -> None:
    with pytest.raises(ProblemError) as raised:
        register(session)
    assert raised.value.is_("userActionRequired")


def test_an_account_is_found_by_its_key_only(ca: FakeCa, session: Session) -> None:
    assert find(session) is None
    account = register(session, terms_agreed=True)
    assert find(session) == account
    assert ca.seen[-1].payload == {"onlyReturnExisting": True}


def test_a_ca_that_demands_a_binding_for_the_search_knows_no_account_for_who_has_one(
    ca: FakeCa, session: Session
) -> None:
    register(session, terms_agreed=True)
    ca.binds_searches = True
    assert find(session, to_bind=True) is None
    with pytest.raises(ProblemError, match="externalAccountRequired"):
        find(session)


def test_an_account_that_was_there_is_told_from_a_new_one(session: Session) -> None:
    assert register(session, terms_agreed=True).is_new
    assert not register(session, terms_agreed=True).is_new


@pytest.mark.parametrize("location", ["", "http://[", "https://[::1", "http://ca.test/plain", "ftp://x/"])
def test_an_account_without_its_url_is_no_account(ca: FakeCa, session: Session, location: str) -> None:
    ca.script["/new-account"] = deque([Answer(201, {"status": "valid"}, {"Location": location} if location else {})])
    with pytest.raises(NetworkError, match="Location"):
        register(session, terms_agreed=True)


def test_an_account_without_a_status_is_told(ca: FakeCa, session: Session) -> None:
    ca.script["/new-account"] = deque([Answer(201, {}, {"Location": f"{HOST}/account/1"})])
    with pytest.raises(NetworkError, match="status is missing"):
        register(session, terms_agreed=True)


def test_the_contact_is_replaced(registered: Session) -> None:
    assert update_contact(registered, ["mailto:new@example.com"]).contact == ("mailto:new@example.com",)
    assert fetch_account(registered).contact == ("mailto:new@example.com",)
    assert update_contact(registered, []).contact == ()


def test_a_ca_that_hides_the_contact_has_none(ca: FakeCa, registered: Session) -> None:
    ca.shows_contact = False
    assert fetch_account(registered).contact is None


@pytest.mark.parametrize(
    ("shown", "contact"),
    [
        ([None], ()),
        ([None, "mailto:ops@example.com"], ("mailto:ops@example.com",)),
        (["ops@example.com"], ("mailto:ops@example.com",)),
        (["MAILTO:ops@example.com", " tel:+49-30-1234 "], ("mailto:ops@example.com", "tel:+49-30-1234")),
        ([""], ()),
        (None, None),
        ("ops@example.com", None),
    ],
)
def test_contacts_are_read_however_a_ca_writes_them(
    ca: FakeCa, registered: Session, shown: object, contact: tuple[str, ...] | None
) -> None:
    ca.shown_contact = lambda _contact: shown
    assert fetch_account(registered).contact == contact


def test_an_account_is_deactivated_for_good(registered: Session) -> None:
    assert deactivate(registered).status == "deactivated"
    with pytest.raises(ProblemError) as raised:
        fetch_account(registered)
    assert raised.value.is_("unauthorized")


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_an_account_is_bound_externally(ca: FakeCa, open_session: Callable[[], Session], algorithm: str) -> None:
    ca.meta["externalAccountRequired"] = True
    ca.mac_keys["kid-1"] = MAC_KEY
    register(
        open_session(),
        terms_agreed=True,
        external_binding=ExternalBinding("kid-1", josepy.encode_b64jose(MAC_KEY), algorithm),  # type: ignore[arg-type]
    )
    assert ca.accounts[0].bound_to == "kid-1"


@pytest.mark.parametrize("text", ["-_-_-_-_-_-_-_-_-_-_-w", "+/+/+/+/+/+/+/+/+/+/+w==", "-_-_-_-_-_-_-_-_-_-_-w=="])
def test_a_mac_key_is_taken_in_either_alphabet(ca: FakeCa, open_session: Callable[[], Session], text: str) -> None:
    ca.meta["externalAccountRequired"] = True
    ca.mac_keys["kid-1"] = josepy.decode_b64jose("-_-_-_-_-_-_-_-_-_-_-w")
    register(open_session(), terms_agreed=True, external_binding=ExternalBinding("kid-1", text))
    assert ca.accounts[0].bound_to == "kid-1"


def test_a_mac_key_is_never_shown() -> None:
    binding = ExternalBinding("kid-1", "c2VjcmV0")
    assert "c2VjcmV0" not in repr(binding)
    with pytest.raises(Error) as raised:
        ExternalBinding("kid-1", "not base64: hunter2")
    assert "hunter2" not in str(raised.value.result())
    with pytest.raises(Error, match="its key is not base64url text"):
        ExternalBinding("kid-1", "c2VjcmV0A")
    with pytest.raises(InputError, match="key_id"):
        ExternalBinding("", "c2VjcmV0")


@pytest.mark.parametrize(
    "private_key",
    [
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["p-256", "p-384", "rsa-2048"],
)
def test_the_key_is_changed_with_two_signatures(
    ca: FakeCa, registered: Session, private_key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
) -> None:
    new_key = AccountKey(private_key)
    change_key(registered, new_key)
    assert ca.accounts[0].key == new_key.jwk.public_key()
    assert find(registered.with_key(registered.key)) is None
    found = find(registered.with_key(new_key))
    assert found is not None
    assert found.url == registered.account_url


def test_the_inner_signature_is_the_new_keys_and_has_no_nonce(registered: Session) -> None:
    new_key = AccountKey(ec.generate_private_key(ec.SECP256R1()))
    inner = inner_jws(registered, new_key, f"{HOST}/key-change")
    assert JWS.from_json(inner).verify(new_key.jwk.public_key())
    assert not JWS.from_json(inner).verify(registered.key.jwk.public_key())
    protected = json.loads(josepy.decode_b64jose(inner["protected"]))
    assert protected == {"alg": "ES256", "jwk": new_key.public_jwk, "url": f"{HOST}/key-change"}


def test_a_key_that_has_an_account_is_refused(ca: FakeCa, registered: Session, session: Session) -> None:
    other = AccountKey(ec.generate_private_key(ec.SECP256R1()))
    register(session.with_key(other), terms_agreed=True)
    with pytest.raises(ProblemError) as raised:
        change_key(registered, other)
    assert raised.value.problem.status == 409


def test_a_key_change_is_sent_once(ca: FakeCa, registered: Session) -> None:
    ca.after["/key-change"] = deque([lost()])
    with pytest.raises(NetworkError) as raised:
        change_key(registered, AccountKey(ec.generate_private_key(ec.SECP256R1())))
    assert raised.value.uncertain
    assert ca.paths().count("/key-change") == 1
