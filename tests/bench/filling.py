# SPDX-License-Identifier: GPL-3.0-or-later
"""Filling a store with valid certificates of an authority that is thrown away afterwards."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import format_instant
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import FILE_MODE, FOLDER_MODE, Files
from ansible_collections.certfleet.acme.plugins.module_utils._store.certificates import CertificateStore
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.renewal import Renewal, Window
from ansible_collections.certfleet.acme.plugins.module_utils._x509.chain import describe
from ansible_collections.certfleet.acme.plugins.module_utils._x509.key import key_to_pem
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

LIFETIME = timedelta(days=90)
KEYS = 8
"""How many keys the certificates share; making one for each would only take longer."""


class HastyFiles(Files):
    """The store's own files, without waiting for the disk: nobody needs this store after a power cut."""

    def write(self, relative: str, content: bytes, mode: int = FILE_MODE) -> None:
        """Put a file there."""
        with open(self.path(relative), "wb") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(content)

    def write_set(self, relative: str, contents: Mapping[str, bytes]) -> None:
        """Fill a folder."""
        folder = self.path(relative)
        os.makedirs(folder, FOLDER_MODE)
        for name, content in contents.items():
            handle = os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT, FILE_MODE)
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)

    def switch_link(self, relative: str, target: str) -> None:
        """Make a link."""
        os.symlink(target, self.path(relative))


@dataclass(frozen=True)
class Issuer:
    """A certificate authority of one certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def make(cls, now: datetime) -> Issuer:
        """A new one, which signs itself."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("Bench root")
        builder = _builder(name, name, key.public_key(), now)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        return cls(key, builder.sign(key, hashes.SHA256()))

    def issue(self, domain: str, key: ec.EllipticCurvePrivateKey, now: datetime) -> bytes:
        """A certificate (PEM) for one name."""
        builder = _builder(x509.Name([]), self.certificate.subject, key.public_key(), now)
        names = x509.SubjectAlternativeName([x509.DNSName(domain)])
        parent = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = builder.add_extension(names, critical=True).add_extension(parent, critical=False)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)


def fill(store: Path, listed: list[dict[str, list[str]]], directory: str) -> None:
    """Put a certificate for each entry of a list into the store, as if a CA had issued it some days ago.

    The CA has told since when it wants them to be renewed, and need not be asked again for a while.
    """
    now = datetime.now(timezone.utc) - timedelta(days=9)
    (account,) = store.glob("accounts/*/*/account.json")
    account_uri = json.loads(account.read_text())["account_uri"]
    issuer = Issuer.make(now)
    chain = issuer.certificate.public_bytes(Encoding.PEM)
    certificates = CertificateStore(HastyFiles(str(store)))
    keys = [ec.generate_private_key(ec.SECP256R1()) for _round in range(KEYS)]
    for number, entry in enumerate(listed):
        key = keys[number % KEYS]
        leaf = issuer.issue(entry["domains"][0], key, now)
        files = {"privkey.pem": key_to_pem(key), "cert.pem": leaf, "chain.pem": chain, "fullchain.pem": leaf + chain}
        record = {**_record(leaf, directory, number), "account_uri": account_uri}
        name, key_type = str(entry["name"]), entry["key_types"][0]
        certificates.add_generation(name, key_type, files, record)
        certificates.set_state(name, key_type, {"renewal": _renewal(str(record["certificate_id"]))})


def _record(leaf: bytes, directory: str, number: int) -> dict[str, object]:
    facts = describe(leaf)
    return {
        "identifiers": [identifier.value for identifier in facts.identifiers],
        "key_type": facts.key_type,
        "not_before": format_instant(facts.not_before),
        "not_after": format_instant(facts.not_after),
        "issued_at": format_instant(facts.not_before),
        "serial": facts.serial,
        "issuer": facts.issuer,
        "certificate_id": facts.certificate_id,
        "fingerprint": facts.fingerprint,
        "sha256": facts.sha256,
        "profile": None,
        "preferred_chain": None,
        "directory": directory,
        "order_url": f"{directory}/order/{number}",
    }


def _renewal(certificate_id: str) -> dict[str, object]:
    now = datetime.now(timezone.utc)
    window = Window(now + LIFETIME / 2, now + LIFETIME * 2 / 3)
    known = Renewal(certificate_id, window, window.start, asked=now, next_ask=now + timedelta(hours=6))
    return known.as_section()


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now).not_valid_after(now + LIFETIME)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
