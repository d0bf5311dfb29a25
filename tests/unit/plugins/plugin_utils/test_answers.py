# SPDX-License-Identifier: GPL-3.0-or-later
"""What a frontend returns is checked before it is used."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.plugin_utils.answers import LONGEST_CSR, read_csrs
from hypothesis import given
from hypothesis import strategies as st

ONE = {"name": "shop", "key_type": "ecdsa-p256", "csr": "-----BEGIN"}

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda each: st.lists(each) | st.dictionaries(st.sampled_from(["csrs", "csr", "msg", "failed", "x"]), each),
)


def test_csrs_come_in_the_order_of_the_requests() -> None:
    assert read_csrs({"csrs": [ONE, {"csr": "second"}]}, 2) == ["-----BEGIN", "second"]


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (None, "its answer is not a result"),
        ([], "its answer is not a result"),
        ({}, "its answer has no list of CSRs"),
        ({"csrs": {}}, "its answer has no list of CSRs"),
        ({"csrs": "x"}, "its answer has no list of CSRs"),
        ({"csrs": []}, "it was asked for 1 CSRs and returned 0"),
        ({"csrs": [ONE, ONE]}, "it was asked for 1 CSRs and returned 2"),
        ({"csrs": [None]}, "one of the CSRs in its answer is no text"),
        ({"csrs": [["csr"]]}, "one of the CSRs in its answer is no text"),
        ({"csrs": [{"csr": 7}]}, "one of the CSRs in its answer is no text"),
        ({"csrs": [{"csr": ""}]}, "one of the CSRs in its answer is no text"),
        ({"csrs": [{"csr": "x" * (LONGEST_CSR + 1)}]}, "one of the CSRs in its answer has more than 65536 characters"),
        ({"failed": True}, "it did not say why"),
        ({"failed": True, "msg": "no room\x1b[2J"}, "no room\N{REPLACEMENT CHARACTER}[2J"),
        ({"unreachable": True, "msg": ["x"]}, "['x']"),
    ],
)
def test_an_answer_that_is_of_no_use_is_told_in_one_sentence(answer: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        read_csrs(answer, 1)


@given(ANYTHING, st.integers(0, 3))
def test_whatever_it_is_there_are_csrs_or_a_sentence(answer: Any, wanted: int) -> None:
    told = ""
    csrs: list[Any] = []
    try:
        csrs = read_csrs(answer, wanted)
    except ValueError as error:
        told = str(error)
    assert len(told) <= 300
    assert told or (len(csrs) == wanted and all(isinstance(each, str) for each in csrs))
