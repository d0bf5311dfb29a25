# SPDX-License-Identifier: GPL-3.0-or-later
"""Another time of day for what runs in this process."""

from __future__ import annotations

from datetime import datetime, timedelta

from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import SystemClock


class LaterClock(SystemClock):
    """The machine's clock, set forward."""

    def __init__(self, ahead: timedelta) -> None:
        self._ahead = ahead

    def now(self) -> datetime:
        return super().now() + self._ahead
