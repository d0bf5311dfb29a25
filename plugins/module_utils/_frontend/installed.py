# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates on a frontend: what is there, and replacing it as a whole."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from .._core.bundle import FILES, KEY, recipient_id
from .._core.clock import Clock, format_instant, read_instant
from .._core.errors import Error
from .._core.files import Files
from .._core.generations import Generations
from .._core.known import known
from .._core.name import check_name
from .._core.workers import do_each
from .access import Access
from .bundle import Entry, check_entry, check_time, read_bundle
from .openssl import Facts, OpenSsl
from .requests import Request, Requests

CERTIFICATES = "certificates"
RECIPIENT_KEY = "recipient/privkey.pem"
RECIPIENT = "recipient/cert.pem"
FACTS = "facts.json"
ENTER = 0o711


@dataclass(frozen=True)
class Installed:
    """A certificate on this frontend; ``files`` are SHA-256 values (hex) of its files.

    ``made_at`` is when its bundle was made, None where that was not noted yet.
    """

    name: str
    key_type: str
    sha256: str
    not_after: str
    identifiers: tuple[str, ...]
    files: Mapping[str, str] = field(repr=False)
    made_at: datetime | None = None

    def as_dict(self) -> dict[str, Any]:
        """What a module returns."""
        return {
            "name": self.name,
            "key_type": self.key_type,
            "sha256": self.sha256,
            "not_after": self.not_after,
            "identifiers": list(self.identifiers),
        }


@dataclass(frozen=True)
class Change:
    """A certificate that comes (no ``before``), goes (no ``after``) or is replaced, with its new files."""

    before: Installed | None
    after: Installed | None
    contents: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def target(self) -> Installed:
        """Either of the two, for name and key type."""
        return known(self.after or self.before)


