# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and CSRs that no library would make, written byte by byte (X.690)."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SAN = bytes.fromhex("0603551d11")  # 2.5.29.17
ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
EXTENSION_REQUEST = bytes.fromhex("06092a864886f70d01090e")
EMPTY = b"\x30\x00"

DNS_NAME = b"\x82\x0cshop.example"
X400_ADDRESS = b"\xa3\x04\x30\x02\x30\x00"
EDI_PARTY = b"\xa5\x06\xa1\x04\x0c\x02ab"


def tlv(tag: int, *parts: bytes) -> bytes:
    """One value with its tag and length."""
    content = b"".join(parts)
    if len(content) < 128:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def san(*names: bytes) -> bytes:
    """The extension of subject alternative names with these, each in DER."""
    return tlv(0x30, SAN, tlv(0x04, tlv(0x30, *names)))


def csr(key: ec.EllipticCurvePrivateKey, *extensions: bytes, version: int = 0, spki: bytes | None = None) -> bytes:
    """A CSR in PEM with these extensions, signed by the key (RFC 2986)."""
    requested = tlv(0xA0, tlv(0x30, EXTENSION_REQUEST, tlv(0x31, tlv(0x30, *extensions))))
    info = tlv(0x30, tlv(0x02, bytes([version])), EMPTY, spki or spki_of(key), requested)
    return to_pem("CERTIFICATE REQUEST", _signed(key, info))


def certificate(
    key: ec.EllipticCurvePrivateKey,
    *extensions: bytes,
    version: int = 2,
    spki: bytes | None = None,
    until: bytes = b"20360101000000Z",
    serial: bytes = b"\x01",
    name: bytes = EMPTY,
) -> bytes:
    """A self-issued certificate in PEM (RFC 5280 §4.1)."""
    validity = tlv(0x30, tlv(0x18, b"20260101000000Z"), tlv(0x18, until))
    public, number = spki or spki_of(key), tlv(0xA0, tlv(0x02, bytes([version])))
    listed = tlv(0xA3, tlv(0x30, *extensions)) if extensions else b""
    info = tlv(0x30, number, tlv(0x02, serial), ECDSA_SHA256, name, validity, name, public, listed)
    return to_pem("CERTIFICATE", _signed(key, info))


def spki_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public key in DER."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def off_the_curve(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A public key in DER whose point is not on its curve."""
    return spki_of(key)[:-64] + bytes(63) + b"\x01"


def unknown_algorithm(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A public key in DER on a curve that nobody knows: the last number of the OID of P-256 is changed."""
    return spki_of(key).replace(bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d030177"))


def to_pem(label: str, der: bytes) -> bytes:
    """PEM (RFC 7468)."""
    return f"-----BEGIN {label}-----\n".encode() + base64.encodebytes(der) + f"-----END {label}-----\n".encode()


def _signed(key: ec.EllipticCurvePrivateKey, info: bytes) -> bytes:
    signature = key.sign(info, ec.ECDSA(hashes.SHA256()))
    return tlv(0x30, info, ECDSA_SHA256, tlv(0x03, b"\0", signature))
