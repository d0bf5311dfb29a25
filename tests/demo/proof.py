# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS handshakes with what the demo deployed, as a browser would make them."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import SystemClock
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.inventory import list_certificates

from tests.lab.lab import Lab
from tests.lab.model import Frontend

# TLS 1.2 has the key's type in the cipher suite, so that a client can insist on one.
CIPHERS = {"rsa": "ECDHE-RSA-AES128-GCM-SHA256", "ecdsa": "ECDHE-ECDSA-AES128-GCM-SHA256"}


@dataclass
class Proof:
    """A certificate of the store, and the frontends that really serve it."""

    certificate: dict[str, Any]
    served_by: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    handshakes: int = 0


def prove(lab: Lab) -> list[Proof]:
    """Ask every frontend for every name of every stored certificate, by key type."""
    certificates = list_certificates(Files(str(lab.store)), SystemClock().now())
    return [_prove(certificate, lab) for certificate in certificates]


def _prove(certificate: dict[str, Any], lab: Lab) -> Proof:
    proof = Proof(certificate)
    for frontend in lab.frontends:
        failures = [
            failure for name in certificate["domains"] if (failure := _shake_hands(certificate, name, frontend, lab))
        ]
        proof.handshakes += len(certificate["domains"])
        proof.failures += failures
        if not failures:
            proof.served_by.append(frontend.name)
    return proof


def _shake_hands(certificate: dict[str, Any], name: str, frontend: Frontend, lab: Lab) -> str | None:
    """None if the frontend serves exactly this certificate for the name, with a chain up to the CA's root."""
    host = name.replace("*", "any-name", 1)
    context = ssl.create_default_context(cafile=str(lab.issuer_bundle))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS[certificate["key_type"].partition("-")[0]])
    where = f"{host} ({certificate['key_type']}) at {frontend.name}"
    try:
        with (
            socket.create_connection((frontend.address, frontend.https_port), timeout=10) as connection,
            context.wrap_socket(connection, server_hostname=host) as tls,
        ):
            served = tls.getpeercert() or {}
    except OSError as error:
        return f"{where}: {error}"
    if int(str(served["serialNumber"]), 16) != int(certificate["serial"], 16):
        return f"{where}: another certificate, with serial {served['serialNumber']}"
    return None
