# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of each certificate in the end."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._acme.problem import NetworkError
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.candidate import Deferral, HeldError
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.issuance.run import Attempt
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.job import (
    FailOn,
    describe_fatal,
    outcome_of,
)
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.plan import Decision, Stored, decide
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.revoked import Revocation
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.wanted import parse_wanted

CA = "https://acme.example/directory"
NOW = datetime(2026, 11, 23, 4, 0, tzinfo=timezone.utc)
(SHOP,) = parse_wanted([{"name": "shop", "domains": ["shop.example.com"], "key_types": ["ecdsa-p256"]}])


def stored_until(not_after: datetime, *names: str) -> Stored:
    return Stored(frozenset(names or ["shop.example.com"]), NOW - timedelta(days=80), not_after, CA, None, None)


@pytest.fixture
def decision() -> Decision:
    (decision,) = decide(SHOP, {}, "https://acme.example/directory", NOW)
    return decision


@pytest.mark.parametrize(
    "failure",
    [
        Error("The value is not on every responder", name="_acme-challenge.shop.example.com", verdicts=["sin: 0 of 1"]),
        NetworkError("The CA answered with a redirect", status=302),
    ],
)
def test_what_a_failure_says_never_hides_which_certificate_it_was(decision: Decision, failure: Error) -> None:
    told = outcome_of(decision, Attempt(decision, failure=failure)).as_dict("expired", NOW)
    assert (told["name"], told["status"], told["reason"]) == ("shop", "failed", failure.message)
    assert told["failure"] == failure.details


@pytest.mark.parametrize(
    ("fail_on", "valid_for", "fatal"),
    [
        ("expired", None, True),
        ("expired", -1, True),
        ("expired", 1, False),
        ("any", 1, True),
        ("never", None, False),
    ],
)
def test_what_fails_a_task(decision: Decision, fail_on: FailOn, valid_for: int | None, fatal: bool) -> None:
    until = None if valid_for is None else NOW + timedelta(days=valid_for)
    stored = stored_until(until) if until else None
    for outcome in (
        outcome_of(replace(decision, stored=stored), Attempt(decision, failure=Error("refused"))),
        outcome_of(replace(decision, stored=stored), None, Deferral(NOW, "failed once", failing=True)),
    ):
        assert outcome.is_fatal(fail_on, NOW) == fatal
        assert bool(describe_fatal([outcome], fail_on, NOW)) == fatal
    waiting = outcome_of(decision, None, Deferral(NOW, "for its turn", failing=False))
    assert not waiting.is_fatal(fail_on, NOW)


@pytest.mark.parametrize(
    ("domains", "names", "serves"),
    [
        (["a.example.com"], ["a.example.com", "old.example.com"], True),
        (["A.example.com", "*.example.com"], ["*.example.com", "a.example.com"], True),
        (["a.example.com", "new.example.com"], ["a.example.com"], False),
        (["*.example.com"], ["example.com"], False),
        (["example.com"], ["*.example.com"], False),
    ],
)
def test_a_certificate_serves_only_when_it_has_all_the_names_that_are_wanted(
    domains: list[str], names: list[str], serves: bool
) -> None:
    (wanted,) = parse_wanted([{"name": "shop", "domains": domains, "key_types": ["ecdsa-p256"]}])
    (decision,) = decide(wanted, {"ecdsa-p256": stored_until(NOW + timedelta(seconds=1), *names)}, CA, NOW)
    outcome = outcome_of(replace(decision, action="renew"), Attempt(decision, failure=Error("refused")))
    assert (outcome.is_fatal("expired", NOW), outcome.is_fatal("never", NOW)) == (not serves, False)


@pytest.mark.parametrize(("revoked_at", "serves"), [(None, True), ("2026-11-22T04:00:00Z", False)])
def test_a_certificate_that_was_revoked_serves_nobody(decision: Decision, revoked_at: str | None, serves: bool) -> None:
    revocation = Revocation("superseded", "2026-11-22T03:00:00Z", revoked_at)
    stored = replace(stored_until(NOW + timedelta(days=9)), revocation=revocation)
    outcome = outcome_of(replace(decision, stored=stored), Attempt(decision, failure=Error("refused")))
    assert outcome.is_fatal("expired", NOW) != serves


def test_what_is_put_off_says_until_when_and_why(decision: Decision) -> None:
    told = outcome_of(decision, None, Deferral(NOW, "for its turn", failing=False)).as_dict("any", NOW)
    assert (told["status"], told["reason"], told["next_attempt"]) == (
        "deferred",
        "for its turn",
        "2026-11-23T04:00:00Z",
    )
    held = HeldError(Deferral(None, "paused", failing=True))
    told = outcome_of(decision, Attempt(decision, failure=held, held=held)).as_dict("any", NOW)
    assert (told["status"], told["reason"], told["next_attempt"]) == ("deferred", "paused", None)


def test_what_the_ca_wants_to_be_asked_later_is_deferred_with_its_words(decision: Decision) -> None:
    refused = Error("not before 5", until="2026-11-23T05:00:00Z")
    told = outcome_of(decision, Attempt(decision, failure=refused, refused=True)).as_dict("any", NOW)
    assert (told["status"], told["reason"], told["fatal"]) == ("deferred", "not before 5", True)
    assert told["failure"] == {"until": "2026-11-23T05:00:00Z"}
