# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests of an account whose key was changed a moment ago (RFC 8555 §7.3.5)."""

from __future__ import annotations

from collections import deque
from datetime import timedelta

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._acme.account import fetch_account
from ansible_collections.certfleet.acme.plugins.module_utils._acme.key_change import (
    NewKeySession,
    change_key,
    wait_for_new_key,
)
from ansible_collections.certfleet.acme.plugins.module_utils._acme.problem import ProblemError
from ansible_collections.certfleet.acme.plugins.module_utils._acme.session import Session

from tests.unit.plugins.module_utils._acme.conftest import make_key
from tests.unit.plugins.module_utils._acme.fakes import FakeCa, FakeClock, refusal


@pytest.fixture
def changed(registered: Session, clock: FakeClock) -> NewKeySession:
    """A session with a new key, which the CA has taken this very moment."""
    key = make_key()
    change_key(registered, key)
    return NewKeySession(registered.with_key(key, registered.account_url), clock.now())


def test_a_front_end_that_knows_the_former_key_is_asked_again(ca: FakeCa, changed: NewKeySession) -> None:
    ca.stale_requests = 5
    assert fetch_account(changed).status == "valid"
    assert ca.stale_requests == 0


def test_it_is_asked_for_a_minute(ca: FakeCa, changed: NewKeySession, clock: FakeClock) -> None:
    ca.stale_requests = 1000
    with pytest.raises(ProblemError, match="JWS verification error"):
        fetch_account(changed)
    assert sum(clock.slept) == pytest.approx(60)


@pytest.mark.parametrize(("seconds", "waits"), [(20, 40), (61, 0), (-86400, 60)])
def test_the_minute_begins_with_the_change(
    ca: FakeCa, changed: NewKeySession, clock: FakeClock, seconds: int, waits: int
) -> None:
    """A change that lies ahead was noted by a clock that has been put right since."""
    later = NewKeySession(changed, clock.now() - timedelta(seconds=seconds))
    ca.stale_requests = 1000
    with pytest.raises(ProblemError):
        fetch_account(later)
    assert sum(clock.slept) == pytest.approx(waits)


def test_a_front_end_that_expects_a_key_of_another_type_is_asked_again(ca: FakeCa, changed: NewKeySession) -> None:
    ca.script["/account/1"] = deque([refusal("badSignatureAlgorithm", 400, "RS256 is not supported")])
    assert fetch_account(changed).status == "valid"


def test_any_other_refusal_counts_at_once(ca: FakeCa, changed: NewKeySession, clock: FakeClock) -> None:
    for name, detail in (("malformed", "no such account"), ("unauthorized", "JWS verification error")):
        ca.script["/account/1"] = deque([refusal(name, 400, detail)])
        with pytest.raises(ProblemError):
            fetch_account(changed)
    assert clock.slept == []


def test_the_wait_for_a_new_key_ends_when_it_is_known(ca: FakeCa, changed: NewKeySession, clock: FakeClock) -> None:
    ca.stale_requests = 3
    wait_for_new_key(changed)
    assert ca.stale_requests == 0
    assert 0 < sum(clock.slept) < 5


def test_the_wait_for_a_new_key_is_bounded_and_no_failure(ca: FakeCa, changed: NewKeySession, clock: FakeClock) -> None:
    ca.stale_requests = 1000
    wait_for_new_key(changed)
    assert sum(clock.slept) == pytest.approx(30)


def test_the_wait_for_a_new_key_ends_when_the_ca_is_busy(ca: FakeCa, changed: NewKeySession, clock: FakeClock) -> None:
    ca.script["/account/1"] = deque([refusal("serverInternal", 500)])
    wait_for_new_key(changed)
    assert clock.slept == []
