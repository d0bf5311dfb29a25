# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts (RFC 8555 §7.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import requests
from acme.messages import Directory as NewAccountDirectory
from acme.messages import ExternalAccountBinding

from .._core.errors import Error, InputError
from . import member
from .answer import read_location, read_object
from .problem import NetworkError, ProblemError
from .session import Session

MAILTO = "mailto:"
BASE64URL = re.compile(r"[A-Za-z0-9_-]+={0,2}")


@dataclass(frozen=True)
class Account:
    """An account as the CA tells of it; ``contact`` is None where the CA keeps it to itself.

    ``is_new`` says that this answer is the one to its registration.
    """

    url: str
    status: str
    contact: tuple[str, ...] | None = None
    terms_of_service_agreed: bool | None = None
    orders: str | None = None
    is_new: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class ExternalBinding:
    """What ties an account to a customer of the CA (RFC 8555 §7.3.4); ``mac_key`` is base64url text."""

    key_id: str
    mac_key: str = field(repr=False)
    algorithm: Literal["HS256", "HS384", "HS512"] = "HS256"

    def __post_init__(self) -> None:
        if not self.key_id:
            raise InputError("external_binding", self.key_id, "has no key_id")
        text = self.mac_key.replace("+", "-").replace("/", "_")
        # one character more than whole bytes take is what a key looks like that was not copied to its end
        if not BASE64URL.fullmatch(text) or len(text.rstrip("=")) % 4 == 1:
            # an InputError would show the value
            raise Error("external_binding: its key is not base64url text", option="external_binding")

    def sign(self, session: Session) -> dict[str, Any]:
        """The member ``externalAccountBinding``: the account's public key signed with the MAC key."""
        return ExternalAccountBinding.from_data(
            session.key.jwk.public_key(),
            self.key_id,
            self.mac_key.rstrip("=").replace("+", "-").replace("/", "_"),
            NewAccountDirectory({"newAccount": session.directory.endpoint("newAccount")}),
            self.algorithm,
        )


def register(
    session: Session,
    contact: Sequence[str] = (),
    terms_agreed: bool = False,
    external_binding: ExternalBinding | None = None,
) -> Account:
    """Make an account for the session's key, or get the one that it has (RFC 8555 §7.3).

    Safe to repeat: the CA answers with the account that is there.
    """
    payload: dict[str, Any] = {}
    if contact:
        payload["contact"] = list(contact)
    if terms_agreed:
        payload["termsOfServiceAgreed"] = True
    if external_binding:
        payload["externalAccountBinding"] = external_binding.sign(session)
    return _new_account(session, payload, "the new account")


def find(session: Session, to_bind: bool = False) -> Account | None:
    """The account of the session's key, or None when the CA knows none (RFC 8555 §7.3.1).

    Some CAs want an external binding for the search too, and answer ``externalAccountRequired`` without one. With
    ``to_bind`` the caller has a binding to register with, which gets the account that is there; then that is None.
    """
    try:
        return _new_account(session, {"onlyReturnExisting": True}, "the search for the account")
    except ProblemError as error:
        if error.is_("accountDoesNotExist") or (to_bind and error.is_("externalAccountRequired")):
            return None
        raise


def fetch_account(session: Session) -> Account:
    """The account as it is now; the session must have its URL."""
    url = _account_url(session)
    return _read(
        url, session.post(url, None, "the reading of the account", kind="account"), "the reading of the account"
    )


def update_contact(session: Session, contact: Sequence[str]) -> Account:
    """Replace the contact addresses (RFC 8555 §7.3.2). Safe to repeat."""
    url = _account_url(session)
    what = "the new contact"
    return _read(url, session.post(url, {"contact": list(contact)}, what, kind="account", repeatable=True), what)


def deactivate(session: Session) -> Account:
    """End the account for good (RFC 8555 §7.3.6).

    After a lost connection look whether it is done already: the CA refuses
    everything that a deactivated account sends.
    """
    url = _account_url(session)
    what = "the end of the account"
    return _read(url, session.post(url, {"status": "deactivated"}, what, kind="account"), what)


def _new_account(session: Session, payload: Mapping[str, Any], what: str) -> Account:
    response = session.post(session.directory.endpoint("newAccount"), payload, what, repeatable=True)
    url = read_location(response)
    if not url:
        raise NetworkError(f"The CA answered {what} without the account's URL (the header Location)")
    return replace(_read(url, response, what), is_new=response.status_code == 201)


def _read(url: str, response: requests.Response, what: str) -> Account:
    document = read_object(response, what)
    agreed = document.get("termsOfServiceAgreed")
    return Account(
        url=url,
        status=member.text(document, "status", what),
        contact=_read_contact(document.get("contact")),
        terms_of_service_agreed=agreed if isinstance(agreed, bool) else None,
        orders=member.optional_text(document, "orders"),
    )


def _read_contact(value: object) -> tuple[str, ...] | None:
    """The contact URLs: some CAs answer ``[null]`` where there are none, and mail addresses without ``mailto:``."""
    if not isinstance(value, list):
        return None
    return tuple(_contact_url(each.strip()) for each in value if isinstance(each, str) and each.strip())


def _contact_url(text: str) -> str:
    address = text[len(MAILTO) :] if text.lower().startswith(MAILTO) else text
    return text if ":" in address else f"{MAILTO}{address}"


def _account_url(session: Session) -> str:
    if session.account_url is None:
        raise ValueError("This session has no account yet")
    return session.account_url
