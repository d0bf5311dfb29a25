# SPDX-License-Identifier: GPL-3.0-or-later
"""A store with a registered account for each test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.lab import Lab
from tests.modules import Outcome, run_module
from tests.options import ca, responders, tsig_keys

Keep = Callable[..., Outcome]


@pytest.fixture
def store(lab: Lab, tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    registered = run_module(lab, "account", {**authority(lab, folder), "terms_agreed": True})
    assert not registered.failed, registered.output
    return folder


@pytest.fixture
def keep(lab: Lab, store: Path) -> Keep:
    """Call `certificates` with the lab's CA and responders."""

    def call(
        certificates: list[dict[str, Any]] | None, *, check: bool = False, diff: bool = False, **more: Any
    ) -> Outcome:
        arguments = {**authority(lab, store), **dns(lab), "certificates": certificates, **more}
        return run_module(lab, "certificates", arguments, check=check, diff=diff)

    return call


def authority(lab: Lab, store: Path) -> dict[str, Any]:
    return {**ca(lab), "store": str(store)}


def dns(lab: Lab) -> dict[str, Any]:
    return {"responders": responders(lab), "tsig_keys": tsig_keys(lab), "wait": 20}
