# SPDX-License-Identifier: GPL-3.0-or-later
"""A certification authority that lasts for one test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache

from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import format_instant
from ansible_collections.certfleet.acme.plugins.module_utils._core.identifier import Identifier, parse_identifier
from ansible_collections.certfleet.acme.plugins.module_utils._store.certificates import CertificateStore
from ansible_collections.certfleet.acme.plugins.module_utils._x509.bundle import Entry
from ansible_collections.certfleet.acme.plugins.module_utils._x509.chain import describe
from ansible_collections.certfleet.acme.plugins.module_utils._x509.csr import to_general_name
from ansible_collections.certfleet.acme.plugins.module_utils._x509.key import PrivateKey, key_to_pem, make_key
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Issuer:
    """A key that issues, with the certificates of its own, itself first and without the root."""

    name: str
    key: PrivateKey
    certificates: tuple[x509.Certificate, ...]

    @property
    def chain(self) -> bytes:
        """The intermediate certificates in PEM, as a CA hands them out."""
        return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in self.certificates)


@dataclass(frozen=True)
class Issued:
    """A certificate with its key and chain."""

    key: PrivateKey
    cert: bytes
    chain: bytes

    @property
    def files(self) -> dict[str, bytes]:
        """The files of a generation in the store."""
        return {
            "privkey.pem": key_to_pem(self.key),
            "cert.pem": self.cert,
            "chain.pem": self.chain,
            "fullchain.pem": self.cert + self.chain,
        }

    def entry(self, name: str, key_type: str) -> Entry:
        """The certificate as it goes into a bundle."""
        facts = describe(self.cert)
        identifiers = tuple(identifier.value for identifier in facts.identifiers)
        return Entry(name, key_type, identifiers, facts.sha256, format_instant(facts.not_after), self.files)

    def store(self, store: CertificateStore, name: str, key_type: str) -> None:
        """Put it into a store, with the part of the record that deliveries go by."""
        entry = self.entry(name, key_type)
        record = {"identifiers": entry.identifiers, "sha256": entry.sha256, "not_after": entry.not_after}
        store.add_generation(name, key_type, entry.files, record)


class Authority:
    """A root and two intermediates below each other; certificates are valid for 90 days from an hour ago."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        key = make_key("ecdsa-p256")
        self.root = Issuer("root", key, (self._sign("root", key, "root", key, is_authority=True),))
        upper = self._intermediate("upper", Issuer("root", key, ()))
        self.issuer = self._intermediate("lower", upper)

    def issue(
        self,
        *names: str,
        key_type: str = "ecdsa-p256",
        not_after: datetime | None = None,
        not_before: datetime | None = None,
        issuer: Issuer | None = None,
    ) -> Issued:
        """A certificate for these names."""
        key, by = _pooled_key(key_type, names), issuer or self.issuer
        identifiers = [parse_identifier(name) for name in names]
        cert = self._sign(None, key, by.name, by.key, identifiers, not_after=not_after, not_before=not_before)
        return Issued(key, cert.public_bytes(Encoding.PEM), by.chain)

    def _intermediate(self, name: str, above: Issuer) -> Issuer:
        key = make_key("ecdsa-p256")
        certificate = self._sign(name, key, above.name, above.key, is_authority=True)
        return Issuer(name, key, (certificate, *above.certificates))

    def _sign(
        self,
        subject: str | None,
        key: PrivateKey,
        issuer: str,
        issuer_key: PrivateKey,
        identifiers: Sequence[Identifier] = (),
        *,
        is_authority: bool = False,
        not_after: datetime | None = None,
        not_before: datetime | None = None,
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(subject))
            .issuer_name(_name(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(not_before or self.now - HOUR)
            .not_valid_after(not_after or self.now + 90 * DAY)
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        )
        if identifiers:
            names = x509.SubjectAlternativeName([to_general_name(identifier) for identifier in identifiers])
            builder = builder.add_extension(names, critical=subject is None)
        return builder.sign(issuer_key, hashes.SHA256())


def present() -> datetime:
    """The time of day to the second, as certificates have it."""
    return datetime.now(timezone.utc).replace(microsecond=0)


def changed(files: Mapping[str, bytes], **contents: bytes) -> dict[str, bytes]:
    """The files with others in their place: ``privkey=…``, ``cert=…``, ``chain=…``, ``fullchain=…``."""
    return {**files, **{f"{name}.pem": content for name, content in contents.items()}}


@lru_cache(maxsize=64)
def _pooled_key(key_type: str, names: tuple[str, ...]) -> PrivateKey:
    # RSA keys take their time, and no test needs two of the same names
    return make_key(key_type)


def _name(text: str | None) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])
