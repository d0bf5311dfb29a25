# SPDX-License-Identifier: GPL-3.0-or-later
"""Zones from a server that means no good."""

from __future__ import annotations

import itertools
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import dns.flags
import dns.message
import dns.rrset
import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import SystemClock
from ansible_collections.certfleet.acme.plugins.module_utils._dns.exchange import Endpoint
from ansible_collections.certfleet.acme.plugins.module_utils._dns.transfer import Source, TransferError, fetch_zone

SOA = dns.rrset.from_text("shop.test.", 60, "IN", "SOA", "ns.shop.test. admin.shop.test. 1 60 60 60 60")
Hostile = Callable[[Callable[[bytes], Iterator[bytes]]], Source]


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    """A server that sends the pieces that a function makes of the question, one after the other."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def start(pieces: Callable[[bytes], Iterator[bytes]]) -> Source:
            threading.Thread(target=serve, args=(pieces,), daemon=True).start()
            return Source("shop.test", Endpoint(*server.getsockname()), None)

        def serve(pieces: Callable[[bytes], Iterator[bytes]]) -> None:
            with suppress(OSError):
                connection, _peer = server.accept()
                with connection:
                    for piece in pieces(connection.recv(4096)[2:]):
                        connection.sendall(piece)

        yield start


def reply(question: bytes, *rrsets: dns.rrset.RRset) -> bytes:
    message = dns.message.make_response(dns.message.from_wire(question))
    message.flags |= dns.flags.AA
    message.answer.extend(rrsets)
    wire = message.to_wire(max_size=65535)
    return struct.pack("!H", len(wire)) + wire


def endless(question: bytes) -> Iterator[bytes]:
    yield reply(question, SOA)
    text = " ".join(f'"{"x" * 250}"' for _number in range(200))
    for number in itertools.count():
        yield reply(question, dns.rrset.from_text(f"n{number}.shop.test.", 60, "IN", "TXT", text))


def slow(question: bytes) -> Iterator[bytes]:
    for byte in reply(question, SOA, SOA):
        time.sleep(0.1)
        yield bytes([byte])


def unhurried(question: bytes) -> Iterator[bytes]:
    yield reply(question, SOA)
    while True:
        time.sleep(0.05)
        yield reply(question)


def test_a_zone_without_end_is_not_read_to_the_end_of_memory(hostile: Hostile) -> None:
    with pytest.raises(
        TransferError, match=r"Zone shop\.test can't be fetched from \S+: it has more than 5000000 bytes"
    ):
        fetch_zone(hostile(endless), 5, SystemClock(), largest=5_000_000)


@pytest.mark.parametrize(
    ("pieces", "reason"), [(slow, r"no answer within 0\.3 s"), (unhurried, r"it takes longer than 6 s")]
)
def test_a_server_that_takes_its_time_is_given_up(
    hostile: Hostile, pieces: Callable[[bytes], Iterator[bytes]], reason: str
) -> None:
    began = time.monotonic()
    with pytest.raises(TransferError, match=reason):
        fetch_zone(hostile(pieces), 0.3, SystemClock())
    assert time.monotonic() - began < 7


def test_an_answer_to_another_question_is_refused(hostile: Hostile) -> None:
    with pytest.raises(TransferError, match="the answer is not one to this question"):
        fetch_zone(hostile(lambda question: iter([reply(b"\0\0" + question[2:], SOA, SOA)])), 1, SystemClock())


def test_a_connection_that_ends_early_is_told(hostile: Hostile) -> None:
    with pytest.raises(TransferError, match="the server closed the connection"):
        fetch_zone(hostile(lambda question: iter([reply(question, SOA)])), 1, SystemClock())
