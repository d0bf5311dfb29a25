# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that make certificates out of all hostnames that somebody controls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..plugin_utils.as_filters import as_filters
from ..plugin_utils.certificate_groups import certificate_groups


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Each filter by its name."""
        return as_filters(certificate_groups)
