# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opening the conversation with a CA as an account of the store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from .._acme.account import find
from .._acme.directory import check_directory_url, fetch_directory
from .._acme.key import AccountKey
from .._acme.network import PATIENCE, Network
from .._acme.pauses import Pauses
from .._acme.session import Session
from .._core.clock import Clock
from .._core.errors import InputError
from .._core.files import Files
from .._core.name import check_name
from .._store.accounts import AccountStore
from .._store.layout import authority_name
from .._store.memory import AccountMemory
from .._x509.key import load_key
from .account.record import Record, as_account, describe_key


@dataclass(frozen=True)
class Authority:
    """A CA and the account to use there; ``timeout`` in seconds for each request."""

    directory: str
    account: str
    ca_bundle: str | None = None
    timeout: float = 30.0


class OpenSession(Protocol):
    """What :func:`connect` is, so that tests can lead to a CA in memory."""

    def __call__(
        self, authority: Authority, files: Files, width: int, clock: Clock, patience: float = PATIENCE
    ) -> AbstractContextManager[Session]:
        """A session as the registered account."""


def account_in_use(authority: Authority, files: Files) -> str | None:
    """The URL of the account that :func:`connect` would use, or None when there is none yet."""
    store = AccountStore(files, authority_name(authority.directory), check_name(authority.account, "account"))
    url = (store.record() or {}).get("account_uri")
    return url if isinstance(url, str) else None


@contextmanager
def connect_with_key(authority: Authority, key: AccountKey, clock: Clock) -> Iterator[Session]:
    """A session that signs with this key alone, for which there need not be an account."""
    check_directory_url(authority.directory)
    network = Network(authority.ca_bundle, authority.timeout, clock=clock)
    try:
        yield Session(network, fetch_directory(network, authority.directory), key)
    finally:
        network.close()


@contextmanager
def connect(
    authority: Authority, files: Files, width: int, clock: Clock, patience: float = PATIENCE
) -> Iterator[Session]:
    """A session as the registered account, for ``width`` threads; InputError when there is no such account.

    ``patience`` are the seconds for requests that the CA refuses for coming too fast, see :class:`Network`.
    What the CA asked for in earlier runs is kept, and what it asks for now is written down for later ones:
    the caller holds the store's lock. PausedError while the CA wants nobody to read its directory.
    """
    check_directory_url(authority.directory)
    store = AccountStore(files, authority_name(authority.directory), check_name(authority.account, "account"))
    record, pem = Record.from_json(store.record()), store.key()
    if pem is None:
        raise _not_registered(authority)
    key = AccountKey(load_key(pem, f"The account's key in {store.key_path}"))
    memory = AccountMemory(files, authority_name(authority.directory), authority.account)
    memory.sweep()
    pauses = Pauses(clock, memory.recall("pauses"), partial(memory.remember, "pauses"))
    network = Network(authority.ca_bundle, authority.timeout, width, clock, pauses=pauses, patience=patience)
    try:
        with pauses.watch("directory"):
            directory = fetch_directory(network, authority.directory)
        session = Session(network, directory, key)
        yield as_account(session, record or _rebuild_record(authority, store, session))
    finally:
        network.close()


def _rebuild_record(authority: Authority, store: AccountStore, session: Session) -> Record:
    """The record anew, where it is broken or not there: the CA knows the account by the key."""
    account = find(session, to_bind=True)
    if account is None:
        raise _not_registered(authority)
    store.sweep()
    contact = account.contact or ()
    record = Record(
        account_uri=account.url,
        directory=session.directory.url,
        contact=contact,
        contact_shown=account.contact,
        **describe_key(session.key.private_key),
    )
    store.set_record(record.as_dict())
    return record


def _not_registered(authority: Authority) -> InputError:
    reason = f"is not registered at {authority.directory}; module certfleet.acme.account does that"
    return InputError("account", authority.account, reason)
