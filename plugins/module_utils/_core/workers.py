# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Doing the same for many things at once, so that one failure holds up none of the others."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from .errors import Error, UnexpectedError

MOST_CALLS = 40
"""How often something is done in parts to find out which items nobody can work on."""

Item = TypeVar("Item", bound=Hashable)
Result = TypeVar("Result")


@contextmanager
def guarded() -> Iterator[None]:
    """Raise as an UnexpectedError whatever nobody has expected of the work on one item.

    Errors of the engine are raised as they are, and so is what ends the program: a lack of memory is no item's.
    """
    try:
        yield
    except (Error, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001  # that nobody knows which is the point
        # its words, which may hold a secret, are in no traceback of this one
        raise UnexpectedError(error) from None


def do_each(
    function: Callable[[Item], Result], items: Iterable[Item], width: int
) -> tuple[dict[Item, Result], dict[Item, Error]]:
    """Call the function for every item, ``width`` at a time: what came out, and which failed.

    An exception that nobody expected is a failure of the item, too, as an UnexpectedError. The end of the program is
    raised before more is begun.
    """

    def work(item: Item) -> Result:
        with guarded():
            return function(item)

    done: dict[Item, Result] = {}
    failed: dict[Item, Error] = {}
    with ThreadPoolExecutor(max_workers=width) as pool:
        futures = {item: pool.submit(work, item) for item in items}
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


def isolate(function: Callable[[Sequence[Item]], None], items: Sequence[Item]) -> dict[Item, UnexpectedError]:
    """Call the function for all items at once; the items at which something happens that nobody expected.

    The function is then called again for each half of the items, so it must be harmless to repeat. After
    ``MOST_CALLS`` calls, the items of a part that fails are no longer told from each other.
    """
    failed: dict[Item, UnexpectedError] = {}
    parts, calls = [items], 0
    while parts:
        part, calls = parts.pop(), calls + 1
        try:
            with guarded():
                function(part)
        except UnexpectedError as error:
            if len(part) <= 1 or calls >= MOST_CALLS:
                failed.update(dict.fromkeys(part, error))
            else:
                parts += [part[: len(part) // 2], part[len(part) // 2 :]]
    return failed
