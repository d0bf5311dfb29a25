# SPDX-License-Identifier: GPL-3.0-or-later
"""The channel over UDP, with a socket that no network is needed for."""

from __future__ import annotations

import selectors
import socket

from ansible_collections.certfleet.acme.plugins.module_utils._dns.answer import make_query
from ansible_collections.certfleet.acme.plugins.module_utils._dns.exchange import Endpoint, Query
from ansible_collections.certfleet.acme.plugins.module_utils._dns.sockets import SocketBatch
from ansible_collections.certfleet.acme.plugins.module_utils._dns.udp import UdpChannel

from .fakes import FakeClock


class Flood(socket.socket):
    """A socket on which datagrams come faster than anybody can read them."""

    received = 0

    def connect(self, address: object) -> None:
        pass

    def send(self, data: object, flags: int = 0) -> int:
        return 0

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        self.received += 1
        assert self.received < 10_000, "no end"
        return b"no answer to anything"


class FloodedChannel(UdpChannel):
    """A channel whose server never stops."""

    def _open(self, kind: socket.SocketKind) -> socket.socket:
        self._socket = Flood(socket.AF_INET, kind)
        return self._socket


def test_a_server_that_sends_without_end_is_left_for_others() -> None:
    endpoint = Endpoint("192.0.2.53")
    batch = SocketBatch(FakeClock(), [Query(endpoint, "udp", make_query("example.com", "TXT"))], 5.0, 5.0)
    channel = FloodedChannel(batch, endpoint)
    channel.add(0)
    channel.begin(0.0)
    channel.handle(selectors.EVENT_READ, 1.0)
    assert not channel.is_idle
    channel.close()
    batch.selector.close()
