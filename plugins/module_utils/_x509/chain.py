# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and their chains, as the CA hands them out (RFC 8555 §7.4.2, RFC 5280)."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from .._core.clock import format_instant
from .._core.errors import Error
from .._core.identifier import Identifier
from .key import fingerprint_of, key_type_of
from .reading import FAULTS, reading

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----\s.*?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True)
class CertificateFacts:
    """What a certificate says of itself.

    ``serial`` and the two SHA-256 values are hex: ``fingerprint`` of the public key
    (as :func:`fingerprint_of`), ``sha256`` of the certificate. ``certificate_id`` is
    the one of renewal information (RFC 9773 §4.1), or None without key identifier.
    """

    identifiers: tuple[Identifier, ...]
    key_type: str
    not_before: datetime
    not_after: datetime
    serial: str
    issuer: str
    certificate_id: str | None
    fingerprint: str
    sha256: str


class OtherKeyError(Error):
    """A certificate is for another key than the one that it was ordered for."""


def split_chain(pem: bytes) -> list[bytes]:
    """The certificates of a PEM text, each as PEM with a final newline."""
    return [match.group(0) + b"\n" for match in _CERTIFICATE.finditer(pem)]


def to_der(pem: bytes) -> bytes:
    """The first certificate in a PEM text in DER; Error when there is none."""
    return _load(pem)[0].public_bytes(Encoding.DER)


def describe(pem: bytes) -> CertificateFacts:
    """The facts of the first certificate in a PEM text; Error when there is none."""
    return _describe(_load(pem)[0])


def check_issued(
    fullchain: bytes, fingerprint: str, identifiers: Sequence[Identifier], now: datetime
) -> CertificateFacts:
    """The facts of a new certificate, if it is for this key and has these names, is valid now, and its chain holds.

    It may have further names: some CAs add www or the bare domain. OtherKeyError for another key, Error for the rest.
    """
    chain = _load(fullchain)
    facts = _describe(chain[0])
    if facts.fingerprint != fingerprint:
        raise OtherKeyError("The CA's certificate is for another key than the one in the CSR")
    if missing := sorted(set(identifiers) - set(facts.identifiers)):
        names = " ".join(identifier.value for identifier in missing)
        raise Error(f"The CA's certificate lacks names that were ordered: {names}")
    if now >= facts.not_after:
        raise Error(f"The CA's certificate has expired already, at {format_instant(facts.not_after)}")
    _check_links(chain, "The CA's chain")
    return facts


def check_chain(fullchain: bytes, now: datetime, what: str) -> None:
    """Error unless each certificate of a chain was issued by the next, and none has expired."""
    chain = _load(fullchain)
    _check_links(chain, what)
    with reading(f"{what} has a certificate whose end can't be read"):
        end = min(certificate.not_valid_after_utc for certificate in chain)
    if now >= end:
        raise Error(f"{what} has a certificate that expired at {format_instant(end)}")


def choose_chain(chains: Sequence[bytes], preferred: str | None) -> bytes:
    """The first chain with this common name among its issuers; the CA's own choice otherwise (G1)."""
    for chain in chains:
        if preferred is not None and preferred in _issuer_names(chain):
            return chain
    return chains[0]


def _issuer_names(chain: bytes) -> list[str]:
    certificates = _load(chain)
    with reading("The issuer of a certificate can't be read"):
        names = [each.issuer.get_attributes_for_oid(NameOID.COMMON_NAME) for each in certificates]
    return [str(attribute.value) for attributes in names for attribute in attributes]


def _load(pem: bytes) -> list[x509.Certificate]:
    with reading("There is no certificate that can be read"):
        return x509.load_pem_x509_certificates(pem)


def _check_links(chain: Sequence[x509.Certificate], what: str) -> None:
    for certificate, issuer in zip(chain, chain[1:]):
        try:
            certificate.verify_directly_issued_by(issuer)
        except FAULTS as error:
            with reading(f"{what} is broken, and a subject in it can't be read"):
                subject = issuer.subject.rfc4514_string()
            raise Error(f"{what} is broken: {subject} did not issue the certificate before it") from error


def _describe(certificate: x509.Certificate) -> CertificateFacts:
    with reading("The certificate can't be read"):
        return CertificateFacts(
            identifiers=_read_identifiers(certificate),
            key_type=key_type_of(certificate, "The key in the certificate"),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            serial=f"{certificate.serial_number:x}",
            issuer=certificate.issuer.rfc4514_string(),
            certificate_id=_certificate_id(certificate),
            fingerprint=fingerprint_of(certificate),
            sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        )


def _read_identifiers(certificate: x509.Certificate) -> tuple[Identifier, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    dns = [Identifier("dns", name.lower()) for name in names.get_values_for_type(x509.DNSName)]
    addresses = [Identifier("ip", str(address)) for address in names.get_values_for_type(x509.IPAddress)]
    return tuple(sorted({*dns, *addresses}))


def _certificate_id(certificate: x509.Certificate) -> str | None:
    try:
        issuer_key = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        return None
    if issuer_key is None:
        return None
    number = certificate.serial_number
    serial = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return f"{_base64url(issuer_key)}.{_base64url(serial)}"


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
