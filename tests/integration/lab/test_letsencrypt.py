# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab whose CA behaves like Let's Encrypt."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._acme.account import fetch_account
from ansible_collections.certfleet.acme.plugins.module_utils._acme.key import AccountKey
from ansible_collections.certfleet.acme.plugins.module_utils._acme.key_change import change_key
from ansible_collections.certfleet.acme.plugins.module_utils._acme.order import download_chains
from ansible_collections.certfleet.acme.plugins.module_utils._acme.problem import ProblemError
from ansible_collections.certfleet.acme.plugins.module_utils._x509.chain import describe
from ansible_collections.certfleet.acme.plugins.module_utils._x509.key import make_key

from tests.lab import Lab, LabError, Options
from tests.lab.ca_faults import first, refuse
from tests.lab.ca_proxy import CaProxy
from tests.lab.waiting import wait_until

from .client import Client, fresh, new_client

LIMITS = {"certificates_per_domain": 3, "finalize_seconds": 0.3, "key_cache_seconds": 0.5}


@pytest.fixture(scope="module")
def shared_lab() -> Iterator[Lab]:
    options = Options(
        as_letsencrypt=True,
        limits=LIMITS,
        nonce_reject=10,
        secondary=False,
        frontends=0,
        retry_after=(0, 0),
        asked=("knot", "bind", "powerdns"),
    )
    with Lab(options) as lab:
        yield lab


@pytest.fixture
def client(lab: Lab) -> Iterator[Client]:
    with new_client(lab, lab.directory, lab.ca_bundle) as client:
        yield client


def test_orders_are_reused_and_certificates_take_a_moment(client: Client) -> None:
    name = fresh("shop.test")
    order = client.order(name)
    assert client.order(name).url == order.url
    processing = client.finalize(client.validate(order))
    assert (processing.status, processing.retry_after) == ("processing", 1)
    assert client.await_change(processing, "processing").certificate
    again = client.order(name)
    assert again.url != order.url
    assert again.status == "ready", "all authorizations are taken over"


def test_a_domain_has_so_many_certificates_a_week_and_renewals_pass(client: Client) -> None:
    names = [fresh("validation.test") for _certificate in range(3)]
    orders = [client.issue(name) for name in names]
    with pytest.raises(ProblemError, match=r'too many certificates \(3\) already issued for "validation.test"'):
        client.order(fresh("validation.test"))
    assert client.issue(names[0]).certificate, "the CA has issued for these names before"
    chain = download_chains(client.session, orders[1])[0]
    replaced = describe(chain).certificate_id
    assert client.issue(names[1], fresh("validation.test"), replaces=replaced).certificate


def test_a_new_account_key_takes_a_moment(client: Client) -> None:
    new = client.with_key(AccountKey(make_key("ecdsa-p256")))
    change_key(client.session, new.session.key)
    with pytest.raises(ProblemError, match="JWS verification error"):
        fetch_account(new.session)
    wait_until(lambda: knows(new))


def test_nonces_are_refused_there_and_not_by_pebble(client: Client) -> None:
    before = client.session.network.requests.copy()
    for _request in range(200):
        fetch_account(client.session)
    sent = client.session.network.requests - before
    assert 200 < sent["POST"] < 250, "one in ten goes twice"


def test_faults_can_be_put_before_it(lab: Lab, proxy: CaProxy) -> None:
    proxy.inject("newOrder", refuse(503, "serverInternal", "busy"), first())
    with new_client(lab, proxy.directory, proxy.ca_bundle) as client:
        name = fresh("shop.test")
        with pytest.raises(ProblemError, match="busy"):
            client.order(name)
        assert client.order(name).url == client.order(name).url
        assert client.order(name).url.startswith(proxy.directory.removesuffix("/dir"))
        assert client.issue(name).certificate
    assert proxy.orders == [(name,)]


def test_it_goes_down_and_comes_up_and_starts_afresh_with_other_limits(lab: Lab, tmp_path: Path) -> None:
    assert lab.status()["letsencrypt"] == "running"
    lab.down("letsencrypt")
    lab.heal()
    try:
        lab.restart_ca(limits={**LIMITS, "certificates_per_set": 1})
        with new_client(lab, lab.directory, lab.ca_bundle) as client:
            name = fresh("shop.test")
            assert client.issue(name).certificate
            with pytest.raises(ProblemError, match=r"\(1\) already issued for this exact set of identifiers"):
                client.order(name)
    finally:
        lab.restart_ca(limits=LIMITS)


def test_an_unknown_limit_is_told() -> None:
    with pytest.raises(LabError, match="no limit per_day; there are orders_per_account, certificates_per_domain, "):
        Lab(Options(as_letsencrypt=True, limits={"per_day": 3}))


def test_a_request_costs_little(lab: Lab, client: Client) -> None:
    """A bound that a busy machine keeps, too: it is processor time, half a millisecond in fact."""
    before = lab.processor_seconds("letsencrypt")
    for _request in range(200):
        fetch_account(client.session)
    assert lab.processor_seconds("letsencrypt") - before < 0.4


def knows(client: Client) -> bool:
    """Whether the CA takes this client's key."""
    try:
        fetch_account(client.session)
    except ProblemError:
        time.sleep(0.05)
        return False
    return True
