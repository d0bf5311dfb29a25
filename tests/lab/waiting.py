# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for something to become true, with an end."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], *, timeout: float = 10.0, pause: float = 0.02) -> None:
    """Ask again and again until the condition holds; raises TimeoutError when it never does."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not so after {timeout:.0f} s")
        time.sleep(pause)
