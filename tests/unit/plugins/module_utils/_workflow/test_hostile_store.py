# SPDX-License-Identifier: GPL-3.0-or-later
"""Any content of any one file of the store: told by a sentence, in all output, and no other certificate's harm."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._dns.ledger import Ledger
from ansible_collections.certfleet.acme.plugins.module_utils._report.publishing import publish
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.inventory import list_certificates
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.overview import survey_fleet
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.wanted import parse_wanted
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.plugins.module_utils._core.fakes import FakeClock

from .issuing_ca import Manners, Site, site_of

LIST = [site_of(name, key_types=["ecdsa-p256"]) for name in ("shop", "good", "bad", "new")]
QUIET: dict[str, Any] = {"mail": None, "webhooks": [], "always": False}
LEDGER = {"values": [{"zone": "example.com", "owner": "_acme-challenge.x", "value": "v", "name": "_acme-challenge.x"}]}
REPORTS = {"mail a@example.com": {"identity": "x", "at": "2026-11-23T04:05:06Z"}}

SHOP = "certificates/shop/ecdsa-p256"
TARGETS = (
    f"{SHOP}/generations/0001/issuance.json",
    f"{SHOP}/state.json",
    f"{SHOP}/order.json",
    "certificates/bad/ecdsa-p256/state.json",
    "certificates/bad/ecdsa-p256/order.json",
    "dns/fra.json",
    "memory/reports.json",
    *("accounts", "identifiers", "orders", "pauses", "renewal", "visits"),
)
"""The files that are replaced: paths, and the subjects of an account's memory."""

HOSTILE = st.sampled_from(
    [
        "\ud800",
        "a\x00b",
        "\x1b[31m",
        "x" * 9000,
        "2026-99-99T00:00:00Z",
        "9999-12-31T23:59:59-14:00",
        "",
        -1,
        10**400,
        1e308,
        float("inf"),
        float("nan"),
        True,
        None,
        [],
        {},
        [[[]]],
        {"\ud800": "\udfff"},
        ["\ud800"],
        2**63,
        "²",
    ]
)
JSON = st.recursive(
    HOSTILE | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
RAW = st.sampled_from(
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe{\x00}\x00",
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": 1e999}',
        b'{"a":NaN}',
        b"[" * 100_000,
        b'{"a":' + b"[" * 900 + b"]" * 900 + b"}",
        b"1" * 5000,
        b'{"failures":' + b"9" * 4000 + b"}",
    ]
)


@cache
def filled() -> tuple[Path, FakeClock, Site]:
    """A store with three certificates, one of which has failed, made once for all examples."""
    folder = Path(tempfile.mkdtemp(prefix="certfleet-hostile-"))
    site = Site(folder / "store", Manners(failing={"bad.example.com"}))
    site.keep(*LIST[:3])
    site.files.write_json("dns/fra.json", LEDGER)
    site.files.write_json("memory/reports.json", REPORTS)
    order = {"url": "https://ca.example/order/1", "identifiers": ["shop.example.com"]}
    site.files.write_json(f"{SHOP}/order.json", order)
    return folder, site.clock, site


@pytest.fixture(scope="module", autouse=True)
def _folder() -> Iterator[None]:
    yield
    shutil.rmtree(filled()[0])
    filled.cache_clear()


def path_of(target: str, files: Files) -> str:
    """The file that a target names."""
    if "/" in target:
        return target
    (authority,) = files.names("accounts")
    return (
        f"accounts/{authority}/default/account.json"
        if target == "accounts"
        else (f"memory/{authority}/default/{target}.json")
    )


