# SPDX-License-Identifier: GPL-3.0-or-later
"""What others have written, made fit to be shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error, InputError
from ansible_collections.certfleet.acme.plugins.module_utils._core.plain import (
    LONGEST_QUOTE,
    LONGEST_TEXT,
    MOST_MEMBERS,
    plain,
    quote,
    tame,
)
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no such name",
        "keine Domäne \u201cx\u201d, 没有\u00a0这样的",
        "a\n\tb",
        "https://ca.example/unpause?jwt=e30.e30",
    ],
)
def test_what_people_write_stays_as_it_is(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize("text", ["\ud800", "\x1b", "\x00", "\x07", "\x9b", "\u202e", "\u200b"])
def test_what_is_no_character_or_a_command_is_replaced(text: str) -> None:
    assert plain(f"a{text}b") == "a�b"
    assert Error(f"a{text}b").result() == {"msg": "a�b"}


@pytest.mark.parametrize(
    "value",
    ["x" * 10**6, ["x" * 10**6], {"x" * 10**6: 1}, 10**5000, [[10**5000]], "\ud800" * 10**5, b"x" * 10**6],
    ids=["text", "list", "mapping", "number", "numbers", "halves", "bytes"],
)
def test_a_message_quotes_the_beginning_of_a_value(value: Any) -> None:
    message = InputError("domains", value, "is no name").message
    assert message.startswith("domains: ")
    assert message.endswith(" is no name")
    assert message.count("x") <= LONGEST_QUOTE
    assert len(message) < 10 * LONGEST_QUOTE


def test_a_short_value_is_quoted_as_it_is() -> None:
    assert quote("it's") == '"it\'s"'
    assert quote("x" * LONGEST_QUOTE) == repr("x" * LONGEST_QUOTE)
    assert quote("x" * (LONGEST_QUOTE + 1)) == repr("x" * LONGEST_QUOTE) + "…"
    assert quote(["a", 1]) == "['a', 1]"
    endless: list[Any] = []
    endless.append(endless)
    assert quote(endless) == "[[...]]"


def test_a_document_that_makes_sense_stays_as_it_is() -> None:
    document = {"type": "x", "status": 400, "subproblems": [{"identifier": {"value": "a"}}], "more": [None, True, 1.5]}
    assert tame(document) == document


def test_a_document_that_makes_none_is_cut() -> None:
    deep: Any = []
    for _level in range(900):
        deep = [deep]
    document = {"deep": deep, "long": "x" * 10**6, "many": [0] * 10**5, "number": float("inf"), "\ud800": 1}
    found = tame(document)
    assert len(found["long"]) == LONGEST_TEXT + 1
    assert len(found["many"]) == MOST_MEMBERS
    assert found["number"] == "inf"
    assert found["�"] == 1
    assert json.dumps(found["deep"]).count("[") == 9


@given(st.text(st.characters(categories=["Cs", "Cc", "Cf", "L", "Zs"])))
def test_whatever_it_was_it_can_be_written_as_utf_8_and_stays_plain(text: str) -> None:
    once = plain(text)
    once.encode()
    assert plain(once) == once
