# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA in memory, behind the interface of a requests adapter; it checks each signature as RFC 8555 §6 asks."""

from __future__ import annotations

import io
import json
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import josepy
import requests
from acme.jws import JWS
from ansible_collections.certfleet.acme.plugins.module_utils._acme.problem import PREFIX
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

HOST = "https://ca.test"
DIRECTORY = f"{HOST}/dir"


class FakeClock:
    """Time that only moves when somebody sleeps, and then by exactly as much."""

    def __init__(self) -> None:
        self.start = datetime(2026, 11, 23, 4, 0, tzinfo=timezone.utc)
        self.seconds = 0.0
        self.slept: list[float] = []

    @property
    def time(self) -> datetime:
        return self.start + timedelta(seconds=self.seconds)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.start.timestamp() + self.seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


@dataclass
class Answer:
    """What the CA sends back."""

    status: int = 200
    document: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes | None = None

    @property
    def body(self) -> bytes:
        if self.content is not None:
            return self.content
        return b"" if self.document is None else json.dumps(self.document).encode()


def refusal(name: str, status: int = 403, detail: str = "", **headers: str) -> Answer:
    """A problem document."""
    return Answer(
        status,
        {"type": PREFIX + name, "detail": detail},
        {key.replace("_", "-"): value for key, value in headers.items()},
    )


@dataclass
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    protected: dict[str, Any] = field(default_factory=dict)
    payload: Any = None


@dataclass
class KnownAccount:
    """An account in the CA's books."""

    url: str
    key: josepy.JWK
    contact: list[str]
    status: str = "valid"
    agreed: bool = False
    bound_to: str | None = None


