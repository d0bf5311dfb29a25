# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps that make an account what it should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

from ..._acme.account import deactivate, fetch_account, register, update_contact
from ..._acme.directory import Directory
from ..._acme.key import AccountKey
from ..._acme.key_change import NewKeySession, change_key, refuses_signature, wait_for_new_key
from ..._acme.network import Network
from ..._acme.problem import NetworkError, ProblemError
from ..._acme.session import Session
from ..._core.clock import format_instant
from ..._core.errors import Error
from ..._core.known import known
from ..._store.accounts import AccountStore
from ..._x509.key import PrivateKey, fingerprint_of, key_to_pem, make_key
from .look import Found
from .plan import Step, no_key_change
from .record import DEFAULT_KEY_TYPE, Record, WantedAccount, as_account, describe_key

NOT_IMPLEMENTED = 501
OPEN = "the next run finds out which key the CA knows, and finishes"
CONTACT_REFUSED = ("malformed", "invalidContact", "unsupportedContact")


class Steps:
    """Carries a plan out. Any step can be the last before the power fails.

    A key is on disk before the CA hears of it, and the record is written after
    each of its answers, so that the next look finds out where to go on.
    """

    def __init__(
        self, store: AccountStore, network: Network, directory: Directory, found: Found, wanted: WantedAccount
    ) -> None:
        self._store = store
        self._network = network
        self._directory = directory
        self._found = found
        self._wanted = wanted
        self._key = found.next_key if found.next_in_use else found.key
        self._record = found.record

    def carry_out(self, steps: Sequence[Step]) -> Record | None:
        """Take the steps in this order; the record as it is then."""
        methods = {
            "register": self._register,
            "adopt": self._adopt,
            "finish key change": self._finish_key_change,
            "change contact": self._change_contact,
            "record terms of service": self._record_terms,
            "change key": self._change_key,
            "deactivate": self._deactivate,
            "remove from store": self._remove,
        }
        self._store.sweep()
        for step in steps:
            methods[step]()
        return self._record

    def _register(self) -> None:
        if self._key is None:
            self._key = make_key(self._wanted.key_type or DEFAULT_KEY_TYPE)
        self._keep_key(self._key)
        # a change of the key that the CA knows neither end of
        self._store.drop_next_key()
        contact, binding = self._wanted.contact, self._wanted.external_binding
        if contact is None:
            contact = self._record.contact if self._record else ()
        session = Session(self._network, self._directory, AccountKey(self._key))
        account = register(session, contact, self._wanted.terms_agreed, binding)
        # an account that was there already has kept its own contact
        known_contact = contact if account.is_new else account.contact or ()
        record = self._new_record(self._key, account.url)
        key_id = binding.key_id if binding else None
        self._save(replace(record, contact=known_contact, contact_shown=account.contact, external_key_id=key_id))
        if self._wanted.contact is not None and set(contact) != set(known_contact):
            self._change_contact()

    def _adopt(self) -> None:
        account, key = known(self._found.account), self._known_key()
        self._keep_key(key)
        contact = account.contact or ()
        self._save(replace(self._new_record(key, account.url), contact=contact, contact_shown=account.contact))

    def _new_record(self, key: PrivateKey, url: str) -> Record:
        adopted = fingerprint_of(self._wanted.key) if self._wanted.key else None
        terms = self._directory.terms_of_service if self._wanted.terms_agreed else None
        return Record(
            account_uri=url,
            directory=self._directory.url,
            terms_of_service=terms,
            key_label=self._wanted.key_label,
            adopted=adopted,
            **describe_key(key),
        )

    def _keep_key(self, key: PrivateKey) -> None:
        if not (self._found.in_store and key is self._found.key):
            self._store.set_key(key_to_pem(key))

    def _change_contact(self) -> None:
        contact = self._wanted.contact or ()
        try:
            shown = update_contact(self._session(), contact).contact
        except ProblemError as error:
            # there are CAs that take another contact, but not that there is none; RFC 8555 leaves that to them
            if contact or not any(error.is_(name) for name in CONTACT_REFUSED):
                raise
            shown = self._found.account.contact if self._found.account else None
        self._save(replace(self._known_record(), contact=contact, contact_shown=shown))

    def _record_terms(self) -> None:
        self._save(replace(self._known_record(), terms_of_service=self._directory.terms_of_service))

    def _change_key(self) -> None:
        record = self._known_record()
        key = make_key(self._wanted.key_type or record.key_type)
        self._store.set_next_key(key_to_pem(key))
        self._send_key(key)
        self._settle(key)

    def _finish_key_change(self) -> None:
        """Go on where a change of the key was cut off: before, during or after the CA heard of it."""
        key = self._found.next_key or self._known_key()
        if self._found.next_key is not None and not self._found.next_in_use:
            self._send_key(key)
        self._settle(key)

    def _send_key(self, key: PrivateKey) -> None:
        session = self._session()
        if "keyChange" not in self._directory.endpoints:
            self._store.drop_next_key()
            raise no_key_change(self._directory, self._wanted)
        try:
            change_key(session, AccountKey(key))
        except ProblemError as error:
            # RFC 8555 §7.3.5: 409 is for a key that has an account, and that may be ours
            if (error.problem.status == 409 or refuses_signature(error)) and self._has_key(session, key):
                return
            self._judge_refusal(error)
        except NetworkError as error:
            raise NetworkError(f"{error.message}; {OPEN}", error.uncertain, **error.details) from error

    def _has_key(self, session: Session, key: PrivateKey) -> bool:
        """Whether the key is the account's already, as after an answer that was lost."""
        account = session.with_key(AccountKey(key), session.account_url)
        try:
            fetch_account(NewKeySession(account, self._network.clock.now()))
        except ProblemError as error:
            if error.uncertain or error.asks_to_wait:
                raise
            return False
        return True

    def _judge_refusal(self, error: ProblemError) -> NoReturn:
        """Refused for certain, the old key stays and the next attempt makes another one; else the next run finds out."""
        status = error.problem.status or 500
        if status >= 500 and status != NOT_IMPLEMENTED:
            raise Error(f"{error.message}; {OPEN}", **error.details) from error
        self._store.drop_next_key()
        if status == NOT_IMPLEMENTED:
            raise no_key_change(self._directory, self._wanted) from error
        raise error

    def _settle(self, key: PrivateKey) -> None:
        """Have a key that the CA knows in its place, and in the record."""
        if self._store.next_key() is not None:
            self._store.promote_next_key()
        self._key = key
        if self._record is not None:
            label = self._record.key_label if self._wanted.key_label is None else self._wanted.key_label
            now = format_instant(self._network.clock.now())
            self._save(replace(self._record, key_label=label, key_changed=now, **describe_key(key)))
        wait_for_new_key(self._session())

    def _deactivate(self) -> None:
        deactivate(self._session(known(self._found.account).url))

    def _remove(self) -> None:
        self._store.remove()
        self._record = None

    def _session(self, url: str | None = None) -> Session:
        found = self._found.account.url if self._found.account else None
        url = url or found or self._known_record().account_uri
        session = Session(self._network, self._directory, AccountKey(self._known_key()), url)
        if self._record is None or self._record.account_uri != url:
            return session
        return as_account(session, self._record)

    def _known_key(self) -> PrivateKey:
        if self._key is None:
            raise RuntimeError("a step that needs the account's key came before there was one")
        return self._key

    def _known_record(self) -> Record:
        return known(self._record)

    def _save(self, record: Record) -> None:
        self._store.set_record(record.as_dict())
        self._record = record
