# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signed requests and their answers (RFC 8555 §6), on top of the ``acme`` library's network.

The library's class has what a single certificate needs. This one adds what a
fleet needs: many threads at once, nonces taken from every answer, also from
refusals, Retry-After kept, and half the processor time for each request.
"""

from __future__ import annotations

import copy
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

import requests
from acme.client import ClientNetwork
from acme.messages import Registration, RegistrationResource
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from .._core.clock import Clock, SystemClock
from .._core.number import LONGEST_TIMEOUT, check_number
from .._core.plain import quote
from .answer import check, host_of, lost_connection
from .connections import Connections, make_trust
from .deadline import within
from .key import AccountKey
from .nonces import Nonces
from .pauses import Pauses
from .problem import LostConnectionError, NetworkError, ProblemError
from .throttle import Throttle

VERSION = "1.0.0"
BAD_NONCES = 10  # how often one request is signed anew for a nonce that the CA no longer takes
CONNECT_SHARE = 1 / 3  # of the time for a request, so that one address may be dead and another one still be tried
LOST_CONNECTIONS = 2  # how often a request that is safe to repeat is sent again
NEW_NONCE = "a new nonce"
PATIENCE = 30.0  # seconds for what the CA refuses for coming too fast, in tasks that have no option for that
TURNED_AWAY = (429, 503)
NONCE = re.compile(r"[A-Za-z0-9_-]+")


class Network(ClientNetwork):
    """The way to one CA, shared by all threads; :meth:`signing_as` gives it a key.

    ``requests`` counts what was sent, by method. Everything raised is a
    ProblemError (the CA said no) or a NetworkError (no usable answer came).
    """

    def __init__(
        self,
        ca_bundle: str | None = None,
        timeout: float = 30.0,
        width: int = 8,
        clock: Clock | None = None,
        transport: BaseAdapter | None = None,
        *,
        pauses: Pauses | None = None,
        patience: float = PATIENCE,
    ) -> None:
        """``timeout`` in seconds for each request; ``width``: threads, so connections kept.

        The timeout is for the whole request, from connecting to the last byte
        of its answer, and none is sent again after as much time. ``pauses`` are
        what the CA asked for in earlier runs, ``patience`` the seconds that :class:`Throttle` may wait.
        ``transport`` takes the place of real connections. InputError when
        ``ca_bundle`` can't be used; nothing is sent yet.
        """
        agent = f"certfleet.acme/{VERSION} acme/{version('acme')} requests/{version('requests')}"
        check_number("request_timeout", timeout, 0.1, LONGEST_TIMEOUT)
        super().__init__(user_agent=agent, timeout=timeout)  # type: ignore[arg-type]  # the library says int
        self.ca_bundle = ca_bundle
        self.clock: Clock = clock or SystemClock()
        self.pauses = pauses or Pauses(self.clock)
        self.requests: Counter[str] = Counter()
        self.account_key: AccountKey | None = None
        self._timeouts = timeout * CONNECT_SHARE, timeout
        self._headers = {"User-Agent": agent, "Accept-Language": "en"}
        self.throttle = Throttle(self.clock, width, patience)
        self._pool = Nonces(self.clock)
        self._nonce_throttle = Throttle(self.clock, width, patience)
        self._lock = threading.Lock()
        self.session.trust_env = False  # the environment is read by Connections, once
        self.session.adapters.clear()
        self.session.mount("https://", transport or Connections(make_trust(ca_bundle), width))

    def signing_as(self, key: AccountKey, account_url: str | None = None) -> Network:
        """The same connections, nonces and counter, signing with this key.

        Without ``account_url`` the key itself is in the signature (``jwk``),
        with it the account (``kid``; RFC 8555 §6.2).
        """
        other = copy.copy(self)
        other.account_key = key
        other.key, other.alg = key.jwk, key.algorithm
        other.account = RegistrationResource(body=Registration(), uri=account_url) if account_url else None
        return other

    def close(self) -> None:
        """Close all connections."""
        self.session.close()

    def __del__(self) -> None:
        """Nothing: the connections belong to all who share them."""

    def get(self, url: str, content_type: str = ClientNetwork.JSON_CONTENT_TYPE, **kwargs: Any) -> requests.Response:
        """An unsigned GET; only directories and renewal information are read that way (RFC 8555 §6.3)."""
        what = kwargs.pop("what", "an unsigned request")

        def send() -> requests.Response:
            self.throttle.wait_turn()
            return self._send_request("GET", url)

        response = self._repeat(send, LOST_CONNECTIONS)
        return check(response, what, self.clock.now())

    def post(self, url: str, obj: Mapping[str, Any] | None, *args: Any, **kwargs: Any) -> requests.Response:
        """A signed POST of a JSON object, or a POST-as-GET for None (RFC 8555 §6.3).

        ``new_nonce_url``: where nonces come from; ``what``: the request in
        words, for errors; ``accept``: the media type wanted. With
        ``repeatable`` it is sent again when the connection breaks before the
        answer came: right for whatever has the same outcome done twice, never
        for a new order. A nonce the CA refuses is replaced in any case, as
        nothing has happened then (RFC 8555 §6.5).
        """
        what = kwargs.pop("what", "a request")
        new_nonce_url = kwargs.pop("new_nonce_url")
        repeats = LOST_CONNECTIONS if kwargs.pop("repeatable", obj is None) else 0
        headers = {"Content-Type": self.JOSE_CONTENT_TYPE}
        if "accept" in kwargs:
            headers["Accept"] = kwargs.pop("accept")

        def send() -> requests.Response:
            self.throttle.wait_turn()  # first, so that few nonces are held by those that wait
            nonce = self._get_nonce(url, new_nonce_url)
            unused = None
            try:
                response = self._send_request("POST", url, data=self._wrap_in_jws(obj, nonce, url), headers=headers)
                # a server in front of the CA that refuses a request has no use for its nonce
                if response.status_code in TURNED_AWAY and self.REPLAY_NONCE_HEADER not in response.headers:
                    unused = nonce
            finally:
                self._pool.give_back(unused)
            return response

        deadline = self.clock.monotonic() + self._default_timeout
        for _again in range(BAD_NONCES):
            try:
                return check(self._repeat(send, repeats), what, self.clock.now())
            except ProblemError as error:
                if not error.is_("badNonce") or self.clock.monotonic() >= deadline:
                    raise
        return check(self._repeat(send, repeats), what, self.clock.now())

    def _wrap_in_jws(self, obj: Any, nonce: Any, url: str) -> Any:
        if self.account_key is None:
            raise ValueError("This network has no key to sign with: use signing_as()")
        protected: dict[str, Any] = {"nonce": nonce, "url": url}
        if self.account is None:
            protected["jwk"] = self.account_key.public_jwk
        else:
            protected["kid"] = self.account["uri"]
        return self.account_key.sign(protected, b"" if obj is None else json.dumps(obj).encode())

    def _send_request(self, method: str, url: str, *args: Any, **kwargs: Any) -> requests.Response:
        """One request and its answer, whatever its status; the nonce in it is kept."""
        with self._lock:
            self.requests[method] += 1
        try:
            with within(self._default_timeout):
                if method == "GET":
                    response = self.session.get(url, headers=self._headers, timeout=self._timeouts)
                else:
                    response = self._deliver(method, url, kwargs.get("data"), kwargs.get("headers", {}))
        except requests.RequestException as error:
            raise lost_connection(error, host_of(url), self.ca_bundle, self._timeouts) from error
        except ValueError as error:
            # what is not even split into its parts; it comes from the CA, or from a file of the store
            raise NetworkError(f"{quote(url)} is no URL that anything can be asked for at: {error}") from error
        if method != "HEAD":
            self._add_nonce(response)
        return response

    def _deliver(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> requests.Response:
        """What requests' session does, less what ACME has no use for; docs/adr/0003 has the numbers.

        No redirects (a signature holds for one URL), no cookies, no passwords from files.
        """
        request = requests.PreparedRequest()
        request.method = method
        request.url = url
        request.headers = CaseInsensitiveDict({**self._headers, **headers})
        if body is not None:
            request.body = body
            request.headers["Content-Length"] = str(len(body))
        return self.session.get_adapter(url).send(request, timeout=self._timeouts)

    def _add_nonce(self, response: requests.Response) -> None:
        """Keep the nonce of any answer; one that isn't base64url is passed over (RFC 8555 §6.5.1)."""
        nonce = response.headers.get(self.REPLAY_NONCE_HEADER)
        if nonce and NONCE.fullmatch(nonce):
            self._pool.add(nonce)

    def _get_nonce(self, url: str, new_nonce_url: str) -> Any:
        """The newest nonce at hand, else a new one from the CA (RFC 8555 §7.2)."""
        return self._pool.take(lambda: self._fetch_nonce(new_nonce_url))

    def _fetch_nonce(self, url: str) -> str:
        """Ask for a nonce; PausedError while the CA wants that to be left alone."""

        def ask() -> requests.Response:
            return check(self._repeat(send, LOST_CONNECTIONS), NEW_NONCE, self.clock.now())

        def send() -> requests.Response:
            self._nonce_throttle.wait_turn()
            self.throttle.wait_turn()
            return self._send_request("HEAD", url)

        try:
            with self.pauses.watch("newNonce"):
                response = self._nonce_throttle.patiently(ask)
        except NetworkError as error:
            # what the nonce was for has not been sent
            raise NetworkError(error.message, **error.details) from error
        nonce: str = response.headers.get(self.REPLAY_NONCE_HEADER, "")
        if not NONCE.fullmatch(nonce):
            raise NetworkError(f"{url} gave no nonce, so it is not the newNonce resource of a CA")
        self.throttle.wait_turn()  # the question has taken the turn of the request that the nonce is for
        return nonce

    def _repeat(self, send: Callable[[], requests.Response], times: int) -> requests.Response:
        """What ``send`` gets; it is called so many times more when the connection breaks before the answer came."""
        deadline = self.clock.monotonic() + self._default_timeout
        for _again in range(times):
            try:
                return send()
            except LostConnectionError:
                if self.clock.monotonic() >= deadline:
                    raise
        return send()
