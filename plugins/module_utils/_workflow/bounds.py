# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much the upkeep of certificates may do."""

from __future__ import annotations

from dataclasses import dataclass, field

from .._core.number import check_number
from .orders import Limits


@dataclass(frozen=True)
class Bounds:
    """How much is done at once, how long it may take, and how many orders may be made.

    ``concurrency`` requests at a time and ``patience`` seconds for the CA in
    each run; ``lock_wait`` seconds for another task to leave the store.
    """

    run_size: int
    max_runs: int | None
    concurrency: int
    patience: float
    lock_wait: float = 0.0
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        for option in ("run_size", "max_runs", "concurrency", "patience"):
            value = getattr(self, option)
            if value is not None:
                check_number(option, value, 1)

    @property
    def most(self) -> int | None:
        """How many certificates are tried at most, or None for all."""
        return None if self.max_runs is None else self.max_runs * self.run_size
