# SPDX-License-Identifier: GPL-3.0-or-later
"""When certificates are renewed, as a real CA suggests it (RFC 9773)."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

from tests.lab.ca_faults import refuse
from tests.modules import run_module
from tests.options import ca

from .conftest import HOUR, KEY_TYPE, SHOP, Site, instant


def test_a_new_certificate_is_left_alone_until_its_window_is_asked_for_and_then_for_as_long_as_the_ca_wants(
    site: Site,
) -> None:
    assert (site.keep()["requests"], site.questions) == (0, 0)
    site.let_hours_pass()
    start, end = site.suggest(20 * HOUR, 30 * HOUR)
    result = site.keep()
    assert not result.changed
    assert (result["notes"], site.questions) == ([], 1)
    (entry,) = result["certificates"]
    assert instant(start) <= entry["renew_at"] <= instant(end)
    for again in (site.keep(), site.keep(check=True)):
        assert (again["requests"], sum(site.proxy.requests.values())) == (0, 0), "the CA asked for six hours"
        assert again["certificates"] == [entry], "another instant was chosen"
    described = site.described()
    assert described["renewal_window"] == {"start": instant(start), "end": instant(end)}
    assert (described["renew_at"], described["renewal_explanation"]) == (entry["renew_at"], None)


def test_check_mode_asks_nothing_even_when_it_is_time(site: Site) -> None:
    site.let_hours_pass()
    site.keep(check=True)
    assert sum(site.proxy.requests.values()) == 0


def test_a_window_in_the_past_makes_a_certificate_due_and_its_order_says_what_it_replaces(site: Site) -> None:
    site.let_hours_pass()
    old, replaced = site.issuance, len(site.replacements())
    start, end = site.suggest(-2 * HOUR, -HOUR, "https://ca.example/incident")
    result = site.keep()
    (entry,) = result["certificates"]
    assert entry["status"] == "renewed"
    assert f"chosen from the CA's window {instant(start)} to {instant(end)}" in entry["reason"]
    assert result["notes"] == [f"The CA explains its window for shop ({KEY_TYPE}) at https://ca.example/incident"]
    assert len(site.replacements()) == replaced + 1
    assert site.issuance["certificate_id"] != old["certificate_id"]

    again = site.keep()
    assert (again["requests"], again["certificates"][0]["status"]) == (0, "valid"), "the old window drives the new one"
    assert site.described()["renewal_window"] is None


def test_what_was_replaced_already_is_ordered_without_saying_so_and_that_is_remembered(site: Site) -> None:
    site.let_hours_pass()
    site.suggest(-2 * HOUR, -HOUR)
    assert site.keep().changed
    replaced = len(site.replacements())
    live = site.folder / "live"
    first = min((site.folder / "generations").iterdir())
    live.unlink()
    live.symlink_to(f"generations/{first.name}")
    site.let_hours_pass()
    site.proxy.inject("finalize", refuse(403, "unauthorized", "not yet"))
    assert site.keep(fail_on="never")["certificates"][0]["status"] == "failed"
    assert site.renewal["certificate_id"] == site.issuance["certificate_id"]
    assert "alreadyReplaced" in site.renewal["not_replaceable"]
    site.proxy.heal()
    assert site.keep(retry=["all"]).changed
    assert len(site.replacements()) == replaced


def test_an_order_for_other_challenges_says_what_it_replaces_too(site: Site) -> None:
    replaced = len(site.replacements())
    names = {**SHOP, "domains": ["shop.test", "*.shop.test"]}
    result = run_module(site.lab, "order", {**site.authority(), "certificates": [names]})
    assert result.changed, result.output
    assert len(site.replacements()) == replaced + 1


def test_a_window_that_moves_and_its_explanation_are_told_once(site: Site) -> None:
    site.let_hours_pass()
    before = site.suggest(20 * HOUR, 30 * HOUR)
    site.keep()
    site.let_hours_pass()
    after = site.suggest(2 * HOUR, 4 * HOUR, "https://ca.example/why")
    result = site.keep()
    assert not result.changed
    moved, explained = result["notes"]
    for time in (*before, *after):
        assert instant(time) in moved
    assert explained.endswith("https://ca.example/why")
    assert instant(after[0]) <= result["certificates"][0]["renew_at"] <= instant(after[1])
    site.let_hours_pass()
    assert (site.keep()["notes"], site.questions) == ([], 1)
    assert site.described()["renewal_explanation"] == "https://ca.example/why"


def test_the_ca_is_not_asked_about_a_certificate_that_has_expired(site: Site) -> None:
    site.let_hours_pass()
    site.change_issuance(not_after="2026-01-01T00:00:00Z", not_before="2025-12-01T00:00:00Z")
    assert site.keep()["certificates"][0]["status"] == "renewed"
    assert site.questions == 0


def test_the_ca_is_not_asked_about_a_certificate_of_another_ca_nor_told_that_it_is_replaced(site: Site) -> None:
    site.let_hours_pass()
    site.change_issuance(directory="https://other.example/directory")
    replaced = len(site.replacements())
    result = site.keep()
    assert result["certificates"][0]["reason"].startswith("CA changed from https://other.example/directory")
    assert (site.questions, len(site.replacements())) == (0, replaced)


def test_a_ca_that_refuses_the_question_is_left_alone_and_the_lifetime_decides(site: Site) -> None:
    site.let_hours_pass()
    before = site.keep(check=True)["certificates"][0]["renew_at"]
    site.proxy.inject("renewalInfo", refuse(429, "rateLimited", "slow down", retry_after="7200"))
    result = site.keep()
    assert not result.failed
    assert not result.changed
    (note,) = result["notes"]
    assert note.startswith("No renewal information, which is asked for again after ")
    assert result["certificates"][0]["renew_at"] == before
    site.proxy.heal()
    assert (site.keep()["requests"], site.questions) == (0, 0)


def test_a_ca_that_is_down_does_not_fail_a_task_in_which_nothing_is_due(site: Site) -> None:
    site.let_hours_pass()
    result = site.keep(directory=site.proxy.directory, request_timeout=1, ca_bundle=ca(site.lab)["ca_bundle"])
    assert not result.failed
    assert len(result["notes"]) == 1


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata"])
def test_instants_do_not_depend_on_the_time_zone_of_the_machine(
    site: Site, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    site.let_hours_pass()
    start, end = site.suggest(timedelta(days=30), timedelta(days=30, hours=2))
    monkeypatch.setitem(os.environ, "TZ", zone)
    first = site.keep()["certificates"][0]
    assert instant(start) <= first["renew_at"] <= instant(end)
    monkeypatch.setitem(os.environ, "TZ", "UTC")
    assert site.keep()["certificates"] == [first]
    assert site.questions == 0
