# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose silence is passed over, held against the rule in plain words for whatever servers may say."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._dns.exchange import Transport
from ansible_collections.certfleet.acme.plugins.module_utils._dns.record import TxtRecord
from ansible_collections.certfleet.acme.plugins.module_utils._dns.report import failed_verdicts
from ansible_collections.certfleet.acme.plugins.module_utils._dns.tolerance import judge, silence_notes
from ansible_collections.certfleet.acme.plugins.module_utils._dns.verdict import Verdict
from hypothesis import given
from hypothesis import strategies as st

Said = Literal["has", "lacks", "silent"]
# What each responder says at each of its addresses about each record, over UDP and TCP.
Zone = list[list[dict[tuple[str, Transport], Said]]]

ONE, TWO = TxtRecord("_acme-challenge.example.com", "one"), TxtRecord("_acme-challenge.example.com", "two")
RECORDS = {"one": ONE, "two": TWO}

said = st.sampled_from(["has", "lacks", "silent"])
# mostly good servers, or hardly anything would ever be verified
mostly = st.one_of(st.just("has"), st.just("has"), st.just("silent"), said)
addresses = st.fixed_dictionaries({(value, over): mostly for value in RECORDS for over in ("udp", "tcp")})
zones = st.lists(st.lists(addresses, min_size=1, max_size=2), min_size=1, max_size=6)


def verdicts_of(zone: Zone, name: str = "example.com", *, absent: bool = False) -> list[Verdict]:
    return [
        replace(verdict(f"r{number}", f"192.0.2.{10 * number + rank}", over, address), zone=name, absent=absent)
        for number, responder in enumerate(zone)
        for rank, address in enumerate(responder)
        for over in ("udp", "tcp")
    ]


def verdict(responder: str, address: str, over: Transport, says: dict[tuple[str, Transport], Said]) -> Verdict:
    lacking = tuple(record for value, record in RECORDS.items() if says[value, over] != "has")
    silent = frozenset(record for record in lacking if says[record.value, over] == "silent")
    problem = "no answer within 5 s" if silent else None
    found = 2 - len(lacking)
    return Verdict(responder, address, 53, over, "", 2, found, lacking, 9.0, problem, 99, silent=silent)


def everything(says: Said) -> dict[tuple[str, Transport], Said]:
    return {(value, over): says for value in RECORDS for over in ("udp", "tcp")}


GOOD, STALE, DEAD = [everything("has")], [everything("lacks")], [everything("silent")]


def is_fine(zone: Zone, value: str) -> bool:
    """The rule in plain words."""
    told = [address[value, over] for responder in zone for address in responder for over in ("udp", "tcp")]
    if "lacks" in told:
        return False
    verified = [
        responder
        for responder in zone
        if any(address[value, "udp"] == address[value, "tcp"] == "has" for address in responder)
    ]
    return set(told) == {"has"} or len(verified) > len(zone) - len(verified)


@given(zones)
def test_the_rule_holds_for_every_record_by_itself(zone: Zone) -> None:
    failed = judge(verdicts_of(zone)).failed
    assert {record.value for record in failed} == {value for value in RECORDS if not is_fine(zone, value)}


@given(zones, st.integers(1, 3))
def test_a_record_fails_for_every_name_that_led_to_it_and_names_who_lacks_it(zone: Zone, names: int) -> None:
    origins = {ONE: [TxtRecord(f"_acme-challenge.n{number}.example.net", "one") for number in range(names)]}
    verdicts = [verdict for verdict in verdicts_of(zone) if ONE in verdict.lacking]
    failed = failed_verdicts(judge(verdicts_of(zone)), origins)
    expected = {*([] if is_fine(zone, "one") else origins[ONE]), *([] if is_fine(zone, "two") else [TWO])}
    assert set(failed) == expected
    for origin in expected - {TWO}:
        assert failed[origin].details["name"] == origin.name
        assert failed[origin].details["verdicts"] == [verdict.sentence() for verdict in verdicts]


