# SPDX-License-Identifier: GPL-3.0-or-later
"""Which datagrams count as the answer to a question."""

from __future__ import annotations

import dns.message
import dns.rdatatype
import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._dns.answer import make_query, read_answer
from ansible_collections.certfleet.acme.plugins.module_utils._dns.wire import is_answer

from .fakes import FakeServer

NAME = "_acme-challenge.example.com"


@pytest.fixture
def query() -> bytes:
    return make_query(NAME, "TXT")


@pytest.fixture
def reply(query: bytes) -> bytes:
    return FakeServer("example.com").add(NAME, "TXT", "v").handle(query)


def test_the_answer_to_a_question_counts(query: bytes, reply: bytes) -> None:
    assert is_answer(query, reply)


def test_the_answer_to_another_question_does_not(query: bytes) -> None:
    other = FakeServer("example.com").handle(make_query("_acme-challenge.a.example.com", "TXT"))
    assert not is_answer(query, query[:2] + other[2:])


def test_a_question_and_a_fragment_are_no_answers(query: bytes, reply: bytes) -> None:
    assert not is_answer(query, query)
    assert not is_answer(query, reply[:11])


def test_an_error_may_come_without_the_question(query: bytes) -> None:
    bare = dns.message.Message(id=int.from_bytes(query[:2], "big"))
    bare.flags = dns.flags.Flag(dns.flags.QR)
    assert not is_answer(query, bare.to_wire())
    bare.set_rcode(dns.rcode.FORMERR)
    assert is_answer(query, bare.to_wire())


def test_a_query_asks_as_a_resolver_does_and_wants_no_recursion(query: bytes) -> None:
    message = dns.message.from_wire(query)
    assert not message.flags & dns.flags.RD
    assert (message.edns, message.payload, bool(message.ednsflags & dns.flags.DO)) == (0, 1232, True)


@pytest.mark.parametrize("name", ["example.com", "*.a.example.com", "_acme-challenge." + "x" * 63 + ".example", ""])
def test_a_query_asks_for_the_name_and_the_type(name: str) -> None:
    (question,) = dns.message.from_wire(make_query(name, "SOA")).question
    assert question.name.to_text(omit_final_dot=True) == (name or ".")
    assert dns.rdatatype.to_text(question.rdtype) == "SOA"


def test_a_broken_answer_is_a_problem_and_no_exception(query: bytes, reply: bytes) -> None:
    assert read_answer(reply[:-3], NAME).problem == "MALFORMED"


def test_an_answer_is_found_in_whatever_case_the_server_writes_the_name(query: bytes) -> None:
    reply = FakeServer("example.com").add(NAME, "TXT", "v").handle(query)
    assert read_answer(reply.replace(b"example", b"ExAmPle"), NAME).values == {"v"}
