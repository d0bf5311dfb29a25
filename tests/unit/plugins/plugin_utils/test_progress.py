# SPDX-License-Identifier: GPL-3.0-or-later
"""Several runs of one task come out as one result."""

from __future__ import annotations

from typing import Any

from ansible_collections.certfleet.acme.plugins.plugin_utils.progress import describe_run, merge_runs


def entry(name: str, status: str) -> dict[str, Any]:
    return {"name": name, "key_type": "rsa-2048", "status": status, "reason": "why", "fatal": status == "failed"}


def result(*entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    counts = {
        status: sum(each["status"] == status for each in entries)
        for status in ("issued", "valid", "deferred", "failed")
    }
    common = {
        "changed": counts["issued"] > 0,
        "left": counts["deferred"],
        "runs": 1,
        "orders": 1,
        "requests": 9,
        "updates": {"fra": 2},
        "notes": [],
        "attempted": [],
    }
    return {"certificates": list(entries), "counts": counts, **common, **more}


FIRST = result(entry("a", "issued"), entry("b", "deferred"), entry("c", "valid"), attempted=["a (rsa-2048)"])
SECOND = result(entry("b", "issued"), attempted=["b (rsa-2048)"])


def test_a_later_outcome_takes_the_place_of_an_earlier_one_and_numbers_add_up() -> None:
    merged = merge_runs(merge_runs({}, FIRST), SECOND)
    assert [each["status"] for each in merged["certificates"]] == ["issued", "issued", "valid"]
    assert merged["counts"] == {"issued": 2, "valid": 1, "deferred": 0, "failed": 0}
    assert (merged["runs"], merged["orders"], merged["requests"], merged["updates"]) == (2, 2, 18, {"fra": 4})
    assert merged["attempted"] == ["a (rsa-2048)", "b (rsa-2048)"]


def test_a_failed_run_fails_the_task_and_keeps_what_came_before() -> None:
    merged = merge_runs(FIRST, {"failed": True, "msg": "The CA is gone", "changed": False})
    assert (merged["failed"], merged["msg"], merged["changed"]) == (True, "The CA is gone", True)
    assert len(merged["certificates"]) == 3


def test_the_failures_of_all_runs_are_told_together() -> None:
    first, second = result(entry("a", "failed"), entry("b", "deferred")), result(entry("b", "failed"))
    merged = merge_runs({**first, "failed": True, "msg": "one"}, {**second, "failed": True, "msg": "two"})
    assert merged["failed"]
    assert merged["msg"] == "2 certificates could not be issued\na (rsa-2048): why\nb (rsa-2048): why"


def test_a_certificate_that_was_had_after_all_fails_nothing() -> None:
    waiting = {**entry("b", "deferred"), "fatal": True}
    merged = merge_runs({**result(entry("a", "issued"), waiting), "failed": True, "msg": "b waits"}, SECOND)
    assert "failed" not in merged
    assert "msg" not in merged


def test_a_run_that_breaks_off_is_told_after_what_failed_before() -> None:
    first = {**result(entry("a", "failed")), "failed": True, "msg": "a failed"}
    merged = merge_runs(first, {"failed": True, "msg": "The CA is gone", "changed": False})
    assert merged["msg"] == "a failed\nThe CA is gone"


def test_the_notes_of_every_run_are_told_once() -> None:
    first, second = {**FIRST, "notes": ["no route"]}, {**SECOND, "notes": ["no route", "too large"]}
    assert merge_runs(first, second)["notes"] == ["no route", "too large"]


def test_diffs_are_joined() -> None:
    first, second = (
        {**each, "diff": {"before": "", "after": text}} for each, text in ((FIRST, "a\n"), (SECOND, "b\n"))
    )
    assert merge_runs(first, second)["diff"] == {"before": "", "after": "a\nb\n"}


def test_the_line_about_a_run_says_what_was_done_and_what_is_left() -> None:
    assert describe_run(FIRST, FIRST) == "run 1: 1 issued; 1 left"
    assert describe_run(merge_runs(FIRST, SECOND), SECOND) == "run 2: 1 issued; none left"
    later = result(entry("a", "issued"), entry("b", "deferred"), entry("c", "deferred"), left=1)
    assert describe_run(later, later) == "run 1: 1 issued; 1 left, 1 for later"
