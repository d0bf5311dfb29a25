# SPDX-License-Identifier: GPL-3.0-or-later
"""The protocol with a real CA."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._acme.account import (
    deactivate,
    fetch_account,
    find,
    update_contact,
)
from ansible_collections.certfleet.acme.plugins.module_utils._acme.authorization import (
    Authorization,
    answer,
    deactivate_authorization,
    fetch_authorization,
)
from ansible_collections.certfleet.acme.plugins.module_utils._acme.challenge import dns_01
from ansible_collections.certfleet.acme.plugins.module_utils._acme.directory import fetch_directory
from ansible_collections.certfleet.acme.plugins.module_utils._acme.key import AccountKey
from ansible_collections.certfleet.acme.plugins.module_utils._acme.key_change import change_key
from ansible_collections.certfleet.acme.plugins.module_utils._acme.network import Network
from ansible_collections.certfleet.acme.plugins.module_utils._acme.order import (
    Order,
    download_chains,
    fetch_order,
    finalize,
    new_order,
)
from ansible_collections.certfleet.acme.plugins.module_utils._acme.problem import NetworkError, ProblemError
from ansible_collections.certfleet.acme.plugins.module_utils._acme.session import Session
from ansible_collections.certfleet.acme.plugins.module_utils._core.identifier import Identifier
from ansible_collections.certfleet.acme.plugins.module_utils._x509.csr import make_csr
from ansible_collections.certfleet.acme.plugins.module_utils._x509.key import KEY_TYPES, make_key

from tests.integration.acme.conftest import open_account
from tests.lab import Lab
from tests.lab.waiting import wait_until

PATIENCE = 20.0


def fresh(zone: str = "fleet.test") -> Identifier:
    """A name that no other test has asked for."""
    return Identifier("dns", f"n{secrets.token_hex(4)}.{zone}")


def test_the_directory_says_what_the_ca_offers(lab: Lab, network: Network) -> None:
    directory = fetch_directory(network, lab.directory)
    assert directory.terms_of_service
    assert set(directory.profiles) == set(lab.options.profiles)
    assert directory.renewal_information
    assert not directory.external_account_required


@pytest.mark.parametrize("key_type", KEY_TYPES)
def test_an_account_lives_with_each_type_of_key(lab: Lab, network: Network, key_type: str) -> None:
    session = open_account(network, lab.directory, key_type)
    assert update_contact(session, ["mailto:ops@fleet.test"]).contact == ("mailto:ops@fleet.test",)
    assert fetch_account(session).contact == ("mailto:ops@fleet.test",)
    new_key = AccountKey(make_key("ecdsa-p384"))
    change_key(session, new_key)
    assert find(session.with_key(session.key)) is None
    found = find(session.with_key(new_key))
    assert found is not None
    assert found.url == session.account_url
    renewed = session.with_key(new_key, found.url)
    wait_until(lambda: is_taken(renewed))
    assert deactivate(renewed).status == "deactivated"


def test_many_threads_share_nonces_that_the_ca_sometimes_refuses(session: Session) -> None:
    orders = [new_order(session, [fresh()], profile="classic") for _each in range(16)]
    before = session.network.requests.copy()
    with ThreadPoolExecutor(16) as pool:
        done = list(pool.map(lambda order: [fetch_order(session, order.url) for _each in range(20)], orders))
    assert all(each.url == order.url for order, read in zip(orders, done, strict=True) for each in read)
    sent = session.network.requests - before
    assert sent["POST"] >= 320
    assert sent["HEAD"] <= 16


def test_a_refusal_names_the_name_that_it_is_about(session: Session) -> None:
    with pytest.raises(ProblemError) as raised:
        new_order(session, [fresh(), Identifier("dns", "one.blocked.test")])
    assert raised.value.is_("rejectedIdentifier")
    assert list(raised.value.details["identifiers"]) == ["one.blocked.test"]
    assert len(raised.value.details["problem"]["subproblems"]) == 1


def test_a_certificate_comes_from_order_to_chain(lab: Lab, session: Session) -> None:
    base = fresh()
    names = [base, Identifier("dns", f"*.{base.value}")]
    order = new_order(session, names, profile="shortlived")
    assert (order.status, order.profile) == ("pending", "shortlived")
    authorizations = [fetch_authorization(session, url) for url in order.authorizations]
    assert sorted(each.wildcard for each in authorizations) == [False, True]
    records = [dns_01(each, session.key) for each in authorizations]
    for owner, value in records:
        for primary in lab.primaries:
            lab.add_txt(primary.name, owner, value)
    wait_until(lambda: all(lab.txt(each.name, records[0][0]) >= {v for _o, v in records} for each in lab.responders))
    for each in authorizations:
        challenge = each.challenge("dns-01")
        assert challenge is not None
        answer(session, challenge)
    order = await_status(session, order, "ready")
    key = make_key("ecdsa-p256")
    finalize(session, order, make_csr(key, order.identifiers))
    order = await_status(session, order, "valid")
    chains = download_chains(session, order, alternates=True)
    assert len(chains) == len(lab.issuer_roots)
    assert all(chain.count(b"BEGIN CERTIFICATE") == 3 for chain in chains)
    assert download_chains(session, order) == chains[:1]
    assert Order.from_json(order.url, order.as_dict()) == order


def test_a_failed_validation_says_why(session: Session) -> None:
    order = new_order(session, [fresh()], profile="classic")
    authorization = fetch_authorization(session, order.authorizations[0])
    challenge = authorization.challenge("dns-01")
    assert challenge is not None
    answer(session, challenge)
    order = await_status(session, order, "invalid")
    failed = fetch_authorization(session, order.authorizations[0])
    assert failed.status == "invalid"
    assert failed.error is not None
    assert failed.error.name in ("unauthorized", "dns")


def test_an_authorization_can_be_given_up(session: Session) -> None:
    order = new_order(session, [fresh()], profile="classic")
    given_up: Authorization = deactivate_authorization(session, order.authorizations[0])
    assert given_up.status == "deactivated"


def test_what_is_not_a_directory_is_told(lab: Lab, network: Network) -> None:
    with pytest.raises(NetworkError, match="is not the directory of a CA: it is no JSON object"):
        fetch_directory(network, f"{lab.management}/roots/0")
    with pytest.raises(NetworkError, match="is not the directory of a CA: HTTP 404"):
        fetch_directory(network, lab.directory + "ectory")


def test_a_server_that_is_not_trusted_is_told_by_the_option(lab: Lab) -> None:
    for bundle, hint in ((str(lab.issuer_bundle), "has no root"), (None, "give its file as ca_bundle")):
        with pytest.raises(NetworkError, match=hint) as raised:
            fetch_directory(Network(bundle), lab.directory)
        assert "not trusted" in raised.value.message
        assert raised.value.details["option"] == "ca_bundle"


def test_the_environment_can_name_the_bundle(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(lab.ca_bundle))
    assert fetch_directory(Network(), lab.directory).url == lab.directory


def test_the_environment_can_name_a_proxy(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://{lab.spare_address}:1")
    monkeypatch.setenv("https_proxy", f"http://{lab.spare_address}:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(NetworkError, match="can't be reached: the proxy on the way there fails: Connection refused"):
        fetch_directory(Network(str(lab.ca_bundle)), lab.directory)
    monkeypatch.setenv("NO_PROXY", "127.0.0.0/8")
    monkeypatch.setenv("no_proxy", "127.0.0.0/8")
    assert fetch_directory(Network(str(lab.ca_bundle)), lab.directory).url == lab.directory


def is_taken(session: Session) -> bool:
    """Whether the CA takes this session's key already."""
    try:
        fetch_account(session)
    except ProblemError:
        return False
    return True


def await_status(session: Session, order: Order, status: str) -> Order:
    """The order once it has this status."""
    wait_until(lambda: fetch_order(session, order.url).status == status, timeout=PATIENCE)
    return fetch_order(session, order.url)
