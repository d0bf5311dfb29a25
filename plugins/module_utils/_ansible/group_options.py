# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that a module takes without using them, since the action group's defaults have them."""

from __future__ import annotations

from typing import Any

UNUSED_CA: dict[str, Any] = {"directory": {"type": "str"}, "ca_bundle": {"type": "path"}}
UNUSED_ACCOUNT: dict[str, Any] = {"account": {"type": "str"}}
UNUSED_STORE: dict[str, Any] = {"store": {"type": "path"}}
