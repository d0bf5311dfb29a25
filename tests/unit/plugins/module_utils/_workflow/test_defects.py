# SPDX-License-Identifier: GPL-3.0-or-later
"""One item's trouble is that item's: what nobody expected, and entries of the list that can't be used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._dns.plan import Plan
from ansible_collections.certfleet.acme.plugins.module_utils._dns.record import TxtRecord
from ansible_collections.certfleet.acme.plugins.module_utils._dns.report import Report
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.issuance.recipes import carry_out, place
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.issuance.run import Attempt, Run
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.overview import survey_fleet
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.plan import decide
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.wanted import Wanted, parse_wanted

from tests.unit.plugins.module_utils._acme.fakes import DIRECTORY

from .issuing_ca import Manners, QuietFleet, Site, site_of, statuses

INNOCENT = [site_of(f"s{number}", key_types=["ecdsa-p256"]) for number in range(6)]
BAD = site_of("bad", key_types=["ecdsa-p256"])
SENTENCE = "Nobody expected this: "


class BreakingFleet(QuietFleet):
    """Responders whose answers for names with ``bad`` in them are of a kind that breaks the method ``where``."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where

    def plan_publish(self, records: Sequence[TxtRecord], ask: bool) -> Plan:
        self._break("plan_publish", records)
        return super().plan_publish(records, ask)

    def publish(self, records: Sequence[TxtRecord]) -> Report:
        self._break("publish", records)
        return super().publish(records)

    def verify(self, records: Sequence[TxtRecord], wait: float) -> Report:
        self._break("verify", records)
        return super().verify(records, wait)

    def withdraw(self, records: Sequence[TxtRecord]) -> Report:
        self._break("withdraw", records)
        return super().withdraw(records)

    def withdraw_leftovers(self) -> Report:
        self._break("withdraw_leftovers", [TxtRecord("bad", "")])
        return super().withdraw_leftovers()

    def _break(self, method: str, records: Sequence[TxtRecord]) -> None:
        if method == self.where and any("bad" in each.name for each in records):
            raise AttributeError("secret")


Found = Callable[[str], Site]


@pytest.fixture
def site(tmp_path: Path) -> Found:
    """A store whose responders break there."""

    def make(where: str) -> Site:
        found = Site(tmp_path / "store", Manners())
        found.fleet = BreakingFleet(where)
        return found

    return make


def of_bad(result: dict[str, Any]) -> dict[str, Any]:
    (found,) = [entry for entry in result["certificates"] if entry["name"] == "bad"]
    return dict(found)


@pytest.mark.parametrize("where", ["plan_publish", "publish", "verify"])
def test_what_breaks_the_dns_side_of_one_certificate_is_its_failure_alone(site: Found, where: str) -> None:
    found = site(where)
    result = found.keep(*INNOCENT[:3], BAD, *INNOCENT[3:])
    assert result["counts"] == {"issued": 6, "renewed": 0, "valid": 0, "deferred": 0, "failed": 1}, statuses(result)
    assert of_bad(result)["reason"].startswith(f"{SENTENCE}AttributeError in ")
    assert "secret" not in str(result)
    assert found.fleet.values == set()

    # it is remembered, and holds up no other certificate, not even for the same name
    twin = {**site_of("twin", key_types=["ecdsa-p256"]), "domains": ["bad.example.com", "twin.example.com"]}
    found.fleet = QuietFleet()
    again = found.keep(*INNOCENT, BAD, twin)
    assert of_bad(again)["status"] == "deferred"
    assert of_bad(again)["failures"] == 1
    assert statuses(again)["twin/ecdsa-p256"] == "issued"


def test_what_breaks_the_withdrawal_is_a_note_and_costs_no_certificate(site: Found) -> None:
    found = site("withdraw")
    result = found.keep(*INNOCENT, BAD)
    assert result["counts"]["issued"] == 7
    assert [note for note in result["notes"] if note.startswith(SENTENCE)]
    assert {each.name for each in found.fleet.values} == {"_acme-challenge.bad.example.com"}, "the others are gone"


def test_what_breaks_the_withdrawal_of_leftovers_is_a_note(site: Found) -> None:
    result = site("withdraw_leftovers").keep(*INNOCENT)
    assert result["counts"]["issued"] == 6
    assert [note for note in result["notes"] if note.startswith(SENTENCE)]


class BrokenMemory:
    """A memory in which nothing can be written down, for a reason that nobody knows."""

    def note_orders(self, attempts: Sequence[Attempt]) -> None:
        raise ZeroDivisionError("secret")

    def has_ordered(self, wanted: Wanted, url: str) -> bool:
        raise ZeroDivisionError("secret")

    def record(self, attempts: Sequence[Attempt]) -> None:
        raise ZeroDivisionError("secret")


