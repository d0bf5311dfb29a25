# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server for nothing but tls-alpn-01 (RFC 8737 §3, RFC 8738 §6)."""

from __future__ import annotations

import os
import socket
import ssl
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .._core.errors import Error
from .._core.identifier import Identifier
from .csr import to_general_name

PROTOCOL = "acme-tls/1"
ACME_IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")
PATIENCE = 10.0  # seconds for a handshake
MOST_AT_ONCE = 32


@dataclass(frozen=True)
class Answer:
    """What is validated, and the SHA-256 (hex) of the key authorization for it."""

    identifier: Identifier
    digest: str


class AlpnServer:
    """Shows each name's certificate to those that ask for it and speak ``acme-tls/1``, until it is closed.

    Who speaks something else agrees on no protocol, and has no use for the
    certificate. ``answers`` are by server name; the address ``""`` stands for
    all addresses. Error when it can't listen.
    """

    def __init__(self, address: str, port: int, answers: Mapping[str, Answer]) -> None:
        self._contexts = {name: _context(answer) for name, answer in answers.items()}
        self._entry = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._entry.set_alpn_protocols([PROTOCOL])
        self._entry.sni_callback = self._choose
        self._slots = threading.BoundedSemaphore(MOST_AT_ONCE)
        try:
            self._socket = _listen(address, port)
        except OSError as error:
            where = f"{address or 'every address'}, port {port}"
            raise Error(f"tls-alpn-01 can't be answered at {where}: {os.strerror(error.errno or 0)}") from error
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(PATIENCE)

    def _serve(self) -> None:
        while True:
            try:
                connection, _peer = self._socket.accept()
            except OSError:
                return
            self._slots.acquire()
            threading.Thread(target=self._show, args=(connection,), daemon=True).start()

    def _show(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(PATIENCE)
            with suppress(OSError, ValueError), self._entry.wrap_socket(connection, server_side=True) as secured:
                # the CA has seen what it came for; it is the one that ends the connection
                secured.recv(1)
        finally:
            connection.close()
            self._slots.release()

    def _choose(self, secured: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> int | None:
        chosen = self._contexts.get((name or "").lower())
        if chosen is None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        secured.context = chosen
        return None


def make_certificate(answer: Answer) -> bytes:
    """Key and self-signed certificate, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ACME challenge")])
    now = datetime.now(timezone.utc)
    octet_string = b"\x04\x20" + bytes.fromhex(answer.digest)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([to_general_name(answer.identifier)]), critical=False)
        .add_extension(x509.UnrecognizedExtension(ACME_IDENTIFIER, octet_string), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem + certificate.public_bytes(serialization.Encoding.PEM)


def _context(answer: Answer) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols([PROTOCOL])
    # the ssl module reads files only
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "both.pem")
        with open(path, "xb") as stream:
            stream.write(make_certificate(answer))
        context.load_cert_chain(path)
    return context


def _listen(address: str, port: int) -> socket.socket:
    if address:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return socket.create_server((address, port), family=family, backlog=MOST_AT_ONCE)
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=MOST_AT_ONCE)
    return socket.create_server(("", port), backlog=MOST_AT_ONCE)
