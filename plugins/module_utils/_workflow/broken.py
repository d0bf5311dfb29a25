# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can't be read of the certificates in the store, by a sentence with the file's path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._core.plain import cut
from .._store.certificates import CertificateStore, StoredCertificate
from .plan import Stored, read_stored


def read_entry(
    store: CertificateStore, entry: StoredCertificate, state: Mapping[str, Any]
) -> tuple[Stored | None, str | None]:
    """The certificate, if there is one that can be read, and what is wrong with its record or its state, if anything is."""
    stored, problem = None, entry.broken
    if entry.issuance is not None:
        try:
            stored = read_stored(entry.name, entry.issuance, state)
        except (KeyError, TypeError, ValueError) as error:
            reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
            path = store.record_path(entry.name, entry.key_type)
            problem = f"The file {path} is no record of a certificate: {cut(reason)}"
    return stored, problem or store.state_problem(entry.name, entry.key_type)


def find_problems(store: CertificateStore) -> dict[tuple[str, str], str]:
    """The sentences about all certificates of the store that have one, by name and key type."""
    found = {
        (entry.name, entry.key_type): read_entry(store, entry, store.state(entry.name, entry.key_type))[1]
        for entry in store.scan(unissued=True)
    }
    return {key: problem for key, problem in found.items() if problem}
