# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificate signing requests (RFC 2986, as RFC 8555 §7.4 uses them)."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from .._core.errors import Error
from .._core.identifier import Identifier
from .key import PrivateKey, fingerprint_of, key_type_of
from .reading import reading


@dataclass(frozen=True)
class Csr:
    """A CSR in DER form, and the fingerprint of the key that has signed it."""

    der: bytes
    fingerprint: str


def load_csr(pem: bytes, identifiers: Sequence[Identifier], key_type: str, what: str) -> Csr:
    """A CSR that somebody else has made; Error unless it is for exactly these names, with such a key, and signed by it.

    So a host gets no certificate for other names than those that it should have, whatever it asks for.
    """
    with reading(f"{what} can't be read"):
        csr = x509.load_pem_x509_csr(pem)
        signed = csr.is_signature_valid
        extensions = list(csr.extensions)
        subject = list(csr.subject)
        found_type = key_type_of(csr, what)
        fingerprint = fingerprint_of(csr)
    names = [each.value for each in extensions if isinstance(each.value, x509.SubjectAlternativeName)]
    if not names:
        raise Error(f"{what} has no subject alternative names")
    if not signed:
        raise Error(f"{what} is not signed by its own key")
    if found_type != key_type:
        raise Error(f"{what} is for a key of type {found_type}")
    if len(extensions) > 1:
        raise Error(f"{what} asks for more than names")
    if subject or {*names[0]} != {to_general_name(identifier) for identifier in identifiers}:
        raise Error(f"{what} is for other names than the certificate should have")
    return Csr(csr.public_bytes(Encoding.DER), fingerprint)


def make_csr(key: PrivateKey, identifiers: Sequence[Identifier]) -> bytes:
    """A CSR in DER form with the identifiers as subject alternative names.

    The subject stays empty: CAs take the names from the extension, and a common
    name may have at most 64 characters.
    """
    names = x509.SubjectAlternativeName([to_general_name(identifier) for identifier in identifiers])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.add_extension(names, critical=False).sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def to_general_name(identifier: Identifier) -> x509.GeneralName:
    """An identifier as it stands in a certificate (RFC 5280 §4.2.1.6)."""
    if identifier.type == "ip":
        return x509.IPAddress(ipaddress.ip_address(identifier.value))
    return x509.DNSName(identifier.value)
