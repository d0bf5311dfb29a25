# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deadline for a request as a whole.

The timeout of a socket is for one read. A server that sends a byte every few
seconds never reaches it, and would hold a run up for hours.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# a thread is at one request at a time, and between it and the socket are two libraries
_THREAD = threading.local()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Have what this thread reads and writes in here be over in so many seconds, counted from now."""
    _THREAD.deadline = time.monotonic() + seconds
    try:
        yield
    finally:
        _THREAD.deadline = None


class PunctualSocket(ssl.SSLSocket):
    """A TLS connection whose reads and writes end at the deadline of their thread, with TimeoutError."""

    def do_handshake(self, block: bool = False) -> None:
        """Agree on keys, for as long as there is time left."""
        self._hurry()
        super().do_handshake(block)

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        """Read, for as long as there is time left."""
        self._hurry()
        return super().recv_into(*args, **kwargs)

    def send(self, *args: Any, **kwargs: Any) -> int:
        """Write, for as long as there is time left."""
        self._hurry()
        return super().send(*args, **kwargs)

    def _hurry(self) -> None:
        deadline = getattr(_THREAD, "deadline", None)
        if deadline is None:
            return
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time for the whole request is over")
        self.settimeout(left)
