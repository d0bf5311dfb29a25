# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes in a bundle, and the checks before any of it is used."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from .._core.bundle import FILES, KEY, VERSION, digest_of
from .._core.clock import format_instant, read_instant
from .._core.errors import Error
from .._core.name import check_name
from .openssl import Facts, OpenSsl, split

_DAMAGED = "The bundle is damaged: what is inside is not what was sealed"
_FOREIGN = "The bundle is not one of certificate_fetch: something in it is lacking or of the wrong kind"

_TOLERANCE = timedelta(days=1)
"""By how much the clocks of two hosts may differ."""


@dataclass(frozen=True)
class Entry:
    """One certificate of a bundle; ``identifiers`` and ``sha256`` as the sender states them."""

    name: str
    key_type: str
    identifiers: tuple[str, ...]
    sha256: str
    files: Mapping[str, bytes] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.name} ({self.key_type})"


@dataclass(frozen=True)
class Bundle:
    """What was sealed: when (RFC 3339), for which recipient (as :func:`recipient_id` says it), and the certificates."""

    made_at: datetime
    recipient: str
    entries: tuple[Entry, ...]


def read_bundle(content: bytes) -> Bundle:
    """An opened bundle; Error when it is not whole, InputError for a name that would climb out."""
    try:
        document = json.loads(content)
        version, digest = document.pop("version"), document.pop("digest")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        # not quoted: there are private keys in it
        raise Error(_DAMAGED) from None
    if version != VERSION:
        raise Error(f"The bundle has version {version!r}, and this certificate_install reads version {VERSION}")
    if digest != digest_of(document):
        raise Error(_DAMAGED)
    certificates, recipient, made_at = (document.get(each) for each in ("certificates", "recipient", "made_at"))
    instant = read_instant(made_at)
    if not isinstance(certificates, list) or not isinstance(recipient, str) or instant is None:
        raise Error(_FOREIGN)
    entries = {(entry.name, entry.key_type): entry for entry in map(_read_entry, certificates)}
    if len(entries) != len(certificates):
        raise Error("The bundle holds two certificates of the same name and key type")
    return Bundle(instant, recipient, tuple(entries.values()))


def check_time(bundle: Bundle, now: datetime) -> None:
    """Error when it was made in the future: after that one, each bundle that comes in time would be an old one."""
    if bundle.made_at > now + _TOLERANCE:
        raise Error(
            f"The bundle was made at {format_instant(bundle.made_at)}, and here it is {format_instant(now)}; "
            "force: true installs it all the same"
        )


def check_entry(entry: Entry, openssl: OpenSsl, now: datetime) -> Facts:
    """The facts of the certificate; Error unless it is as stated, unexpired, with its key and its chain."""
    what = f"The bundle's certificate {entry}"
    facts = openssl.describe(entry.files["cert.pem"], what)
    if facts.sha256 != entry.sha256:
        raise Error(f"{what} is another one than the bundle says")
    if facts.identifiers != tuple(sorted(entry.identifiers)):
        raise Error(f"{what} is for other names than the bundle says: {' '.join(facts.identifiers) or 'none'}")
    if facts.not_after <= now:
        raise Error(f"{what} expired at {format_instant(facts.not_after)}")
    if openssl.public_key(entry.files[KEY], f"The key of {entry} in the bundle") != facts.public_key:
        raise Error(f"{what} comes with a key that it is not for")
    _check_chain(entry, openssl, max(now, facts.not_before))
    return facts


def _check_chain(entry: Entry, openssl: OpenSsl, at: datetime) -> None:
    what = f"The bundle's certificate {entry}"
    leaf, chain, whole = (split(entry.files[name]) for name in ("cert.pem", "chain.pem", "fullchain.pem"))
    if len(leaf) != 1 or [*leaf, *chain] != whole:
        raise Error(f"{what} has a fullchain.pem that is not cert.pem and chain.pem one after the other")
    for number, (certificate, issuer) in enumerate(zip(whole, whole[1:]), start=1):
        if not openssl.is_issuer(certificate, issuer, at):
            raise Error(
                f"{what} has a broken chain: certificate {number} was not issued by the next, or one has expired"
            )


def _is_there(name: str, files: Mapping[str, str]) -> bool:
    """Whether a file is in the bundle; only the key may be lacking, which the frontend then has to have."""
    return name != KEY or name in files


def _read_entry(value: Any) -> Entry:
    try:
        entry = Entry(
            name=check_name(value["name"], "bundle"),
            key_type=check_name(value["key_type"], "bundle"),
            identifiers=tuple(value["identifiers"]),
            sha256=value["sha256"],
            files={name: value["files"][name].encode("latin-1") for name in FILES if _is_there(name, value["files"])},
        )
    except (TypeError, KeyError, AttributeError, ValueError):
        raise Error(_FOREIGN) from None
    if not all(isinstance(text, str) for text in (*entry.identifiers, entry.sha256)):
        raise Error(_FOREIGN)
    return entry
