# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an account should be, and what is remembered of it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ..._acme.account import ExternalBinding
from ..._acme.key import AccountKey
from ..._acme.key_change import NewKeySession
from ..._acme.session import Session
from ..._core.clock import read_instant
from ..._core.errors import InputError
from ..._x509.key import PrivateKey, check_key_type, fingerprint_of, key_type_of, load_key

DEFAULT_KEY_TYPE = "ecdsa-p256"
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
ADDRESS = re.compile(r"[^\s@,?<>]+@[^\s@,?<>]+")


@dataclass(frozen=True)
class WantedAccount:
    """What the user asks for; None leaves things as they are."""

    contact: tuple[str, ...] | None = None
    terms_agreed: bool = False
    key_type: str | None = None
    key_label: str | None = None
    key: PrivateKey | None = field(default=None, repr=False)
    external_binding: ExternalBinding | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Record:
    """An account as ``account.json`` has it.

    ``contact`` is what was asked for and ``contact_shown`` what the CA
    answered then: some CAs keep contacts to themselves, some drop them.
    ``fingerprint`` is that of the key (SHA-256 of the SubjectPublicKeyInfo),
    ``adopted`` the fingerprint of the key that was taken over from a file.
    ``key_changed`` is when the CA took the key in the place of another.
    """

    account_uri: str
    directory: str
    fingerprint: str
    thumbprint: str
    key_type: str
    contact: tuple[str, ...] = ()
    contact_shown: tuple[str, ...] | None = None
    terms_of_service: str | None = None
    key_label: str | None = None
    external_key_id: str | None = None
    adopted: str | None = None
    key_changed: str | None = None

    @classmethod
    def from_json(cls, document: Mapping[str, Any] | None) -> Record | None:
        """Read the record; None when there is none, or not all that there must be."""
        if document is None:
            return None
        known = {name: _frozen(value) for name, value in document.items() if name in cls.__dataclass_fields__}
        try:
            return cls(**known)
        except TypeError:
            return None

    def as_dict(self) -> dict[str, Any]:
        """The record as JSON."""
        return asdict(self)


def as_account(session: Session, record: Record) -> Session:
    """The session as this account; one that is patient with a CA that may not know its new key everywhere yet."""
    known = session.for_account(record.account_uri)
    changed = read_instant(record.key_changed)
    return known if changed is None else NewKeySession(known, changed)


def describe_key(key: PrivateKey) -> dict[str, Any]:
    """Fingerprint, thumbprint and type of a key, by their names in the record."""
    return {
        "fingerprint": fingerprint_of(key),
        "thumbprint": AccountKey(key).thumbprint,
        "key_type": key_type_of(key),
    }


def read_wanted_account(options: Mapping[str, Any]) -> WantedAccount:
    """What the user's options ask for; Error for one that can't be."""
    contact, key_type, key_file = options["contact"], options["key_type"], options["key_file"]
    return WantedAccount(
        contact=None if contact is None else parse_contact(contact),
        terms_agreed=options["terms_agreed"],
        key_type=None if key_type is None else check_key_type(key_type, "key_type"),
        key_label=options["key_label"],
        key=None if key_file is None else read_key_file(key_file),
        external_binding=parse_binding(options["external_binding"]),
    )


def parse_contact(texts: Sequence[str], option: str = "contact") -> tuple[str, ...]:
    """Contact URLs (RFC 8555 §7.3): a bare mail address gets its ``mailto:``; InputError for what is neither."""
    return tuple(dict.fromkeys(_contact_url(text.strip(), option) for text in texts))


def read_key_file(path: str) -> PrivateKey:
    """The key in a file of the user's; Error, which never quotes the file, when it can't be an account's."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise InputError("key_file", path, "is not a file")
    try:
        with open(path, "rb") as stream:
            pem = stream.read()
    except OSError as error:
        raise InputError("key_file", path, f"can't be read: {error.strerror}") from error
    return load_key(pem, f"key_file: {path}")


def parse_binding(options: Mapping[str, Any] | None) -> ExternalBinding | None:
    """The external binding, if one is given; Error when it can't be used."""
    if options is None:
        return None
    # both are copied from a page of the CA, line breaks and all
    return ExternalBinding(options["key_id"].strip(), "".join(options["key"].split()), options["algorithm"])


def _contact_url(text: str, option: str) -> str:
    if SCHEME.fullmatch(text) and not text.lower().startswith("mailto:"):
        return text
    address = text[len("mailto:") :] if text.lower().startswith("mailto:") else text
    if not ADDRESS.fullmatch(address):
        raise InputError(option, text, "is neither one mail address nor a URL")
    return f"mailto:{address}"


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
