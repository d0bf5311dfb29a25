# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's protocol layer with the lab's CA."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._acme.account import register
from ansible_collections.certfleet.acme.plugins.module_utils._acme.directory import fetch_directory
from ansible_collections.certfleet.acme.plugins.module_utils._acme.key import AccountKey
from ansible_collections.certfleet.acme.plugins.module_utils._acme.network import Network
from ansible_collections.certfleet.acme.plugins.module_utils._acme.session import Session
from ansible_collections.certfleet.acme.plugins.module_utils._x509.key import make_key

from tests.lab import Lab
from tests.lab.ca_proxy import CaProxy


@pytest.fixture
def network(lab: Lab) -> Iterator[Network]:
    network = Network(str(lab.ca_bundle), timeout=20, width=16)
    yield network
    network.close()


@pytest.fixture
def session(lab: Lab, network: Network) -> Session:
    """As a new account."""
    return open_account(network, lab.directory)


@pytest.fixture
def through_proxy(proxy: CaProxy) -> Iterator[Session]:
    """As a new account by way of the proxy, which has forgotten what it saw until then."""
    network = Network(str(proxy.ca_bundle), timeout=2)
    session = open_account(network, proxy.directory)
    proxy.forget()
    yield session
    network.close()


def open_account(network: Network, directory: str, key_type: str = "ecdsa-p256") -> Session:
    """A session with a new account."""
    session = Session(network, fetch_directory(network, directory), AccountKey(make_key(key_type)))
    return session.for_account(register(session, terms_agreed=True).url)
