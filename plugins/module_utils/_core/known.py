# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that are there for certain, where a type can't say so."""

from __future__ import annotations

from typing import TypeVar

Value = TypeVar("Value")


def known(value: Value | None) -> Value:
    """A value that an earlier step has set; without it the steps come in a wrong order, which is a defect of ours."""
    if value is None:
        raise RuntimeError("a step was taken before the one that it needs")
    return value
