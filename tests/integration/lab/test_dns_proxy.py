# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxy before a name server does what it is told, to those messages only, and counts it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.tsigkeyring
import dns.update
import pytest

from tests.lab import Lab
from tests.lab.dns_faults import Fault, Kind
from tests.lab.dns_proxy import DnsProxy

NAME = "front1.fleet.test."


@pytest.fixture(scope="module")
def running(shared_lab: Lab) -> Iterator[DnsProxy]:
    with DnsProxy.before(shared_lab, "bind", addresses=2) as proxy:
        yield proxy


@pytest.fixture
def proxy(running: DnsProxy) -> Iterator[DnsProxy]:
    running.counts.clear()
    yield running
    running.heal()


def ask(proxy: DnsProxy, over: str = "udp", address: int = 0) -> dns.message.Message | None:
    query = dns.message.make_query(NAME, "A")
    send = dns.query.udp if over == "udp" else dns.query.tcp
    try:
        return send(query, proxy.addresses[address], timeout=0.4, port=proxy.port)
    except (OSError, EOFError, dns.exception.DNSException):
        return None


def update(lab: Lab, proxy: DnsProxy) -> dns.message.Message:
    key = lab.tsig_keys["acme"]
    keyring = dns.tsigkeyring.from_text({key.name: (f"{key.algorithm}.", key.secret)})
    message = dns.update.UpdateMessage("fleet.test", keyring=keyring)
    message.add(secrets.token_hex(6), 1, "TXT", "value")
    return dns.query.tcp(message, proxy.addresses[0], timeout=2, port=proxy.port)


def test_without_a_fault_everything_goes_through(lab: Lab, proxy: DnsProxy) -> None:
    for over in ("udp", "tcp"):
        for address in (0, 1):
            answer = ask(proxy, over, address)
            assert answer is not None
            assert answer.answer
            assert answer.flags & dns.flags.AA
    assert update(lab, proxy).rcode() == dns.rcode.NOERROR
    assert not proxy.counts


@pytest.mark.parametrize(
    ("kind", "udp", "tcp"),
    [("silent", 1, 1), ("garbage", 1, 1), ("broken", 1, 1), ("cut", 0, 1), ("deaf", 0, 1)],
)
def test_no_answer_comes(proxy: DnsProxy, kind: Kind, udp: int, tcp: int) -> None:
    proxy.inject(Fault(kind))
    assert (ask(proxy, "udp") is None) == bool(udp)
    assert (ask(proxy, "tcp") is None) == bool(tcp)
    assert proxy.counts == {kind: udp + tcp}


@pytest.mark.parametrize(("kind", "rcode"), [("refused", "REFUSED"), ("servfail", "SERVFAIL"), ("lame", "NOERROR")])
def test_another_answer_comes(proxy: DnsProxy, kind: Kind, rcode: str) -> None:
    proxy.inject(Fault(kind))
    for over in ("udp", "tcp"):
        answer = ask(proxy, over)
        assert answer is not None
        assert dns.rcode.to_text(answer.rcode()) == rcode
        assert not answer.answer
        assert not answer.flags & dns.flags.AA
        assert bool(answer.authority) == (kind == "lame")


def test_an_answer_is_truncated_over_udp_only(proxy: DnsProxy) -> None:
    proxy.inject(Fault("truncated"))
    short, whole = ask(proxy, "udp"), ask(proxy, "tcp")
    assert short is not None
    assert whole is not None
    assert short.flags & dns.flags.TC
    assert not short.answer
    assert whole.answer


def test_an_answer_comes_later(proxy: DnsProxy) -> None:
    proxy.inject(Fault("slow", seconds=0.2))
    for over in ("udp", "tcp"):
        began = time.monotonic()
        assert ask(proxy, over)
        assert time.monotonic() - began > 0.2


def test_a_fault_can_be_limited(lab: Lab, proxy: DnsProxy) -> None:
    proxy.inject(Fault("silent", addresses=frozenset(proxy.addresses[:1]), most=1))
    assert ask(proxy, address=1)
    assert not ask(proxy)
    assert ask(proxy)
    proxy.inject(Fault("refused", about="updates"))
    assert ask(proxy)
    with pytest.raises(dns.exception.FormError, match="requires a TSIG"):
        update(lab, proxy)
    assert proxy.counts == {"silent": 1, "refused": 1}
    proxy.inject(Fault("refused", about="removals"))
    assert update(lab, proxy).rcode() == dns.rcode.NOERROR


def test_a_signature_can_be_spoiled_or_out_of_time(lab: Lab, proxy: DnsProxy) -> None:
    proxy.inject(Fault("corrupt"))
    with pytest.raises(dns.exception.DNSException):
        update(lab, proxy)
    proxy.inject(Fault("skewed", seconds=3600, key=lab.tsig_keys["acme"]))
    with pytest.raises(dns.tsig.PeerBadTime):
        update(lab, proxy)


def test_a_server_that_is_down_is_down_behind_the_proxy_too(lab: Lab, proxy: DnsProxy) -> None:
    lab.down("bind")
    assert not ask(proxy, "udp")
    assert not ask(proxy, "tcp")
