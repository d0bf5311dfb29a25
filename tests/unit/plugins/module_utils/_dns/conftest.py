# SPDX-License-Identifier: GPL-3.0-or-later
"""Responders, their servers and the way to them."""

from __future__ import annotations

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._dns.responder import Responder

from .fakes import FakeClock, FakeExchange, FakeServer

FRA = Responder("fra", ("192.0.2.53",))
SIN = Responder("sin", ("198.51.100.53", "2001:db8::53"))
NYC = Responder("nyc", ("203.0.113.53",), updates=False)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def responders() -> tuple[Responder, ...]:
    """Two primaries, one of them with two addresses, and a follower."""
    return FRA, SIN, NYC


@pytest.fixture
def servers() -> dict[str, FakeServer]:
    """The server of each responder, all with the same two zones."""
    return {name: FakeServer("example.com", "validation.example") for name in ("fra", "sin", "nyc")}


@pytest.fixture
def exchange(responders: tuple[Responder, ...], servers: dict[str, FakeServer]) -> FakeExchange:
    return FakeExchange(
        {endpoint: servers[responder.name] for responder in responders for endpoint in responder.endpoints}
    )
