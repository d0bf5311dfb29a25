# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an account is now, in the store and at the CA."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..._acme.account import Account, fetch_account, find
from ..._acme.directory import Directory
from ..._acme.key import AccountKey
from ..._acme.network import Network
from ..._acme.problem import ProblemError
from ..._acme.session import Session
from ..._core.errors import Error
from ..._store.accounts import AccountStore
from ..._x509.key import PrivateKey, fingerprint_of, key_type_of, load_key
from .record import Record, as_account

NOT_KNOWN = ("accountDoesNotExist", "unauthorized", "malformed")


@dataclass(frozen=True)
class Found:
    """The account as it was found.

    ``account`` is what the CA knows by the key, None when it knows nothing.
    ``next_key`` is there when a change of the key was cut off;
    ``next_in_use`` says that the CA had taken it. ``in_store`` is false for a
    key from the user's file. ``reason`` is the CA's for closing the account.
    """

    record: Record | None = None
    key: PrivateKey | None = field(default=None, repr=False)
    next_key: PrivateKey | None = field(default=None, repr=False)
    account: Account | None = None
    next_in_use: bool = False
    in_store: bool = True
    reason: str = ""

    @property
    def change_cut_off(self) -> bool:
        """Whether a change of the key has begun and isn't in the record yet."""
        if self.account is None or self.key is None:
            return False
        recorded = self.record is None or self.record.fingerprint == fingerprint_of(self.key)
        return self.next_key is not None or not recorded

    @property
    def key_type(self) -> str | None:
        """The type of the key, or of the one that a change of it ends with; None when there is none yet."""
        key = self.next_key if self.change_cut_off and self.next_key else self.key
        return None if key is None else key_type_of(key)


def look(
    store: AccountStore,
    network: Network,
    directory: Directory,
    own_key: PrivateKey | None = None,
    to_bind: bool = False,
) -> Found:
    """Read the store and ask the CA; nothing is changed.

    ``own_key`` is one of the user's to take over; ``to_bind`` says that there is a binding to register with.
    Error when the store has another key than that one.
    """
    record = Record.from_json(store.record())
    key = _load(store.key(), f"The account's key in {store.key_path}")
    next_key = _load(store.next_key(), f"The account's next key, beside {store.key_path},")
    if own_key is not None and key is not None:
        _check_own_key(own_key, key, record)
    in_store = key is not None
    key = key or own_key
    if key is None:
        return Found(record)
    session = Session(network, directory, AccountKey(key))
    account, next_in_use, reason = _ask(session, record, next_key, to_bind)
    return Found(record, key, next_key, account, next_in_use, in_store, reason)


def _check_own_key(own_key: PrivateKey, key: PrivateKey, record: Record | None) -> None:
    """A key that was taken over may have been changed since; any other than that is a mistake."""
    fingerprint = fingerprint_of(own_key)
    if fingerprint != fingerprint_of(key) and (record is None or record.adopted != fingerprint):
        raise Error("key_file: the account has another key in the store already", option="key_file")


def _ask(
    session: Session, record: Record | None, next_key: PrivateKey | None, to_bind: bool
) -> tuple[Account | None, bool, str]:
    """What the CA knows by the key; by the next one when a change was cut off; why it closed the account."""
    if next_key is None:
        return _read(session, record, to_bind)
    account, _in_use, reason = _find(session, to_bind)
    if account is not None:
        return account, False, reason
    following = session.with_key(AccountKey(next_key))
    account, _in_use, reason = _find(following, to_bind)
    if account is not None or not to_bind or record is None:
        return account, account is not None, reason
    # the next key first: some front ends of the CA may still take the former one
    account = _by_url(following, record)
    return account or _by_url(session, record), account is not None, ""


def _read(session: Session, record: Record | None, to_bind: bool) -> tuple[Account | None, bool, str]:
    """The account by its URL where that is known, as every CA shows it so; else by its key."""
    fingerprint = fingerprint_of(session.key.private_key)
    if record and record.directory == session.directory.url and record.fingerprint == fingerprint:
        account = _by_url(session, record)
        if account is not None:
            return account, False, ""
    return _find(session, to_bind)


def _by_url(session: Session, record: Record) -> Account | None:
    """The account of the record, or None when the CA does not know it, or not with the session's key."""
    try:
        return fetch_account(as_account(session, record))
    except ProblemError as error:
        if not any(error.is_(name) for name in NOT_KNOWN):
            raise
        return None


def _find(session: Session, to_bind: bool) -> tuple[Account | None, bool, str]:
    try:
        return find(session, to_bind), False, ""
    except ProblemError as error:
        # what a CA says to the key of an account that is closed (RFC 8555 §7.3.6)
        if not error.is_("unauthorized"):
            raise
        return Account("", "deactivated"), False, error.problem.reason


def _load(pem: bytes | None, what: str) -> PrivateKey | None:
    return None if pem is None else load_key(pem, what)
