# SPDX-License-Identifier: GPL-3.0-or-later
"""Good nonces that are refused now and then."""

from __future__ import annotations

import random
import time

from ..ca_messages import Pass, Reply, Request, problem
from . import Behaviour, Clock


class NonceRefusals(Behaviour):
    """A percentage of signed requests is refused with badNonce, as by Pebble itself.

    The CA does not see them, so the nonce that comes back is the one that was sent.
    """

    def __init__(self, percent: int, clock: Clock = time.time) -> None:
        super().__init__(clock)
        self._percent = percent

    def answer(self, request: Request, forward: Pass) -> Reply:
        """Refuse the request, or pass it on."""
        if request.nonce and random.randrange(100) < self._percent:  # noqa: S311  # nothing secret about it
            self.struck += 1
            return problem(
                400, "badNonce", f"JWS has an invalid anti-replay nonce: {request.nonce}", nonce=request.nonce
            )
        return forward(request)
