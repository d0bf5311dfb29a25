# SPDX-License-Identifier: GPL-3.0-or-later
"""Behaviours of other CAs before the real Pebble, as a client sees them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._acme.account import fetch_account, find
from ansible_collections.certfleet.acme.plugins.module_utils._acme.authorization import answer, fetch_authorization
from ansible_collections.certfleet.acme.plugins.module_utils._acme.key import AccountKey
from ansible_collections.certfleet.acme.plugins.module_utils._acme.key_change import change_key
from ansible_collections.certfleet.acme.plugins.module_utils._acme.order import fetch_order
from ansible_collections.certfleet.acme.plugins.module_utils._acme.problem import ProblemError
from ansible_collections.certfleet.acme.plugins.module_utils._x509.key import make_key

from tests.lab import Lab, Options
from tests.lab.ca_proxy import CaProxy
from tests.lab.unkind.authorizations import DeadAuthorizations, StaysPending, of_status
from tests.lab.unkind.keys import KeyCache
from tests.lab.unkind.limits import HOUR, Allowance, Limit, TokenBuckets
from tests.lab.unkind.orders import FailedFinalize, OrderReuse, SlowFinalize
from tests.lab.unkind.rates import RequestRate

from .client import Client, fresh, new_client


class LateClock:
    """A clock that is set by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def shared_lab() -> Iterator[Lab]:
    """A kind lab of its own: what is unkind about it is the test's matter."""
    options = Options(
        as_letsencrypt=False,
        nonce_reject=0,
        authz_reuse=100,
        secondary=False,
        frontends=0,
        retry_after=(0, 0),
        asked=("knot", "bind", "powerdns"),
    )
    with Lab(options) as lab:
        yield lab


@pytest.fixture
def client(lab: Lab, proxy: CaProxy) -> Iterator[Client]:
    with new_client(lab, proxy.directory, proxy.ca_bundle) as client:
        yield client


def test_the_same_order_is_answered_until_it_is_finalized(client: Client, proxy: CaProxy) -> None:
    proxy.behave(OrderReuse(), SlowFinalize(looks=1))
    name = fresh()
    first, second = client.order(name), client.order(name)
    assert first.url == second.url
    assert client.validate(first).status == "ready"
    assert client.order(name).status == "ready"
    assert client.finalize(first).status == "processing"
    with pytest.raises(ProblemError) as raised:
        client.finalize(second)
    assert raised.value.is_("orderNotReady")
    third = client.order(name)
    assert third.url != first.url
    assert third.status == "ready", "its authorization is still valid"
    assert client.await_change(first, "processing").certificate
    assert client.await_change(client.finalize(third), "processing").certificate
    assert proxy.orders == [(name,), (name,)]


def test_a_finalize_that_fails_takes_the_order_with_it(client: Client, proxy: CaProxy) -> None:
    proxy.behave(OrderReuse(), FailedFinalize())
    name = fresh()
    order = client.validate(client.order(name))
    with pytest.raises(ProblemError, match="Error finalizing order"):
        client.finalize(order)
    assert fetch_order(client.session, order.url).status == "invalid"
    assert client.issue(name).url != order.url


def test_a_failed_challenge_leaves_all_pending_and_can_be_tried_again(client: Client, proxy: CaProxy) -> None:
    name = fresh()
    failing = {name}
    proxy.behave(StaysPending(failing, detail="no TXT record found"))
    order = client.order(name)
    authorization = fetch_authorization(client.session, order.authorizations[0])
    challenge = authorization.challenge("dns-01")
    assert challenge is not None
    answer(client.session, challenge)
    authorization = fetch_authorization(client.session, order.authorizations[0])
    assert authorization.status == fetch_order(client.session, order.url).status == "pending"
    assert authorization.error is not None
    assert authorization.error.detail == "no TXT record found"
    failing.clear()
    assert client.validate(order).status == "ready"


def test_dead_authorizations_are_those_of_the_first_order(client: Client, proxy: CaProxy) -> None:
    proxy.behave(DeadAuthorizations(of_status("expired")))
    dead = client.order(fresh())
    assert fetch_authorization(client.session, dead.authorizations[0]).status == "expired"
    assert client.issue(fresh()).certificate


def test_limits_are_told_to_a_client(client: Client, proxy: CaProxy) -> None:
    proxy.behave(TokenBuckets(Allowance(certificates_per_set=Limit(2, HOUR))))
    name = fresh()
    for _certificate in range(2):
        assert client.issue(name).certificate
    with pytest.raises(ProblemError, match=r"too many certificates \(2\) already issued for this exact set") as raised:
        client.order(name)
    assert 1700 < (raised.value.retry_after or 0) <= 1800


def test_requests_beyond_a_rate_are_refused_whatever_they_are_for(client: Client, proxy: CaProxy) -> None:
    """The client waits and sends again; 50 ms are what the limit makes it wait at least."""
    rate = RequestRate(20, burst=3)
    proxy.behave(rate)
    for _request in range(8):
        fetch_account(client.session)
    assert rate.struck


def test_the_old_key_is_good_for_a_while(client: Client, proxy: CaProxy) -> None:
    clock = LateClock()
    proxy.behave(KeyCache(5, clock))
    new = client.with_key(AccountKey(make_key("ecdsa-p256")))
    change_key(client.session, new.session.key)
    with pytest.raises(ProblemError, match="JWS verification error") as raised:
        new.order(fresh())
    assert raised.value.is_("malformed")
    assert client.order(fresh()).status == "pending"
    found = find(client.session.with_key(new.session.key))
    assert found is not None
    assert found.url == client.session.account_url, "the database has it at once"
    assert find(client.session.with_key(client.session.key)) is None
    with pytest.raises(ProblemError, match="already in use") as raised:
        change_key(client.session, new.session.key)
    assert raised.value.problem.status == 409

    clock.now += 5
    assert new.order(fresh()).status == "pending"
    with pytest.raises(ProblemError):
        client.order(fresh())


def test_a_change_that_waits_is_made_when_the_behaviour_ends(client: Client, proxy: CaProxy) -> None:
    proxy.behave(KeyCache(1000))
    new = client.with_key(AccountKey(make_key("ecdsa-p256")))
    change_key(client.session, new.session.key)
    proxy.heal()
    assert new.order(fresh()).status == "pending"


def test_a_behaviour_ends_with_the_other_faults(client: Client, proxy: CaProxy) -> None:
    proxy.behave(RequestRate(0.001))
    proxy.heal()
    for _request in range(3):
        fetch_account(client.session)
