# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA has several servers, and one of them may not have heard yet what another one has just said."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ..._acme.problem import ProblemError
from ..._core.clock import Clock

LAGS = (0.25, 0.5, 1.0)
"""Seconds after which the same is asked again."""

Result = TypeVar("Result")


def ask_again(clock: Clock, ask: Callable[[], Result], is_lag: Callable[[ProblemError], bool]) -> Result:
    """What ``ask`` gets; it is called again after refusals that a server which lags behind others may give."""
    for pause in LAGS:
        try:
            return ask()
        except ProblemError as error:
            if not is_lag(error):
                raise
            clock.sleep(pause)
    return ask()


def is_unknown(error: ProblemError) -> bool:
    """Whether the CA does not know what it has named before."""
    return error.problem.status == 404 and not error.asks_to_wait


def is_not_ready(error: ProblemError) -> bool:
    """Whether the CA does not know that the order is ready (RFC 8555 §7.4)."""
    return error.is_("orderNotReady")
