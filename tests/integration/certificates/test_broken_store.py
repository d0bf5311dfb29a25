# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the store that somebody or something has broken, each of another certificate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.lab import Lab

from .conftest import Keep

ISSUANCE = {"identifiers": ["a.fleet.test"], "not_before": "2026-01-01T00:00:00Z", "directory": "https://ca.test"}
BROKEN: list[tuple[str, str]] = [
    ("order.json", ""),
    ("order.json", "{}"),
    ("order.json", "[" * 100_000),
    ("order.json", '{"url": 5, "identifiers": [1, "a"]}'),
    ("order.pem", ""),
    ("order.pem", "no key"),
    ("state.json", "{"),
    ("state.json", '{"failures": "many"}'),
    ("generations/0001/issuance.json", "[]"),
    ("generations/0001/issuance.json", json.dumps({**ISSUANCE, "not_after": 5})),
    ("generations/0001/issuance.json", json.dumps({**ISSUANCE, "not_after": "0001-01-01T00:00:00+14:00"})),
    ("generations/0001/issuance.json", json.dumps({**ISSUANCE, "identifiers": [1, "a"]})),
]


def site(number: int, *more: str) -> dict[str, Any]:
    names = [f"b{number}.fleet.test", *more]
    return {"name": f"b{number}", "domains": names, "key_types": ["ecdsa-p256"], "profile": "classic"}


def test_a_broken_file_costs_no_certificate_its_renewal(keep: Keep, store: Path) -> None:
    failing = [number for number, (file, _content) in enumerate(BROKEN) if file == "state.json"]
    for number, (file, content) in enumerate(BROKEN):
        path = store / "certificates" / f"b{number}" / "ecdsa-p256" / file
        path.parent.mkdir(parents=True)
        path.write_text(content)
        if file.startswith("generations"):
            (path.parent.parent.parent / "live").symlink_to("generations/0001")
    (store / "dns").mkdir()
    (store / "dns" / "knot.json").write_text("{")
    sites = [site(number, *(["www.nowhere.test"] if number in failing else [])) for number in range(len(BROKEN))]

    first = keep(sites, fail_on="never")
    assert not first.failed, first.output
    assert {entry["name"]: entry["status"] for entry in first["certificates"]} == {
        f"b{number}": "failed" if number in failing else "issued" for number in range(len(BROKEN))
    }
    assert any("knot.json is not JSON" in note for note in first["notes"])
    for number in failing:
        state = store / "certificates" / f"b{number}" / "ecdsa-p256" / "state.json"
        assert json.loads(state.read_text())["failures"] == 1

    again = keep([each for number, each in enumerate(sites) if number not in failing])
    assert not again.changed
    assert again["notes"] == []


def test_the_key_of_a_certificate_in_place_is_not_used_again(lab: Lab, keep: Keep, store: Path) -> None:
    """As it is after a kill between the switch to a new generation and the removal of its order."""
    assert keep([site(0)]).changed
    folder = store / "certificates" / "b0" / "ecdsa-p256"
    record = json.loads((folder / "live" / "issuance.json").read_text())
    used = (folder / "live" / "privkey.pem").read_bytes()
    more = site(0, "more.fleet.test")
    pending = {"url": record["order_url"], "identifiers": more["domains"], "profile": "classic"}
    (folder / "order.json").write_text(json.dumps({**pending, "account_uri": record["account_uri"]}))
    (folder / "order.pem").write_bytes(used)

    assert not keep([site(0)]).changed
    assert not (folder / "order.json").exists()
    assert not (folder / "order.pem").exists()

    (folder / "order.pem").write_bytes(used)
    renewed = keep([more])
    assert renewed.changed, renewed.output
    assert renewed["orders"] == 1
    assert (folder / "live" / "privkey.pem").read_bytes() != used
    assert not (folder / "order.pem").exists()
