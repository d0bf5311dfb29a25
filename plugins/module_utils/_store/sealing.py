# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups as CMS (RFC 5652), by the openssl command: encrypted for the backup key, and signed by the host that made them.

The signature is around what is encrypted. So nothing is decrypted or unpacked before it is known who made it.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Literal, cast

from .._core.errors import Error, InputError, StoreError
from .._core.files import Files

SIGNER_DAYS = "36500"
# the content types of CMS in DER form (RFC 5652 sections 5.1 and 6.1), which are near the beginning of a file
_SIGNED = bytes.fromhex("06092a864886f70d010702")
_ENCRYPTED = bytes.fromhex("06092a864886f70d010703")
_HEAD = 32
_CHUNK = 1024**2
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_CONFIGURATION = "[req]\ndistinguished_name = subject\nprompt = no\n[subject]\nCN = certfleet backup\n"

Kind = Literal["signed", "encrypted", "unknown"]


def have_signer(path: str) -> str:
    """The certificate (PEM) by which backups of this host are known; its key is made, in the same file, if it is not there."""
    folder, name = os.path.split(os.path.abspath(path))
    try:
        content = Files(folder).read(name)
        if content is None:
            content = _make_signer()
            Files(folder).write(name, content)
    except StoreError as error:
        raise InputError("signing_key", path, f"can't be used: {error.message}") from error
    match = _CERTIFICATE.search(content)
    if not match or b"PRIVATE KEY-----" not in content:
        raise InputError("signing_key", path, "does not hold a private key and its certificate, both in PEM form")
    return match.group(0).decode("ascii", "replace") + "\n"


def encrypt(content: IO[bytes], recipient: str, path: str) -> None:
    """Write to ``path`` what the stream gives, encrypted for the certificate in the file ``recipient``."""
    words = ["cms", "-encrypt", "-binary", "-stream", "-outform", "DER", "-aes-256-cbc", "-out", path]
    if not _openssl(*words, os.path.abspath(recipient), stdin=content):
        raise InputError("recipient", recipient, "is no file with a certificate, in PEM, that openssl can encrypt for")


def sign(source: str, signing_key: str, path: str) -> None:
    """Write to ``path`` what ``source`` holds, signed."""
    words = ["cms", "-sign", "-binary", "-nodetach", "-stream", "-outform", "DER", "-md", "sha256"]
    if not _openssl(*words, "-signer", os.path.abspath(signing_key), "-in", source, "-out", path):
        raise InputError("signing_key", signing_key, "does not hold a key that openssl can sign with")


def kind_of(path: str) -> Kind:
    """What a file is; StoreError when it can't be read."""
    try:
        with open(path, "rb") as stream:
            head = stream.read(_HEAD)
    except OSError as error:
        raise StoreError(f"Can't read {path}: {error.strerror or error}") from error
    return "signed" if _SIGNED in head else "encrypted" if _ENCRYPTED in head else "unknown"


def verify(source: str, signer: str, path: str) -> None:
    """Write to ``path`` what is signed in ``source``; Error unless a key of a certificate in the file ``signer`` signed it.

    Certificates that ``source`` itself brings along are not looked at, and neither is who issued the certificate.
    """
    words = ["cms", "-verify", "-binary", "-inform", "DER", "-in", source, "-out", path, "-noverify", "-nointern"]
    if not _openssl(*words, "-certfile", os.path.abspath(signer)):
        raise Error(f"{source} was changed, or is signed with another key than that of the certificate in {signer}")


@contextmanager
def decrypting(source: str, key: str) -> Iterator[IO[bytes]]:
    """What ``source`` holds, decrypted with the private key (PEM) in the file ``key``; Error when that does not open it."""
    words = ["openssl", "cms", "-decrypt", "-binary", "-inform", "DER", "-in", source, "-inkey", os.path.abspath(key)]
    try:
        # without a terminal it can't stop and ask for a passphrase
        process = subprocess.Popen(
            [*words, "-passin", "pass:"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
    except OSError as error:
        raise Error(f"The openssl command can't be run on this host: {error.strerror}") from error
    failure: Error | None = None
    with process, cast("IO[bytes]", process.stdout) as stream:
        try:
            yield stream
            # only at its end openssl says whether all is well
            while stream.read(_CHUNK):
                pass
        except Error as error:
            # where the key is the wrong one, what came out is none of the backup's
            failure = error
    # less than zero: it was still writing when nobody read on
    if process.returncode > 0:
        raise Error(f"The private key in {key} does not open the backup") from failure
    if failure is not None:
        raise failure


def _make_signer() -> bytes:
    """A private key and its certificate, both in PEM."""
    with tempfile.TemporaryDirectory(prefix="certfleet-") as folder:
        configuration, key, certificate = (os.path.join(folder, name) for name in ("openssl.cnf", "key", "certificate"))
        Files(folder).write("openssl.cnf", _CONFIGURATION.encode())
        words = ["req", "-x509", "-sha256", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        files = ["-config", configuration, "-keyout", key, "-out", certificate]
        if not _openssl(*words, "-days", SIGNER_DAYS, *files):
            raise Error("openssl can't make a key to sign backups with")
        return (Files(folder).read("key") or b"") + (Files(folder).read("certificate") or b"")


def _openssl(*words: str, stdin: IO[bytes] | None = None) -> bool:
    """Run openssl; whether it did what it was asked for."""
    try:
        done = subprocess.run(
            ["openssl", *words],
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            capture_output=True,
            check=False,
            start_new_session=True,
        )
    except OSError as error:
        raise Error(f"The openssl command can't be run on this host: {error.strerror}") from error
    return done.returncode == 0
