# SPDX-License-Identifier: GPL-3.0-or-later
"""Work that waits for others ends."""

from __future__ import annotations

import signal
import threading

import pytest
from ansible_collections.certfleet.acme.plugins.plugin_utils.deadline import DeadlineError, deadline


def wait_for_ever() -> None:
    try:
        threading.Event().wait()
    except Exception:  # noqa: BLE001  # as code does that takes it for a failure of its own
        threading.Event().wait()


def test_what_does_not_end_is_interrupted_also_where_it_takes_no_exception() -> None:
    with pytest.raises(DeadlineError), deadline(0.01):
        wait_for_ever()


def test_what_ends_is_left_alone_and_so_is_the_alarm_that_was_there() -> None:
    before = signal.signal(signal.SIGALRM, signal.SIG_IGN)
    signal.alarm(1000)
    try:
        with deadline(500):
            pass
        assert signal.getsignal(signal.SIGALRM) is signal.SIG_IGN
        assert 990 <= signal.alarm(0) <= 1000
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    with deadline(500):
        pass
    assert signal.alarm(0) == 0
