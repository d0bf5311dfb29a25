# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a certificate is due (G22)."""

from __future__ import annotations

from datetime import datetime, timedelta

SHORT_LIFETIME = timedelta(days=10)


def renewal_instant(not_before: datetime, not_after: datetime) -> datetime:
    """The moment at which a third of the lifetime is left, or a half of one under ten days."""
    lifetime = not_after - not_before
    left = lifetime / 2 if lifetime < SHORT_LIFETIME else lifetime / 3
    return not_after - left
