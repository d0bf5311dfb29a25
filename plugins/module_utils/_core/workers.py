# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Doing the same for many things at once, so that one failure holds up none of the others."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from .errors import Error

Item = TypeVar("Item", bound=Hashable)
Result = TypeVar("Result")


def do_each(
    function: Callable[[Item], Result], items: Iterable[Item], width: int
) -> tuple[dict[Item, Result], dict[Item, Error]]:
    """Call the function for every item, ``width`` at a time: what came out, and which failed.

    Only :class:`Error` counts as a failure of the item; anything else is a
    defect of the program, or its end, and is raised before more is begun.
    """
    done: dict[Item, Result] = {}
    failed: dict[Item, Error] = {}
    with ThreadPoolExecutor(max_workers=width) as pool:
        futures = {item: pool.submit(function, item) for item in items}
        try:
            for item, future in futures.items():
                try:
                    done[item] = future.result()
                except Error as error:
                    failed[item] = error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # what is under way is waited for, and nothing is begun
            raise
    return done, failed
