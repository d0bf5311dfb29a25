# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders of the lab's unkind CAs: the same one twice, late certificates, and finalize that fails."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.ca_messages import Pass, Reply, path_of
from tests.lab.unkind import stacked
from tests.lab.unkind.orders import FailedFinalize, OrderReuse, SlowFinalize

from .fake_ca import FakeCa, FakeClock, new_order, signed


@pytest.fixture
def ca() -> FakeCa:
    return FakeCa()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ask(ca: FakeCa) -> Pass:
    """A CA that answers the same order for the same names."""
    return stacked([OrderReuse()], ca)


def finalize(ask: Pass, order: Any) -> Reply:
    return ask(signed(path_of(order["finalize"]), {"csr": "…"}))


def test_the_same_names_get_the_same_order(ask: Pass, ca: FakeCa) -> None:
    first, second = ask(new_order("a.test", "b.test")), ask(new_order("b.test", "a.test", replaces="old"))
    assert second.status == 201
    assert second.header("Location") == first.header("Location")
    assert second.document == first.document
    assert second.header("Replay-Nonce") == "from-before"
    assert len(ca.orders) == 1


@pytest.mark.parametrize(
    "other",
    [
        new_order("a.test"),
        new_order("a.test", "b.test", profile="short"),
        new_order("a.test", "b.test", account="/my-account/2"),
    ],
    ids=["names", "profile", "account"],
)
def test_another_order_is_made_for_others(ask: Pass, ca: FakeCa, other: Any) -> None:
    ask(new_order("a.test", "b.test"))
    ask(other)
    assert len(ca.orders) == 2


def test_an_order_is_ready_when_its_authorizations_were_seen_valid(ask: Pass, ca: FakeCa) -> None:
    ask(new_order("a.test", "b.test"))
    for path, authorization in ca.authorizations.items():
        authorization["status"] = "valid"
        assert ask(new_order("a.test", "b.test")).document["status"] == "pending"
        ask(signed(path))
    assert ask(new_order("a.test", "b.test")).document["status"] == "ready"


@pytest.mark.parametrize("status", ["invalid", "deactivated", "expired"])
def test_no_order_with_a_dead_authorization_is_answered_again(ask: Pass, ca: FakeCa, status: str) -> None:
    ask(new_order("a.test"))
    ca.authorizations["/authZ/1-0"]["status"] = status
    ask(signed("/authZ/1-0"))
    assert ask(new_order("a.test")).header("Location") == "https://ca.test:14000/my-order/2"


def test_an_order_that_was_finalized_is_not_answered_again(ask: Pass, ca: FakeCa) -> None:
    finalize(ask, ask(new_order("a.test")).document)
    ask(new_order("a.test"))
    assert len(ca.orders) == 2


def test_an_order_that_was_seen_invalid_is_not_answered_again(ask: Pass, ca: FakeCa) -> None:
    ask(new_order("a.test"))
    ca.orders["1"]["status"] = "invalid"
    ask(signed("/my-order/1"))
    ask(new_order("a.test"))
    assert len(ca.orders) == 2


def test_a_certificate_comes_some_seconds_later(ca: FakeCa, clock: FakeClock) -> None:
    ask = stacked([SlowFinalize(seconds=2, retry_after="3", clock=clock)], ca)
    reply = finalize(ask, ask(new_order("a.test")).document)
    for answer in (reply, ask(signed("/my-order/1"))):
        assert answer.document["status"] == "processing"
        assert "certificate" not in answer.document
        assert answer.header("Retry-After") == "3"
    clock.now += 2
    assert ask(signed("/my-order/1")).document["certificate"]


def test_a_certificate_comes_some_looks_later(ca: FakeCa, clock: FakeClock) -> None:
    ask = stacked([SlowFinalize(looks=2, clock=clock)], ca)
    finalize(ask, ask(new_order("a.test")).document)
    seen = [ask(signed("/my-order/1")).document["status"] for _look in range(3)]
    assert seen == ["processing", "processing", "valid"]


def test_the_same_order_is_given_out_until_it_is_finalized_however_late_the_certificate(ca: FakeCa) -> None:
    ask = stacked([OrderReuse(), SlowFinalize(looks=2)], ca)
    finalize(ask, ask(new_order("a.test")).document)
    ask(new_order("a.test"))
    assert len(ca.orders) == 2


def test_an_order_is_invalid_after_finalize_has_failed(ca: FakeCa) -> None:
    ask = stacked([OrderReuse(), FailedFinalize(detail="the HSM is away")], ca)
    order = ask(new_order("a.test")).document
    reply = finalize(ask, order)
    assert (reply.status, reply.document["detail"]) == (500, "the HSM is away")
    assert ask(signed("/my-order/1")).document["status"] == "invalid"
    assert finalize(ask, order).status == 500
    assert finalize(ask, ask(new_order("a.test")).document).document["status"] == "valid"
    assert len(ca.orders) == 2


def test_a_failed_order_lives_again_when_the_ca_behind_answers_it_once_more(ca: FakeCa) -> None:
    ask = stacked([FailedFinalize(), OrderReuse()], ca)
    finalize(ask, ask(new_order("a.test")).document)
    ask(new_order("a.test"))
    assert ask(signed("/my-order/1")).document["status"] == "pending"
    assert len(ca.orders) == 1