class Frontend:
    """One frontend's folder: its recipient key, and ``certificates/<name>/<key type>/live``."""

    def __init__(self, files: Files, openssl: OpenSsl, clock: Clock, access: Access | None = None) -> None:
        self._files = files
        self._openssl = openssl
        self._clock = clock
        self._access = access or Access()
        self._requests = Requests(files, openssl)
        self.keyless: list[str] = []
        """The certificates of the last plan that are for keys which this frontend does not have."""

    def recipient(self) -> bytes | None:
        """The certificate (PEM) to seal bundles for, or None when it isn't there or not of our key."""
        key, certificate = self._files.read(RECIPIENT_KEY), self._files.read(RECIPIENT)
        if key is None or certificate is None:
            return None
        what = f"The file {self._files.path(RECIPIENT_KEY)}"
        public_key = self._openssl.public_key(key, what)
        try:
            facts = self._openssl.describe(certificate, "The recipient")
        except Error:
            return None
        return certificate if facts.public_key == public_key else None

    def prepare(self) -> bytes:
        """The certificate (PEM) to seal bundles for; key and certificate are made once and kept."""
        # what was cut off while it was written may be a key
        self._files.sweep(os.path.dirname(RECIPIENT_KEY))
        certificate = self.recipient()
        if certificate is None:
            if self._files.read(RECIPIENT_KEY) is None:
                self._files.write(RECIPIENT_KEY, self._openssl.make_key())
            certificate = self._openssl.make_recipient(self._files.path(RECIPIENT_KEY))
            self._files.write(RECIPIENT, certificate)
        return certificate

    def installed(self) -> list[Installed]:
        """The certificates that are there, sorted; one whose files were damaged or changed by hand isn't."""
        found = (self._read(name, key_type) for name, key_type in self._targets())
        return [each for each in found if each is not None]

    def plan(self, bundle: bytes, force: bool = False) -> list[Change]:
        """What the bundle (CMS in DER form) changes; Error when any of it may not be installed.

        With ``force`` it may be older than what is installed.
        """
        recipient = self.recipient()
        if recipient is None:
            raise Error(f"There is no recipient key in {self._files.root} yet; state=prepared makes it")
        key, certificate = self._files.path(RECIPIENT_KEY), self._files.path(RECIPIENT)
        changes = []
        sent = read_bundle(self._openssl.open_bundle(bundle, certificate, key))
        if sent.recipient != recipient_id(recipient):
            raise Error("The bundle was made for another frontend, or for a recipient key that this one had before")
        if not force:
            check_time(sent, self._clock.now())
        completed = [self._complete(entry) for entry in sent.entries]
        self.keyless = [str(entry) for entry, whole in zip(sent.entries, completed) if whole is None]
        entries = [whole for whole in completed if whole is not None]
        for entry, facts in zip(entries, self._check(entries)):
            before = self._read(entry.name, entry.key_type)
            after = replace(_describe(entry.name, entry.key_type, facts, entry.files), made_at=sent.made_at)
            if before is None or before.files != after.files:
                if not force:
                    _check_newer(before, after)
                changes.append(Change(before, after, entry.files))
        return changes

    def foresee_requests(self, wanted: Sequence[Request]) -> bool:
        """Whether :meth:`request` would make a key."""
        return any(self._requests.lacks_key(each) for each in wanted)

    def request(self, wanted: Sequence[Request]) -> list[dict[str, str]]:
        """A CSR for each, signed with keys that stay here."""
        return [
            {"name": each.name, "key_type": each.key_type, "csr": self._requests.sign(each).decode("ascii")}
            for each in wanted
        ]

    def settle(self, changes: Iterable[Change]) -> None:
        """Forget keys that waited for these certificates, when they are to stay."""
        for change in changes:
            self._requests.settle(change.target.name, change.target.key_type)

    def _complete(self, entry: Entry) -> Entry | None:
        """The entry with its key, which may have been made here; None when there is none."""
        if KEY in entry.files:
            return entry
        public_key = self._openssl.describe(entry.files["cert.pem"], f"The bundle's certificate {entry}").public_key
        key = self._requests.find(entry.name, entry.key_type, public_key)
        return None if key is None else replace(entry, files={KEY: key, **entry.files})

    def switch(self, changes: Iterable[Change], keep: int = 2) -> None:
        """Carry out what :meth:`plan` has found, each certificate in one step; so many generations are kept."""
        for change in changes:
            after = known(change.after)
            facts = {**after.as_dict(), "files": dict(after.files), "made_at": format_instant(known(after.made_at))}
            record = json.dumps(facts, indent=1, sort_keys=True) + "\n"
            generations = Generations(self._files, folder_of(after.name, after.key_type))
            generations.add({**change.contents, FACTS: record.encode()}, keep=keep, before_switch=self._give_access)

    def plan_removal(self, names: Sequence[str]) -> list[Change]:
        """The certificates of these names that are there, intact or not."""
        wanted = {check_name(name, "names") for name in names}
        targets = [(name, key_type) for name, key_type in self._targets() if name in wanted]
        return [Change(self._read(*target) or _unknown(*target), None) for target in targets]

    def remove(self, changes: Iterable[Change]) -> None:
        """Carry out what :meth:`plan_removal` has found."""
        for name in sorted({change.target.name for change in changes}):
            self._files.remove_tree(f"{CERTIFICATES}/{name}")

    def lacking_access(self) -> list[str]:
        """The files and folders (absolute) of live generations whose owner, group or mode are not as they should be."""
        paths = [path for target in self._targets() for path in self._paths_of(*target)]
        differing = [path for path in dict.fromkeys(paths) if self._access.differs(path)]
        return [*([self._files.root] if paths and self._closed() else []), *differing]

    def give_access(self) -> None:
        """Set owner, group and mode of what :meth:`lacking_access` has found."""
        for path in self.lacking_access():
            self._open() if path == self._files.root else self._access.apply(path)

    def _check(self, entries: Sequence[Entry]) -> list[Facts]:
        """The facts of all certificates; the first Error, in their order, when one must not be installed."""
        now = self._clock.now()
        # each check starts the command some times, so several of them keep the host's processors busy
        done, failed = do_each(
            lambda number: check_entry(entries[number], self._openssl, now), range(len(entries)), os.cpu_count() or 1
        )
        for number in sorted(failed):
            raise failed[number]
        return [done[number] for number in range(len(entries))]

    def _targets(self) -> Iterator[tuple[str, str]]:
        for name in self._files.names(CERTIFICATES):
            for key_type in self._files.names(f"{CERTIFICATES}/{name}"):
                yield name, key_type

    def _read(self, name: str, key_type: str) -> Installed | None:
        contents = Generations(self._files, folder_of(name, key_type)).read_set((*FILES, FACTS))
        try:
            facts = json.loads(contents.pop(FACTS) or b"null")
            found = Installed(
                name,
                key_type,
                facts["sha256"],
                facts["not_after"],
                tuple(facts["identifiers"]),
                facts["files"],
                read_instant(facts.get("made_at")),
            )
            intact = all(_digest(content) == found.files.get(file) for file, content in contents.items())
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None
        return found if intact else None

    def _paths_of(self, name: str, key_type: str) -> list[str]:
        number = Generations(self._files, folder_of(name, key_type)).live()
        if number is None:
            return []
        return self._chain_of(Generations(self._files, folder_of(name, key_type)).path_of(number))

    def _chain_of(self, generation: str) -> list[str]:
        """The folders from ``certificates`` down to a generation, and its files."""
        parts = generation.split("/")
        folders = ["/".join(parts[: depth + 1]) for depth in range(len(parts))]
        files = [f"{generation}/{name}" for name in self._files.names(generation)]
        return [self._files.path(relative) for relative in (*folders, *files)]

    def _give_access(self, generation: str) -> None:
        self._open()
        for path in self._chain_of(generation):
            self._access.apply(path)

    def _closed(self) -> bool:
        return self._access.shared and os.stat(self._files.root).st_mode & ENTER != ENTER

    def _open(self) -> None:
        """Let others pass through the folder itself; the recipient's folder stays closed."""
        if self._closed():
            os.chmod(self._files.root, os.stat(self._files.root).st_mode | ENTER)


def folder_of(name: str, key_type: str) -> str:
    """Where a certificate's generations are, relative to the frontend's folder."""
    return f"{CERTIFICATES}/{name}/{key_type}"


def _describe(name: str, key_type: str, facts: Facts, contents: Mapping[str, bytes]) -> Installed:
    files = {file: str(_digest(content)) for file, content in contents.items()}
    return Installed(name, key_type, facts.sha256, format_instant(facts.not_after), facts.identifiers, files)


def _check_newer(before: Installed | None, after: Installed) -> None:
    """Error when what is installed came in a later bundle: somebody may play an old one once more."""
    if before and before.made_at and after.made_at and after.made_at < before.made_at:
        raise Error(
            f"The bundle was made at {format_instant(after.made_at)}, and {after.name} ({after.key_type}) is installed from "
            f"one that was made at {format_instant(before.made_at)}; force: true installs the older one"
        )


def _unknown(name: str, key_type: str) -> Installed:
    return Installed(name, key_type, "", "", (), {})


def _digest(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()
