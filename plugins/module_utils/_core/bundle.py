# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the validation host that seals a bundle and the frontend that opens it have to agree on."""

from __future__ import annotations

import hashlib
import json
from typing import Any

VERSION = 2

FILES = ("privkey.pem", "cert.pem", "chain.pem", "fullchain.pem")
"""The files of each certificate."""

KEY, *KEYLESS = FILES
"""What is secret of them, and what a certificate consists of whose key the frontend has already."""


def recipient_id(pem: bytes) -> str:
    """Which recipient's certificate it is: SHA-256 (hex) of its PEM text without spaces and line ends."""
    return hashlib.sha256(b"".join(pem.split())).hexdigest()


def digest_of(certificates: Any) -> str:
    """SHA-256 (hex) of a JSON value, whatever the order of its keys."""
    return hashlib.sha256(to_json(certificates)).hexdigest()


def to_json(value: Any) -> bytes:
    """The one form of a JSON value that digests are made of: sorted, without spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")
