# SPDX-License-Identifier: GPL-3.0-or-later
"""Authorizations of the lab's unkind CAs: failed ones that leave the order pending, and dead ones."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from tests.lab.ca_messages import Pass
from tests.lab.unkind import stacked
from tests.lab.unkind.authorizations import (
    Change,
    DeadAuthorizations,
    StaysPending,
    long_expired,
    of_status,
    with_spent_challenge,
    without_challenge,
)

from .fake_ca import FakeCa, new_order, signed

AUTHORIZATION, CHALLENGE = "/authZ/1-0", "/chalZ/1-0-dns-01"


@pytest.fixture
def ca() -> FakeCa:
    return FakeCa()


def begin(ask: Pass, name: str) -> None:
    """Order, read the authorization, and have dns-01 validated."""
    ask(new_order(name))
    ask(signed(AUTHORIZATION))


def test_an_error_is_in_the_challenge_and_all_stays_pending(ca: FakeCa) -> None:
    ask = stacked([StaysPending({"bad.test"}, detail="no TXT record found")], ca)
    begin(ask, "bad.test")
    posted = ask(signed(CHALLENGE, {})).document
    authorization = ask(signed(AUTHORIZATION)).document
    dns01, http01 = authorization["challenges"]
    assert posted == dns01
    assert dns01["status"] == authorization["status"] == "pending"
    assert dns01["error"]["detail"] == "no TXT record found"
    assert "error" not in http01
    assert ask(signed("/my-order/1")).document["status"] == "pending"
    assert CHALLENGE not in [request.path for request in ca.requests]


def test_another_try_is_made_with_the_next_post(ca: FakeCa) -> None:
    failing = {"bad.test"}
    ask = stacked([StaysPending(failing)], ca)
    begin(ask, "bad.test")
    ask(signed(CHALLENGE, {}))
    failing.clear()
    assert "error" not in ask(signed(CHALLENGE, {})).document
    assert "error" not in ask(signed(AUTHORIZATION)).document["challenges"][0]
    assert CHALLENGE in [request.path for request in ca.requests]


def test_an_authorization_is_invalid_without_a_text_and_the_order_pending(ca: FakeCa) -> None:
    ask = stacked([StaysPending({"bad.test"}, "authorization")], ca)
    begin(ask, "bad.test")
    assert ask(signed(AUTHORIZATION)).document["status"] == "pending"
    ask(signed(CHALLENGE, {}))
    authorization = ask(signed(AUTHORIZATION)).document
    assert authorization["status"] == "invalid"
    assert authorization["challenges"][0]["status"] == "invalid"
    assert not any("error" in each for each in authorization["challenges"])
    assert ask(signed("/my-order/1")).document["status"] == "pending"


@pytest.mark.parametrize("told_in", ["challenge", "authorization"])
def test_other_names_are_validated(ca: FakeCa, told_in: str) -> None:
    ask = stacked([StaysPending({"bad.test"}, told_in)], ca)  # type: ignore[arg-type]  # both of its words
    begin(ask, "good.test")
    assert ask(signed(CHALLENGE, {})).document["status"] == "processing"


@pytest.mark.parametrize("status", ["expired", "deactivated", "revoked", "on-holiday"])
def test_the_authorizations_of_the_first_order_are_dead_for_good(ca: FakeCa, status: str) -> None:
    ask = stacked([DeadAuthorizations(of_status(status))], ca)
    ask(new_order("a.test"))
    ask(new_order("b.test"))
    for _look in range(3):
        assert ask(signed(AUTHORIZATION)).document["status"] == status
        assert ask(signed("/authZ/2-0")).document["status"] == "pending"


def test_expiry_in_the_past(ca: FakeCa) -> None:
    ask = stacked([DeadAuthorizations(long_expired)], ca)
    ask(new_order("a.test"))
    authorization = ask(signed(AUTHORIZATION)).document
    assert authorization["status"] == "pending"
    assert datetime.fromisoformat(authorization["expires"].replace("Z", "+00:00")) < datetime.now(timezone.utc)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (without_challenge("dns-01"), {"http-01": "pending"}),
        (with_spent_challenge("dns-01"), {"dns-01": "invalid", "http-01": "pending"}),
    ],
    ids=["missing", "spent"],
)
def test_no_pending_challenge_of_the_wanted_kind(ca: FakeCa, change: Change, expected: dict[str, str]) -> None:
    ask = stacked([DeadAuthorizations(change)], ca)
    ask(new_order("a.test"))
    authorization = ask(signed(AUTHORIZATION)).document
    assert authorization["status"] == "pending"
    assert {each["type"]: each["status"] for each in authorization["challenges"]} == expected
