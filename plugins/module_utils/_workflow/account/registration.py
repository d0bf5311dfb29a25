# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An account of the store, made to be as it should (RFC 8555 §7.3; guide G2, G4, G6, G18)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

from ..._acme.directory import Directory, check_directory_url, fetch_directory
from ..._acme.network import Network
from ..._acme.pauses import Pauses
from ..._core.clock import Clock
from ..._core.errors import Error
from ..._core.files import Files
from ..._core.lock import Lock
from ..._core.name import check_name
from ..._store.accounts import AccountStore
from ..._store.certificates import CertificateStore
from ..._store.layout import authority_name
from ..._store.memory import AccountMemory
from ..._x509.key import PrivateKey, fingerprint_of
from ..connection import Authority
from .look import look
from .plan import plan_absent, plan_present
from .record import WantedAccount
from .report import report_absent, report_present
from .steps import Steps


def keep_account(
    authority: Authority,
    files: Files,
    wanted: WantedAccount | None,
    check: bool,
    clock: Clock,
    *,
    lock_wait: float = 0.0,
) -> dict[str, Any]:
    """Make the account what is wanted, or for None make it gone; the result for the user.

    With ``check`` nothing is written, and the CA is only asked what there is. Without it, another run on the
    store is waited for, ``lock_wait`` seconds.
    """
    check_directory_url(authority.directory)
    store = AccountStore(files, authority_name(authority.directory), check_name(authority.account, "account"))
    if wanted and wanted.key:
        refuse_certificate_key(files, wanted.key)
    if wanted is None and store.key() is None and store.record() is None:
        return report_absent(None, ())
    with nullcontext() if check else Lock(files, lock_wait, clock), _reach(authority, files, check, clock) as reached:
        return settle(store, *reached, wanted, check)


def settle(
    store: AccountStore, network: Network, directory: Directory, wanted: WantedAccount | None, check: bool
) -> dict[str, Any]:
    """Look, plan and carry out, for one account at a CA whose directory has been read; the result for the user."""
    to_bind = wanted is not None and wanted.external_binding is not None
    found = look(store, network, directory, wanted.key if wanted else None, to_bind)
    steps = plan_present(found, wanted, directory) if wanted else plan_absent(found)
    record = None
    if not check:
        record = Steps(store, network, directory, found, wanted or WantedAccount()).carry_out(steps)
    if wanted is None:
        return report_absent(found, steps)
    return report_present(found, wanted, directory, steps, record)


def refuse_certificate_key(files: Files, key: PrivateKey) -> None:
    """Error when a certificate in the store has this key: it can't be an account's, too (guide G18)."""
    fingerprint = fingerprint_of(key)
    for certificate in CertificateStore(files).scan():
        if certificate.issuance and certificate.issuance.get("fingerprint") == fingerprint:
            raise Error(
                f"key_file: this is the key of the certificate {certificate.name}; an account needs one of its own",
                option="key_file",
            )


@contextmanager
def _reach(authority: Authority, files: Files, check: bool, clock: Clock) -> Iterator[tuple[Network, Directory]]:
    memory = AccountMemory(files, authority_name(authority.directory), authority.account)
    pauses = Pauses(clock, memory.recall("pauses"), None if check else partial(memory.remember, "pauses"))
    network = Network(authority.ca_bundle, authority.timeout, 1, clock, pauses=pauses)
    try:
        with pauses.watch("directory"):
            directory = fetch_directory(network, authority.directory)
        yield network, directory
    finally:
        network.close()
