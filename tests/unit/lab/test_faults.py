# SPDX-License-Identifier: GPL-3.0-or-later
"""Small oddities of CAs, one effect each."""

from __future__ import annotations

import threading

import pytest

from tests.lab.ca_faults import (
    Effect,
    clock_off,
    lagging_lookup,
    lagging_order,
    not_pending,
    text_before_pem,
    without_certificate_url,
)
from tests.lab.ca_messages import Reply

NOON = 1_795_953_600.0  # 2026-11-29 12:00:00 UTC


def strike(effect: Effect, reply: Reply) -> Reply:
    """What a client gets when the CA gives this reply."""
    struck = effect.strike(lambda: reply, threading.Event())
    assert struck is not None
    return struck


@pytest.mark.parametrize(
    ("effect", "status", "kind", "detail"),
    [
        (lagging_order(), 403, "orderNotReady", 'Order\'s status ("pending") is not acceptable for finalization'),
        (lagging_lookup(), 404, "malformed", "No order found for this ID"),
        (not_pending(), 400, "malformed", "authorization must be pending"),
    ],
    ids=lambda value: value.name if isinstance(value, Effect) else "",
)
def test_refusals_that_pass(effect: Effect, status: int, kind: str, detail: str) -> None:
    reply = strike(effect, Reply(200))
    assert reply.status == status
    assert reply.document == {"type": f"urn:ietf:params:acme:error:{kind}", "detail": detail, "status": status}


def test_text_before_the_pem() -> None:
    body = strike(text_before_pem(), Reply(200, (), b"-----BEGIN CERTIFICATE-----\n")).body
    assert body.startswith(b"subject=")
    assert body.endswith(b"\n\n-----BEGIN CERTIFICATE-----\n")
    assert strike(text_before_pem(), Reply(503, (), b"busy")).body == b"busy"


def test_a_valid_order_without_a_certificate_url() -> None:
    order = {"status": "valid", "certificate": "https://ca.test/certZ/1", "expires": "…"}
    assert strike(without_certificate_url(), Reply(200).saying(order)).document == {"status": "valid", "expires": "…"}


def test_dates_of_a_clock_that_is_behind() -> None:
    effect = clock_off(-200, lambda: NOON)
    reply = strike(effect, Reply(200, [("Retry-After", "3"), ("Content-Type", "application/json")], b"{}"))
    assert reply.header("Date") == "Sun, 29 Nov 2026 11:56:40 GMT"
    assert reply.header("Retry-After") == "Sun, 29 Nov 2026 11:56:43 GMT"
    assert reply.header("Content-Type") == "application/json"
    assert strike(effect, Reply(200)).header("Retry-After") is None
