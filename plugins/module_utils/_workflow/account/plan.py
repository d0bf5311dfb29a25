# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be done for an account to be as it should: a decision without any effect."""

from __future__ import annotations

from typing import Literal

from ..._acme.account import Account
from ..._acme.directory import Directory
from ..._core.errors import Error
from .look import Found
from .record import Record, WantedAccount

Step = Literal[
    "register",
    "adopt",
    "finish key change",
    "change contact",
    "record terms of service",
    "change key",
    "deactivate",
    "remove from store",
]


def plan_present(found: Found, wanted: WantedAccount, directory: Directory) -> tuple[Step, ...]:
    """The steps to an account that is there, in their order.

    Error when terms have to be agreed to or a binding is needed first, or when
    the account is no longer valid.
    """
    if found.account is None:
        _check_registration(wanted, directory)
    elif found.account.status != "valid":
        raise _not_valid(found, found.account.status, directory)
    key_differs = _key_differs(found, wanted)
    if key_differs and "keyChange" not in directory.endpoints:
        raise no_key_change(directory, wanted)
    decisions: tuple[tuple[Step, bool], ...] = (
        ("finish key change", found.change_cut_off),
        ("register", found.account is None),
        ("adopt", found.account is not None and not is_known(found.record, found.account)),
        ("change contact", found.account is not None and _contact_differs(found.record, found.account, wanted)),
        ("record terms of service", found.account is not None and _terms_to_record(found, wanted, directory)),
        ("change key", key_differs),
    )
    return tuple(step for step, needed in decisions if needed)


def plan_absent(found: Found) -> tuple[Step, ...]:
    """The steps to an account that is gone."""
    decisions: tuple[tuple[Step, bool], ...] = (
        ("deactivate", found.account is not None and found.account.status == "valid"),
        ("remove from store", found.key is not None or found.record is not None),
    )
    return tuple(step for step, needed in decisions if needed)


def is_known(record: Record | None, account: Account) -> bool:
    """Whether the record is of this very account."""
    return record is not None and record.account_uri == account.url


def contact_of(record: Record, account: Account) -> tuple[str, ...]:
    """The account's contact: what was asked for, unless the CA shows another one than it did then.

    A CA that shows none may have none, or keep it to itself, or have dropped it: asking again would change nothing.
    """
    shown = account.contact
    if not shown or set(shown) == set(record.contact_shown or ()):
        return record.contact
    return shown


def no_key_change(directory: Directory, wanted: WantedAccount) -> Error:
    """What to tell of a CA that has no change of keys (RFC 8555 §7.3.5)."""
    option = "key_label" if wanted.key_label else "key_type" if wanted.key_type else "account"
    return Error(
        f"{option}: {directory.url} can't change the key of an account, so the account keeps its key", option=option
    )


def terms_changed(record: Record | None, directory: Directory) -> bool:
    """Whether the CA has other terms of service now than those that were agreed to (guide G2)."""
    agreed = record.terms_of_service if record else None
    return None not in (agreed, directory.terms_of_service) and agreed != directory.terms_of_service


def _not_valid(found: Found, status: str, directory: Directory) -> Error:
    reason = f" ({found.reason})" if found.reason else ""
    return Error(
        f"account: it is {status} at {directory.url}{reason}, which can't be undone; "
        "state=absent takes it out of the store, so that another one can be registered",
        option="account",
        status=status,
    )


def _check_registration(wanted: WantedAccount, directory: Directory) -> None:
    terms = directory.terms_of_service
    if terms and not wanted.terms_agreed:
        raise Error(
            f"terms_agreed: {directory.url} registers an account only for who agrees to its terms of service, {terms}",
            option="terms_agreed",
            terms_of_service=terms,
        )
    if directory.external_account_required and wanted.external_binding is None:
        raise Error(
            f"external_binding: {directory.url} registers an account only with an external binding; "
            "the CA gives its customers a key_id and a key for that",
            option="external_binding",
        )


def _terms_to_record(found: Found, wanted: WantedAccount, directory: Directory) -> bool:
    """Whether the user agrees to terms that are not in the record yet; a new record gets them anyway."""
    if not wanted.terms_agreed or found.record is None or directory.terms_of_service is None:
        return False
    return found.record.terms_of_service != directory.terms_of_service


def _contact_differs(record: Record | None, account: Account, wanted: WantedAccount) -> bool:
    """Whether another contact is asked for than the account has."""
    if wanted.contact is None:
        return False
    known = contact_of(record, account) if record and is_known(record, account) else account.contact or ()
    return set(wanted.contact) != set(known)


def _key_differs(found: Found, wanted: WantedAccount) -> bool:
    """Whether another type of key is asked for, or a label that the key does not bear."""
    if found.key_type is None:
        return False
    if wanted.key_type is not None and wanted.key_type != found.key_type:
        return True
    if wanted.key_label is None or found.change_cut_off or found.record is None:
        return False
    # a key that has just been registered or taken over bears the label that is asked for
    kept = found.account is not None and is_known(found.record, found.account)
    return kept and wanted.key_label != found.record.key_label