class FakeCa(HTTPAdapter):
    """Directory, nonces, accounts and key changes; other paths answer what ``routes`` says.

    ``before`` and ``after`` hold, by path, exceptions that strike before a request is handled or
    when its answer should come back. ``script`` holds, by path, answers to give instead of the usual ones.
    ``binds_searches``: even the search for an account needs a binding. ``shown_contact`` is how contacts come back.
    After a change of the key, requests of the account are for ``stale_requests`` times checked with its former one,
    as by front ends that have not heard of the new one. A wrong signature is a defect of the test's, but for
    ``refuses_signatures``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.meta: dict[str, Any] = {"termsOfService": f"{HOST}/terms/1"}
        self.mac_keys: dict[str, bytes] = {}
        self.accounts: list[KnownAccount] = []
        self.shows_meta = True
        self.leaves_out: tuple[str, ...] = ()
        self.shows_contact = True
        self.shown_contact: Callable[[list[str]], Any] = list
        self.binds_searches = False
        self.stale_requests = 0
        self.refuses_signatures = False
        self._former_keys: dict[str, josepy.JWK] = {}
        self.seen: list[Seen] = []
        self.before: dict[str, deque[Exception]] = {}
        self.after: dict[str, deque[Exception]] = {}
        self.script: dict[str, deque[Answer]] = {}
        self.routes: dict[str, Callable[[Seen], Answer]] = {}
        self.no_nonces = False
        self._nonces: set[str] = set()
        self._count = 0
        self._lock = threading.Lock()

    # the interface of an adapter

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        assert request.url is not None
        assert request.url.startswith(HOST), f"a request for another server: {request.url}"
        path = request.url.removeprefix(HOST)
        with self._lock:
            seen = Seen(request.method or "", path, dict(request.headers))
            self.seen.append(seen)
            _strike(self.before, path)
            answer = self._answer(seen, request)
            _strike(self.after, path)
            return self._response(request, answer)

    def close(self) -> None:
        pass

    def paths(self, method: str = "POST") -> list[str]:
        """What was asked for, in order."""
        return [each.path for each in self.seen if each.method == method]

    # how it answers

    def _answer(self, seen: Seen, request: requests.PreparedRequest) -> Answer:
        refused = self._read_jws(seen, request) if seen.method == "POST" else None
        if refused:
            return refused
        if self.script.get(seen.path):
            return self.script[seen.path].popleft()
        usual = {
            "/dir": lambda _seen: Answer(document=self.directory()),
            "/nonce": lambda _seen: Answer(204),
            "/new-account": self._new_account,
            "/key-change": self._key_change,
        } | {each.url.removeprefix(HOST): self._account for each in self.accounts}
        handler = (usual | self.routes).get(seen.path)
        return handler(seen) if handler else Answer(404, content=b"<html><body>no such page</body></html>")

    def directory(self) -> dict[str, Any]:
        paths = {"newNonce": "nonce", "newAccount": "new-account", "newOrder": "new-order", "keyChange": "key-change"}
        names = {name: f"{HOST}/{path}" for name, path in paths.items() if name not in self.leaves_out}
        return names | ({"meta": self.meta} if self.shows_meta else {})

    def _read_jws(self, seen: Seen, request: requests.PreparedRequest) -> Answer | None:
        """Check the signature (RFC 8555 §6.2 to §6.5), and put into ``seen`` what was signed."""
        assert request.headers["Content-Type"] == "application/jose+json"
        assert isinstance(request.body, bytes)
        outer = json.loads(request.body)
        seen.protected = json.loads(josepy.decode_b64jose(outer["protected"]))
        payload = josepy.decode_b64jose(outer["payload"])
        seen.payload = json.loads(payload) if payload else None
        assert seen.protected["url"] == HOST + seen.path
        if seen.protected["nonce"] not in self._nonces:
            return refusal("badNonce", 400)
        self._nonces.discard(seen.protected["nonce"])
        assert ("jwk" in seen.protected) != ("kid" in seen.protected)
        former = self._former_key(seen)
        if former and not JWS.from_json(outer).verify(former):
            return refusal("malformed", 400, "JWS verification error")
        key = former or self._key_of(seen)
        if key and self.refuses_signatures and not JWS.from_json(outer).verify(key):
            return refusal("malformed", 400, "JWS verification error")
        assert key is None or JWS.from_json(outer).verify(key), "the signature is wrong"
        return None if key else refusal("accountDoesNotExist", 400)

    def _former_key(self, seen: Seen) -> josepy.JWK | None:
        """The account's former key, while that is the one that counts."""
        former = self._former_keys.get(seen.protected.get("kid", ""))
        if former is None or not self.stale_requests:
            return None
        self.stale_requests -= 1
        return former

    def _key_of(self, seen: Seen) -> josepy.JWK | None:
        if "jwk" in seen.protected:
            assert "d" not in seen.protected["jwk"], "a private key was sent"
            return josepy.JWK.from_json(seen.protected["jwk"])
        return next((each.key for each in self.accounts if each.url == seen.protected["kid"]), None)

    def _new_account(self, seen: Seen) -> Answer:
        if self.binds_searches and "externalAccountBinding" not in seen.payload:
            return refusal("externalAccountRequired", 403, "a binding is missing")
        return self._find_or_register(seen)

    def _find_or_register(self, seen: Seen) -> Answer:
        key = josepy.JWK.from_json(seen.protected["jwk"])
        found = self._account_with(key)
        if found and found.status != "valid":
            return refusal("unauthorized", 403, "the account is deactivated")
        if found:
            return self._tell(found)
        if seen.payload.get("onlyReturnExisting"):
            return refusal("accountDoesNotExist", 400)
        if self.meta.get("termsOfService") and not seen.payload.get("termsOfServiceAgreed"):
            return refusal("userActionRequired", 403, "agree to the terms")
        bound_to = self._bound_to(seen, key)
        if self.meta.get("externalAccountRequired") and bound_to is None:
            return refusal("externalAccountRequired", 403)
        account = KnownAccount(f"{HOST}/account/{len(self.accounts) + 1}", key, seen.payload.get("contact", []))
        account.agreed, account.bound_to = True, bound_to
        self.accounts.append(account)
        return self._tell(account, 201)

    def _bound_to(self, seen: Seen, key: josepy.JWK) -> str | None:
        """The customer that a valid external account binding names (RFC 8555 §7.3.4)."""
        binding = seen.payload.get("externalAccountBinding")
        if binding is None:
            return None
        protected = json.loads(josepy.decode_b64jose(binding["protected"]))
        assert set(protected) == {"alg", "kid", "url"}
        assert protected["url"] == f"{HOST}/new-account"
        assert josepy.JWK.from_json(json.loads(josepy.decode_b64jose(binding["payload"]))) == key
        mac_key = self.mac_keys.get(protected["kid"])
        if mac_key is None or not JWS.from_json(binding).verify(josepy.JWKOct(key=mac_key)):
            return None
        return str(protected["kid"])

    def _key_change(self, seen: Seen) -> Answer:
        """RFC 8555 §7.3.5, both signatures."""
        account = next(each for each in self.accounts if each.url == seen.protected["kid"])
        inner = json.loads(josepy.decode_b64jose(seen.payload["protected"]))
        claim = json.loads(josepy.decode_b64jose(seen.payload["payload"]))
        new_key = josepy.JWK.from_json(inner["jwk"])
        assert set(inner) == {"alg", "jwk", "url"}
        assert inner["url"] == seen.protected["url"]
        assert JWS.from_json(seen.payload).verify(new_key)
        assert claim["account"] == account.url
        assert josepy.JWK.from_json(claim["oldKey"]) == account.key
        other = self._account_with(new_key)
        if other:
            return Answer(409, {"type": PREFIX + "malformed", "detail": "key in use"}, {"Location": other.url})
        self._former_keys[account.url], account.key = account.key, new_key
        return self._tell(account)

    def _account(self, seen: Seen) -> Answer:
        account = next(each for each in self.accounts if each.url == HOST + seen.path)
        if seen.protected.get("kid") != account.url or account.status != "valid":
            return refusal("unauthorized", 401)
        changes = seen.payload or {}
        account.contact = changes.get("contact", account.contact)
        account.status = changes.get("status", account.status)
        return self._tell(account)

    def _tell(self, account: KnownAccount, status: int = 200) -> Answer:
        document: dict[str, Any] = {"status": account.status, "orders": f"{account.url}/orders"}
        if self.shows_contact:
            document["contact"] = self.shown_contact(account.contact)
        return Answer(status, document, {"Location": account.url})

    def _account_with(self, key: josepy.JWK) -> KnownAccount | None:
        return next((each for each in self.accounts if each.key.thumbprint() == key.thumbprint()), None)

    def _response(self, request: requests.PreparedRequest, answer: Answer) -> requests.Response:
        headers = dict(answer.headers)
        if not self.no_nonces and request.method != "GET" and "Replay-Nonce" not in headers:
            self._count += 1
            headers["Replay-Nonce"] = f"nonce-{self._count:06}"
            self._nonces.add(headers["Replay-Nonce"])
        raw = HTTPResponse(io.BytesIO(answer.body), headers, answer.status, reason="Reason", preload_content=False)
        return self.build_response(request, raw)

    def forget_nonces(self) -> None:
        """As a CA that was restarted."""
        self._nonces.clear()


def _strike(faults: dict[str, deque[Exception]], path: str) -> None:
    if faults.get(path):
        raise faults[path].popleft()
