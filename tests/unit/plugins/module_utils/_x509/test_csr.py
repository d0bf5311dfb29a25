# SPDX-License-Identifier: GPL-3.0-or-later
"""CSRs that somebody else has made are for what they should be for, or refused (RFC 2986, G9)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error
from ansible_collections.certfleet.acme.plugins.module_utils._core.identifier import parse_identifier
from ansible_collections.certfleet.acme.plugins.module_utils._x509.csr import load_csr, make_csr
from ansible_collections.certfleet.acme.plugins.module_utils._x509.key import fingerprint_of
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from . import der

NAMES = ("shop.example", "*.shop.example", "192.0.2.1")
IDENTIFIERS = tuple(map(parse_identifier, NAMES))
SAN = x509.SubjectAlternativeName([x509.DNSName("shop.example"), x509.DNSName("*.shop.example")])
KEY = ec.generate_private_key(ec.SECP256R1())
_POINT = PublicFormat.UncompressedPoint


def build(*extensions: x509.ExtensionType, subject: Sequence[x509.NameAttribute[str]] = ()) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.PEM)


def test_ours_is_taken() -> None:
    csr = x509.load_der_x509_csr(make_csr(KEY, IDENTIFIERS))
    loaded = load_csr(csr.public_bytes(Encoding.PEM), IDENTIFIERS[::-1], "ecdsa-p256", "The CSR")
    assert loaded.fingerprint == fingerprint_of(KEY)
    assert x509.load_der_x509_csr(loaded.der) == csr


@pytest.mark.parametrize(
    ("pem", "sentence"),
    [
        (b"", "can't be read: "),
        (b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", "can't be read: "),
        (build(), "has no subject alternative names"),
        (der.csr(KEY, der.san(der.DNS_NAME), version=5), "can't be read: 5 is not a valid CSR version"),
        (der.csr(KEY, der.san(der.X400_ADDRESS)), "can't be read: x400Address"),
        (der.csr(KEY, der.san(der.EDI_PARTY)), "can't be read: x400Address.EDIPartyName"),
        (der.csr(KEY, der.san(der.DNS_NAME), der.san(der.DNS_NAME)), "can't be read: Duplicate "),
        (der.csr(KEY, der.san(b"\x87\x03abc")), "can't be read: "),
        (der.csr(KEY, der.san(der.DNS_NAME), spki=der.off_the_curve(KEY)), "can't be read: "),
        (der.csr(KEY, der.san(der.DNS_NAME), spki=der.unknown_algorithm(KEY)), "can't be read: "),
        (build(SAN, x509.BasicConstraints(ca=True, path_length=None)), "asks for more than names"),
        (build(SAN), "is for other names than the certificate should have"),
        (
            build(SAN, subject=[x509.NameAttribute(NameOID.COMMON_NAME, "bank.example")]),
            "is for other names than the certificate should have",
        ),
    ],
)
def test_what_is_something_else_is_refused(pem: bytes, sentence: str) -> None:
    with pytest.raises(Error, match=f"^The CSR {sentence}"):
        load_csr(pem, IDENTIFIERS, "ecdsa-p256", "The CSR")


def test_another_key_is_refused() -> None:
    pem = x509.load_der_x509_csr(make_csr(KEY, IDENTIFIERS)).public_bytes(Encoding.PEM)
    with pytest.raises(Error, match="The CSR is for a key of type ecdsa-p256"):
        load_csr(pem, IDENTIFIERS, "rsa-2048", "The CSR")
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).add_extension(SAN, critical=False)
    odd = builder.sign(ed25519.Ed25519PrivateKey.generate(), None).public_bytes(Encoding.PEM)
    with pytest.raises(Error, match="The CSR is neither RSA nor ECDSA"):
        load_csr(odd, IDENTIFIERS, "ecdsa-p256", "The CSR")


def test_one_that_somebody_has_changed_is_refused() -> None:
    csr = x509.load_der_x509_csr(make_csr(KEY, IDENTIFIERS))
    whole = csr.public_bytes(Encoding.DER)
    other = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(Encoding.X962, _POINT)
    changed = whole.replace(KEY.public_key().public_bytes(Encoding.X962, _POINT), other)
    pem = x509.load_der_x509_csr(changed).public_bytes(Encoding.PEM)
    with pytest.raises(Error, match="The CSR is not signed by its own key"):
        load_csr(pem, IDENTIFIERS, "ecdsa-p256", "The CSR")
