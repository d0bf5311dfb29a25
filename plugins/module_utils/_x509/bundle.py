# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates with their keys, sealed for one frontend (CMS EnvelopedData, RFC 5652 §6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7EnvelopeBuilder, PKCS7Options

from .._core.bundle import FILES, KEY, VERSION, digest_of, recipient_id, to_json
from .._core.clock import format_instant
from .._core.errors import Error
from .chain import check_chain, describe, split_chain
from .key import fingerprint_of, load_key
from .reading import FAULTS

_SMALLEST_RSA_KEY = 2048


@dataclass(frozen=True)
class Entry:
    """One certificate of a bundle.

    ``identifiers`` as text, ``sha256`` (hex) of the certificate, ``not_after`` as RFC 3339 text,
    ``files`` the content of each of FILES, without the key where the frontend has that.
    """

    name: str
    key_type: str
    identifiers: tuple[str, ...]
    sha256: str
    not_after: str
    files: Mapping[str, bytes] = field(repr=False)


def check_entry(entry: Entry, now: datetime) -> None:
    """Error when the frontend would refuse this entry, because it would refuse all of the bundle with it."""
    what = f"its {entry.key_type} certificate"
    leaf, chain, whole = (split_chain(entry.files[name]) for name in ("cert.pem", "chain.pem", "fullchain.pem"))
    if len(leaf) != 1 or [*leaf, *chain] != whole:
        raise Error(f"{what} has a fullchain.pem that is not cert.pem and chain.pem one after the other")
    facts = describe(leaf[0])
    names = [identifier.value for identifier in facts.identifiers]
    if facts.sha256 != entry.sha256 or sorted(names) != sorted(entry.identifiers):
        raise Error(f"{what} is another one than its record says")
    if (
        KEY in entry.files
        and fingerprint_of(load_key(entry.files[KEY], f"the key of {what}", ours=True)) != facts.fingerprint
    ):
        raise Error(f"{what} is with a key that it is not for")
    check_chain(entry.files["fullchain.pem"], now, f"the chain of {what}")


def pack(entries: Iterable[Entry], recipient_pem: bytes, made_at: datetime) -> bytes:
    """The certificates as one JSON document, in which each character of a file is one of its bytes.

    It says for whom and when it was made. Its ``digest`` is over all of that, because the encryption
    around the document does not show by itself that somebody has changed it.
    """
    content = {
        "certificates": [_describe(entry) for entry in entries],
        "made_at": format_instant(made_at),
        "recipient": recipient_id(recipient_pem),
    }
    return to_json({**content, "version": VERSION, "digest": digest_of(content)})


def seal(recipient_pem: bytes, content: bytes) -> bytes:
    """The content as CMS in DER form that only the recipient's key opens (AES-256 inside).

    Error unless the recipient is the certificate of an RSA key of at least 2048 bits.
    """
    recipient = _load_recipient(recipient_pem)
    builder = PKCS7EnvelopeBuilder().set_data(content).set_content_encryption_algorithm(AES256)
    return builder.add_recipient(recipient).encrypt(Encoding.DER, [PKCS7Options.Binary])


def _load_recipient(pem: bytes) -> x509.Certificate:
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        key = certificate.public_key()
    except FAULTS:
        # not quoted: whoever mixes the options up could have put a private key here
        raise Error("The recipient is not a certificate in PEM form") from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise Error("The recipient's key is not RSA, so nothing can be sealed for it")
    if key.key_size < _SMALLEST_RSA_KEY:
        raise Error(f"The recipient's RSA key has {key.key_size} bits; at least {_SMALLEST_RSA_KEY} are needed")
    return certificate


def _describe(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "key_type": entry.key_type,
        "identifiers": list(entry.identifiers),
        "sha256": entry.sha256,
        "not_after": entry.not_after,
        "files": {name: entry.files[name].decode("latin-1") for name in FILES if name in entry.files},
    }