def places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Each container in a document with each of its keys."""
    members = document.items() if isinstance(document, dict) else enumerate(document)
    for key, inner in members:
        yield document, key
        if isinstance(inner, (dict, list)):
            yield from places(inner)


@st.composite
def contents(draw: st.DrawFn, path: str, files: Files) -> bytes:
    """Noise, any JSON, or what is there with one value in it replaced."""
    kind = draw(st.sampled_from(["raw", "json", "changed", "changed"]))
    if kind == "raw":
        return draw(RAW | st.binary(max_size=20))
    value = draw(JSON)
    if kind == "json":
        return json.dumps(value).encode()
    document = files.read_json(path) or {"extra": {"more": 1}}
    container, key = draw(st.sampled_from(list(places(document))))
    container[key] = value
    return json.dumps(document).encode()


def check_output(result: Any) -> None:
    """That Ansible can take it and people can read it."""
    text = json.dumps(result, ensure_ascii=False, allow_nan=False)
    text.encode("utf-8")
    assert len(text) < 200_000


def look(site: Site, clock: FakeClock, folder: Path) -> dict[str, Any]:
    """All that reads a store without a CA; what store_info has, by name."""
    listed = list_certificates(site.files, clock.now())
    check_output(listed)
    wanted = parse_wanted(LIST)
    survey = survey_fleet(wanted, site.files, site.authority, clock, host="host")
    paths = {"page": str(folder / "page.html"), "metrics": str(folder / "certfleet.prom")}
    result = publish(survey, {**QUIET, **paths}, site.files, clock, check=False)
    assert "msg" not in result
    check_output(result)
    for path in paths.values():
        text = Path(path).read_bytes().decode("utf-8")
        assert "good" in text
        Path(path).unlink()
    assert {row.name: row.state(clock.now()) for row in survey.rows}["good"] == "valid"
    plan = site.check(*LIST)
    check_output(plan)
    assert {each["name"]: each["status"] for each in plan["certificates"]}["good"] == "valid"
    Ledger(site.files).entries()
    return {each["name"]: each for each in listed}


@given(st.data())
def test_no_content_of_a_file_harms_others_or_leaves_a_traceback(data: st.DataObject) -> None:
    folder, clock, site = filled()
    path = path_of(data.draw(st.sampled_from(TARGETS)), site.files)
    before = site.files.read(path)
    site.files.write(path, data.draw(contents(path, site.files)))
    try:
        listed = look(site, clock, folder)
        assert listed["good"]["problem"] is None
    finally:
        if before is None:
            site.files.remove(path)
        else:
            site.files.write(path, before)


@given(st.data())
def test_a_task_goes_on_whatever_is_in_a_file(data: st.DataObject) -> None:
    folder, _clock, made = filled()
    path = path_of(data.draw(st.sampled_from(TARGETS)), made.files)
    content = data.draw(contents(path, made.files))
    with tempfile.TemporaryDirectory() as other:
        shutil.copytree(folder / "store", Path(other) / "store", symlinks=True)
        site = made.at(Path(other) / "store")
        site.files.write(path, content)
        result = site.keep(*LIST, later=timedelta(minutes=1))
        check_output(result)
        found = {each["name"]: each["status"] for each in result["certificates"]}
        assert (found["good"], found["new"]) == ("valid", "issued")


@pytest.mark.parametrize("text", [b'"\\ud800"', b'"\xed\xa0\x80"', b"1e999", b"9" * 30])
@pytest.mark.parametrize("member", ["issuer", "not_after", "profile"])
def test_a_record_that_can_not_be_told_is_broken_and_the_page_is_written(text: bytes, member: str) -> None:
    folder, clock, site = filled()
    path = path_of(TARGETS[0], site.files)
    before = site.files.read(path) or b""
    record = json.loads(before)
    record[member] = "HERE"
    site.files.write(path, json.dumps(record).encode().replace(b'"HERE"', text))
    try:
        listed = look(site, clock, folder)
        assert f"The file {site.files.path(path)} " in listed["shop"]["problem"]
        survey = survey_fleet([], site.files, site.authority, clock, host="host")
        (reason,) = [row.reason for row in survey.rows if row.name == "shop"]
        assert f"The file {site.files.path(path)} " in reason
    finally:
        site.files.write(path, before)


def test_a_name_that_is_no_text_is_no_name(tmp_path: Path) -> None:
    files = Files(str(tmp_path))
    for name in (
        b"certificates/shop\xff/ecdsa-p256/generations/0001",
        "certificates/good/ecdsa-p256/generations/²".encode(),
    ):
        Path(tmp_path, name.decode("utf-8", "surrogateescape")).mkdir(parents=True)
    assert files.names("certificates") == ["good"]
    check_output(list_certificates(files, FakeClock().now()))
