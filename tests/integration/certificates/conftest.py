# SPDX-License-Identifier: GPL-3.0-or-later
"""A store with a registered account for each test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.lab import Lab
from tests.modules import Outcome, run_module

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
        arguments = {**authority(lab, store), **responders(lab), "certificates": certificates, "wait": 20, **more}
        return run_module(lab, "certificates", arguments, check=check, diff=diff)

    return call


def authority(lab: Lab, store: Path) -> dict[str, Any]:
    return {"directory": lab.directory, "ca_bundle": str(lab.ca_bundle), "store": str(store)}


def responders(lab: Lab) -> dict[str, Any]:
    listed = [
        {"name": each.name, "addresses": list(each.addresses), "port": each.port, "updates": each.updates}
        | ({"tsig_key": each.tsig_key} if each.updates else {})
        for each in lab.responders
    ]
    keys = [{"name": key.name, "algorithm": key.algorithm, "secret": key.secret} for key in lab.tsig_keys.values()]
    return {"responders": listed, "tsig_keys": keys}
