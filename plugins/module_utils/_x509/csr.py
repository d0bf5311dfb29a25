# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificate signing requests (RFC 2986, as RFC 8555 §7.4 uses them)."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from .._core.identifier import Identifier
from .key import PrivateKey


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
