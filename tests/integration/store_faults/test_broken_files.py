# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the store that are half-written, gone or not readable: told, set aside, made anew, and no certificate's end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.judge import Held, problems_of_live
from tests.chaos.kills import Row, Scene
from tests.chaos.points import Accident

HALF = b'{"identifiers": ["a.fle'
SITE = "certificates/shop/ecdsa-p256"


def set_aside(store: Path) -> list[str]:
    """What has been set aside, without the folders."""
    return sorted(path.name for path in store.rglob("*.broken"))


def one(store: Path, pattern: str) -> Path:
    (found,) = store.glob(pattern)
    return found


@pytest.mark.parametrize("content", [b"", HALF, b"{}", b"[]", b"\xff\xfe", None])
def test_the_record_of_a_certificate_is_made_anew_without_an_order(filled: Scene, content: bytes | None) -> None:
    record = filled.store / SITE / "live" / "issuance.json"
    if content is None:
        record.unlink()
    else:
        record.write_bytes(content)
    orders = filled.orders
    result = filled.keep().result
    assert (result["counts"]["valid"], filled.orders) == (3, orders)
    assert [note for note in result["notes"] if "shop (ecdsa-p256) was broken and has been made anew" in note]
    assert set_aside(filled.store) == ["issuance.json.broken"] * (content is not None)
    assert filled.keep().result["notes"] == []


def dangle(live: Path) -> None:
    live.unlink()
    live.symlink_to("generations/0009")


def lead_astray(live: Path) -> None:
    other = live.parent.parent.parent / "both" / "ecdsa-p256" / "generations" / "0001"
    live.unlink()
    live.symlink_to(other)


def copy_without_links(live: Path) -> None:
    contents = {path.name: path.read_bytes() for path in live.iterdir()}
    live.unlink()
    live.mkdir()
    for name, content in contents.items():
        (live / name).write_bytes(content)


@pytest.mark.parametrize("spoil", [Path.unlink, dangle, lead_astray, copy_without_links])
def test_a_link_that_leads_nowhere_or_elsewhere_is_put_right_without_an_order(
    filled: Scene, spoil: Callable[[Path], object]
) -> None:
    live, orders = filled.store / SITE / "live", filled.orders
    before = (live / "privkey.pem").read_bytes()
    spoil(live)
    result = filled.keep().result
    assert (result["counts"]["valid"], filled.orders) == (3, orders)
    assert live.is_symlink()
    assert (live / "privkey.pem").read_bytes() == before
    assert list(problems_of_live(filled.store / SITE, filled.wanted[2])) == []


@pytest.mark.parametrize("content", [b"", HALF, b"{}", b"[1]", None])
def test_the_record_of_the_account_is_made_anew_from_its_key(scene: Scene, content: bytes | None) -> None:
    record = one(scene.store, "accounts/*/default/account.json")
    before = json.loads(record.read_text())
    if content is None:
        record.unlink()
    else:
        record.write_bytes(content)
    assert scene.keep().result["counts"]["issued"] == 3
    after = json.loads(record.read_text())
    assert {name: after[name] for name in ("account_uri", "directory", "fingerprint")} == {
        name: before[name] for name in ("account_uri", "directory", "fingerprint")
    }
    # what the account agreed to is not known any more
    assert scene.register().result["changed"]
    assert not scene.register().result["changed"]


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\nMIGH"])
def test_a_broken_account_key_is_told_with_its_path_and_nothing_is_sent(scene: Scene, content: bytes) -> None:
    key = one(scene.store, "accounts/*/default/key.pem")
    key.write_bytes(content)
    result = scene.keep().result
    assert f"{key} is not an unencrypted private key in PEM form" in json.dumps(result)
    assert scene.orders == 0


@pytest.mark.parametrize("content", [HALF, b"[]", b'{"wrong": 5}'])
@pytest.mark.parametrize("subject", ["identifiers", "orders", "pauses", "renewal"])
def test_a_broken_memory_of_the_account_ends_nothing(scene: Scene, subject: str, content: bytes) -> None:
    account = one(scene.store, "accounts/*").name
    path = scene.store / "memory" / account / "default" / f"{subject}.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    ended = scene.keep()
    assert ended.result["counts"]["issued"] == 3, ended.output
    if subject == "orders":
        assert json.loads(path.read_text())["names"]


@pytest.mark.parametrize("file", ["order.json", "order.pem", "state.json"])
@pytest.mark.parametrize("content", [b"", HALF])
def test_what_was_begun_goes_on_where_one_file_of_it_is_half_written(scene: Scene, file: str, content: bytes) -> None:
    """A URL that is lost is found in the account's orders; an order that is not finalized takes any key."""
    assert scene.keep(Accident("killed", "read authorizations", 1)).killed
    before = {each: Held(None if file == "order.pem" else held.key, held.order) for each, held in scene.held().items()}
    (scene.store / SITE / file).write_bytes(content)
    assert scene.keep().result["counts"]["issued"] == 3
    row = Row(file)
    scene.judge(before, row)
    assert [problem for problem in row.problems if ".broken" not in problem] == []


def test_a_broken_ledger_is_told_and_ends_nothing(scene: Scene) -> None:
    (scene.store / "dns").mkdir()
    (scene.store / "dns" / "knot.json").write_bytes(HALF)
    result = scene.keep().result
    assert result["counts"]["issued"] == 3
    assert any("knot.json is not JSON" in note for note in result["notes"])
    assert set_aside(scene.store) == ["knot.json.broken"]
    assert scene.keep().result["notes"] == []


@pytest.mark.parametrize("content", [b"", None])
def test_a_certificate_whose_key_is_gone_counts_as_not_there_and_is_ordered(
    filled: Scene, content: bytes | None
) -> None:
    key = filled.store / SITE / "live" / "privkey.pem"
    key.unlink() if content is None else key.write_bytes(content)
    orders = filled.orders
    listed = filled.run("store_info", {}).result["certificates"]
    problems = {entry["name"]: entry["problem"] for entry in listed if entry["key_type"] == "ecdsa-p256"}
    assert problems["shop"] == f"The certificate in {filled.store / SITE} lacks the file privkey.pem"
    result = filled.keep().result
    assert (result["counts"]["issued"], result["counts"]["valid"], filled.orders) == (1, 2, orders + 1)
    assert not list(problems_of_live(filled.store / SITE, filled.wanted[2]))
