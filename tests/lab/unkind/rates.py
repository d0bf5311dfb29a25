# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits of requests a second, as servers in front of a CA have them."""

from __future__ import annotations

import time

from ..ca_messages import Pass, Reply, Request, problem
from . import Behaviour, Clock
from .limits import Buckets, Limit


class RequestRate(Behaviour):
    """So many requests a second of whatever kind, as nginx limits them: beyond that a page says 429."""

    PAGE = b"<html>\r\n<head><title>429 Too Many Requests</title></head>\r\n<body>\r\n<center><h1>429 Too Many Requests</h1>"
    PAGE += b"</center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"

    def __init__(self, rate: float, burst: int = 0, retry_after: str | None = None, clock: Clock = time.time) -> None:
        """``burst`` requests may come before their time."""
        super().__init__(clock)
        self._buckets = Buckets(Limit(burst + 1, (burst + 1) / rate), clock)
        self._headers = [("Content-Type", "text/html"), *([("Retry-After", retry_after)] if retry_after else [])]

    def answer(self, request: Request, forward: Pass) -> Reply:
        """Refuse what comes too soon: the CA never hears of it, and it counts for nothing."""
        with self._lock:
            if self._buckets.wait() > 0:
                self.struck += 1
                return Reply(429, self._headers, self.PAGE)
            self._buckets.spend()
        return forward(request)


class NonceRate(Behaviour):
    """newNonce has a limit of its own: beyond it the answer is 503 with Retry-After 1, as Let's Encrypt's load balancers say."""

    def __init__(self, rate: float = 20.0, burst: int = 10, clock: Clock = time.time) -> None:
        super().__init__(clock)
        self._buckets = Buckets(Limit(burst, burst / rate), clock)

    def answer(self, request: Request, forward: Pass) -> Reply:
        """Refuse what comes too soon."""
        if request.kind == "newNonce":
            with self._lock:
                if self._buckets.wait() > 0:
                    self.struck += 1
                    return problem(503, "rateLimited", "Service busy; retry later.", retry_after="1")
                self._buckets.spend()
        return forward(request)
