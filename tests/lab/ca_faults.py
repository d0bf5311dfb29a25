# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong between a client and its CA, and which requests it happens to; for the proxy in ca_proxy.py."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import Any, Literal

from .ca_messages import Kind, Reply, problem

Forward = Callable[[], Reply]
Strike = Callable[[Forward, threading.Event], "Reply | None"]


@dataclass(frozen=True)
class Effect:
    """What happens to a request: ``strike`` gets a way to pass it on, and what is set when the proxy ends.

    What it returns is what the client gets; for None the connection is closed instead.
    """

    name: str
    strike: Strike


When = Callable[[int], bool]
"""Whether it happens to the request of this number, counted from 1 among those of the kind."""


@dataclass
class Rule:
    """An effect, and the requests that it happens to; ``asked`` counts those of the kind, ``struck`` those hit."""

    kind: Kind | Literal["any"]
    effect: Effect
    when: When
    asked: int = 0
    struck: int = 0


# When


def always(_number: int) -> bool:
    """Every time."""
    return True


def first(count: int = 1) -> When:
    """The first so many times."""
    return lambda number: number <= count


def nth(wanted: int) -> When:
    """Once, the time of this number."""
    return lambda number: number == wanted


def every(step: int) -> When:
    """Each second, third … time."""
    return lambda number: number % step == 0


def faster_than(rate: float, burst: int = 0) -> When:
    """Those that come faster than ``rate`` a second, as nginx' limit_req with nodelay sees it."""
    excess, last = 0.0, float("-inf")

    def too_fast(_number: int) -> bool:
        nonlocal excess, last
        now = time.monotonic()
        more = max(0.0, excess - (now - last) * rate + 1) if last > 0 else 0.0
        if more > burst:
            return True
        excess, last = more, now
        return False

    return too_fast


# What


