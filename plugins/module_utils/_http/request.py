# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP request to one address, as a CA makes it (RFC 8555 §8.3)."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

from .._core.errors import Error
from .._core.plain import cut, quote
from .._core.url import split_url

LONGEST_BODY = 1024
"""Bytes; a key authorization has about 90."""


@dataclass(frozen=True)
class Response:
    """Status, the target of a redirect (empty when there is none) and the beginning of the body."""

    status: int
    location: str
    body: bytes


def ask(url: str, address: str, timeout: float) -> Response:
    """GET the URL from one address, and wait ``timeout`` seconds at most for all of it.

    No certificate is checked: a CA does not either, since what it validates for is
    to get one. Raises Error with what went wrong, without the address.
    """
    parts = split_url(url)
    if parts is None or not parts.hostname:
        raise Error(f"{quote(url)} is no URL")
    host = parts.hostname
    port = parts.port or (443 if parts.scheme == "https" else 80)
    begun = time.monotonic()
    try:
        sockets = [socket.create_connection((address, port), timeout)]
    except OSError as error:
        raise Error(f"no connection to port {port}: {_reason(error)}") from error
    # a server that sends a byte now and then would never run into the timeout of the socket
    ended = threading.Event()
    ending = threading.Timer(max(0.0, begun + timeout - time.monotonic()), _end, [sockets, ended])
    ending.daemon = True
    ending.start()
    try:
        if parts.scheme == "https":
            tls = _context().wrap_socket(sockets[0], server_hostname=host, do_handshake_on_connect=False)
            sockets.append(tls)
            tls.do_handshake()
        return _exchange(
            sockets[-1], parts.netloc.rpartition("@")[2], f"{parts.path or '/'}{'?' * bool(parts.query)}{parts.query}"
        )
    except (OSError, http.client.HTTPException, ValueError) as error:
        late = ended.is_set() or isinstance(error, TimeoutError)
        raise Error(f"no answer within {timeout:g} s" if late else f"no HTTP answer: {_reason(error)}") from error
    finally:
        ending.cancel()
        sockets[-1].close()


def _exchange(connection: socket.socket, netloc: str, target: str) -> Response:
    client = http.client.HTTPConnection(netloc)
    client.sock = connection
    client.request("GET", target, headers={"Host": netloc, "User-Agent": "certfleet.acme", "Connection": "close"})
    response = client.getresponse()
    return Response(response.status, response.getheader("Location") or "", response.read(LONGEST_BODY))


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _end(sockets: list[socket.socket], ended: threading.Event) -> None:
    ended.set()
    # it may have ended by itself
    with suppress(OSError):
        sockets[-1].shutdown(socket.SHUT_RDWR)


def _reason(error: Exception) -> str:
    """The text of the operating system's error; other errors quote what the server has sent, so only their name."""
    text = (error.strerror or str(error)) if isinstance(error, OSError) else ""
    return cut(text) or type(error).__name__
