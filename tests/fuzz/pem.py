# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates, chains, CSRs and keys that are broken inside (RFC 5280, RFC 2986)."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timezone

from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error
from ansible_collections.certfleet.acme.plugins.module_utils._core.identifier import parse_identifier
from ansible_collections.certfleet.acme.plugins.module_utils._x509 import bundle, chain
from ansible_collections.certfleet.acme.plugins.module_utils._x509.csr import load_csr
from ansible_collections.certfleet.acme.plugins.module_utils._x509.key import key_to_pem, load_key
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import strategies as st

from tests.unit.plugins.module_utils._x509 import der
from tests.unit.plugins.module_utils._x509.throwaway import Authority, present

from . import inputs

KEY = ec.generate_private_key(ec.SECP256R1())
NOW = datetime(2026, 11, 23, tzinfo=timezone.utc)
SHOP = (parse_identifier("shop.example"),)
_ISSUED = Authority(present()).issue("shop.example", "192.0.2.1")
_SAN = der.san(der.DNS_NAME)
_SPKIS = (der.off_the_curve(KEY), der.unknown_algorithm(KEY))
CERTIFICATES = (
    _ISSUED.cert,
    _ISSUED.cert + _ISSUED.chain,
    der.certificate(KEY, _SAN),
    der.certificate(KEY, _SAN, version=41),
    der.certificate(KEY, _SAN, _SAN, serial=b"\xff"),
    der.certificate(KEY, der.san(der.X400_ADDRESS), name=der.tlv(0x30, der.tlv(0x31, b"\x05\x00"))),
    *(der.certificate(KEY, _SAN, spki=spki) for spki in _SPKIS),
)
CSRS = (
    der.csr(KEY, _SAN),
    der.csr(KEY, _SAN, _SAN),
    der.csr(KEY, der.san(der.DNS_NAME, der.X400_ADDRESS, der.EDI_PARTY)),
    der.csr(KEY, _SAN, version=5),
    *(der.csr(KEY, _SAN, spki=spki) for spki in _SPKIS),
)
KEYS = (key_to_pem(KEY),)
_BLOCK = re.compile(rb"-----BEGIN ([A-Z ]+)-----\n(.*?)-----END", re.DOTALL)


@st.composite
def broken_pem(draw: st.DrawFn, samples: Sequence[bytes]) -> bytes:
    """PEM whose text is broken, or the DER inside each block."""
    sample = draw(st.sampled_from(samples))
    if draw(st.booleans()):
        return draw(inputs.broken_bytes([sample]))
    blocks = [(label.decode(), base64.b64decode(text)) for label, text in _BLOCK.findall(sample)]
    return b"".join(der.to_pem(label, draw(inputs.broken_bytes([content]))) for label, content in blocks)


def read_chain(pem: bytes) -> None:
    """Every reader of certificates, on the same text."""
    readers: tuple[Callable[[], object], ...] = (
        lambda: chain.check_issued(pem, "0" * 64, SHOP, NOW),
        lambda: chain.check_chain(pem, NOW, "The chain"),
        lambda: chain.check_chain(_ISSUED.cert + pem, NOW, "The chain"),
        lambda: chain.choose_chain([pem], "somebody"),
        lambda: chain.to_der(pem),
        lambda: bundle.seal(pem, b"content"),
        lambda: [chain.describe(each) for each in chain.split_chain(pem)],
    )
    for read in readers:
        with suppress(Error):
            read()
    chain.describe(pem)


def read_chains(chains: Sequence[bytes]) -> None:
    """The same for each of several."""
    for each in chains:
        read_chain(each)


def read_csr(pem: bytes) -> None:
    """What a frontend asks for."""
    load_csr(pem, SHOP, "ecdsa-p256", "The CSR of front1")


def read_key(pem: bytes) -> None:
    """A key that somebody hands over."""
    load_key(pem)