def test_what_breaks_between_the_steps_fails_all_that_are_not_in_the_store_and_ends_no_task(site: Found) -> None:
    found = site("")
    (wanted,) = parse_wanted([BAD])
    decisions = decide(wanted, {}, DIRECTORY, found.clock.now())
    attempts = [Attempt(each) for each in decisions]
    with found.connect(found.authority, found.files, 1, found.clock) as session:
        run = Run(session, found.store, found.clock, attempts, memory=BrokenMemory())
        carry_out(run, place)
    assert str(attempts[0].failure).startswith(f"{SENTENCE}ZeroDivisionError in ")


# Entries of the list that can't be used


def test_an_entry_that_can_not_be_used_stops_no_other_and_is_told_as_a_failure(site: Found) -> None:
    found = site("")
    under = site_of("under", domains=["my_shop.example.com"])
    result = found.keep(INNOCENT[0], under, INNOCENT[1], strict=False, retry=["under"])
    assert statuses(result) == {
        "s0/ecdsa-p256": "issued",
        "under/ecdsa-p256": "failed",
        "under/ecdsa-p384": "failed",
        "s1/ecdsa-p256": "issued",
    }
    told = result["certificates"][1]
    assert told["reason"].startswith("certificates[1].domains: 'my_shop.example.com' has a label")
    assert (told["needs_human"], told["failure"]) == (True, {"option": "certificates[1].domains"})
    assert result["counts"]["failed"] == 2
    assert found.keep(INNOCENT[0], under, INNOCENT[1], strict=False)["orders"] == 0


def test_a_certificate_whose_entry_gets_bad_stays_and_so_does_its_order(site: Found) -> None:
    found = site("verify")
    assert found.keep(*INNOCENT[:2], BAD)["counts"]["failed"] == 1
    pending = found.store.pending("bad", "ecdsa-p256")
    assert pending
    found.store.update_state("s0", "ecdsa-p256", noted="kept")
    before = found.store.live("s0", "ecdsa-p256", "fullchain.pem")

    spoilt = [{**each, "admin": ["nobody"]} for each in (INNOCENT[0], BAD)]
    result = found.keep(spoilt[0], INNOCENT[1], spoilt[1], strict=False, later=timedelta(days=80))
    assert statuses(result) == {"s0/ecdsa-p256": "failed", "s1/ecdsa-p256": "renewed", "bad/ecdsa-p256": "failed"}
    assert found.store.pending("bad", "ecdsa-p256") == pending
    assert found.store.live("s0", "ecdsa-p256", "fullchain.pem") == before
    assert found.store.state("s0", "ecdsa-p256")["noted"] == "kept"


@pytest.mark.parametrize(
    ("change", "later", "fatal"),
    [
        ({"admin": ["nobody"]}, 0, False),
        ({"admin": ["nobody"]}, 91, True),
        ({"domains": ["s0.example.com", "my_shop.example.com"]}, 0, True),
    ],
    ids=["all names are served", "no longer", "a name is missing"],
)
def test_it_fails_the_task_only_where_no_certificate_serves_meanwhile(
    site: Found, change: dict[str, Any], later: int, fatal: bool
) -> None:
    found = site("")
    found.keep(INNOCENT[0])
    result = found.keep({**INNOCENT[0], **change}, strict=False, later=timedelta(days=later), fail_on="expired")
    assert result["certificates"][0]["fatal"] is fatal
    assert ("msg" in result) is fatal


def test_orders_of_others_are_placed_and_finished_beside_a_bad_entry(site: Found) -> None:
    found = site("")
    wanted = parse_wanted([INNOCENT[0], {"domains": ["x_.example.com"]}], strict=False)
    placed = found.ordering.place(wanted)
    assert [order["name"] for order in placed["orders"]] == ["s0"]
    assert "1 certificate could not be issued" not in placed["msg"], "the entry counts for each of its key types"
    assert "x_.example.com (rsa-2048): certificates[1].domains: " in placed["msg"]
    finished = found.ordering.finish(wanted)
    assert statuses(finished)["s0/ecdsa-p256"] == "issued"


def test_the_report_has_what_is_wrong_with_the_list(site: Found) -> None:
    found = site("")
    found.keep(INNOCENT[0], INNOCENT[1])
    wanted = parse_wanted([{**INNOCENT[0], "admin": ["no", "me@example.com"]}, INNOCENT[1]], strict=False)
    survey = survey_fleet(wanted, found.files, found.authority, found.clock, host="validator")
    (row,) = survey.in_state("human")
    assert (row.name, row.admins) == ("s0", ("me@example.com",))
    assert row.reason == "certificates[0].admin: 'no' is not a mail address"
    assert row.not_after is not None
    assert survey.counts["valid"] == 1
    assert survey.counts["unlisted"] == 0
