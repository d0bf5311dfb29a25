# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures that any test may ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.lab import ROOM, Lab, Options
from tests.lab.ca_proxy import CaProxy

# a busy machine is no defect
settings.register_profile("certfleet", deadline=None)
settings.load_profile("certfleet")


@pytest.fixture(scope="session")
def shared_lab() -> Iterator[Lab]:
    """One lab per test process, started when the first test asks for it."""
    with Lab(Options(limits=ROOM)) as lab:
        yield lab


@pytest.fixture(scope="module")
def tidy_lab(shared_lab: Lab) -> Lab:
    """The lab without what the tests of another file may have left, in whatever order the files come."""
    shared_lab.heal()
    shared_lab.remove_every_txt()
    shared_lab.remove_every_site()
    return shared_lab


@pytest.fixture
def lab(tidy_lab: Lab) -> Iterator[Lab]:
    """The running lab; whatever fault a test leaves behind is undone after it."""
    yield tidy_lab
    tidy_lab.heal()


@pytest.fixture
def proxy(lab: Lab, tmp_path: Path) -> Iterator[CaProxy]:
    """The lab's CA behind a proxy that misbehaves when it is told to."""
    folder = tmp_path / "proxy"
    folder.mkdir()
    with CaProxy(lab, folder) as proxy:
        yield proxy
