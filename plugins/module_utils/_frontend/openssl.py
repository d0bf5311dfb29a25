# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a frontend needs of X.509 and CMS, by the openssl command (1.1.1 and 3.x).

Private keys go to the command by its standard input or as files that only the
user can read, never as arguments, which all users of a host can see.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone

from .._core.address import short_address
from .._core.errors import Error, StoreError

Run = Callable[[list[str], bytes], tuple[int, bytes, bytes]]
"""Runs openssl with these arguments and this standard input: exit code, output, messages."""

RECIPIENT_DAYS = 36500
KEY_PARAMETERS = {
    "rsa-2048": ("RSA", "rsa_keygen_bits:2048"),
    "rsa-3072": ("RSA", "rsa_keygen_bits:3072"),
    "rsa-4096": ("RSA", "rsa_keygen_bits:4096"),
    "ecdsa-p256": ("EC", "ec_paramgen_curve:P-256", "ec_param_enc:named_curve"),
    "ecdsa-p384": ("EC", "ec_paramgen_curve:P-384", "ec_param_enc:named_curve"),
}
"""The types of keys: the algorithm and its parameters, as the command names them."""
_CONFIGURATION = b"[req]\ndistinguished_name = subject\nprompt = no\n[subject]\nCN = certfleet recipient\n"
_REQUEST = "[req]\ndistinguished_name = subject\nreq_extensions = extensions\n[subject]\n[extensions]\n"
_CSR = re.compile(rb"-----BEGIN CERTIFICATE REQUEST-----.*?-----END CERTIFICATE REQUEST-----", re.DOTALL)
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----\s+(.*?)-----END CERTIFICATE-----", re.DOTALL)
_PUBLIC_KEY = re.compile(rb"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", re.DOTALL)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class Facts:
    """What a certificate says of itself; ``sha256`` is hex, of the certificate in DER form."""

    identifiers: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    sha256: str
    public_key: bytes


class OpenSsl:
    """The questions to the openssl command, and its answers."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def make_key(self, key_type: str = "rsa-3072") -> bytes:
        """A new key in PEM, of one of KEY_PARAMETERS."""
        algorithm, *parameters = KEY_PARAMETERS[key_type]
        options = [word for parameter in parameters for word in ("-pkeyopt", parameter)]
        return self._ask("make a key", ["genpkey", "-algorithm", algorithm, *options])

    def make_csr(self, key: bytes, domains: Sequence[str]) -> bytes:
        """A CSR in PEM for these names and addresses, its subject empty, signed with a private key in PEM."""
        names = [f"IP:{each}" if short_address(each) else f"DNS:{each}" for each in domains]
        configuration = f"{_REQUEST}subjectAltName = {','.join(names)}\n".encode("ascii")
        with _file("openssl.cnf", configuration) as path:
            arguments = ["req", "-new", "-sha256", "-config", path, "-subj", "/", "-key", "/dev/stdin"]
            code, output, _rest = self._run(arguments, key)
        match = _CSR.search(output)
        if code != 0 or not match:
            raise Error("openssl can't make a certificate signing request")
        return match.group(0) + b"\n"

    def make_recipient(self, key_path: str) -> bytes:
        """A certificate in PEM of the key in that file, signed by itself, that in practice never ends."""
        # own configuration: the system's may be missing or ask for more
        with _file("openssl.cnf", _CONFIGURATION) as path:
            days = str(RECIPIENT_DAYS)
            arguments = ["req", "-new", "-x509", "-sha256", "-days", days, "-config", path, "-key", key_path]
            return self._ask(f"make a certificate of {key_path}", arguments)

    def open_bundle(self, der: bytes, certificate_path: str, key_path: str) -> bytes:
        """What is sealed in a bundle (CMS in DER form); Error when this key doesn't open it."""
        arguments = ["cms", "-decrypt", "-inform", "DER", "-binary", "-recip", certificate_path, "-inkey", key_path]
        code, content, _rest = self._run(arguments, der)
        if code != 0:
            raise Error("The bundle is damaged or was sealed for another host: the recipient key doesn't open it")
        return content

    def public_key(self, key: bytes, what: str) -> bytes:
        """The public key of a private key, both in PEM; Error, without a word of it, when it is none."""
        # with an empty passphrase an encrypted key fails at once instead of asking for one
        code, output, _rest = self._run(["pkey", "-pubout", "-passin", "pass:"], key)
        match = _PUBLIC_KEY.search(output)
        if code != 0 or not match:
            raise Error(f"{what} is not an unencrypted private key in PEM form")
        return match.group(0)

    def describe(self, pem: bytes, what: str) -> Facts:
        """The facts of the first certificate in a PEM text; Error when there is none."""
        certificates = split(pem)
        if not certificates:
            raise Error(f"{what} is not a certificate in PEM form")
        arguments = ["x509", "-noout", "-pubkey", "-dates", "-ext", "subjectAltName"]
        code, output, _rest = self._run(arguments, certificates[0])
        match = _PUBLIC_KEY.search(output)
        if code != 0 or not match:
            raise Error(f"{what} is not a certificate that openssl can read")
        text = output.decode("utf-8", "replace")
        return Facts(
            identifiers=_read_names(text),
            not_before=_read_date(text, "notBefore", what),
            not_after=_read_date(text, "notAfter", what),
            sha256=sha256_of(certificates[0]),
            public_key=match.group(0),
        )

    def is_issuer(self, certificate: bytes, issuer: bytes, at: datetime) -> bool:
        """Whether one certificate (PEM) was issued by the other, and both were valid at that time."""
        with _file("issuer.pem", issuer) as trusted:
            instant = str(int(at.timestamp()))
            # -trusted leaves the system's own authorities out
            code, _output, _errors = self._run(
                ["verify", "-partial_chain", "-attime", instant, "-trusted", trusted], certificate
            )
        return code == 0

    def _ask(self, doing: str, arguments: list[str]) -> bytes:
        code, output, messages = self._run(arguments, b"")
        if code != 0 or not output:
            lines = messages.decode("utf-8", "replace").strip().splitlines()
            raise Error(f"openssl can't {doing}: {lines[-1] if lines else f'it ended with code {code}'}")
        return output


