# SPDX-License-Identifier: GPL-3.0-or-later
"""The wire, with servers that behave oddly."""

from __future__ import annotations

import os
import resource
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import dns.flags
import dns.message
import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import SystemClock
from ansible_collections.certfleet.acme.plugins.module_utils._dns.answer import make_query
from ansible_collections.certfleet.acme.plugins.module_utils._dns.exchange import (
    Endpoint,
    Outcome,
    Query,
    Reply,
    Silence,
    Transport,
)
from ansible_collections.certfleet.acme.plugins.module_utils._dns.sockets import MOST_CHANNELS, SocketExchange

HOST = "127.0.0.1"
Listener = Callable[[Callable[[socket.socket], None]], Endpoint]


@pytest.fixture
def exchange() -> SocketExchange:
    return SocketExchange(SystemClock(), timeout=1.0)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A UDP socket and a listening TCP socket on the same port."""
    with ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server((HOST, 0)))
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(tcp.getsockname())
        yield udp, tcp


def endpoint_of(server: socket.socket) -> Endpoint:
    return Endpoint(*server.getsockname())


def queries(endpoint: Endpoint, transport: Transport, count: int) -> list[Query]:
    return [Query(endpoint, transport, make_query(f"n{number}.example.com", "TXT")) for number in range(count)]


def answer(wire: bytes, flags: int = 0) -> bytes:
    reply = dns.message.make_response(dns.message.from_wire(wire))
    reply.flags |= dns.flags.Flag(flags)
    return reply.to_wire()


def read_frame(stream: socket.socket) -> bytes | None:
    with stream.makefile("rb", buffering=0) as raw:
        head = raw.read(2)
        if not head or len(head) < 2:
            return None
        body = b""
        while len(body) < int.from_bytes(head, "big"):
            body += raw.read(int.from_bytes(head, "big") - len(body)) or b""
        return body


def frame(wire: bytes) -> bytes:
    return len(wire).to_bytes(2, "big") + wire


def in_background(work: Callable[[], None]) -> threading.Thread:
    def quietly() -> None:
        # the test is over and has closed the socket
        with suppress(OSError):
            work()

    thread = threading.Thread(target=quietly, daemon=True)
    thread.start()
    return thread


def kinds(outcomes: list[Outcome]) -> set[str]:
    return {outcome.kind if isinstance(outcome, Silence) else "reply" for outcome in outcomes}


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_silent_server_is_given_up_as_a_whole(
    exchange: SocketExchange, pair: tuple[socket.socket, socket.socket], transport: Transport
) -> None:
    began = time.monotonic()
    outcomes = exchange.ask(queries(endpoint_of(pair[0]), transport, 1000))
    assert kinds(outcomes) == {"timeout"}
    assert {outcome.reason for outcome in outcomes if isinstance(outcome, Silence)} == {"no answer within 1 s"}
    assert time.monotonic() - began < 2.5


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_port_where_nobody_listens_is_unreachable_at_once(
    exchange: SocketExchange, pair: tuple[socket.socket, socket.socket], transport: Transport
) -> None:
    endpoint = endpoint_of(pair[0])
    for server in pair:
        server.close()
    began = time.monotonic()
    outcomes = exchange.ask(queries(endpoint, transport, 100))
    assert kinds(outcomes) == {"unreachable"}
    assert time.monotonic() - began < 0.9


def test_a_silent_server_holds_up_no_other(exchange: SocketExchange, pair: tuple[socket.socket, socket.socket]) -> None:
    udp, _tcp = pair

    def serve() -> None:
        while True:
            wire, peer = udp.recvfrom(4096)
            udp.sendto(answer(wire), peer)

    in_background(serve)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind((HOST, 0))
        outcomes = exchange.ask([*queries(endpoint_of(silent), "udp", 200), *queries(endpoint_of(udp), "udp", 200)])
    assert kinds(outcomes[:200]) == {"timeout"}
    assert kinds(outcomes[200:]) == {"reply"}
    assert all(outcome.seconds < 0.5 for outcome in outcomes[200:])


def test_a_lost_datagram_is_sent_again(exchange: SocketExchange, pair: tuple[socket.socket, socket.socket]) -> None:
    udp, _tcp = pair
    seen: set[bytes] = set()

    def serve() -> None:
        while True:
            wire, peer = udp.recvfrom(4096)
            if wire in seen:
                udp.sendto(answer(wire), peer)
            seen.add(wire)

    in_background(serve)
    outcomes = exchange.ask(queries(endpoint_of(udp), "udp", 20))
    assert kinds(outcomes) == {"reply"}
    assert all(outcome.seconds > 0.3 for outcome in outcomes)


def test_an_answer_to_another_question_is_ignored(
    exchange: SocketExchange, pair: tuple[socket.socket, socket.socket]
) -> None:
    udp, _tcp = pair
    other = make_query("other.example.com", "TXT")

    def serve() -> None:
        while True:
            wire, peer = udp.recvfrom(4096)
            udp.sendto(answer(wire[:2] + other[2:]), peer)
            udp.sendto(b"junk", peer)
            udp.sendto(answer(wire), peer)

    in_background(serve)
    (query,) = queries(endpoint_of(udp), "udp", 1)
    (outcome,) = exchange.ask([query])
    assert isinstance(outcome, Reply)
    assert b"\x02n0" in outcome.wire


def test_a_truncated_answer_is_fetched_over_tcp(
    exchange: SocketExchange, pair: tuple[socket.socket, socket.socket]
) -> None:
    udp, tcp = pair

    def serve_udp() -> None:
        while True:
            wire, peer = udp.recvfrom(4096)
            udp.sendto(answer(wire, dns.flags.TC), peer)

    def serve_tcp() -> None:
        while True:
            connection, _peer = tcp.accept()
            with connection:
                while (wire := read_frame(connection)) is not None:
                    connection.sendall(frame(answer(wire, dns.flags.AA)))

    in_background(serve_udp)
    in_background(serve_tcp)
    outcomes = exchange.ask(queries(endpoint_of(udp), "udp", 50))
    assert all(isinstance(outcome, Reply) and outcome.wire[2] & 0x04 for outcome in outcomes)


@pytest.mark.parametrize("answers", [1, 7])
def test_a_server_that_closes_connections_early_still_answers_everything(
    exchange: SocketExchange, pair: tuple[socket.socket, socket.socket], answers: int
) -> None:
    _udp, tcp = pair

    def serve() -> None:
        while True:
            connection, _peer = tcp.accept()
            with connection:
                for _round in range(answers):
                    wire = read_frame(connection)
                    if wire is not None:
                        connection.sendall(frame(answer(wire)))
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass

    in_background(serve)
    assert kinds(exchange.ask(queries(endpoint_of(tcp), "tcp", 30))) == {"reply"}


def test_a_server_that_closes_every_connection_at_once_is_given_up(
    exchange: SocketExchange, pair: tuple[socket.socket, socket.socket]
) -> None:
    _udp, tcp = pair

    def serve() -> None:
        while True:
            tcp.accept()[0].close()

    in_background(serve)
    assert kinds(exchange.ask(queries(endpoint_of(tcp), "tcp", 30))) == {"unreachable"}


def test_answers_out_of_order_and_in_pieces_find_their_questions(
    exchange: SocketExchange, pair: tuple[socket.socket, socket.socket]
) -> None:
    _udp, tcp = pair

    def serve() -> None:
        connection, _peer = tcp.accept()
        with connection:
            wires = [read_frame(connection) for _round in range(10)]
            stream = b"".join(frame(answer(wire)) for wire in reversed(wires) if wire)
            for start in range(0, len(stream), 7):
                connection.sendall(stream[start : start + 7])
            connection.recv(1)

    in_background(serve)
    outcomes = exchange.ask(queries(endpoint_of(tcp), "tcp", 10))
    for number, outcome in enumerate(outcomes):
        assert isinstance(outcome, Reply)
        assert f"\x02n{number}".encode() in outcome.wire


def test_a_server_that_takes_its_time_for_each_answer_is_given_up(
    exchange: SocketExchange, pair: tuple[socket.socket, socket.socket]
) -> None:
    _udp, tcp = pair

    def serve() -> None:
        stream, _peer = tcp.accept()
        with stream:
            while (wire := read_frame(stream)) is not None:
                time.sleep(0.6)
                stream.sendall(frame(answer(wire)))

    in_background(serve)
    began = time.monotonic()
    outcomes = exchange.ask(queries(endpoint_of(tcp), "tcp", 8))
    assert time.monotonic() - began < 4
    assert kinds(outcomes) == {"reply", "timeout"}
    assert isinstance(outcomes[-1], Silence)
    assert outcomes[-1].reason == "only some answers within 3 s"


def test_more_servers_than_files_may_be_open_are_all_asked(exchange: SocketExchange) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as stack:
        servers = []
        for _number in range(MOST_CHANNELS + 50):
            server = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            server.bind((HOST, 0))
            servers.append(server)

        def serve() -> None:
            while True:
                for server in select.select(servers, [], [])[0]:
                    wire, peer = server.recvfrom(4096)
                    server.sendto(answer(wire), peer)

        in_background(serve)
        # what is open already may be any number of files
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + MOST_CHANNELS + 10, hard))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        asked = [query for server in servers for query in queries(endpoint_of(server), "udp", 2)]
        assert kinds(exchange.ask(asked)) == {"reply"}


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_an_answer_that_is_too_large_is_none(
    exchange: SocketExchange, pair: tuple[socket.socket, socket.socket], transport: Transport
) -> None:
    udp, tcp = pair

    def serve_udp() -> None:
        for _question in range(2):
            wire, peer = udp.recvfrom(4096)
            udp.sendto(answer(wire) + bytes(5000), peer)

    def serve_tcp() -> None:
        stream, _peer = tcp.accept()
        with stream:
            while (wire := read_frame(stream)) is not None:
                stream.sendall(frame(answer(wire) + bytes(5000)))

    in_background(serve_udp)
    in_background(serve_tcp)
    small, large = (query._replace(largest=4096) for query in queries(endpoint_of(udp), transport, 2))
    refused, read = exchange.ask([small, large._replace(largest=65535)])
    assert isinstance(read, Reply)
    assert isinstance(refused, Silence)
    assert refused.reason == f"its answer has {len(read.wire)} bytes, and no more than 4096 are read"
