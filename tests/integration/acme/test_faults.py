# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that are lost, late or not the CA's own, over real connections."""

from __future__ import annotations

import time

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._acme.account import fetch_account, find, update_contact
from ansible_collections.certfleet.acme.plugins.module_utils._acme.directory import fetch_directory
from ansible_collections.certfleet.acme.plugins.module_utils._acme.key import AccountKey
from ansible_collections.certfleet.acme.plugins.module_utils._acme.key_change import change_key
from ansible_collections.certfleet.acme.plugins.module_utils._acme.order import new_order
from ansible_collections.certfleet.acme.plugins.module_utils._acme.problem import (
    LostConnectionError,
    NetworkError,
    ProblemError,
)
from ansible_collections.certfleet.acme.plugins.module_utils._acme.session import Session
from ansible_collections.certfleet.acme.plugins.module_utils._core.identifier import Identifier
from ansible_collections.certfleet.acme.plugins.module_utils._x509.key import make_key

from tests.lab.ca_faults import Effect, drip, drip_head, first, hang, lose_answer, lose_request, web_page
from tests.lab.ca_messages import Kind
from tests.lab.ca_proxy import CaProxy

NAMES = [Identifier("dns", "faulty.fleet.test")]
LOST = pytest.mark.parametrize("effect", [lose_request(), lose_answer()], ids=lambda effect: effect.name)


@LOST
def test_a_new_order_that_got_no_answer_is_not_sent_again(
    proxy: CaProxy, through_proxy: Session, effect: Effect
) -> None:
    proxy.inject("newOrder", effect, first())
    with pytest.raises(LostConnectionError) as raised:
        new_order(through_proxy, NAMES, profile="classic")
    assert raised.value.uncertain
    assert proxy.struck[effect.name] == 1
    assert len(proxy.orders) == (effect.name == "answer lost")
    assert new_order(through_proxy, NAMES, profile="classic").status in ("pending", "ready")


@LOST
def test_reading_is_repeated(proxy: CaProxy, through_proxy: Session, effect: Effect) -> None:
    proxy.inject("account", effect, first(2))
    assert fetch_account(through_proxy).status == "valid"
    assert proxy.struck[effect.name] == 2


def test_a_contact_is_sent_again(proxy: CaProxy, through_proxy: Session) -> None:
    proxy.inject("account", lose_answer(), first())
    assert update_contact(through_proxy, ["mailto:a@fleet.test"]).contact == ("mailto:a@fleet.test",)


def test_an_answer_that_is_late_is_not_waited_for(proxy: CaProxy, through_proxy: Session) -> None:
    proxy.inject("account", hang(), first())
    with pytest.raises(NetworkError, match="gave no answer within 2 s") as raised:
        fetch_account(through_proxy)
    assert raised.value.uncertain


@pytest.mark.parametrize("effect", [drip(0.05), drip_head(0.05)], ids=lambda effect: effect.name)
@pytest.mark.parametrize("kind", ["account", "directory"])
def test_the_time_for_an_answer_is_for_all_of_it(
    proxy: CaProxy, through_proxy: Session, kind: Kind, effect: Effect
) -> None:
    """No single read takes long."""
    proxy.inject(kind, effect)
    began = time.monotonic()
    with pytest.raises(NetworkError, match="gave no answer within 2 s"):
        fetch_account(through_proxy) if kind == "account" else fetch_directory(through_proxy.network, proxy.directory)
    assert 1.9 < time.monotonic() - began < 3.0
    assert proxy.struck[effect.name] == 1, "it was sent again"


@pytest.mark.parametrize("status", [429, 503])
def test_a_web_page_of_a_server_in_front_keeps_retry_after(proxy: CaProxy, through_proxy: Session, status: int) -> None:
    proxy.inject("newOrder", web_page(status, "170"), first())
    with pytest.raises(ProblemError, match="Please wait") as raised:
        new_order(through_proxy, NAMES, profile="classic")
    assert (raised.value.problem.status, raised.value.retry_after) == (status, 170)


@pytest.mark.parametrize(("effect", "taken"), [(lose_request(), False), (lose_answer(), True)])
def test_which_key_the_ca_knows_can_be_found_out(
    proxy: CaProxy, through_proxy: Session, effect: Effect, taken: bool
) -> None:
    new_key = AccountKey(make_key("ecdsa-p256"))
    proxy.inject("keyChange", effect, first())
    with pytest.raises(LostConnectionError):
        change_key(through_proxy, new_key)
    assert (find(through_proxy.with_key(new_key)) is not None) is taken
    assert (find(through_proxy.with_key(through_proxy.key)) is not None) is not taken
