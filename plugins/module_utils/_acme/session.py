# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An account's conversation with its CA."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import requests

from .answer import retry_after
from .directory import Directory
from .key import AccountKey
from .network import NEW_NONCE, Network
from .problem import ProblemError


class Session:
    """Signed requests for one account (or for a key that has none yet); used from many threads at once.

    ``pauses`` are what the CA has asked for, those of the network.
    """

    def __init__(
        self,
        network: Network,
        directory: Directory,
        key: AccountKey,
        account_url: str | None = None,
    ) -> None:
        self.network = network
        self.directory = directory
        self.key = key
        self.account_url = account_url
        self.pauses = network.pauses
        self._signing = network.signing_as(key, account_url)
        self._new_nonce = directory.endpoint("newNonce")
        self._kinds = {url: name for name, url in directory.endpoints.items()}

    def for_account(self, url: str) -> Session:
        """The same with the account's URL known, as all requests but newAccount need it."""
        return Session(self.network, self.directory, self.key, url)

    def with_key(self, key: AccountKey, account_url: str | None = None) -> Session:
        """The same CA with another key."""
        return Session(self.network, self.directory, key, account_url)

    def post(
        self,
        url: str,
        payload: Mapping[str, Any] | None,
        what: str = "a request",
        *,
        kind: str | None = None,
        names: Sequence[str] = (),
        renewal: bool = False,
        repeatable: bool | None = None,
        accept: str | None = None,
    ) -> requests.Response:
        """A signed POST, or a POST-as-GET for ``payload`` None (RFC 8555 §6.3).

        ``kind`` is what the CA's pauses go by, for resources that the directory
        doesn't name, ``names`` whom the request is about, and ``renewal`` says
        that the CA has issued for exactly these before. ``repeatable``:
        send again when the connection broke before the answer came. Reading
        always is; see :meth:`Network.post`. A request that came too fast for the CA is
        sent again, see :class:`Throttle`. PausedError when the CA wants none of that kind now.
        """
        options: dict[str, Any] = {"what": what, "new_nonce_url": self._new_nonce}
        if repeatable is not None:
            options["repeatable"] = repeatable
        if accept is not None:
            options["accept"] = accept
        kind = kind or self._kinds.get(url, "other")

        def ask() -> requests.Response:
            self.pauses.check(kind, names, renewal)
            return self._signing.post(url, payload, **options)

        try:
            return self.network.throttle.patiently(ask, names)
        except ProblemError as error:
            # a nonce that a request needs is asked for on the way, and what the CA says to that is noted there
            if error.what != NEW_NONCE:
                self.pauses.note(kind, error, names, renewal)
            raise

    def get(self, url: str, kind: str, what: str) -> requests.Response:
        """An unsigned GET of a resource of this kind; PausedError as for :meth:`post`."""
        with self.pauses.watch(kind):
            return self.network.throttle.patiently(lambda: self.network.get(url, what=what))

    def retry_after(self, response: requests.Response) -> float | None:
        """The seconds that a response asks to wait, or None (RFC 8555 §7.5.1)."""
        return retry_after(response, self.network.clock.now())