@given(zones)
def test_every_address_that_lacks_something_is_told(zone: Zone) -> None:
    verdicts = verdicts_of(zone)
    judgement = judge(verdicts)
    told = {verdict for lack in judgement.failed.values() for verdict in lack.verdicts} | {*judgement.tolerated}
    assert told == {verdict for verdict in verdicts if verdict.lacking}
    notes = silence_notes(judgement.tolerated)
    assert len(notes) == len({verdict.address for verdict in judgement.tolerated})
    assert all(any(verdict.address in note for note in notes) for verdict in judgement.tolerated)


@given(zones)
def test_nothing_is_passed_over_when_all_are_required_or_values_are_to_go(zone: Zone) -> None:
    lacking = {record for verdict in verdicts_of(zone) for record in verdict.lacking}
    for judgement in (judge(verdicts_of(zone), require_all=True), judge(verdicts_of(zone, absent=True))):
        assert set(judgement.failed) == lacking
        assert not judgement.tolerated


@given(zones, st.data())
def test_one_more_silent_address_never_helps(zone: Zone, data: st.DataObject) -> None:
    verdicts = verdicts_of(zone)
    index = data.draw(st.integers(0, len(verdicts) - 1))
    before = judge(verdicts)
    kept = verdicts[index]
    if any(record not in kept.silent for record in kept.lacking):
        return
    verdicts[index] = replace(kept, lacking=(ONE, TWO), silent=frozenset((ONE, TWO)), found=0)
    assert set(before.failed) <= set(judge(verdicts).failed)


@given(zones, zones)
def test_zones_are_judged_apart(one: Zone, other: Zone) -> None:
    elsewhere = TxtRecord("_acme-challenge.example.net", "x")
    both = [*verdicts_of(one), *(_moved(verdict, elsewhere) for verdict in verdicts_of(other, "example.net"))]
    assert {record for record in judge(both).failed if record != elsewhere} == set(judge(verdicts_of(one)).failed)


def _moved(verdict: Verdict, record: TxtRecord) -> Verdict:
    lacking = (record,) if ONE in verdict.lacking else ()
    silent = frozenset(lacking) if ONE in verdict.silent else frozenset()
    return replace(verdict, lacking=lacking, silent=silent)


@pytest.mark.parametrize(
    ("zone", "fine"),
    [
        ([GOOD, GOOD, DEAD], True),
        ([GOOD, DEAD], False),
        ([GOOD, GOOD, DEAD, DEAD], False),
        ([GOOD, GOOD, GOOD, DEAD, DEAD], True),
        ([GOOD, GOOD, GOOD, STALE], False),
        ([GOOD, GOOD, [*STALE, *DEAD]], False),
        ([[*GOOD, *DEAD]], True),
        ([[*DEAD, *GOOD], [*GOOD, *DEAD]], True),
        ([DEAD], False),
    ],
)
def test_half_is_not_enough_and_one_stale_answer_is_too_much(zone: Zone, fine: bool) -> None:
    assert (not judge(verdicts_of(zone)).failed) == fine


def test_a_responder_that_is_deaf_over_tcp_has_not_verified() -> None:
    deaf: list[dict[tuple[str, Transport], Said]] = [
        {(value, over): "has" if over == "udp" else "silent" for value in RECORDS for over in ("udp", "tcp")}
    ]
    assert not judge(verdicts_of([GOOD, GOOD, deaf])).failed
    assert judge(verdicts_of([GOOD, deaf])).failed


def test_a_note_names_the_address_and_one_of_many_zones() -> None:
    names = ["example.com", "example.net", "example.org"]
    verdicts = [verdict for name in names for verdict in verdicts_of([GOOD, GOOD, DEAD], name)]
    (note,) = silence_notes(judge(verdicts).tolerated)
    assert note == (
        "r2 192.0.2.20 gave no answer over UDP and TCP for zone example.com and 2 more (no answer within 5 s): "
        "it was passed over, as more than half of the responders verified"
    )
