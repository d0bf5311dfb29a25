# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of each certificate in the end."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._acme.problem import NetworkError
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.issuance.run import Attempt
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.job import outcome_of
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.plan import Decision, decide
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.wanted import parse_wanted

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=timezone.utc)
(SHOP,) = parse_wanted([{"name": "shop", "domains": ["shop.example.com"], "key_types": ["ecdsa-p256"]}])


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
