# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates, chains, keys and CSRs."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from datetime import timedelta

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error, InputError
from ansible_collections.certfleet.acme.plugins.module_utils._core.identifier import Identifier, parse_identifier
from ansible_collections.certfleet.acme.plugins.module_utils._x509.chain import (
    check_chain,
    check_issued,
    choose_chain,
    describe,
    split_chain,
)
from ansible_collections.certfleet.acme.plugins.module_utils._x509.csr import make_csr
from ansible_collections.certfleet.acme.plugins.module_utils._x509.key import (
    KEY_TYPES,
    check_key_type,
    fingerprint_of,
    key_to_pem,
    key_type_of,
    load_key,
    make_key,
)
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from . import der
from .throwaway import Authority, Issued, present

NAMES = ("shop.example", "*.shop.example", "192.0.2.1", "2001:db8::1")
NOW = present()
KEY = ec.generate_private_key(ec.SECP256R1())
GOOD = der.san(der.DNS_NAME)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority(NOW)


@pytest.fixture
def issued(authority: Authority) -> Issued:
    return authority.issue(*NAMES)


def identifiers(*names: str) -> list[Identifier]:
    return [parse_identifier(name) for name in names]


def run(command: str, given: bytes) -> str:
    return subprocess.run(command.split(), input=given, capture_output=True, check=True).stdout.decode()


def test_facts_are_those_that_openssl_tells(issued: Issued) -> None:
    facts = describe(issued.cert)
    said = run("openssl x509 -noout -serial -enddate -fingerprint -sha256", issued.cert)
    assert f"serial={int(facts.serial, 16):X}" in said.replace("=0", "=")
    assert facts.not_after.strftime("notAfter=%b %e %H:%M:%S %Y GMT") in said
    assert facts.sha256 in said.replace(":", "").lower()
    assert facts.identifiers == tuple(sorted(identifiers(*NAMES)))
    assert facts.key_type == "ecdsa-p256"
    assert facts.issuer == "CN=lower"
    assert facts.fingerprint == fingerprint_of(issued.key)


def test_the_identifier_for_renewal_information_is_that_of_the_rfc() -> None:
    # RFC 9773 appendix A: the certificate with this serial number and this authority key identifier
    certificate = b"""-----BEGIN CERTIFICATE-----
MIIBQzCB66ADAgECAgUAh2VDITAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwpFeGFt
cGxlIENBMCIYDzAwMDEwMTAxMDAwMDAwWhgPMDAwMTAxMDEwMDAwMDBaMBYxFDAS
BgNVBAMTC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBZu
7cbpAYNXZLbbh8rNIzuOoqOOtmxA1v7cRm//AwyMwWxyHz4zfwmBhcSrf47NUAFf
qzLQ2PPQxdTXREYEnKMjMCEwHwYDVR0jBBgwFoAUaYhba4dGQEHhs3uEe6CuLN4B
yNQwCgYIKoZIzj0EAwIDRwAwRAIge09+S5TZAlw5tgtiVvuERV6cT4mfutXIlwTb
+FYN/8oCIClDsqBklhB9KAelFiYt9+6FDj3z4KGVelYM5MdsO3pK
-----END CERTIFICATE-----
"""
    try:
        found = describe(certificate).certificate_id
    except ValueError:
        pytest.skip("this version of the library refuses the example's dates")
    assert found == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"


def test_a_certificate_as_ordered_is_accepted(issued: Issued) -> None:
    facts = check_issued(issued.files["fullchain.pem"], fingerprint_of(issued.key), identifiers(*reversed(NAMES)), NOW)
    assert facts == describe(issued.cert)


def test_another_key_is_refused(issued: Issued) -> None:
    with pytest.raises(Error, match="another key"):
        check_issued(issued.files["fullchain.pem"], "00" * 32, identifiers(*NAMES), NOW)


@pytest.mark.parametrize("names", [(*NAMES, "other.example"), ("other.example",)])
def test_a_certificate_that_lacks_a_name_is_refused(issued: Issued, names: tuple[str, ...]) -> None:
    with pytest.raises(Error, match=r"lacks names that were ordered: other\.example"):
        check_issued(issued.files["fullchain.pem"], fingerprint_of(issued.key), identifiers(*names), NOW)


@pytest.mark.parametrize("names", [NAMES[:-1], NAMES[:1]])
def test_a_certificate_with_more_names_than_ordered_is_accepted(issued: Issued, names: tuple[str, ...]) -> None:
    facts = check_issued(issued.files["fullchain.pem"], fingerprint_of(issued.key), identifiers(*names), NOW)
    assert facts == describe(issued.cert)


def test_an_expired_certificate_is_refused(issued: Issued) -> None:
    with pytest.raises(Error, match="expired already"):
        check_issued(
            issued.files["fullchain.pem"], fingerprint_of(issued.key), identifiers(*NAMES), NOW + timedelta(days=90)
        )


