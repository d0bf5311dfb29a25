# SPDX-License-Identifier: GPL-3.0-or-later
"""A broken record is made anew from the certificate, and no order is made for it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import format_instant
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._store.certificates import CertificateStore
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.job import make_plan
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.wanted import parse_wanted

from tests.unit.plugins.module_utils._x509.throwaway import DAY, HOUR, Authority, Issued, present

NOW = present()
CA = "https://ca.test/directory"
WANTED = parse_wanted([{"name": "shop", "domains": ["shop.test"], "key_types": ["ecdsa-p256"], "profile": "classic"}])
FOLDER = "certificates/shop/ecdsa-p256"
REBUILT = "The record of shop (ecdsa-p256) was broken and has been made anew from its certificate, generation 1"
MOVED = "shop (ecdsa-p256) was not in its place; that is generation 1 again"


def _link(folder: Path, target: str) -> None:
    (folder / "live").unlink()
    (folder / "live").symlink_to(target)


def _copy(folder: Path) -> None:
    contents = {path.name: path.read_bytes() for path in (folder / "live").iterdir()}
    (folder / "live").unlink()
    (folder / "live").mkdir()
    for name, content in contents.items():
        (folder / "live" / name).write_bytes(content)


def _without(path: Path, member: str) -> None:
    record = json.loads(path.read_text())
    del record[member]
    path.write_text(json.dumps(record))


def _cut(path: Path, record: Path) -> None:
    path.write_bytes(b"-----BEGIN CERTIFICATE-----\nMIIB")
    record.unlink()


Break = Callable[[Path], object]
BREAKS: dict[str, Break] = {
    "an empty record": lambda folder: (folder / "live/issuance.json").write_text(""),
    "a half-written record": lambda folder: (folder / "live/issuance.json").write_text('{"identifiers": ["sh'),
    "a record of something else": lambda folder: (folder / "live/issuance.json").write_text('{"identifiers": [5]}'),
    "a record that lacks something": lambda folder: _without(folder / "live/issuance.json", "not_before"),
    "a record with nothing in it": lambda folder: (folder / "live/issuance.json").write_text("{}"),
    "no record": lambda folder: (folder / "live/issuance.json").unlink(),
    "no link": lambda folder: (folder / "live").unlink(),
    "a link that leads nowhere": lambda folder: _link(folder, "generations/0007"),
    "a link that leads out of the store": lambda folder: _link(folder, "../../../../elsewhere"),
    "a folder instead of the link": _copy,
    "a half-written chain": lambda folder: _cut(folder / "live/fullchain.pem", (folder / "live/issuance.json")),
}


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority(NOW)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(str(tmp_path / "store"))


@pytest.fixture
def issued(authority: Authority, files: Files) -> Issued:
    issued = authority.issue("shop.test")
    issued.store(CertificateStore(files), "shop", "ecdsa-p256")
    record = CertificateStore(files).issuance("shop", "ecdsa-p256") or {}
    more = {"directory": CA, "profile": "classic", "not_before": format_instant(NOW - HOUR)}
    files.write_json(f"{FOLDER}/live/issuance.json", {**record, **more})
    return issued


@pytest.mark.parametrize("what", BREAKS)
def test_a_certificate_whose_record_is_of_no_use_is_kept(files: Files, issued: Issued, what: str) -> None:
    folder = Path(files.path(FOLDER))
    BREAKS[what](folder)
    store = CertificateStore(files)
    before = sorted(str(path) for path in folder.rglob("*"))

    (checked,) = make_plan(WANTED, store, CA, NOW)
    assert checked.action == "keep", checked.reason
    assert sorted(str(path) for path in folder.rglob("*")) == before, "reading has changed something"

    mended: list[str] = []
    (decision,) = make_plan(WANTED, store, CA, NOW, mended=mended)
    assert decision.action == "keep", decision.reason
    assert mended == [MOVED if "link" in what else REBUILT]
    assert store.live_set("shop", "ecdsa-p256", issued.files) == issued.files
    record = store.issuance("shop", "ecdsa-p256") or {}
    assert record["directory"] == (CA if "link" in what else None)

    again: list[str] = []
    (decision,) = make_plan(WANTED, store, CA, NOW, mended=again)
    assert (decision.action, again) == ("keep", [])
    assert [entry.broken for entry in store.scan()] == [None]


def test_a_rebuilt_certificate_is_still_renewed_for_other_names_and_in_its_time(files: Files, issued: Issued) -> None:
    store = CertificateStore(files)
    BREAKS["no record"](Path(files.path(FOLDER)))
    (later,) = make_plan(WANTED, store, CA, NOW + 80 * DAY, mended=[])
    assert later.action == "renew"
    others = parse_wanted([{"name": "shop", "domains": ["other.test"], "key_types": ["ecdsa-p256"]}])
    (decision,) = make_plan(others, store, CA, NOW, mended=[])
    assert decision.reason.startswith("names changed")


def test_the_generation_before_serves_when_the_live_one_is_damaged(
    authority: Authority, files: Files, issued: Issued
) -> None:
    store = CertificateStore(files)
    authority.issue("shop.test", key_type="ecdsa-p256").store(store, "shop", "ecdsa-p256")
    live = Path(files.path(FOLDER)) / "live"
    (live / "issuance.json").write_text("")
    (live / "privkey.pem").write_bytes(authority.issue("foreign.test").files["privkey.pem"])
    mended: list[str] = []
    (decision,) = make_plan(WANTED, store, CA, NOW, mended=mended)
    assert decision.action == "keep"
    assert mended == [MOVED]
    assert os.readlink(live) == "generations/0001"


@pytest.mark.parametrize("content", [b"", None])
def test_a_certificate_whose_key_is_gone_gives_way_to_the_one_before(
    authority: Authority, files: Files, issued: Issued, content: bytes | None
) -> None:
    store = CertificateStore(files)
    authority.issue("shop.test").store(store, "shop", "ecdsa-p256")
    live = Path(files.path(FOLDER)) / "live"
    record = Path(files.path(FOLDER)) / "generations/0001/issuance.json"
    (live / "issuance.json").write_bytes(record.read_bytes())
    (live / "privkey.pem").unlink() if content is None else (live / "privkey.pem").write_bytes(content)
    assert [entry.broken for entry in store.scan()] == [
        f"The certificate in {files.path(FOLDER)} lacks the file privkey.pem"
    ]
    mended: list[str] = []
    (decision,) = make_plan(WANTED, store, CA, NOW, mended=mended)
    assert (decision.action, mended) == ("keep", [MOVED])
    assert store.live_set("shop", "ecdsa-p256", issued.files) == issued.files


@pytest.mark.parametrize("content", [b"", b"half a key"])
def test_a_certificate_without_its_key_is_not_there(files: Files, issued: Issued, content: bytes) -> None:
    live = Path(files.path(FOLDER)) / "live"
    (live / "issuance.json").unlink()
    (live / "privkey.pem").write_bytes(content)
    (decision,) = make_plan(WANTED, CertificateStore(files), CA, NOW, mended=[])
    assert decision.action == "issue"


def test_the_order_is_taken_up_where_a_run_was_killed_before_the_record_was_written(
    files: Files, issued: Issued
) -> None:
    store = CertificateStore(files)
    for file in ("live", "generations/0001/issuance.json"):
        files.remove(f"{FOLDER}/{file}")
    store.set_pending("shop", "ecdsa-p256", {"url": "https://ca.test/order/1", "identifiers": ["shop.test"]})
    (decision,) = make_plan(WANTED, store, CA, NOW, mended=[])
    assert decision.action == "issue"
