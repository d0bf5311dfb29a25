# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters for renewals that are not all at the same time, and that need no controller."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from ansible.errors import AnsibleFilterError

from ..plugin_utils.renewal_inventory import renewal_inventory
from ..plugin_utils.renewal_time import renewal_calendar, renewal_cron, renewal_rrule, renewal_second


def _reporting(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as a filter: what it refuses is told as the failure of the task."""

    @wraps(function)
    def filtered(*arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except (ValueError, TypeError) as error:
            raise AnsibleFilterError(f"certfleet.acme.{name}: {error}") from error

    return filtered


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Each filter by its name."""
        functions: tuple[Callable[..., Any], ...] = (
            renewal_second,
            renewal_calendar,
            renewal_cron,
            renewal_rrule,
            renewal_inventory,
        )
        return {function.__name__: _reporting(function.__name__, function) for function in functions}
