# SPDX-License-Identifier: GPL-3.0-or-later
"""Issuing many certificates with the module `certificates`, on three primaries."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
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


@dataclass(frozen=True)
class Ca:
    """Where a CA is reached, and by which root it is trusted."""

    directory: str
    ca_bundle: Path

    @classmethod
    def of(cls, lab: Lab) -> Ca:
        """The lab's own."""
        return cls(lab.directory, lab.ca_bundle)


def wanted(count: int, key_types: Sequence[str] = (KEY_TYPE,)) -> list[dict[str, Any]]:
    """A list of so many sites with one name each, and a certificate for each of the key types."""
    names = [f"site{number:05}" for number in range(count)]
    return [{"name": name, "domains": [f"{name}.{ZONE}"], "key_types": list(key_types)} for name in names]


def write_list(folder: Path, listed: Sequence[dict[str, Any]]) -> Path:
    """A list as the file that the module reads."""
    path = folder / "certificates.json"
    path.write_text(json.dumps(listed), encoding="utf-8")
    return path


def options(lab: Lab, store: Path, listed: Path, ca: Ca) -> dict[str, Any]:
    """The module's options for a lab."""
    return {
        "directory": ca.directory,
        "ca_bundle": str(ca.ca_bundle),
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
        "max_orders_per_domain": 1_000_000,
    }


def register(ca: Ca, store: Path, folder: Path) -> None:
    """Make the account, which is not measured."""
    run_module(
        "account",
        {
            "directory": ca.directory,
            "ca_bundle": str(ca.ca_bundle),
            "store": str(store),
            "terms_agreed": True,
            "key_type": KEY_TYPE,
        },
        folder,
    )


def issue(
    lab: Lab, place: Path, sites: int, run_size: int, *, key_types: Sequence[str] = (KEY_TYPE,), ca: Ca | None = None
) -> Issuance:
    """Issue for so many sites into a new store; the lab's own CA is started afresh for it."""
    if ca is None:
        lab.restart_ca()
        ca = Ca.of(lab)
    count = sites * len(key_types)
    with tempfile.TemporaryDirectory(dir=place) as name:
        folder = Path(name)
        store = folder / "store"
        register(ca, store, folder)
        listed = write_list(folder, wanted(sites, key_types))
        arguments = options(lab, store, listed, ca) | {"run_size": run_size}
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
