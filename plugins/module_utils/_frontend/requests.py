# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that a frontend makes for itself and never gives away (G9), and the CSRs that it signs with them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._core.bundle import KEY
from .._core.errors import InputError
from .._core.files import Files
from .._core.generations import Generations
from .._core.name import check_name
from .openssl import KEY_PARAMETERS, OpenSsl

FOLDER = "requests"
DOMAIN = re.compile(r"(\*\.)?[A-Za-z0-9._:-]{1,253}")


@dataclass(frozen=True)
class Request:
    """A certificate that the frontend is to ask for; with ``reuse_key`` for the key that it has."""

    name: str
    key_type: str
    domains: tuple[str, ...]
    reuse_key: bool


def parse_requests(entries: list[Mapping[str, Any]]) -> tuple[Request, ...]:
    """The option ``requests``; InputError for what can't be."""
    return tuple(_parse(entry, f"requests[{number}]") for number, entry in enumerate(entries))


def _parse(entry: Mapping[str, Any], option: str) -> Request:
    domains, key_type = tuple(entry["domains"]), entry["key_type"]
    if key_type not in KEY_PARAMETERS:
        raise InputError(f"{option}.key_type", key_type, f"is not one of {', '.join(KEY_PARAMETERS)}")
    wrong = [each for each in domains if not DOMAIN.fullmatch(each)]
    if wrong or not domains:
        raise InputError(f"{option}.domains", wrong[0] if wrong else [], "is not a name or an address")
    return Request(check_name(entry["name"], f"{option}.name"), key_type, domains, bool(entry["reuse_key"]))


class Requests:
    """The keys that wait for their certificates, in ``requests/<name>/<key type>``."""

    def __init__(self, files: Files, openssl: OpenSsl) -> None:
        self._files = files
        self._openssl = openssl

    def lacks_key(self, request: Request) -> bool:
        """Whether a key has to be made for it."""
        return self._key_for(request) is None

    def sign(self, request: Request) -> bytes:
        """A CSR (PEM); the key is on disk before, and the same until its certificate has come."""
        folder = _folder(request.name, request.key_type)
        self._files.sweep(folder)
        key = self._key_for(request)
        if key is None:
            key = self._openssl.make_key(request.key_type)
            self._files.write(f"{folder}/{KEY}", key)
        return self._openssl.make_csr(key, request.domains)

    def find(self, name: str, key_type: str, public_key: bytes) -> bytes | None:
        """The private key (PEM) of a certificate with this public key, or None when this frontend has it not."""
        for key in (self._files.read(f"{_folder(name, key_type)}/{KEY}"), self._live(name, key_type)):
            if key is not None and self._openssl.public_key(key, f"The key for {name}") == public_key:
                return key
        return None

    def settle(self, name: str, key_type: str) -> None:
        """Forget the key that waits, once it is that of the certificate in use."""
        path = f"{_folder(name, key_type)}/{KEY}"
        key = self._files.read(path)
        if key is not None and key == self._live(name, key_type):
            self._files.remove(path)

    def _key_for(self, request: Request) -> bytes | None:
        """The key that is there for it: of the certificate in use, if that is to be kept, else the one that waits.

        One that waits although its certificate is in use waits for nothing, so that each certificate has a new one.
        """
        live = self._live(request.name, request.key_type)
        waiting = self._files.read(f"{_folder(request.name, request.key_type)}/{KEY}")
        if request.reuse_key and live is not None:
            return live
        return None if waiting == live else waiting

    def _live(self, name: str, key_type: str) -> bytes | None:
        return Generations(self._files, f"certificates/{name}/{key_type}").read(KEY)


def _folder(name: str, key_type: str) -> str:
    return f"{FOLDER}/{name}/{key_type}"
