# SPDX-License-Identifier: GPL-3.0-or-later
"""Stores with certificates in them, on a lab whose CA asks for no pauses, and modules that permissions count for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from tests.chaos.kills import Scene, options
from tests.chaos.nursery import Nursery
from tests.lab import Lab

SETPRIV = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
"""Has permissions count for root, too."""

MakeScene = Callable[[], Scene]


@pytest.fixture(scope="module")
def quick_lab() -> Iterator[Lab]:
    with Lab(options()) as lab:
        yield lab


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with Nursery(tmp_path_factory.mktemp("nursery"), SETPRIV if os.geteuid() == 0 else ()) as nursery:
        yield nursery


@pytest.fixture(scope="module")
def make_scene(
    quick_lab: Lab, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> MakeScene:
    """Make a store with a registered account, and names that no other has."""
    numbers, folder = count(), tmp_path_factory.mktemp("stores")

    def make() -> Scene:
        scene = Scene(quick_lab, nursery, folder, next(numbers))
        assert scene.register().status == 0
        return scene

    return make


@pytest.fixture
def scene(make_scene: MakeScene) -> Scene:
    return make_scene()


@pytest.fixture
def filled(scene: Scene) -> Scene:
    """A store whose certificates are all there."""
    assert scene.keep().result["counts"]["issued"] == len(scene.wanted)
    return scene
