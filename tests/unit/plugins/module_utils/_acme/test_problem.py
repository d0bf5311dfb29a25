# SPDX-License-Identifier: GPL-3.0-or-later
"""Problem documents (RFC 8555 §6.7)."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.certfleet.acme.plugins.module_utils._acme.problem import Problem, ProblemError
from ansible_collections.certfleet.acme.plugins.module_utils._core.identifier import Identifier
from ansible_collections.certfleet.acme.plugins.module_utils._core.plain import tame
from hypothesis import given
from hypothesis import strategies as st

PREFIX = "urn:ietf:params:acme:error:"

# the example of RFC 8555 §6.7.1
COMPOUND: dict[str, Any] = {
    "type": PREFIX + "malformed",
    "detail": "Some of the identifiers requested were rejected",
    "subproblems": [
        {
            "type": PREFIX + "malformed",
            "detail": 'Invalid underscore in DNS name "_example.org"',
            "identifier": {"type": "dns", "value": "_example.org"},
        },
        {
            "type": PREFIX + "rejectedIdentifier",
            "detail": 'This CA will not issue for "example.net"',
            "identifier": {"type": "dns", "value": "example.net"},
        },
    ],
}


def test_the_sentence_says_everything_per_name() -> None:
    assert Problem.from_json(COMPOUND).sentence() == (
        "malformed: Some of the identifiers requested were rejected; "
        '_example.org: malformed: Invalid underscore in DNS name "_example.org"; '
        'example.net: rejectedIdentifier: This CA will not issue for "example.net"'
    )


def test_an_error_carries_the_whole_document_and_the_reasons_by_name() -> None:
    error = ProblemError("the new order", "ca.test", Problem.from_json(COMPOUND))
    assert error.result()["problem"] == COMPOUND
    assert error.result()["identifiers"] == {
        "_example.org": 'malformed: Invalid underscore in DNS name "_example.org"',
        "example.net": 'rejectedIdentifier: This CA will not issue for "example.net"',
    }


def test_members_that_the_rfc_does_not_know_are_kept() -> None:
    document = {**COMPOUND, "instance": "https://ca.test/terms", "hint": ["more"]}
    assert Problem.from_json(document).as_dict() == document


def test_problems_of_one_name_are_gathered() -> None:
    problem = Problem.from_json(COMPOUND)
    found = problem.by_identifier()
    assert list(found) == [Identifier("dns", "_example.org"), Identifier("dns", "example.net")]
    assert found[Identifier("dns", "example.net")] == (problem.subproblems[1],)


def test_a_detail_of_many_lines_becomes_one() -> None:
    assert Problem("about:blank", "one\n two\t three", 500).sentence() == "HTTP 500: one two three"


def test_a_name_of_many_lines_becomes_one() -> None:
    part = {"type": PREFIX + "dns", "identifier": {"type": "dns", "value": "a.example\nok: [host]"}}
    sentence = Problem.from_json({**COMPOUND, "subproblems": [part]}).sentence()
    assert sentence.endswith("; a.example ok: [host]: dns")


def test_a_text_that_can_not_be_shown_is_neither_told_nor_kept() -> None:
    error = ProblemError(
        "it", "ca", Problem.from_json({"type": PREFIX + "dns", "detail": "\x1b[2J\ud800", "x": "\x9b"})
    )
    assert error.message == "The CA at ca refused it: dns: �[2J�"
    assert error.result()["problem"] == {"type": PREFIX + "dns", "detail": "�[2J�", "x": "�"}


def test_own_problems_round_trip() -> None:
    problem = Problem(PREFIX + "dns", "no answer", 400, (), Identifier("dns", "a.example.com"), "https://ca.test/1")
    assert Problem.from_json(problem.as_dict()) == problem


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
names = st.sampled_from(["type", "detail", "title", "status", "identifier", "instance", "subproblems", "other"])
members = st.dictionaries(names, json_values, max_size=6)
documents = st.recursive(
    members,
    lambda inner: st.builds(lambda own, parts: {**own, "subproblems": parts}, members, st.lists(inner, max_size=3)),
    max_leaves=6,
)


@given(documents)
def test_any_document_is_read_and_told_on_one_line(document: dict[str, Any]) -> None:
    error = ProblemError("a request", "ca.test", Problem.from_json(document))
    assert "\n" not in error.message
    assert error.problem.as_dict() == (tame(document) or {"type": "about:blank"})
    json.dumps(error.result())
