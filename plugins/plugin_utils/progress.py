# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Putting the results of several runs together into the result of one task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

_SUMS = ("runs", "orders", "requests")
_FEW = 10


def merge_runs(before: Mapping[str, Any], latest: Mapping[str, Any]) -> dict[str, Any]:
    """The result of a task so far, with that of its latest run worked in.

    A certificate's latest outcome takes the place of an earlier one, and with
    it what the task fails over. A run that broke off (no ``certificates`` in it)
    adds its failure and nothing else.
    """
    if not before:
        return dict(latest)
    if "certificates" not in latest:
        messages = [result["msg"] for result in (before, latest) if result.get("failed")]
        return {**before, **latest, "changed": before["changed"], "msg": "\n".join(messages)}
    outcomes = {(entry["name"], entry["key_type"]): entry for entry in before["certificates"]}
    outcomes.update({(entry["name"], entry["key_type"]): entry for entry in latest["certificates"]})
    counts = Counter(entry["status"] for entry in outcomes.values())
    return {
        **{key: value for key, value in before.items() if key not in ("failed", "msg")},
        "certificates": list(outcomes.values()),
        "counts": {status: counts[status] for status in before["counts"]},
        "changed": before["changed"] or latest["changed"],
        "left": latest["left"],
        "attempted": [*before["attempted"], *latest["attempted"]],
        "updates": dict(Counter(before["updates"]) + Counter(latest["updates"])),
        "notes": list(dict.fromkeys([*before["notes"], *latest["notes"]])),
        **{key: before[key] + latest[key] for key in _SUMS},
        **_describe_fatal([entry for entry in outcomes.values() if entry["fatal"]]),
        **_merge_diffs(before, latest),
    }


def describe_run(result: Mapping[str, Any], latest: Mapping[str, Any]) -> str:
    """The line about the latest run, with what is still to come."""
    done = [entry["status"] for entry in latest["certificates"] if entry["status"] in ("issued", "renewed", "failed")]
    counts = Counter(done)
    parts = [f"{counts[status]} {status}" for status in ("issued", "renewed", "failed") if counts[status]]
    left, later = result["left"], result["counts"]["deferred"] - result["left"]
    coming = [f"{left} left" if left else "none left", *([f"{later} for later"] if later else [])]
    return f"run {result['runs']}: {', '.join(parts) or 'none done'}; {', '.join(coming)}"


def _describe_fatal(fatal: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The failure of a task over these certificates, as the module says it about those of one run."""
    if not fatal:
        return {}
    lines = [f"{entry['name']} ({entry['key_type']}): {entry['reason']}" for entry in fatal[:_FEW]]
    more = [f"and {len(fatal) - _FEW} more"] if len(fatal) > _FEW else []
    some = "1 certificate" if len(fatal) == 1 else f"{len(fatal)} certificates"
    return {"failed": True, "msg": "\n".join([f"{some} could not be issued", *lines, *more])}


def _merge_diffs(before: Mapping[str, Any], latest: Mapping[str, Any]) -> dict[str, Any]:
    diffs = [result["diff"] for result in (before, latest) if "diff" in result]
    return {"diff": {side: "".join(diff[side] for diff in diffs) for side in ("before", "after")}} if diffs else {}
