# SPDX-License-Identifier: GPL-3.0-or-later
"""A few rows of the fault matrix, and that it can say no; `script/chaos` has all of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.chaos import of_ca, of_ca_ways, of_customers, of_dns, of_host
from tests.chaos.__main__ import is_picked
from tests.chaos.matrix import OPTIONS, Matrix
from tests.chaos.nursery import Nursery
from tests.chaos.scene import Scene, Trouble
from tests.lab import Lab
from tests.lab.ca_faults import lose_request
from tests.lab.ca_proxy import CaProxy

ROWS = (*of_ca.TROUBLES, *of_ca_ways.TROUBLES, *of_dns.TROUBLES, *of_host.TROUBLES, *of_customers.TROUBLES)
TROUBLES = {each.name: each for each in ROWS}


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    folder = tmp_path_factory.mktemp("chaos")
    (folder / "proxy").mkdir()
    with (
        Lab(OPTIONS) as lab,
        CaProxy(lab, folder / "proxy") as ca,
        Nursery(folder / "nursery", of_host.without_privileges()) as nursery,
    ):
        yield Matrix(lab, ca, nursery, folder)


@pytest.mark.parametrize(
    "name",
    [
        "CA: down for two runs",
        "DNS: a primary gone during cleanup",
        "host: disk full in store",
        "host: two runs at once",
        "hostile customer: 300 lines of garbage",
    ],
)
def test_after_the_fault_everything_is_there_and_nothing_left(matrix: Matrix, name: str) -> None:
    (row,) = matrix.rows([TROUBLES[name]], times=1)
    assert row.problems == []
    assert (row.obtained, row.wasted, row.txt_left, row.lost) == (row.wanted, 0, 0, 0)


def test_what_is_lost_wasted_or_left_behind_is_told(matrix: Matrix) -> None:
    @contextmanager
    def begin(scene: Scene) -> Iterator[None]:
        folder = scene.old[0].folder(scene.store)
        scene.lab.add_txt("knot", f"_acme-challenge.left{scene.number}.fleet.test", "left")
        shutil.rmtree(folder)
        scene.keep()
        shutil.rmtree(folder)
        scene.ca.inject("any", lose_request())
        scene.injected += 1
        yield
        scene.ca.heal()

    (row,) = matrix.rows([Trouble("loss", begin)], times=1)
    assert (row.wasted, row.txt_left, row.lost) == (1, 1, 1)
    assert row.problems == [
        "loss: meanwhile, old (rsa-2048) is not there",
        "loss: 1 orders wasted",
        "loss: 1 TXT values left",
    ]
    assert not row.is_good


def test_a_fault_that_never_happened_proves_nothing(matrix: Matrix) -> None:
    @contextmanager
    def begin(_scene: Scene) -> Iterator[None]:
        yield

    (row,) = matrix.rows([Trouble("nothing", begin)], times=1)
    assert row.problems == ["it never happened"]


def test_rows_are_picked_by_words_of_their_names() -> None:
    assert is_picked("CA: newOrder, answer lost", [])
    assert is_picked("CA: newOrder, answer lost", ["neworder"])
    assert is_picked("CA: newOrder, answer lost", ["host", "CA"])
    assert not is_picked("DNS: a primary truncated", ["CA"])


def test_every_row_has_a_name_of_its_own() -> None:
    assert len(TROUBLES) == len(ROWS)
