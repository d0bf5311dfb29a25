# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates, their keys, and what is known about them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from .._core.bundle import KEY
from .._core.errors import BrokenRecordError, StoreError
from .._core.files import Files
from .._core.generations import LIVE, Generations
from .._core.name import split_name
from .layout import certificate_folder

ISSUANCE = "issuance.json"
_PAIR = (KEY, "fullchain.pem")


@dataclass(frozen=True)
class StoredCertificate:
    """What the scan finds; ``broken`` says why there is no issuance record."""

    name: str
    key_type: str
    issuance: dict[str, Any] | None
    broken: str | None = None


class CertificateStore:
    """The folder ``certificates`` of the store: for each name and key type the generations and the state."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def scan(self, names: Iterable[str] | None = None, *, unissued: bool = False) -> Iterator[StoredCertificate]:
        """Each certificate that there is, or of those names, sorted; a broken record is told, not raised.

        With ``unissued`` also those of which only attempts are known so far.
        """
        for name in self._files.names("certificates") if names is None else sorted(set(names)):
            for key_type in self._files.names(f"certificates/{name}"):
                issuance = broken = None
                try:
                    issuance = self.issuance(name, key_type)
                    broken = self._why_not_issued(name, key_type, issuance)
                except StoreError as error:
                    broken = error.message
                issuance = None if broken else issuance
                if issuance is not None or broken or unissued:
                    yield StoredCertificate(name, key_type, issuance, broken)

    def issuance(self, name: str, key_type: str) -> dict[str, Any] | None:
        """The record of the live certificate, or None when there is none; StoreError when it is broken."""
        generations = self._generations(name, key_type)
        number = generations.live()
        return None if number is None else self._files.read_json(f"{generations.path_of(number)}/{ISSUANCE}")

    def record_path(self, name: str, key_type: str) -> str:
        """Where the record of the live certificate is, for messages."""
        return self._files.path(f"{certificate_folder(name, key_type)}/{LIVE}/{ISSUANCE}")

    def live(self, name: str, key_type: str, file: str) -> bytes | None:
        """A file of the live generation: privkey.pem, cert.pem, chain.pem or fullchain.pem."""
        return self._generations(name, key_type).read(file)

    def live_set(self, name: str, key_type: str, files: Iterable[str]) -> dict[str, bytes]:
        """Files of the live generation that belong together; StoreError when one is not there."""
        contents = self._generations(name, key_type).read_set(files)
        found = {file: content for file, content in contents.items() if content is not None}
        lacking = [file for file in contents if file not in found]
        if lacking:
            folder = self._files.path(certificate_folder(name, key_type))
            raise StoreError(f"The certificate in {folder} lacks the file {lacking[0]}")
        return found

    def add_generation(
        self, name: str, key_type: str, contents: Mapping[str, bytes], issuance: Mapping[str, Any]
    ) -> int:
        """Put a certificate with its key into place, in one step; the generation's number."""
        record = (json.dumps(dict(issuance), indent=1, sort_keys=True) + "\n").encode()
        return self._generations(name, key_type).add({**contents, ISSUANCE: record})

    def live_number(self, name: str, key_type: str) -> int | None:
        """Which generation is in use, or None."""
        return self._generations(name, key_type).live()

    def generations(self, name: str, key_type: str) -> list[int]:
        """The generations on disk, finished or not: the live one first, then the newest."""
        found = self._generations(name, key_type)
        live = found.live()
        return sorted(found.numbers(), key=lambda number: (number != live, -number))

    def generation_file(self, name: str, key_type: str, number: int, file: str) -> bytes | None:
        """A file of any generation, or None."""
        return self._generations(name, key_type).read_from(number, file)

    def generation_record(self, name: str, key_type: str, number: int) -> dict[str, Any] | None:
        """The record of any generation, or None when there is none that can be read."""
        try:
            return self._files.read_json(f"{self._generations(name, key_type).path_of(number)}/{ISSUANCE}")
        except StoreError:
            return None

    def switch(self, name: str, key_type: str, number: int) -> None:
        """Have a generation that is there be the live one."""
        self._generations(name, key_type).switch(number)

    def mend(
        self, name: str, key_type: str, number: int, contents: Mapping[str, bytes], issuance: Mapping[str, Any]
    ) -> None:
        """Give a generation that is there these files and this record, and have it be the live one.

        The record that was there is set aside, as ``issuance.json.broken``. For who holds the lock.
        """
        generations = self._generations(name, key_type)
        folder = generations.path_of(number)
        for file, content in contents.items():
            self._files.write(f"{folder}/{file}", content)
        self._files.set_aside(f"{folder}/{ISSUANCE}")
        self._files.write_json(f"{folder}/{ISSUANCE}", dict(issuance))
        generations.switch(number)

    def pending(self, name: str, key_type: str) -> dict[str, Any] | None:
        """The order that is under way, or None; one whose record is broken is lost, as its URL is.

        Its ``url`` is None while the CA has not told it: there may be an order.
        """
        order = self._read_order(name, key_type)
        return order if order and _is_order(order) else None

    def has_broken_order(self, name: str, key_type: str) -> bool:
        """Whether there is a record of an order that can't be made out: there may be an order."""
        order = self._read_order(name, key_type)
        return order is not None and not _is_order(order)

    def set_pending(self, name: str, key_type: str, order: dict[str, Any]) -> None:
        """Remember the order that is under way; a broken record of one is set aside, as ``order.json.broken``."""
        path = f"{certificate_folder(name, key_type)}/order.json"
        if self.has_broken_order(name, key_type):
            self._files.set_aside(path)
        self._files.write_json(path, order)

    def drop_order(self, name: str, key_type: str) -> None:
        """Forget the order that is under way; its key stays for the next one."""
        self._files.remove(f"{certificate_folder(name, key_type)}/order.json")

    def pending_key(self, name: str, key_type: str) -> bytes | None:
        """The private key (PEM) for the order that is under way, or None."""
        return self._files.read(f"{certificate_folder(name, key_type)}/order.pem")

    def set_pending_key(self, name: str, key_type: str, pem: bytes) -> None:
        """Have the key for the next order on disk."""
        self._files.write(f"{certificate_folder(name, key_type)}/order.pem", pem)

    def clear_pending(self, name: str, key_type: str) -> None:
        """Forget the order and its key, in this order, so that no order is left without its key.

        What was cut off while it was written goes, too; it may be a key. For who holds the lock.
        """
        folder = certificate_folder(name, key_type)
        self._files.remove(f"{folder}/order.json")
        self._files.remove(f"{folder}/order.pem")
        self._files.sweep(folder)

    def state(self, name: str, key_type: str) -> dict[str, Any]:
        """What is remembered beside the certificate, such as its failures; nothing when the file is of no use."""
        try:
            return self._files.read_json(_state_path(name, key_type)) or {}
        except StoreError:
            return {}

    def state_problem(self, name: str, key_type: str) -> str | None:
        """Why what is remembered beside the certificate can't be read, or None."""
        try:
            self._files.read_json(_state_path(name, key_type))
        except StoreError as error:
            return error.message
        return None

    def set_state(self, name: str, key_type: str, state: dict[str, Any]) -> None:
        """Remember something beside the certificate; with nothing in it, the file goes."""
        path = _state_path(name, key_type)
        if state:
            self._files.write_json(path, state)
        else:
            self._files.remove(path)

    def update_state(self, name: str, key_type: str, **sections: Any) -> None:
        """Replace these members of what is remembered, and drop those that are None; the others stay.

        A file that is broken or can't be read is set aside first, as ``state.json.broken``. For who holds the lock.
        """
        self._files.sweep(certificate_folder(name, key_type))
        self.set_state_aside(name, key_type)
        state = {**self.state(name, key_type), **sections}
        self.set_state(name, key_type, {member: value for member, value in state.items() if value is not None})

    def set_state_aside(self, name: str, key_type: str) -> bool:
        """Move a state file that is of no use out of the way; whether there was one."""
        path = _state_path(name, key_type)
        try:
            self._files.read_json(path)
        except StoreError:
            return self._files.set_aside(path)
        return False

    def _read_order(self, name: str, key_type: str) -> dict[str, Any] | None:
        """What there is about an order; nothing in it when it is broken."""
        try:
            return self._files.read_json(f"{certificate_folder(name, key_type)}/order.json")
        except BrokenRecordError:
            return {}

    def _why_not_issued(self, name: str, key_type: str, issuance: Mapping[str, Any] | None) -> str | None:
        """Why what is there can't be used, as after a copy without links; None if it can, or if there is nothing."""
        generations = self._generations(name, key_type)
        number = generations.live()
        if issuance is not None and number is not None:
            needed = [each for each in _PAIR if each != KEY or split_name(name)[1] is None]
            lacking = [each for each in needed if not self._files.has_content(f"{generations.path_of(number)}/{each}")]
            folder = self._files.path(certificate_folder(name, key_type))
            return f"The certificate in {folder} lacks the file {lacking[0]}" if lacking else None
        if not generations.numbers():
            return None
        live = self._files.path(f"{certificate_folder(name, key_type)}/{LIVE}")
        return f"The link {live} leads to no certificate of the store"

    def _generations(self, name: str, key_type: str) -> Generations:
        return Generations(self._files, certificate_folder(name, key_type))


def _state_path(name: str, key_type: str) -> str:
    return f"{certificate_folder(name, key_type)}/state.json"


def _is_order(record: Mapping[str, Any]) -> bool:
    identifiers = record.get("identifiers")
    return (
        _may_lead_to_order(record.get("url", 0))
        and isinstance(identifiers, list)
        and all(isinstance(identifier, str) for identifier in identifiers)
    )


def _may_lead_to_order(url: object) -> bool:
    """Whether this is an HTTPS URL with a host (RFC 8555 §6.1), or None as long as the CA has not told it."""
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
    except ValueError:
        return False
    return url is None or (parts is not None and parts.scheme == "https" and bool(parts.hostname))