def split(pem: bytes) -> list[bytes]:
    """The certificates of a PEM text, each as PEM with a final newline."""
    return [match.group(0) + b"\n" for match in _CERTIFICATE.finditer(pem)]


def sha256_of(pem: bytes) -> str:
    """SHA-256 (hex) of the first certificate in a PEM text, in DER form; Error when there is none."""
    match = _CERTIFICATE.search(pem)
    try:
        return hashlib.sha256(base64.b64decode(match.group(1) if match else b"?", validate=False)).hexdigest()
    except binascii.Error as error:
        raise Error("There is no certificate in PEM form") from error


def _read_names(text: str) -> tuple[str, ...]:
    """The names after ``X509v3 Subject Alternative Name:``, sorted; addresses in their short form."""
    _before, _found, after = text.partition("X509v3 Subject Alternative Name:")
    lines = after.splitlines()
    # the value is on the line below, which ends with it
    fields = lines[1].split(",") if len(lines) > 1 else []
    names = set()
    for field in fields:
        kind, _found, value = field.strip().partition(":")
        if kind == "DNS":
            names.add(value.lower())
        elif kind == "IP Address":
            names.add(short_address(value) or value)
        else:
            names.add(field.strip())
    return tuple(sorted(names))


def _read_date(text: str, field: str, what: str) -> datetime:
    """A date such as ``notAfter=Jan  5 09:34:43 2027 GMT``, always in English."""
    match = re.search(rf"^{field}=(\w+) +(\d+) (\d+):(\d+):(\d+) (\d+) GMT$", text, re.MULTILINE)
    if not match or match.group(1) not in _MONTHS:
        raise Error(f"{what} has a date that openssl can't tell")
    day, hour, minute, second, year = (int(group) for group in match.groups()[1:])
    return datetime(year, _MONTHS.index(match.group(1)) + 1, day, hour, minute, second, tzinfo=timezone.utc)


@contextmanager
def _file(name: str, content: bytes) -> Iterator[str]:
    """The path of a file with this content, nothing secret, for as long as the command needs it."""
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="certfleet-"))
            path = os.path.join(folder, name)
            with open(path, "wb") as stream:
                stream.write(content)
        except OSError as error:
            raise StoreError(f"Can't write a temporary file: {error.strerror or error}") from error
        yield path
