# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The domains that the inventory binds a frontend to, whatever lines of the list say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DOMAINS = "certfleet_frontend_domains"
"""The variable of a frontend with the domains that it may have certificates for."""


def bound_domains(known: Mapping[str, Any]) -> list[Any] | None:
    """The domains as the frontend's variables have them, None for any domain.

    A variable that was left empty is a list without domains: a frontend whose last domain was taken off is not set free.
    """
    if DOMAINS not in known:
        return None
    value = known[DOMAINS]
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]
