# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private keys of the types that CAs accept (G18)."""

from __future__ import annotations

import hashlib
from typing import Union

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from .._core.errors import Error, InputError

PrivateKey = Union[rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey]
PublicKey = Union[rsa.RSAPublicKey, ec.EllipticCurvePublicKey]
Holder = Union[PrivateKey, PublicKey, x509.Certificate, x509.CertificateSigningRequest]

_RSA_SIZES = {"rsa-2048": 2048, "rsa-3072": 3072, "rsa-4096": 4096}
_CURVES: dict[str, type[ec.EllipticCurve]] = {"ecdsa-p256": ec.SECP256R1, "ecdsa-p384": ec.SECP384R1}
KEY_TYPES = (*_RSA_SIZES, *_CURVES)


def check_key_type(text: object, option: str = "key_types") -> str:
    """The key type, if it is one; InputError otherwise."""
    if text not in KEY_TYPES:
        raise InputError(option, text, f"is not one of {', '.join(KEY_TYPES)}")
    return str(text)


def make_key(key_type: str) -> PrivateKey:
    """A new private key."""
    if key_type in _RSA_SIZES:
        return rsa.generate_private_key(public_exponent=65537, key_size=_RSA_SIZES[key_type])
    return ec.generate_private_key(_CURVES[key_type]())


def key_to_pem(key: PrivateKey) -> bytes:
    """The private key as unencrypted PKCS #8 in PEM (RFC 5958)."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def load_key(pem: bytes, what: str = "The private key", *, ours: bool = False) -> PrivateKey:
    """Read an unencrypted private key in PEM; Error, without a word of it, for anything else.

    With ``ours``, a key that we have made, its numbers are taken as they are: proving that those of
    an RSA key are primes takes up to 0.3 s.
    """
    try:
        key = load_pem_private_key(pem, password=None, unsafe_skip_rsa_key_validation=ours)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # the library's own text could quote what it was given
        raise Error(f"{what} is not an unencrypted private key in PEM form") from None
    if not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
        raise Error(f"{what} is neither RSA nor ECDSA")
    key_type_of(key, what)
    return key


def key_type_of(holder: Holder, what: str = "The key") -> str:
    """The type of a key, or of the key in a certificate or CSR; Error when it is none of KEY_TYPES."""
    public = _public_key(holder)
    if isinstance(public, rsa.RSAPublicKey):
        for key_type, size in _RSA_SIZES.items():
            if public.key_size == size:
                return key_type
        raise Error(f"{what} is RSA with {public.key_size} bits; 2048, 3072 and 4096 are possible")
    if isinstance(public, ec.EllipticCurvePublicKey):
        for key_type, curve in _CURVES.items():
            if isinstance(public.curve, curve):
                return key_type
        raise Error(f"{what} is on the curve {public.curve.name}; P-256 and P-384 are possible")
    raise Error(f"{what} is neither RSA nor ECDSA")


def fingerprint_of(holder: Holder) -> str:
    """SHA-256 (hex) of the SubjectPublicKeyInfo: the same for a key, its CSR and its certificate."""
    spki = _public_key(holder).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).hexdigest()


def _public_key(holder: Holder) -> PublicKey:
    if isinstance(holder, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey)):
        return holder
    return holder.public_key()  # type: ignore[return-value]  # other kinds are told apart by the callers
