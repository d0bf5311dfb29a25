# SPDX-License-Identifier: GPL-3.0-or-later
"""The server for tls-alpn-01, as a CA sees it (RFC 8737 §3, RFC 8738 §6)."""

from __future__ import annotations

import hashlib
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error
from ansible_collections.certfleet.acme.plugins.module_utils._core.identifier import parse_identifier
from ansible_collections.certfleet.acme.plugins.module_utils._x509.alpn import (
    ACME_IDENTIFIER,
    PROTOCOL,
    AlpnServer,
    Answer,
    make_certificate,
)
from cryptography import x509

ANSWERS = {
    name: Answer(parse_identifier(identifier), hashlib.sha256(name.encode()).hexdigest())
    for name, identifier in (("a.example", "a.example"), ("1.2.0.192.in-addr.arpa", "192.0.2.1"))
}


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as found:
        number: int = found.getsockname()[1]
    server = AlpnServer("127.0.0.1", number, ANSWERS)
    yield number
    server.close()


@contextmanager
def connected(port: int, name: str, protocol: str) -> Iterator[ssl.SSLSocket]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols([protocol])
    plain = socket.create_connection(("127.0.0.1", port), timeout=10)
    with plain, context.wrap_socket(plain, server_hostname=name) as secured:
        yield secured


def negotiated(port: int, name: str, protocol: str) -> str | None:
    with connected(port, name, protocol) as secured:
        return secured.selected_alpn_protocol()


def show(port: int, name: str) -> x509.Certificate:
    with connected(port, name, PROTOCOL) as secured:
        assert secured.selected_alpn_protocol() == PROTOCOL
        der = secured.getpeercert(binary_form=True)
        assert der
        return x509.load_der_x509_certificate(der)


@pytest.mark.parametrize("name", ANSWERS)
def test_each_name_gets_its_certificate(port: int, name: str) -> None:
    certificate = show(port, name)
    extension = certificate.extensions.get_extension_for_oid(ACME_IDENTIFIER)
    assert extension.critical
    assert isinstance(extension.value, x509.UnrecognizedExtension)
    assert extension.value.value == b"\x04\x20" + bytes.fromhex(ANSWERS[name].digest)


@pytest.mark.parametrize(
    ("identifier", "shown"),
    [
        ("a.example", x509.DNSName("a.example")),
        ("192.0.2.1", x509.IPAddress(ipaddress.ip_address("192.0.2.1"))),
        ("2001:db8::1", x509.IPAddress(ipaddress.ip_address("2001:db8::1"))),
    ],
)
def test_its_only_name_is_what_is_validated(identifier: str, shown: x509.GeneralName) -> None:
    pem = make_certificate(Answer(parse_identifier(identifier), "00" * 32))
    names = x509.load_pem_x509_certificate(pem).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert list(names.value) == [shown]


def test_no_other_name_and_no_other_protocol_is_agreed_on(port: int) -> None:
    with pytest.raises(OSError, match=r"(?i)unrecognized"):
        show(port, "b.example")
    assert negotiated(port, "a.example", "http/1.1") is None


def test_who_connects_and_says_nothing_holds_up_nobody(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)):
        assert show(port, "a.example")


def test_a_port_that_is_taken_is_told(port: int) -> None:
    with pytest.raises(Error, match=f"at 127.0.0.1, port {port}: Address already in use"):
        AlpnServer("127.0.0.1", port, ANSWERS)
