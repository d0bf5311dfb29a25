# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGKILL at every step of an issuance and of an installation, and then a run that puts it right.

`script/chaos` does it many more times.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.kills import STEPS, KillLoop, options
from tests.chaos.nursery import Nursery
from tests.lab import Lab

TIMES = 2


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KillLoop]:
    """A loop on a lab of its own, since it counts the orders that the CA makes."""
    folder: Path = tmp_path_factory.mktemp("kills")
    with Lab(options()) as lab, Nursery(folder / "nursery") as nursery:
        yield KillLoop(lab, nursery, folder)


@pytest.mark.parametrize("step", STEPS)
def test_what_is_killed_loses_nothing_and_leaves_nothing_behind(loop: KillLoop, step: str) -> None:
    row = loop.row(step, TIMES)
    assert row.problems == []
    assert (row.obtained, row.extra_orders, row.txt_left, row.lost) == (row.wanted, 0, 0, 0)
    assert row.kills >= TIMES
