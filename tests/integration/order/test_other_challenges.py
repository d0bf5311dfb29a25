# SPDX-License-Identifier: GPL-3.0-or-later
"""A user who publishes http-01 and tls-alpn-01 with other means, from what `order` says."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.lab import Lab
from tests.modules import Outcome, run_module
from tests.options import ca

ACME_IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")


@pytest.fixture
def store(lab: Lab, tmp_path: Path) -> dict[str, Any]:
    options = {**ca(lab), "store": str(tmp_path / "store")}
    assert run_module(lab, "account", {**options, "terms_agreed": True}).changed
    return options


def order(lab: Lab, store: dict[str, Any], state: str, challenge: str, domain: str) -> Outcome:
    certificate = {"name": "site", "domains": [domain], "key_types": ["ecdsa-p256"], "challenge": challenge}
    arguments = {**store, "state": state, "certificates": [{**certificate, "profile": "classic"}]}
    outcome = run_module(lab, "order", arguments)
    assert not outcome.failed, outcome.output
    return outcome


def test_a_file_on_the_web_server_is_enough_for_http_01(lab: Lab, store: dict[str, Any]) -> None:
    frontend = lab.frontends[0]
    domain = f"{frontend.name}.fleet.test"
    placed = order(lab, store, "present", "http-01", domain)
    (file,) = placed["http_files"]
    assert file["identifier"] == domain
    assert placed["dns_records"] == placed["tls_certificates"] == []
    target = frontend.webroot / file["path"].lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(file["content"])
    assert order(lab, store, "finalized", "http-01", domain)["certificates"][0]["status"] == "issued"


def test_the_digest_is_enough_for_tls_alpn_01(lab: Lab, store: dict[str, Any], tmp_path: Path) -> None:
    domain = "challenge.fleet.test"
    (wanted,) = order(lab, store, "present", "tls-alpn-01", domain)["tls_certificates"]
    assert wanted["identifier"] == domain
    write_challenge_certificate(tmp_path / "alpn.pem", wanted)
    with alpn_server(lab, tmp_path / "alpn.pem"):
        finished = order(lab, store, "finalized", "tls-alpn-01", domain)
    assert finished["certificates"][0]["status"] == "issued"


def test_nothing_published_ends_with_the_ca_s_problem(lab: Lab, store: dict[str, Any]) -> None:
    order(lab, store, "present", "http-01", "front2.fleet.test")
    certificate = {
        "name": "site",
        "domains": ["front2.fleet.test"],
        "key_types": ["ecdsa-p256"],
        "challenge": "http-01",
    }
    arguments = {**store, "state": "finalized", "certificates": [{**certificate, "profile": "classic"}]}
    failed = run_module(lab, "order", arguments)
    assert failed.failed
    problem = failed["certificates"][0]["failure"]["problems"]["front2.fleet.test"]
    assert problem["type"].startswith("urn:ietf:params:acme:error:")
    assert "no order is pending" in run_module(lab, "order", arguments)["msg"]

    again = {**arguments, "state": "present"}
    waiting = run_module(lab, "order", again)
    assert waiting.failed
    assert (waiting["certificates"][0]["status"], waiting["orders"]) == ("deferred", [])
    assert waiting["certificates"][0]["next_attempt"]
    assert len(run_module(lab, "order", {**again, "retry": ["front2.fleet.test"]})["orders"]) == 1


def write_challenge_certificate(path: Path, wanted: dict[str, str]) -> None:
    """A self-signed certificate as RFC 8737 §3 wants it, from nothing but the module's results."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.timezone.utc)
    name = x509.Name([])
    digest = bytes.fromhex(wanted["acme_identifier"])
    octets = x509.UnrecognizedExtension(ACME_IDENTIFIER, bytes([0x04, len(digest)]) + digest)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(wanted["identifier"])]), critical=True)
        .add_extension(octets, critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))


@contextmanager
def alpn_server(lab: Lab, pem: Path) -> Iterator[None]:
    """A TLS server that speaks acme-tls/1 where the lab's CA looks."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    context.set_alpn_protocols(["acme-tls/1"])
    with socket.create_server((lab.spare_address, lab.validation_ports[1])) as server:
        thread = threading.Thread(target=shake_hands, args=(server, context), daemon=True)
        thread.start()
        yield
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def shake_hands(server: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            connection, _address = server.accept()
        except OSError:
            return
        with connection:
            try:
                context.wrap_socket(connection, server_side=True).close()
            except OSError:
                continue
