# SPDX-License-Identifier: GPL-3.0-or-later
"""Doing things at once: how that ends early."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.workers import do_each


def test_nothing_more_is_begun_when_the_process_is_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    waited = threading.Event()

    def work(item: int) -> None:
        begun.append(item)
        waited.wait(10)

    def interrupted(_future: Future[None], timeout: float | None = None) -> None:
        threading.Timer(0.05, waited.set).start()
        raise SystemExit(1)

    monkeypatch.setattr(Future, "result", interrupted)
    with pytest.raises(SystemExit):
        do_each(work, range(100), 1)
    assert len(begun) <= 1, "what waited its turn is left"
