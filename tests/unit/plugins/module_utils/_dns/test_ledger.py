# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered on disk about values that are out there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._dns.ledger import Entry, Ledger
from ansible_collections.certfleet.acme.plugins.module_utils._dns.plan import Plan
from ansible_collections.certfleet.acme.plugins.module_utils._dns.record import TxtRecord
from ansible_collections.certfleet.acme.plugins.module_utils._dns.responder import Responder
from ansible_collections.certfleet.acme.plugins.module_utils._dns.update import Change

NAME = "_acme-challenge.example.com"
ONE = TxtRecord("one.validation.example", "1")
TWO = TxtRecord("one.validation.example", "2")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(Files(str(tmp_path / "store")))


def plan(*records: TxtRecord) -> Plan:
    changes = [Change(Responder(name, ("192.0.2.1",)), "validation.example", add=records) for name in ("fra", "sin")]
    return Plan(changes=tuple(changes), origins={record: [TxtRecord(NAME, record.value)] for record in records})


def test_a_new_ledger_is_empty_and_writes_nothing(ledger: Ledger, tmp_path: Path) -> None:
    assert ledger.entries() == []
    ledger.strike([("fra", ONE)])
    assert not (tmp_path / "store").exists()


def test_values_are_kept_with_the_name_they_are_for(ledger: Ledger) -> None:
    ledger.note(plan(ONE))
    assert ledger.entries() == [
        Entry("fra", "validation.example", ONE.name, "1", NAME),
        Entry("sin", "validation.example", ONE.name, "1", NAME),
    ]


def test_a_value_is_struck_only_for_the_responder_that_confirmed(ledger: Ledger) -> None:
    ledger.note(plan(ONE, TWO))
    ledger.strike([("fra", ONE), ("fra", TWO), ("sin", TWO)])
    assert [(entry.responder, entry.record) for entry in ledger.entries()] == [("sin", ONE)]


def test_an_empty_ledger_leaves_no_file(ledger: Ledger, tmp_path: Path) -> None:
    ledger.note(plan(ONE))
    ledger.strike([("fra", ONE), ("sin", ONE)])
    assert list((tmp_path / "store" / "dns").iterdir()) == []


def test_noting_twice_changes_nothing(ledger: Ledger, tmp_path: Path) -> None:
    ledger.note(plan(ONE))
    before = (tmp_path / "store/dns/fra.json").stat().st_ino
    ledger.note(plan(ONE))
    assert (tmp_path / "store/dns/fra.json").stat().st_ino == before


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"values": 5}',
        '{"values": [{"other": 1}]}',
        '{"values": ["x"]}',
        '{"values": [{"zone": "example", "owner": 5, "value": "1", "name": "a.example"}]}',
        '{"values": [{"zone": "..", "owner": "a..b", "value": "1", "name": "a.example"}]}',
        '{"values": [{"zone": "example", "owner": "a.example", "value": "", "name": "a.example"}]}',
        json.dumps({"values": [{"zone": "example", "owner": "a." * 130 + "example", "value": "1", "name": "a"}]}),
        json.dumps({"values": [{"zone": "\\300.example", "owner": "a.example", "value": "1", "name": "a"}]}),
        json.dumps({"values": [{"zone": "example", "owner": "a.example", "value": "1" * 256, "name": "a"}]}),
    ],
)
def test_a_file_that_is_no_ledger_is_told_and_put_aside(ledger: Ledger, tmp_path: Path, content: str) -> None:
    ledger.note(plan(TWO))
    (tmp_path / "store/dns/fra.json").write_text(content)
    assert [entry.responder for entry in ledger.entries()] == ["sin"]
    assert list(ledger.problems()) == ["fra"]
    assert "fra.json is no" in ledger.problems()["fra"] or "fra.json holds no" in ledger.problems()["fra"]
    ledger.note(plan(ONE))
    assert ledger.problems() == {}
    assert [entry.record for entry in ledger.entries() if entry.responder == "fra"] == [ONE]
    assert (tmp_path / "store/dns/fra.json.broken").read_text() == content


def test_what_was_cut_off_while_it_was_written_is_taken_away(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "store/dns").mkdir(parents=True)
    (tmp_path / "store/dns/.new-1").write_text("{")
    ledger.note(plan(ONE))
    assert sorted(path.name for path in (tmp_path / "store/dns").iterdir()) == ["fra.json", "sin.json"]
