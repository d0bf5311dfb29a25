# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters for renewals that are not all at the same time, and that need no controller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..plugin_utils.as_filters import as_filters
from ..plugin_utils.known_hosts import known_hosts
from ..plugin_utils.renewal_inventory import renewal_inventory
from ..plugin_utils.renewal_time import renewal_calendar, renewal_cron, renewal_rrule, renewal_second
from ..plugin_utils.timer_reach import unreached_hosts


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Each filter by its name."""
        return as_filters(
            renewal_second,
            renewal_calendar,
            renewal_cron,
            renewal_rrule,
            renewal_inventory,
            unreached_hosts,
            known_hosts,
        )
