# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which CA to talk to and as whom, as options of a module."""

from __future__ import annotations

from typing import Any

CA_OPTIONS: dict[str, Any] = {
    "directory": {"type": "str", "required": True},
    "ca_bundle": {"type": "path"},
    "request_timeout": {"type": "float", "default": 30.0},
}

STORE_OPTIONS: dict[str, Any] = {"store": {"type": "path", "default": "/var/lib/certfleet"}}

LOCK_OPTIONS: dict[str, Any] = {"lock_wait": {"type": "int", "default": 0}}

AUTHORITY_OPTIONS: dict[str, Any] = {
    **CA_OPTIONS,
    "account": {"type": "str", "default": "default"},
    **STORE_OPTIONS,
}


def read_lock_wait(params: dict[str, Any]) -> float:
    """How many seconds to wait for another run on the store; InputError for a number that makes no sense."""
    from .._core.number import check_number

    return check_number("lock_wait", params["lock_wait"], 0)
