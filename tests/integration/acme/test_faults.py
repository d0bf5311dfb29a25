# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that are lost, late or not the CA's own, over real connections."""

from __future__ import annotations

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._acme.account import fetch_account, find, update_contact
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

from tests.integration.acme.faulty_proxy import Fault, FaultyProxy, Kind

NAMES = [Identifier("dns", "faulty.fleet.test")]
NEW_ORDER, ACCOUNT, KEY_CHANGE = "/order-plz", "/my-account/", "/rollover-account-key"


@pytest.mark.parametrize("kind", ["lose request", "lose answer"])
def test_a_new_order_that_got_no_answer_is_not_sent_again(
    proxy: FaultyProxy, through_proxy: Session, kind: Kind
) -> None:
    proxy.faults.append(Fault(NEW_ORDER, kind))
    with pytest.raises(LostConnectionError) as raised:
        new_order(through_proxy, NAMES, profile="classic")
    assert raised.value.uncertain
    assert proxy.seen.count(NEW_ORDER) == 1
    assert new_order(through_proxy, NAMES, profile="classic").status in ("pending", "ready")


@pytest.mark.parametrize("kind", ["lose request", "lose answer"])
def test_reading_is_repeated(proxy: FaultyProxy, through_proxy: Session, kind: Kind) -> None:
    proxy.faults += [Fault(ACCOUNT, kind), Fault(ACCOUNT, kind)]
    assert fetch_account(through_proxy).status == "valid"
    assert len([path for path in proxy.seen if path.startswith(ACCOUNT)]) >= 3


def test_a_contact_is_sent_again(proxy: FaultyProxy, through_proxy: Session) -> None:
    proxy.faults.append(Fault(ACCOUNT, "lose answer"))
    assert update_contact(through_proxy, ["mailto:a@fleet.test"]).contact == ("mailto:a@fleet.test",)


def test_an_answer_that_is_late_is_not_waited_for(proxy: FaultyProxy, through_proxy: Session) -> None:
    proxy.faults.append(Fault(ACCOUNT, "hang"))
    with pytest.raises(NetworkError, match="gave no answer within 2 s") as raised:
        fetch_account(through_proxy)
    assert raised.value.uncertain


@pytest.mark.parametrize("status", [429, 503])
def test_a_web_page_of_a_server_in_front_keeps_retry_after(
    proxy: FaultyProxy, through_proxy: Session, status: int
) -> None:
    page = b"<html><body><h1>Please wait</h1></body></html>"
    headers = {"Content-Type": "text/html", "Retry-After": "17"}
    proxy.faults.append(Fault(NEW_ORDER, "answer", status, headers, page))
    with pytest.raises(ProblemError, match="Please wait") as raised:
        new_order(through_proxy, NAMES, profile="classic")
    assert (raised.value.problem.status, raised.value.retry_after) == (status, 17)


@pytest.mark.parametrize(("kind", "taken"), [("lose request", False), ("lose answer", True)])
def test_which_key_the_ca_knows_can_be_found_out(
    proxy: FaultyProxy, through_proxy: Session, kind: Kind, taken: bool
) -> None:
    new_key = AccountKey(make_key("ecdsa-p256"))
    proxy.faults.append(Fault(KEY_CHANGE, kind))
    with pytest.raises(LostConnectionError):
        change_key(through_proxy, new_key)
    assert (find(through_proxy.with_key(new_key)) is not None) is taken
    assert (find(through_proxy.with_key(through_proxy.key)) is not None) is not taken
