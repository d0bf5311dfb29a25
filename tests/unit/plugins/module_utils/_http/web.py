# SPDX-License-Identifier: GPL-3.0-or-later
"""Real web servers on loopback addresses, all with one port, as frontends have."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, dict[str, str], str]
"""Status, headers and body."""
Site = Callable[[str, str], Answer]
"""What a web server answers for a host and a path."""

NOTHING: Answer = (404, {}, "nothing here")


@dataclass
class Web:
    """The port that all of them have, what each address answers, and who asked what."""

    port: int
    sites: dict[str, Site] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)


def serving(files: Mapping[str, str]) -> Site:
    """A site with these files, for every host."""
    return lambda _host, path: (200, {}, files[path]) if path in files else NOTHING


def redirecting(target: str, status: int = 302) -> Site:
    """A site that redirects every path to another host."""
    return lambda _host, path: (status, {"Location": target + path}, "")


@contextmanager
def web_of(addresses: tuple[str, ...], tls: ssl.SSLContext | None = None) -> Iterator[Web]:
    """Web servers on these addresses, by HTTPS if there is a context."""
    with ExitStack() as stack:
        servers = _bound(addresses)
        web = Web(servers[0].server_address[1])
        for address, server in zip(addresses, servers, strict=True):
            server.RequestHandlerClass = _handler(web, address)
            if tls:
                server.socket = tls.wrap_socket(server.socket, server_side=True)
            thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
            thread.start()
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
        yield web


def _bound(addresses: tuple[str, ...]) -> list[ThreadingHTTPServer]:
    """One server for each address, on a port that is free at all of them."""
    for _attempt in range(20):
        servers: list[ThreadingHTTPServer] = []
        try:
            for address in addresses:
                port = servers[0].server_address[1] if servers else 0
                servers.append(ThreadingHTTPServer((address, port), BaseHTTPRequestHandler))
        except OSError:
            for server in servers:
                server.server_close()
        else:
            return servers
    raise AssertionError(f"no port is free at all of {addresses}")


def _handler(web: Web, address: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host = self.headers["Host"]
            web.asked.append((address, host, self.path))
            status, headers, body = web.sites.get(address, lambda _host, _path: NOTHING)(host, self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler
