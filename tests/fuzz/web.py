# SPDX-License-Identifier: GPL-3.0-or-later
"""What the web server of a name sends: redirects and bodies (RFC 8555 §8.3)."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from functools import cache

from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error
from ansible_collections.certfleet.acme.plugins.module_utils._http.challenge import ChallengeFile, parse_files
from ansible_collections.certfleet.acme.plugins.module_utils._http.verification import Rules, verify
from hypothesis import strategies as st

from tests.unit.plugins.module_utils._core.fakes import FakeClock

from . import inputs

FILE = ChallengeFile("shop.example", "token", "token.thumbprint")
HEAD = b"HTTP/1.1 %d Anything\r\nContent-Length: %d\r\n%s: %s\r\n\r\n%s"
ANSWERS = inputs.broken_bytes(
    [
        HEAD % (200, 16, b"X", b"y", FILE.content.encode()),
        HEAD % (302, 0, b"Location", b"http://shop.example:PORT/elsewhere?a=b", b""),
        HEAD % (301, 0, b"Location", b"//[::1]:PORT/", b""),
        b"HTTP/1.1 100 Continue\r\n\r\n" * 3,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ntoken\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101,
        b"220 mail.example.com\r\n",
    ]
) | inputs.TEXTS.map(lambda text: HEAD % (302, 0, b"Location", text.encode("utf-8", "surrogatepass"), b""))


class Server:
    """Gives one answer, in which PORT is its port, to everybody who connects; ``asked`` counts them."""

    def __init__(self, address: str = "127.0.0.1", port: int = 0, answer: bytes = b"") -> None:
        self.answer = answer
        self.asked = 0
        self._socket = socket.create_server((address, port))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_error: object) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _peer = self._socket.accept()
            except OSError:
                return
            self.asked += 1
            with connection, suppress(OSError):
                connection.settimeout(1)
                connection.recv(4096)
                connection.sendall(self.answer.replace(b"PORT", str(self.port).encode()))


@cache
def server() -> Server:
    """The only one."""
    return Server()


def _resolve(host: str) -> list[str]:
    if not host:
        raise Error("nobody has no address")
    return ["127.0.0.1", "10.0.0.1", "::ffff:127.0.0.1"]


def look(answer: bytes) -> None:
    """Ask a web server that answers so; whatever comes of it is a verdict, in one sentence."""
    at = server()
    at.answer = answer
    rules = Rules(at.port, at.port, request_timeout=1)
    for verdict in verify([FILE], ["127.0.0.1"], 0, FakeClock(), rules=rules, resolver=_resolve):
        if verdict.problem:
            raise Error(verdict.sentence())


GOOD_FILE = {"identifier": "shop.example", "path": FILE.path, "content": FILE.content}
FILES = st.fixed_dictionaries({name: st.just(value) | inputs.TEXTS for name, value in GOOD_FILE.items()})
"""Entries of the option, of which Ansible has made texts."""


def read_files(entry: dict[str, str]) -> None:
    """The option ``files`` of http01."""
    parse_files([entry])
