# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits of the lab's unkind CAs: Let's Encrypt's token buckets, and requests a second."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.ca_messages import Pass, Reply
from tests.lab.unkind import stacked
from tests.lab.unkind.letsencrypt import Limits
from tests.lab.unkind.limits import HOUR, WEEK, Allowance, Buckets, Limit, TokenBuckets
from tests.lab.unkind.rates import NonceRate, RequestRate

from .fake_ca import FakeCa, FakeClock, ask_for_nonce, issue, new_order, signed

SEE = "see https://letsencrypt.org/docs/rate-limits/#"


@pytest.fixture
def ca() -> FakeCa:
    return FakeCa()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def buckets(clock: FakeClock) -> TokenBuckets:
    return TokenBuckets(clock=clock)


@pytest.fixture
def ask(buckets: TokenBuckets, ca: FakeCa) -> Pass:
    return stacked([buckets], ca)


def test_a_bucket_fills_one_by_one(clock: FakeClock) -> None:
    bucket = Buckets(Limit(3, 30.0), clock)
    for _token in range(3):
        assert bucket.wait() == 0
        bucket.spend()
    assert bucket.wait() == 10
    clock.now += 10
    assert bucket.wait() == 0
    bucket.spend()
    clock.now += 4
    assert bucket.wait() == 6
    clock.now += 26
    bucket.spend()
    bucket.spend()
    bucket.spend()
    assert bucket.wait() == 10


def test_all_buckets_can_be_exhausted_also_those_of_keys_to_come(clock: FakeClock) -> None:
    bucket = Buckets(Limit(3, 30.0), clock)
    bucket.spend("known")
    bucket.exhaust_all()
    assert (bucket.wait("known"), bucket.wait("new")) == (30, 30)
    clock.now += 30
    bucket.spend("new")
    assert (bucket.wait("known"), bucket.wait("new")) == (0, 10)


def test_keys_have_buckets_of_their_own_and_an_exhausted_one_waits_for_a_whole_period(clock: FakeClock) -> None:
    bucket = Buckets(Limit(3, 30.0), clock)
    bucket.exhaust("a")
    assert bucket.wait("a") == 30
    assert bucket.wait("b") == 0


def test_orders_of_an_account(ask: Pass) -> None:
    for number in range(300):
        assert ask(new_order(f"{number}.of{number}.test")).status == 201
    reply = ask(new_order("one.more.test"))
    assert_refused(
        reply,
        f"too many new orders (300) from this account in the last 3h0m0s, retry after 2026-11-29 10:00:36 UTC: {SEE}"
        "new-orders-per-account",
        36,
    )
    assert reply.header("Replay-Nonce") == "from-before"
    assert ask(new_order("one.more.test", account="/my-account/2")).status == 201


def test_certificates_of_a_domain_while_renewals_pass(ask: Pass, ca: FakeCa, clock: FakeClock) -> None:
    for number in range(50):
        assert issue(ask, [f"{number}.example.test"]).status == 200
    assert_refused(
        ask(new_order("new.example.test", "other.test")),
        'too many certificates (50) already issued for "example.test" in the last 168h0m0s, retry after '
        f"2026-11-29 13:21:36 UTC: {SEE}new-certificates-per-registered-domain",
        12096,
    )
    assert issue(ask, ["7.example.test"]).status == 200, "these names have been issued before"
    ca.certificates.add("aki.serial")
    assert issue(ask, ["new.example.test"], replaces="aki.serial").status == 200
    assert ask(new_order("newer.example.test", replaces="no.such")).status == 429
    clock.now += 12096
    assert issue(ask, ["newer.example.test"]).status == 200
    assert ask(new_order("newest.example.test")).status == 429


def test_an_order_that_is_not_finalized_is_no_certificate(ask: Pass) -> None:
    for number in range(60):
        assert ask(new_order(f"{number}.example.test")).status == 201