def answer(status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Effect:
    """An answer of the proxy's own: the CA never hears of the request."""
    return Effect(f"HTTP {status}", lambda _forward, _ended: Reply(status, tuple((headers or {}).items()), body))


def refuse(
    status: int,
    name: str,
    detail: str,
    retry_after: str | None = None,
    subproblems: Sequence[Mapping[str, Any]] = (),
) -> Effect:
    """A problem document is the answer, and the CA never hears of the request."""
    reply = problem(status, name, detail, retry_after=retry_after, subproblems=subproblems)
    return Effect(f"{status} {name}", lambda _forward, _ended: reply)


def web_page(status: int = 503, retry_after: str | None = None) -> Effect:
    """A page for people is the answer, as of an overloaded server in front of the CA."""
    headers = {"Content-Type": "text/html", **({"Retry-After": retry_after} if retry_after else {})}
    page = b"<html><head><title>Busy</title></head><body><h1>Please wait</h1></body></html>"
    return replace(answer(status, headers, page), name=f"{status} as a web page")


def lose_request() -> Effect:
    """The connection breaks before the CA hears of the request."""
    return Effect("request lost", lambda _forward, _ended: None)


def lose_answer() -> Effect:
    """The connection breaks when the CA has done what was asked."""

    def strike(forward: Forward, _ended: threading.Event) -> None:
        forward()

    return Effect("answer lost", strike)


def lose_to_gateway(status: int = 504) -> Effect:
    """A server in front of the CA gives up, and the CA has done what was asked."""

    def strike(forward: Forward, _ended: threading.Event) -> Reply:
        forward()
        return Reply(status, (("Content-Type", "text/html"),), b"<html><body><h1>Gateway Timeout</h1></body></html>")

    return Effect(f"{status} after the effect", strike)


def hang(seconds: float = 30.0) -> Effect:
    """Nothing is answered for so long, then the connection ends; the CA never hears of the request."""

    def strike(_forward: Forward, ended: threading.Event) -> None:
        ended.wait(seconds)

    return Effect("hangs", strike)


def delay(seconds: float) -> Effect:
    """The answer comes so much later."""

    def strike(forward: Forward, ended: threading.Event) -> Reply:
        reply = forward()
        ended.wait(seconds)
        return reply

    return Effect("late answer", strike)


def drip(seconds: float = 0.5) -> Effect:
    """The answer comes byte by byte with so much time between them, which no timeout for a single read notices."""
    return Effect("dripping answer", lambda forward, _ended: replace(forward(), pace=seconds))


def drip_head(seconds: float = 0.5) -> Effect:
    """The same from the first byte on."""
    return Effect("dripping head", lambda forward, _ended: replace(forward(), slow_head=seconds))


def spoil_nonce() -> Effect:
    """The nonce in the answer is none that the CA knows: it refuses the next request that carries it."""

    def strike(forward: Forward, _ended: threading.Event) -> Reply:
        reply = forward()
        headers = [(name, value) for name, value in reply.headers if name.lower() != "replay-nonce"]
        return replace(reply, headers=[*headers, ("Replay-Nonce", "spoilt-on-the-way")])

    return Effect("spoilt nonce", strike)


def break_json() -> Effect:
    """The answer ends in the middle of its JSON, and yet is whole as far as HTTP can tell."""

    def strike(forward: Forward, _ended: threading.Event) -> Reply:
        reply = forward()
        return replace(reply, body=reply.body[: len(reply.body) // 2])

    return Effect("malformed JSON", strike)


def swell(size: int = 4 << 20) -> Effect:
    """The answer is far too long."""

    def strike(forward: Forward, _ended: threading.Event) -> Reply:
        reply = forward()
        return replace(reply, body=reply.body + b" " * size)

    return Effect("endless answer", strike)


def rewrite(name: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Effect:
    """The JSON object in the answer says something else."""

    def strike(forward: Forward, _ended: threading.Event) -> Reply:
        reply = forward()
        if reply.status >= 400 or not isinstance(reply.document, dict):
            return reply
        return replace(reply, body=json.dumps(change(reply.document)).encode())

    return Effect(name, strike)


def without_certificate_url() -> Effect:
    """An order is `valid`, and does not say yet where its certificate is."""
    return rewrite("no certificate URL", lambda order: {name: order[name] for name in order if name != "certificate"})


def text_before_pem(text: str = "subject=CN = www.fleet.test\nissuer=CN = Some CA\n\n") -> Effect:
    """The certificate comes with text before its first PEM block, as ``openssl x509 -text`` writes it."""

    def strike(forward: Forward, _ended: threading.Event) -> Reply:
        reply = forward()
        return replace(reply, body=text.encode() + reply.body) if reply.status == 200 else reply

    return Effect("text before the PEM", strike)


def lagging_order() -> Effect:
    """Finalize comes to a replica that has not heard of the validation yet; right for the first time."""
    return refuse(403, "orderNotReady", 'Order\'s status ("pending") is not acceptable for finalization')


def lagging_lookup() -> Effect:
    """An order is unknown to a replica that has not heard of it yet; right for the first time."""
    return refuse(404, "malformed", "No order found for this ID")


def not_pending() -> Effect:
    """The POST to a challenge comes to a CA that has begun with it before; right for the first time."""
    return refuse(400, "malformed", "authorization must be pending")


def clock_off(seconds: float = -200.0, clock: Callable[[], float] = time.time) -> Effect:
    """The CA's clock differs by so much from ours: `Date` says so, and Retry-After is a date by that clock."""

    def strike(forward: Forward, _ended: threading.Event) -> Reply:
        reply = forward()
        there = clock() + seconds
        wait = reply.header("Retry-After") or ""
        dated = reply.with_header("Date", formatdate(there, usegmt=True))
        if not wait.isdecimal():
            return dated
        return dated.with_header("Retry-After", formatdate(there + int(wait), usegmt=True))

    return Effect(f"clock off by {seconds:+.0f} s", strike)


def still_processing() -> Effect:
    """An order for which there is a certificate looks as if the CA still worked on it."""

    def change(order: dict[str, Any]) -> dict[str, Any]:
        if order.get("status") != "valid":
            return order
        return {name: value for name, value in order.items() if name != "certificate"} | {"status": "processing"}

    return rewrite("stays processing", change)


def failed_order() -> Effect:
    """An order looks as if a validation had failed; goes together with :func:`failed_authorization`."""
    return rewrite("order invalid", lambda order: {**order, "status": "invalid"})


def failed_authorization(names: Sequence[str] = ("ns1", "ns2")) -> Effect:
    """An authorization looks as if it had failed in several places, one subproblem for each of these words."""

    def change(authorization: dict[str, Any]) -> dict[str, Any]:
        identifier = authorization.get("identifier")
        parts = [
            {"type": "urn:ietf:params:acme:error:dns", "detail": f"seen from {name}", "identifier": identifier}
            for name in names
        ]
        error = {
            "type": "urn:ietf:params:acme:error:compound",
            "detail": "secondary validation failed",
            "subproblems": parts,
        }
        challenges = [
            {**each, "status": "invalid", "error": error} if each.get("type") == "dns-01" else each
            for each in authorization.get("challenges", [])
        ]
        return {**authorization, "status": "invalid", "challenges": challenges}

    return rewrite("authorization invalid", change)
