# SPDX-License-Identifier: GPL-3.0-or-later
"""A reverse proxy before the lab's CA that loses, delays and invents answers where it is told to.

    with CaProxy(lab, folder) as proxy:
        proxy.inject("newOrder", lose_answer(), first(1))
        ...   # a client of proxy.directory that trusts proxy.ca_bundle
        proxy.struck, proxy.orders

The effects are in ca_faults.py.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import threading
from collections import Counter
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Literal
from urllib.parse import urlsplit

from .authority import make_listener
from .ca_faults import Effect, Kind, Reply, Request, Rule, When, always
from .lab import Lab

_NOT_PASSED_ON = ("content-length", "transfer-encoding", "connection", "date")
_UPSTREAM_TIMEOUT = 30.0


class CaProxy:
    """Listens on a free port of 127.0.0.1 with a certificate of its own; the CA writes its URLs to suit.

    ``requests`` counts what clients asked for, by kind; ``struck`` the faults, by the effect's name;
    ``paths`` has each request's path in order. A request that the CA refuses for its nonce counts for no rule,
    as the client sends it again; so with several requests at once the numbers are exact only for a lab that refuses
    none (``nonce_reject=0``).
    """

    def __init__(self, lab: Lab, folder: Path) -> None:
        """``folder`` takes the listener's certificate and key."""
        self._lab = lab
        ca = urlsplit(lab.directory)
        self._upstream = str(ca.hostname), int(ca.port or 443)
        self._trust = ssl.create_default_context(cafile=str(lab.ca_bundle))
        self._rules: list[Rule] = []
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self.forget()
        listener = make_listener(folder, "127.0.0.1")
        self.ca_bundle = listener.root
        trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        trust.load_cert_chain(listener.certificate, listener.key)
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._server.socket = trust.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def directory(self) -> str:
        """The CA's directory by way of the proxy."""
        return f"https://127.0.0.1:{self._server.server_port}{urlsplit(self._lab.directory).path}"

    def __enter__(self) -> CaProxy:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # What tests ask for

    def inject(self, kind: Kind | Literal["any"], effect: Effect, when: When = always) -> Rule:
        """Have this happen to requests of a kind; of several rules the first that strikes counts."""
        rule = Rule(kind, effect, when)
        with self._lock:
            self._rules.append(rule)
        return rule

    def heal(self) -> None:
        """No more faults; what was counted stays."""
        with self._lock:
            self._rules.clear()

    def forget(self) -> None:
        """Count from nought again; the faults stay."""
        with self._lock:
            self.requests: Counter[str] = Counter()
            self.struck: Counter[str] = Counter()
            self.paths: list[str] = []
            self.orders: list[tuple[str, ...]] = []
            """The names in each order that the CA has really made, whether its answer arrived or not."""

    # What the handler asks for

    def reply_to(self, request: Request) -> Reply | None:
        """The answer for the client, or None when the connection is to break."""
        with self._lock:
            self.requests[request.kind] += 1
            self.paths.append(request.path)
            rule = self._rule_for(request.kind)

        def forward() -> Reply:
            reply = self._pass_on(request)
            self._note(request, reply)
            if reply.refuses_nonce:
                raise _NonceRefusedError(reply)
            return reply

        try:
            return forward() if rule is None else rule.effect.strike(forward, self._ended)
        except _NonceRefusedError as refused:
            self._take_back(request.kind, rule)
            return refused.reply

    def wait(self, seconds: float) -> bool:
        """Wait; false when the proxy ends meanwhile."""
        return not self._ended.wait(seconds)

    def _rule_for(self, kind: Kind) -> Rule | None:
        struck = None
        for rule in self._rules:
            if rule.kind in (kind, "any"):
                rule.asked += 1
                if struck is None and rule.when(rule.asked):
                    struck = rule
        if struck:
            struck.struck += 1
            self.struck[struck.effect.name] += 1
        return struck

    def _take_back(self, kind: Kind, struck: Rule | None) -> None:
        with self._lock:
            for rule in self._rules:
                if rule.kind in (kind, "any"):
                    rule.asked -= 1
            if struck:
                struck.struck -= 1
                self.struck[struck.effect.name] -= 1

    def _note(self, request: Request, reply: Reply) -> None:
        if request.kind == "newOrder" and reply.status == 201:
            with self._lock:
                self.orders.append(_names_in(request.body))

    def _pass_on(self, request: Request) -> Reply:
        connection = http.client.HTTPSConnection(*self._upstream, context=self._trust, timeout=_UPSTREAM_TIMEOUT)
        try:
            # the Host stays the proxy's, so the CA's URLs lead through the proxy
            connection.request(request.method, request.path, request.body or None, dict(request.headers))
            reply = connection.getresponse()
            return Reply(reply.status, reply.getheaders(), reply.read())
        finally:
            connection.close()


class _NonceRefusedError(Exception):
    def __init__(self, reply: Reply) -> None:
        super().__init__("the CA refused the nonce")
        self.reply = reply


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are part of the game."""


def _handler(proxy: CaProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """One connection of a client."""

        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_request(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = Request(self.command, self.path, dict(self.headers), body)
            reply = proxy.reply_to(request)
            if reply is None:
                self.close_connection = True
            else:
                self._send(reply)

        do_GET = do_HEAD = do_POST = handle_request  # noqa: N815  # the names that http.server calls

        def _send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in reply.headers:
                if name.lower() not in _NOT_PASSED_ON:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            head = b"".join(self._headers_buffer) + b"\r\n"  # type: ignore[attr-defined]  # where http.server has them
            self._headers_buffer.clear()  # type: ignore[attr-defined]
            if self._drip(head, reply.slow_head) and self.command != "HEAD":
                self._drip(reply.body, reply.pace)

        def _drip(self, content: bytes, pace: float) -> bool:
            """Write all at once or byte by byte; false when the proxy has ended meanwhile."""
            if not pace:
                self.wfile.write(content)
                return True
            for byte in content:
                if not proxy.wait(pace):
                    return False
                self.wfile.write(bytes([byte]))
            return True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


def _names_in(body: bytes) -> tuple[str, ...]:
    """The names in a newOrder request, sorted."""
    payload: Mapping[str, Any] = json.loads(_decode(json.loads(body)["payload"]))
    return tuple(sorted(each["value"] for each in payload["identifiers"]))


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
