# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeping two runs on one store apart."""

from __future__ import annotations

from .._core.lock import Lock

__all__ = ["Lock"]
