# SPDX-License-Identifier: GPL-3.0-or-later
"""A reverse proxy before the lab's CA that loses, delays and invents answers where it is told to."""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Literal
from urllib.parse import urlsplit

from tests.lab import Lab
from tests.lab.authority import make_listener

Kind = Literal["lose request", "lose answer", "hang", "answer"]


@dataclass
class Fault:
    """What happens once to a request: the connection ends before or after the CA heard, or this is the answer."""

    path: str
    kind: Kind
    status: int = 503
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class FaultyProxy:
    """Listens on a free port of 127.0.0.1 with a certificate of its own; the CA writes its URLs to suit."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.faults: list[Fault] = []
        self.seen: list[str] = []
        self._lab = lab
        self._ended = threading.Event()
        self._lock = threading.Lock()
        listener = make_listener(folder, "127.0.0.1")
        self.ca_bundle = listener.root
        trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        trust.load_cert_chain(listener.certificate, listener.key)
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._server.socket = trust.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def directory(self) -> str:
        """The CA's directory by way of the proxy."""
        return f"https://127.0.0.1:{self._server.server_port}{urlsplit(self._lab.directory).path}"

    def __enter__(self) -> FaultyProxy:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_request(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                fault = proxy._take(self.path)
                if fault and fault.kind == "hang":
                    proxy._ended.wait(30)
                if fault and fault.kind in ("lose request", "hang"):
                    self.close_connection = True
                    return
                if fault and fault.kind == "answer":
                    self._reply(fault.status, fault.headers, fault.body)
                    return
                status, headers, content = proxy._forward(self.command, self.path, dict(self.headers), body)
                if fault and status < 400:
                    self.close_connection = True
                    return
                if fault:
                    # a nonce refused now and then is no answer worth losing: as if it had not been asked
                    proxy._put_back(fault, self.path)
                self._reply(status, headers, content)

            do_GET = do_HEAD = do_POST = handle_request  # noqa: N815  # the names that http.server calls

            def _reply(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    if name.lower() not in ("content-length", "transfer-encoding", "connection", "date"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler

    def _take(self, path: str) -> Fault | None:
        with self._lock:
            self.seen.append(path)
            for fault in self.faults:
                if path.startswith(fault.path):
                    self.faults.remove(fault)
                    return fault
        return None

    def _put_back(self, fault: Fault, path: str) -> None:
        with self._lock:
            self.faults.append(fault)
            self.seen.remove(path)

    def _forward(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        ca = urlsplit(self._lab.directory)
        trust = ssl.create_default_context(cafile=str(self._lab.ca_bundle))
        connection = http.client.HTTPSConnection(str(ca.hostname), ca.port, context=trust, timeout=20)
        try:
            # the Host stays the proxy's, so the CA's URLs lead through the proxy
            connection.request(method, path, body or None, dict(headers.items()))
            reply = connection.getresponse()
            return reply.status, dict(reply.headers.items()), reply.read()
        finally:
            connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are part of the game."""
