# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making a certificate's record anew from the certificate itself, so that a broken file costs no order.

A generation whose key and certificate fit together is as good as ever. What the certificate does not tell (its
CA, account, profile and chain) stays unknown, and counts as what is wanted until the next renewal.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from .._core.clock import format_instant
from .._core.errors import Error
from .._core.name import split_name
from .._store.certificates import CertificateStore
from .._x509.chain import CertificateFacts, describe, split_chain
from .._x509.key import fingerprint_of, load_key
from .plan import read_stored


@dataclass(frozen=True)
class Recovered:
    """A generation that can be used, with the files and the record that it is to have.

    ``intact`` says that it has them, so that only the link ``live`` does not lead there.
    """

    name: str
    key_type: str
    number: int
    files: Mapping[str, bytes] = field(repr=False)
    record: Mapping[str, Any]
    intact: bool = False


def recover(store: CertificateStore, name: str, key_type: str) -> Recovered | None:
    """What the store still has of a certificate whose record is of no use; None when nothing can be used.

    Nothing is written, so that check mode sees the same. The live generation comes first, then the newest.
    """
    for number in store.generations(name, key_type):
        with suppress(Error):
            found = _read(store, name, key_type, number)
            if found is not None:
                return found
    return None


def mend(store: CertificateStore, found: Recovered) -> str:
    """Write it down, and have it be the live one; a sentence about it. For who holds the lock."""
    if found.intact:
        store.switch(found.name, found.key_type, found.number)
        return f"{found.name} ({found.key_type}) was not in its place; that is generation {found.number} again"
    store.mend(found.name, found.key_type, found.number, found.files, found.record)
    return (
        f"The record of {found.name} ({found.key_type}) was broken and has been made anew from its certificate, "
        f"generation {found.number}"
    )


def describe_facts(facts: CertificateFacts) -> dict[str, Any]:
    """The part of an issuance record that the certificate tells."""
    return {
        "identifiers": [identifier.value for identifier in facts.identifiers],
        "key_type": facts.key_type,
        "not_before": format_instant(facts.not_before),
        "not_after": format_instant(facts.not_after),
        "serial": facts.serial,
        "issuer": facts.issuer,
        "certificate_id": facts.certificate_id,
        "fingerprint": facts.fingerprint,
        "sha256": facts.sha256,
    }


def _read(store: CertificateStore, name: str, key_type: str, number: int) -> Recovered | None:
    """The generation with its record, if its key and its certificate fit together and are of this type."""
    key = store.generation_file(name, key_type, number, "privkey.pem")
    chain = store.generation_file(name, key_type, number, "fullchain.pem") or b""
    if not split_chain(chain):
        parts = (store.generation_file(name, key_type, number, file) for file in ("cert.pem", "chain.pem"))
        chain = b"".join(part or b"" for part in parts)
    facts = describe(chain)
    if facts.key_type != key_type:
        return None
    # one on a frontend is not here to be compared
    if split_name(name)[1] is None and (key is None or facts.fingerprint != fingerprint_of(load_key(key))):
        return None
    leaf, *others = split_chain(chain)
    files = {"cert.pem": leaf, "chain.pem": b"".join(others), "fullchain.pem": leaf + b"".join(others)}
    own = store.generation_record(name, key_type, number)
    if own is not None and _is_record_of(own, name, facts) and _are_there(store, name, key_type, number, files):
        return Recovered(name, key_type, number, files, own, intact=True)
    if store.pending(name, key_type) is not None and number != store.live_number(name, key_type):
        return None  # a run was killed while it wrote this, and its order is taken up
    origin = dict.fromkeys(("profile", "preferred_chain", "directory", "account_uri", "order_url"))
    record = {**describe_facts(facts), "issued_at": format_instant(facts.not_before), **origin}
    return Recovered(name, key_type, number, files, record)


def _is_record_of(record: Mapping[str, Any], name: str, facts: CertificateFacts) -> bool:
    try:
        stored = read_stored(name, record)
    except (KeyError, TypeError, ValueError):
        return False
    return record.get("sha256") == facts.sha256 and stored.not_after == facts.not_after


def _are_there(store: CertificateStore, name: str, key_type: str, number: int, files: Mapping[str, bytes]) -> bool:
    return all(store.generation_file(name, key_type, number, file) == content for file, content in files.items())
