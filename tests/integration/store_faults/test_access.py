# SPDX-License-Identifier: GPL-3.0-or-later
"""A store that may not be written, and files in it that may not be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.kills import Scene

SITE = "certificates/shop/ecdsa-p256"
DENIED = "Permission denied"


@contextmanager
def permissions(paths: list[Path], change: Callable[[int], int]) -> Iterator[None]:
    """Other modes for a while, the innermost files first."""
    modes = {path: path.stat().st_mode & 0o777 for path in paths if not path.is_symlink()}
    for path in reversed(modes):
        path.chmod(change(modes[path]))
    try:
        yield
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


def all_of(store: Path) -> list[Path]:
    return [store, *sorted(store.rglob("*"))]


def test_a_store_that_is_read_only_is_told_and_still_read(filled: Scene) -> None:
    wish: dict[str, Any] = {"names": ["shop"], "recipient": (filled.store / SITE / "live" / "cert.pem").read_text()}
    rsa = (filled.store / "certificates/both/rsa-2048/live/cert.pem").read_text()
    with permissions(all_of(filled.store), lambda mode: mode & 0o500):
        for ended in (filled.keep(), filled.run("order", {"certificates": filled.list})):
            assert ended.status == 1
            assert ended.result["msg"] == f"Can't lock {filled.store}/.lock: {DENIED}"
        assert filled.keep(more={"_ansible_check_mode": True}).result["counts"]["valid"] == 3
        listed = filled.run("store_info", {}).result["certificates"]
        assert [entry["problem"] for entry in listed if entry["name"] != "refused"] == [None] * 3
        fetched = filled.run("certificate_fetch", {**wish, "recipient": rsa}).result
        assert [entry["name"] for entry in fetched["certificates"]] == ["shop"]
    assert filled.keep().result["counts"]["valid"] == 3


def test_a_certificate_that_may_not_be_written_fails_alone_and_completes_later(scene: Scene) -> None:
    folder = scene.store / SITE
    folder.mkdir(parents=True)
    with permissions([folder], lambda _mode: 0o500):
        result = scene.keep().result
        reasons = {entry["name"]: entry["reason"] for entry in result["certificates"] if entry["status"] == "failed"}
        assert reasons["shop"] == f"Can't write {folder}/order.pem: {DENIED}"
        assert result["counts"]["issued"] == 2
    assert scene.orders == 2
    assert scene.keep().result["counts"]["issued"] == 1
    assert scene.orders == 3


@pytest.mark.parametrize("file", ["order.json", "order.pem", "state.json", "generations/0001/issuance.json"])
def test_a_file_that_may_not_be_read_holds_up_no_other_certificate(scene: Scene, file: str) -> None:
    path = scene.store / SITE / file
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    with permissions([path], lambda _mode: 0):
        result = scene.keep().result
        status = {(entry["name"], entry["key_type"]): entry for entry in result["certificates"]}
        assert result["counts"]["issued"] >= 2, result
        mine = status["shop", "ecdsa-p256"]
        assert mine["status"] == "issued" or str(path) in mine["reason"], mine
        path.chmod(0o600) if path.exists() else path.touch()
    assert scene.keep(more={"retry": ["all"]}).result["counts"]["failed"] == 1, "refused fails, and nothing else"


@pytest.mark.parametrize("file", ["privkey.pem", "issuance.json", "fullchain.pem"])
def test_a_live_certificate_that_may_not_be_read_is_told(filled: Scene, file: str) -> None:
    path = (filled.store / SITE / "live" / file).resolve()
    with permissions([path], lambda _mode: 0):
        recipient = (filled.store / "certificates/both/rsa-2048/live/cert.pem").read_text()
        fetched = filled.run(
            "certificate_fetch", {"recipient": recipient, "names": ["all"], "ignore_missing": True}
        ).result
        assert [(entry["name"], entry["key_type"]) for entry in fetched["left_out"]] == [("shop", "ecdsa-p256")]
        assert str(path) in fetched["left_out"][0]["reason"]
        assert len(fetched["certificates"]) == 2


def test_a_ledger_that_may_not_be_read_is_told_with_its_path(filled: Scene) -> None:
    ledger = filled.store / "dns" / "knot.json"
    ledger.parent.mkdir(exist_ok=True)
    ledger.write_text("{}")
    with permissions([ledger], lambda _mode: 0):
        ended = filled.keep()
        assert f"Can't read {ledger}: {DENIED}" in ended.output
        assert ended.result["counts"]["valid"] == 3
        ledger.chmod(0o600)
    assert filled.keep().status == 0


def test_a_record_of_the_account_that_may_not_be_read_is_made_anew_and_a_key_is_told_with_its_path(
    scene: Scene,
) -> None:
    (record,) = scene.store.glob("accounts/*/default/account.json")
    record.chmod(0)
    assert scene.keep().result["counts"]["issued"] == 3
    assert record.stat().st_mode & 0o777 == 0o600
    with permissions([record.with_name("key.pem")], lambda _mode: 0):
        scene.list[1]["domains"].append(f"more.{scene.list[1]['domains'][0]}")
        assert f"Can't read {record.with_name('key.pem')}: {DENIED}" in scene.keep().output
