# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA in memory and sessions with it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._acme.account import register
from ansible_collections.certfleet.acme.plugins.module_utils._acme.directory import fetch_directory
from ansible_collections.certfleet.acme.plugins.module_utils._acme.key import AccountKey
from ansible_collections.certfleet.acme.plugins.module_utils._acme.network import Network
from ansible_collections.certfleet.acme.plugins.module_utils._acme.session import Session
from cryptography.hazmat.primitives.asymmetric import ec

from tests.unit.plugins.module_utils._acme.fakes import DIRECTORY, FakeCa, FakeClock


def make_key() -> AccountKey:
    """A new key on P-256."""
    return AccountKey(ec.generate_private_key(ec.SECP256R1()))


@pytest.fixture
def ca() -> FakeCa:
    return FakeCa()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def network(ca: FakeCa, clock: FakeClock) -> Network:
    return Network(transport=ca, clock=clock)


@pytest.fixture
def open_session(network: Network) -> Callable[[], Session]:
    """Makes a session with a new key, read from the CA's directory as it is then."""
    return lambda: Session(network, fetch_directory(network, DIRECTORY), make_key())


@pytest.fixture
def session(open_session: Callable[[], Session]) -> Session:
    """A session whose key has no account yet."""
    return open_session()


@pytest.fixture
def registered(session: Session) -> Session:
    """A session with an account."""
    return session.for_account(register(session, ["mailto:ops@example.com"], terms_agreed=True).url)
