# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to a CA: kept open, shared by all threads, trust and proxies settled once.

requests reads the environment, the proxies and the CA bundle again for each
request. Here that is done once for each server; ADR 0003 has what its session
costs.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator, Mapping
from typing import Any

import certifi
import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies

from .._core.errors import InputError
from .answer import host_of
from .deadline import PunctualSocket
from .problem import UnusableAnswerError

LONGEST_ANSWER = 1 << 20
"""A chain of five certificates with large keys has 10,000 bytes, an order with 100 names the same."""


def make_trust(ca_bundle: str | None) -> ssl.SSLContext:
    """What certificates of a CA's own server are checked against.

    A file (or a folder as OpenSSL hashes it) of PEM certificates, else the one
    that REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names, else the public roots that
    come with requests. Raises InputError for a file that can't be used.
    """
    from_environment = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    path = ca_bundle or from_environment or certifi.where()
    option = "ca_bundle" if ca_bundle or not from_environment else "REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE"
    try:
        folder = os.path.isdir(path)
        trust = ssl.create_default_context(capath=path) if folder else ssl.create_default_context(cafile=path)
    except ssl.SSLError as error:
        raise InputError(option, path, "holds no certificate in PEM form") from error
    except OSError as error:
        raise InputError(option, path, f"can't be read: {error.strerror or error}") from error
    trust.sslsocket_class = PunctualSocket
    return trust


class Connections(HTTPAdapter):
    """The transport of requests with as many open connections as there are threads; it reads answers whole."""

    def __init__(self, trust: ssl.SSLContext, width: int) -> None:
        self._trust = trust
        self._proxies: dict[str, dict[str, str]] = {}
        self._pools: dict[str, Any] = {}
        super().__init__(pool_maxsize=width)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:
        """One TLS context for all connections, so that the bundle is read once."""
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._trust, **pool_kwargs)

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        """The same TLS context through a proxy."""
        return super().proxy_manager_for(proxy, ssl_context=self._trust, **proxy_kwargs)

    def build_connection_pool_key_attributes(self, *args: Any, **kwargs: Any) -> Any:
        """Where to connect; the trust is in the TLS context, so ``verify`` says nothing here."""
        host, _trust = super().build_connection_pool_key_attributes(*args, **kwargs)
        return host, {}

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """Nothing to do: see build_connection_pool_key_attributes."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send through the proxy that the environment names for this server, if it does, and read the answer.

        UnusableAnswerError for one that is longer than an answer of a CA can be.
        """
        kwargs["proxies"] = self._proxies_for(request)
        return read_whole(super().send(request, *args, **kwargs))

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, verify: Any, proxies: Mapping[str, str] | None = None, cert: Any = None
    ) -> Any:
        """The pool of connections to the request's server."""
        origin = _origin(request)
        pool = self._pools.get(origin)
        if pool is None:
            pool = super().get_connection_with_tls_context(request, verify, dict(proxies or {}), cert)
            self._pools[origin] = pool
        return pool

    def _proxies_for(self, request: requests.PreparedRequest) -> dict[str, str]:
        origin = _origin(request)
        proxies = self._proxies.get(origin)
        if proxies is None:
            proxies = self._proxies[origin] = get_environ_proxies(origin)
        return proxies

    def close(self) -> None:
        """Close what is open; what is sent afterwards opens it again."""
        self._pools.clear()
        super().close()


class _Bounded:
    """The body of an answer, which must not be longer than an answer of a CA can be."""

    def __init__(self, raw: Any, host: str) -> None:
        self._raw = raw
        self._host = host

    def stream(self, size: int, decode_content: bool | None = None) -> Iterator[bytes]:
        """Part after part of the body, as requests asks for it."""
        length = 0
        for part in self._raw.stream(size, decode_content=decode_content):
            length += len(part)
            if length > LONGEST_ANSWER:
                raise UnusableAnswerError(f"{self._host} sends more than {LONGEST_ANSWER} bytes as an answer")
            yield part

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)


def read_whole(response: requests.Response) -> requests.Response:
    """The response with its body read, so that its connection is free again, and a break is noticed here."""
    response.raw = _Bounded(response.raw, host_of(response.url or ""))
    try:
        _read = response.content
    except UnusableAnswerError:
        response.close()
        raise
    return response


def _origin(request: requests.PreparedRequest) -> str:
    url = request.url or ""
    end = url.find("/", len("https://"))
    return url if end < 0 else url[:end]
