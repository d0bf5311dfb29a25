# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hostnames are taken, as options of a module."""

from __future__ import annotations

from typing import Any

HOSTNAME_OPTIONS: dict[str, Any] = {
    "include": {"type": "list", "elements": "str", "default": []},
    "exclude": {"type": "list", "elements": "str", "default": []},
    "wildcards": {"type": "bool", "default": False},
}
