# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the store remembers of certificates that were revoked or are to be, by their serial numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

REVOCATIONS = "revocations"
"""The section of a certificate's state: for each serial number, what :meth:`Revocation.as_record` gives."""

_MEMBERS = ("reason", "asked_at", "revoked_at", "directory", "certificate")


@dataclass(frozen=True)
class Revocation:
    """Why a certificate was revoked, or is to be once there is another; the instants are texts (RFC 3339).

    Until it is done, the CA's ``directory`` and the ``certificate`` itself (PEM) are known, too: by then the store may
    have the certificate no more.
    """

    reason: str
    asked_at: str
    revoked_at: str | None = None
    directory: str | None = None
    certificate: str | None = None

    @property
    def done(self) -> bool:
        """Whether the CA has revoked it."""
        return self.revoked_at is not None

    def as_dict(self) -> dict[str, Any]:
        """The JSON-safe form for others."""
        return {"reason": self.reason, "asked_at": self.asked_at, "revoked_at": self.revoked_at}

    def as_record(self) -> dict[str, Any]:
        """The JSON-safe form for the store."""
        members = {member: getattr(self, member) for member in _MEMBERS}
        return {member: value for member, value in members.items() if value is not None}

    def __str__(self) -> str:
        return f"revoked at {self.revoked_at} ({self.reason})" if self.done else f"to be revoked ({self.reason})"


def read_revocations(state: Mapping[str, Any]) -> dict[str, Revocation]:
    """What a certificate's state says, by serial number; what is broken there counts as not there."""
    section = state.get(REVOCATIONS)
    entries = section.items() if isinstance(section, Mapping) else ()
    read = {serial: _read(entry) for serial, entry in entries if isinstance(entry, Mapping)}
    return {serial: revocation for serial, revocation in read.items() if revocation}


def read_revocation(state: Mapping[str, Any], serial: object) -> Revocation | None:
    """What it says of the certificate with this serial number."""
    return read_revocations(state).get(serial) if isinstance(serial, str) else None


def _read(entry: Mapping[str, Any]) -> Revocation | None:
    values = {member: entry[member] for member in _MEMBERS if member in entry}
    if not all(isinstance(value, str) for value in values.values()) or not {"reason", "asked_at"} <= values.keys():
        return None
    return Revocation(**values)
