# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller half of M(certfleet.acme.certificates): one module call for each run, and a line about it."""

from __future__ import annotations

from typing import Any

from ansible.utils.display import Display

from ..plugin_utils.discreet import DiscreetAction
from ..plugin_utils.progress import describe_run, merge_runs
from ..plugin_utils.steps import STEPS, Elsewhere, spell_out

display = Display()


class ActionModule(DiscreetAction):
    """A module can't print while it works, so a long job is a sequence of short ones."""

    def work(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Call the module until nothing is left or ``max_runs`` is reached."""
        arguments = spell_out(arguments, task_vars or {})
        counts = (arguments.get("max_runs"), arguments.get("host_timeout"))
        if self._task.check_mode or self._task.async_val or not all(map(_is_count, counts)):
            return super().work(arguments, task_vars)
        return self._run_by_run(arguments, task_vars)

    def _run_by_run(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        limit = int(arguments["max_runs"]) if arguments.get("max_runs") is not None else None
        result: dict[str, Any] = {}
        while True:
            latest, whole = self._one_run(arguments, task_vars or {})
            result = merge_runs(result, latest)
            if not whole:
                return result
            if latest["runs"]:
                display.display(f"certificates: {describe_run(result, latest)}")
            if not latest["runs"] or not latest["left"] or (limit and result["runs"] >= limit):
                return result
            # what was forgotten is not forgotten again, or one run would undo what the last one has learned
            arguments.update(attempted=result["attempted"], retry=[])

    def _one_run(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        """One run, and whether it came to its end; what needs something of other hosts gets it, and is taken up again."""
        elsewhere = Elsewhere(self, arguments, task_vars)
        one = {**arguments, "max_runs": 1}
        result = latest = dict(self._execute_module(module_args=one, task_vars=task_vars))
        try:
            # a CSR, then an answer to a challenge: no certificate needs more than that
            while needs := elsewhere.fulfil(latest):
                one.update(needs, attempted=result["attempted"])
                latest = dict(self._execute_module(module_args=one, task_vars=task_vars))
                if _is_whole(latest):
                    # it is one run, in several steps
                    latest.update(runs=0, left=result["left"] + latest["left"])
                result = merge_runs(result, latest)
        finally:
            elsewhere.clear()
        if "certificates" in result:
            result["notes"] = list(dict.fromkeys([*elsewhere.notes, *result["notes"]]))
            for member in STEPS:
                result.pop(member, None)
        return result, _is_whole(latest)


def _is_whole(result: dict[str, Any]) -> bool:
    """Whether the module came to its end: one that broke off tells its failure and nothing else."""
    return "certificates" in result


def _is_count(value: Any) -> bool:
    """Whether it is a whole number above 0, or none at all; the module says what is wrong with anything else."""
    return value is None or (str(value).isdecimal() and int(value) > 0)
