# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a certificate is due by its lifetime alone (G22, G24)."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256

SHORT_LIFETIME = timedelta(days=10)
SPREAD = 10  # what part of the lifetime certificates are spread over, ahead of the mark


def renewal_instant(name: str, not_before: datetime, not_after: datetime) -> datetime:
    """The moment from which a certificate of this name is due.

    It is the mark at which a third of the lifetime is left, or a half of one under ten days, less up to
    a tenth of the lifetime. How much depends on the name only: the certificates for all key types of a
    site come due together and share their authorizations, and those of a fleet do not although they
    were issued in the same hour.
    """
    return _mark(not_before, not_after) - _share(name) * (not_after - not_before) / SPREAD


def _mark(not_before: datetime, not_after: datetime) -> datetime:
    lifetime = not_after - not_before
    return not_after - (lifetime / 2 if lifetime < SHORT_LIFETIME else lifetime / 3)


def _share(name: str) -> float:
    """A number from 0 to 1 that is always the same for a name, and even over many of them."""
    return int.from_bytes(sha256(name.encode()).digest()[:8], "big") / 2**64
