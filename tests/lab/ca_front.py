# SPDX-License-Identifier: GPL-3.0-or-later
"""A listener that clients take for the CA, and the way from there to the CA itself."""

from __future__ import annotations

import contextlib
import http.client
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from .authority import Listener
from .ca_messages import Reply, Request

_NOT_PASSED_ON = ("content-length", "transfer-encoding", "connection", "keep-alive")
_TIMEOUT = 30.0
_STALE = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError, ssl.SSLEOFError)
"""What a connection says that the CA has closed meanwhile."""


class Upstream:
    """Passes requests on to a server, over a connection of its own for each thread, which stays open."""

    def __init__(self, address: tuple[str, int], root: Path) -> None:
        """``root`` is the file with the certificate that the server is trusted by."""
        self._address = address
        self._trust = ssl.create_default_context(cafile=str(root))
        self._mine = threading.local()

    def __call__(self, request: Request) -> Reply:
        """Send it and read the answer; raises OSError or HTTPException when there is none."""
        connection: http.client.HTTPSConnection | None = getattr(self._mine, "connection", None)
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(*_STALE):
                return self._send(connection, request)
            connection.close()
        # http.client sets TCP_NODELAY
        self._mine.connection = http.client.HTTPSConnection(*self._address, context=self._trust, timeout=_TIMEOUT)
        return self._send(self._mine.connection, request)

    def _send(self, connection: http.client.HTTPSConnection, request: Request) -> Reply:
        # the Host stays the client's, so the CA's URLs lead through the listener
        headers = {name: value for name, value in request.headers.items() if name.lower() != "connection"}
        try:
            connection.request(request.method, request.path, request.body or None, headers)
            reply = connection.getresponse()
            kept = [
                (name, value) for name, value in reply.getheaders() if name.lower() not in (*_NOT_PASSED_ON, "date")
            ]
            return Reply(reply.status, kept, reply.read())
        except BaseException:
            connection.close()
            raise


class Front(ThreadingHTTPServer):
    """Listens with a certificate, and answers with what a function says: None breaks the connection."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        listener: Listener,
        answer: Callable[[Request], Reply | None],
        wait: Callable[[float], bool],
    ) -> None:
        """``wait`` lets so many seconds pass for dripping answers, and is false when the listener ends meanwhile."""
        super().__init__(address, _handler(answer, wait))
        trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        trust.load_cert_chain(listener.certificate, listener.key)
        self.socket = trust.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are part of the game."""


def _handler(answer: Callable[[Request], Reply | None], wait: Callable[[float], bool]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """One connection of a client."""

        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_request(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            reply = answer(Request(self.command, self.path, dict(self.headers), body))
            if reply is None:
                self.close_connection = True
            else:
                self._send(reply)

        do_GET = do_HEAD = do_POST = handle_request  # noqa: N815  # the names that http.server calls

        def _send(self, reply: Reply) -> None:
            self.send_response_only(reply.status)
            if reply.header("Date") is None:
                self.send_header("Date", self.date_time_string())
            for name, value in reply.headers:
                if name.lower() not in _NOT_PASSED_ON:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            head = b"".join(self._headers_buffer) + b"\r\n"  # type: ignore[attr-defined]  # where http.server has them
            self._headers_buffer.clear()  # type: ignore[attr-defined]
            body = b"" if self.command == "HEAD" else reply.body
            if not reply.slow_head and not reply.pace:
                self.wfile.write(head + body)
            elif self._drip(head, reply.slow_head):
                self._drip(body, reply.pace)

        def _drip(self, content: bytes, pace: float) -> bool:
            """Write all at once or byte by byte; false when the listener has ended meanwhile."""
            if not pace:
                self.wfile.write(content)
                return True
            for byte in content:
                if not wait(pace):
                    return False
                self.wfile.write(bytes([byte]))
            return True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler
