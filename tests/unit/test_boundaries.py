# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever others send is read or refused with one sentence; ``script/chaos fuzz`` is ten times as hard on each."""

from __future__ import annotations

import pytest

from tests.fuzz.boundaries import BOUNDARIES, Boundary, strike

INPUTS = 2000
"""For all boundaries together."""


@pytest.mark.parametrize("boundary", BOUNDARIES, ids=[each.name for each in BOUNDARIES])
def test_no_input_is_more_than_one_sentence(boundary: Boundary) -> None:
    amount = -(-INPUTS // len(BOUNDARIES))
    # fewer are read when the time is over
    assert strike(boundary, amount, number=14) >= amount
