# SPDX-License-Identifier: GPL-3.0-or-later
"""Issuing many certificates with the module `certificates`, on three primaries."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab import Lab

from .process import BenchError, run_module

KEY_TYPE = "ecdsa-p256"
ZONE = "fleet.test"


@dataclass(frozen=True)
class Issuance:
    """What it took to issue `count` certificates; `updates` are the messages that each responder got, both ways."""

    count: int
    run_size: int
    seconds: float
    requests: int
    updates: int
    peak_mb: float

    @property
    def per_second(self) -> float:
        """Certificates per second, from the start of the process to its end."""
        return self.count / self.seconds

    @property
    def requests_each(self) -> float:
        """HTTP requests for one certificate."""
        return self.requests / self.count


def wanted(count: int) -> list[dict[str, Any]]:
    """A list of so many certificates with one name each."""
    names = [f"site{number:05}" for number in range(count)]
    return [{"name": name, "domains": [f"{name}.{ZONE}"], "key_types": [KEY_TYPE]} for name in names]


def write_list(folder: Path, count: int) -> Path:
    """The list as the file that the module reads."""
    path = folder / "certificates.json"
    path.write_text(json.dumps(wanted(count)), encoding="utf-8")
    return path


def options(lab: Lab, store: Path, listed: Path) -> dict[str, Any]:
    """The module's options for a lab."""
    return {
        "directory": lab.directory,
        "ca_bundle": str(lab.ca_bundle),
        "store": str(store),
        "certificates_file": str(listed),
        "responders": [
            {"name": one.name, "address": one.address, "port": one.port, "tsig_key": one.tsig_key}
            for one in lab.primaries
        ],
        "tsig_keys": [
            {"name": key.name, "algorithm": key.algorithm, "secret": key.secret} for key in lab.tsig_keys.values()
        ],
        # the zone's NS records name the secondary, too, which is not part of this
        "check_name_servers": False,
        "fail_on": "any",
        # the lab's CA has no limit
        "max_orders": 1_000_000,
        "max_orders_per_names": 1_000_000,
    }


def register(lab: Lab, store: Path, folder: Path) -> None:
    """Make the account, which is not measured."""
    run_module(
        "account",
        {
            "directory": lab.directory,
            "ca_bundle": str(lab.ca_bundle),
            "store": str(store),
            "terms_agreed": True,
            "key_type": KEY_TYPE,
        },
        folder,
    )


def issue(lab: Lab, place: Path, count: int, run_size: int) -> Issuance:
    """Issue so many certificates into a new store, from a CA that has just been started."""
    lab.restart_ca()
    with tempfile.TemporaryDirectory(dir=place) as name:
        folder = Path(name)
        store = folder / "store"
        register(lab, store, folder)
        arguments = options(lab, store, write_list(folder, count)) | {"run_size": run_size}
        result, finished = run_module("certificates", arguments, folder)
    if result["counts"]["issued"] != count:
        raise BenchError(f"of {count} certificates only {result['counts']} were issued")
    _check_nothing_left(lab)
    updates = max(result["updates"].values())
    return Issuance(count, run_size, finished.seconds, result["requests"], updates, finished.peak_mb)


def _check_nothing_left(lab: Lab) -> None:
    left = {one.name: len(lab.all_txt(one.name)) for one in lab.primaries if lab.all_txt(one.name)}
    if left:
        raise BenchError(f"values were left behind: {left}")