def test_a_chain_with_a_gap_or_in_the_wrong_order_is_refused(authority: Authority, issued: Issued) -> None:
    leaf, lower, upper = split_chain(issued.files["fullchain.pem"])
    foreign = Authority(NOW).issue("x.example").chain
    for chain in (leaf + upper, leaf + upper + lower, leaf + foreign, leaf + lower + leaf):
        with pytest.raises(Error, match="chain is broken"):
            check_issued(chain, fingerprint_of(issued.key), identifiers(*NAMES), NOW)


@pytest.mark.parametrize("pem", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_one_sentence(pem: bytes) -> None:
    with pytest.raises(Error, match="no certificate"):
        describe(pem)


@pytest.mark.parametrize(
    "pem",
    [
        der.certificate(KEY, GOOD, version=41),
        der.certificate(KEY, GOOD, spki=der.off_the_curve(KEY)),
        der.certificate(KEY, GOOD, spki=der.unknown_algorithm(KEY)),
        der.certificate(KEY, GOOD, GOOD),
        der.certificate(KEY, der.san(der.X400_ADDRESS)),
        der.certificate(KEY, der.san(b"\x87\x03abc")),
        der.certificate(KEY, der.tlv(0x30, der.SAN, der.tlv(0x04, b"\xff\xff"))),
        der.certificate(KEY, GOOD, until=b"20369901000000Z"),
        der.certificate(KEY, GOOD, name=der.tlv(0x30, der.tlv(0x31, b"\x05\x00"))),
    ],
    ids=["version 42", "point", "curve", "duplicate", "x400", "address", "extension", "date", "name"],
)
def test_a_certificate_that_is_broken_inside_is_one_sentence(pem: bytes, issued: Issued) -> None:
    ordered = ["0" * 64, identifiers("shop.example"), NOW]
    for read in (
        lambda: describe(pem),
        lambda: choose_chain([pem], "somebody"),
        lambda: check_issued(pem, *ordered),
        lambda: check_chain(issued.cert + pem, NOW, "The chain"),
        lambda: check_issued(issued.cert + pem, fingerprint_of(issued.key), identifiers(*NAMES), NOW),
    ):
        with suppress(Error):
            read()
    with pytest.raises(Error, match=r"^[A-Z].{10,300}$"):
        describe(pem)


def test_a_chain_is_chosen_by_any_of_its_issuers(authority: Authority, issued: Issued) -> None:
    other = Authority(NOW)
    chains = [issued.files["fullchain.pem"], other.issue("x.example", issuer=other.root).files["fullchain.pem"]]
    assert choose_chain(chains, None) == chains[0]
    assert choose_chain(chains, "upper") == chains[0]
    assert choose_chain(chains, "root") == chains[0]
    assert choose_chain(chains[1:] + chains[:1], "lower") == chains[0]
    assert choose_chain(chains, "nobody") == chains[0]


def test_text_between_certificates_is_left_out(issued: Issued) -> None:
    spread = b"subject=x\n" + issued.cert.replace(b"\n", b"\r\n") + b"\n\nissuer=y\n" + issued.chain
    assert len(split_chain(spread)) == 3
    assert split_chain(issued.files["fullchain.pem"])[0] == issued.cert


@pytest.mark.parametrize("key_type", KEY_TYPES)
def test_keys_of_each_type_come_back_from_pem(key_type: str) -> None:
    key = make_key(key_type)
    pem = key_to_pem(key)
    assert pem.startswith(b"-----BEGIN PRIVATE KEY-----")
    assert key_type_of(load_key(pem)) == key_type
    assert fingerprint_of(load_key(pem)) == fingerprint_of(key.public_key())


@pytest.mark.parametrize(
    "key_type", ["rsa", "RSA-2048", "rsa-1024", "ecdsa-p521", "ed25519", "", None, 2048, ["rsa-2048"]]
)
def test_an_unknown_key_type_is_refused_with_the_option(key_type: object) -> None:
    with pytest.raises(InputError, match=r"^certificates\[0\]\.key_types: "):
        check_key_type(key_type, "certificates[0].key_types")


@pytest.mark.parametrize(
    "arguments",
    [
        "genpkey -algorithm ed25519",
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024",
        "ecparam -genkey -name secp521r1 -noout",
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -aes256 -pass pass:x",
    ],
)
def test_a_key_that_no_ca_takes_is_refused_without_quoting_it(arguments: str) -> None:
    pem = run(f"openssl {arguments}", b"").encode()
    with pytest.raises(Error) as refused:
        load_key(pem, "The key in key.pem")
    assert refused.value.message.startswith("The key in key.pem is ")
    assert pem.splitlines()[1].decode() not in refused.value.message


def test_what_is_no_key_is_refused_without_quoting_it() -> None:
    with pytest.raises(Error) as refused:
        load_key(b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n")
    assert "c2VjcmV0" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_csr_holds_the_names_and_is_signed() -> None:
    key = make_key("ecdsa-p256")
    der = make_csr(key, identifiers(*NAMES))
    csr = x509.load_der_x509_csr(der)
    assert csr.is_signature_valid
    assert fingerprint_of(csr) == fingerprint_of(key)
    said = run("openssl req -inform DER -noout -text -verify", der)
    for name in ("DNS:shop.example", "DNS:*.shop.example", "IP Address:192.0.2.1", "IP Address:2001:DB8:0:0:0:0:0:1"):
        assert name in said
