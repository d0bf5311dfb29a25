# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Functions as filters."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from ansible.errors import AnsibleFilterError


def as_filters(*functions: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """Each function by its name; what it refuses is told as the failure of the task."""
    return {function.__name__: _reporting(function) for function in functions}


def _reporting(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def filtered(*arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except (ValueError, TypeError) as error:
            raise AnsibleFilterError(f"certfleet.acme.{function.__name__}: {error}") from error

    return filtered
