# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA in memory that answers as far as a behaviour looks, a clock that stands still, and signed requests."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.lab.ca_messages import NEW_NONCE, RENEWAL_INFO, Pass, Reply, Request, path_of

HOST = "ca.test:14000"
ACCOUNT = "/my-account/1"


class FakeClock:
    """Says the time that it is set to."""

    def __init__(self) -> None:
        self.now = 1_795_946_400.0  # 2026-11-29 10:00:00 UTC

    def __call__(self) -> float:
        return self.now


class FakeCa:
    """Kind: each newOrder makes a new order, and finalize makes it valid at once."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.orders: dict[str, dict[str, Any]] = {}
        self.authorizations: dict[str, dict[str, Any]] = {}
        self.certificates: set[str] = set()
        """The identifiers of certificates that it has renewal information about."""

    def __call__(self, request: Request) -> Reply:
        self.requests.append(request)
        match request.kind:
            case "newNonce":
                return Reply(200, [("Replay-Nonce", f"fresh-{len(self.requests)}")])
            case "newOrder":
                return self._make_order(request)
            case "order" | "finalize":
                order = self.orders[request.path.rpartition("/")[2]]
                if request.kind == "finalize":
                    order |= {"status": "valid", "certificate": _url("/certZ/1")}
                return Reply(200).saying(order)
            case "authorization":
                return Reply(200).saying(self.authorizations[request.path])
            case "renewalInfo":
                return Reply(200 if request.path.removeprefix(f"{RENEWAL_INFO}/") in self.certificates else 404)
        return Reply(200).saying({"url": _url(request.path), "status": "processing"})

    def _make_order(self, request: Request) -> Reply:
        number = str(len(self.orders) + 1)
        paths = []
        for index, identifier in enumerate(request.payload["identifiers"]):
            paths.append(f"/authZ/{number}-{index}")
            challenges = [
                {"type": kind, "url": _url(f"/chalZ/{number}-{index}-{kind}"), "status": "pending"}
                for kind in ("dns-01", "http-01")
            ]
            authorization = {"identifier": identifier, "status": "pending", "challenges": challenges}
            self.authorizations[paths[-1]] = authorization
        self.orders[number] = {
            "status": "pending",
            "identifiers": request.payload["identifiers"],
            "authorizations": [_url(path) for path in paths],
            "finalize": _url(f"/finalize-order/{number}"),
        }
        return Reply(201, [("Location", _url(f"/my-order/{number}"))]).saying(self.orders[number])


def signed(path: str, payload: Mapping[str, Any] | None = None, account: str = ACCOUNT) -> Request:
    """A POST; nobody looks at its signature."""
    protected = {"alg": "ES256", "kid": _url(account), "nonce": "from-before", "url": _url(path)}
    body = {"protected": _encode(protected), "payload": _encode(payload) if payload else "", "signature": "c2ln"}
    return Request("POST", path, {"Host": HOST}, json.dumps(body).encode())


def ask_for_nonce() -> Request:
    """A HEAD to newNonce."""
    return Request("HEAD", NEW_NONCE, {"Host": HOST})


def new_order(*names: str, account: str = ACCOUNT, **more: str) -> Request:
    """A request for an order of these names."""
    payload = {"identifiers": [{"type": "dns", "value": name} for name in names], **more}
    return signed("/order-plz", payload, account)


def issue(ask: Pass, names: Sequence[str], **more: str) -> Reply:
    """Order and finalize; the answer to the last request that was sent."""
    made = ask(new_order(*names, **more))
    return ask(signed(path_of(made.document["finalize"]), {"csr": "…"})) if made.status == 201 else made


def _url(path: str) -> str:
    return f"https://{HOST}{path}"


def _encode(document: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")