def test_certificates_for_the_same_names(ask: Pass, ca: FakeCa) -> None:
    for _certificate in range(5):
        assert issue(ask, ["a.test", "b.test"]).status == 200
    assert_refused(
        ask(new_order("b.test", "a.test")),
        "too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s, retry after "
        f"2026-11-30 19:36:00 UTC: {SEE}new-certificates-per-exact-set-of-identifiers",
        120960,
    )
    assert ask(new_order("a.test")).status == 201
    ca.certificates.add("aki.serial")
    assert issue(ask, ["a.test", "b.test"], replaces="aki.serial").status == 200


def test_failed_validations_of_a_name(ask: Pass, ca: FakeCa) -> None:
    for number in range(1, 6):
        assert ask(new_order("bad.test", "good.test")).status == 201
        ca.authorizations[f"/authZ/{number}-0"]["status"] = "invalid"
        for _look in range(3):
            ask(signed(f"/authZ/{number}-0"))
    assert_refused(
        ask(new_order("bad.test")),
        f'too many failed authorizations (5) for "bad.test" in the last 1h0m0s, retry after 2026-11-29 10:12:00 UTC: {SEE}'
        "authorization-failures-per-identifier-per-account",
        720,
    )
    assert ask(new_order("good.test")).status == 201
    assert ask(new_order("bad.test", account="/my-account/2")).status == 201


def test_no_new_names_for_a_week(ask: Pass, buckets: TokenBuckets, clock: FakeClock) -> None:
    issue(ask, ["old.example.test"])
    buckets.no_new_names("example.test")
    assert ask(new_order("new.example.test")).header("Retry-After") == str(int(WEEK))
    assert ask(new_order("old.example.test")).status == 201
    assert ask(new_order("new.other.test")).status == 201
    clock.now += WEEK
    assert ask(new_order("new.example.test")).status == 201


def test_a_refused_order_counts_for_nothing(ca: FakeCa, clock: FakeClock) -> None:
    ask = stacked([TokenBuckets(Allowance(orders_per_account=Limit(1, HOUR)), clock)], ca)
    assert ask(new_order("a.test")).status == 201
    for _round in range(3):
        assert ask(new_order("b.test")).header("Retry-After") == "3600"


@pytest.mark.parametrize(("retry_after", "expected"), [(None, None), ("1", "1")])
def test_requests_a_second(ca: FakeCa, clock: FakeClock, retry_after: str | None, expected: str | None) -> None:
    ask = stacked([RequestRate(10, burst=2, retry_after=retry_after, clock=clock)], ca)
    replies = [ask(ask_for_nonce()) for _request in range(5)]
    assert [each.status for each in replies] == [200, 200, 200, 429, 429]
    assert replies[-1].header("Content-Type") == "text/html"
    assert replies[-1].header("Retry-After") == expected
    assert b"429 Too Many Requests" in replies[-1].body
    assert len(ca.requests) == 3
    clock.now += 0.2
    assert [ask(ask_for_nonce()).status for _request in range(3)] == [200, 200, 429]


def test_nonces_a_second(ca: FakeCa, clock: FakeClock) -> None:
    ask = stacked([NonceRate(clock=clock)], ca)
    replies = [ask(ask_for_nonce()) for _request in range(11)]
    assert [each.status for each in replies] == [200] * 10 + [503]
    assert replies[-1].header("Retry-After") == "1"
    assert ask(new_order("a.test")).status == 201
    clock.now += 0.05
    assert [ask(ask_for_nonce()).status for _request in range(2)] == [200, 503]


def test_limits_are_chosen_by_name() -> None:
    assert Limits.of({"certificates_per_domain": 7}).certificates_per_domain == 7
    with pytest.raises(ValueError, match="no limit per_domain; there are orders_per_account, "):
        Limits.of({"per_domain": 7})


def assert_refused(reply: Reply, detail: str, retry_after: int) -> None:
    problem: Any = reply.document
    assert (reply.status, problem["type"]) == (429, "urn:ietf:params:acme:error:rateLimited")
    assert problem["detail"] == detail
    assert reply.header("Retry-After") == str(retry_after)
