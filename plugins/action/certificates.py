# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller half of M(certfleet.acme.certificates): one module call for each run, and a line about it."""

from __future__ import annotations

from typing import Any

from ansible.utils.display import Display

from ..plugin_utils.discreet import DiscreetAction
from ..plugin_utils.placing import Placing
from ..plugin_utils.progress import describe_run, merge_runs

display = Display()


class ActionModule(DiscreetAction):
    """A module can't print while it works, so a long job is a sequence of short ones."""

    def work(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Call the module until nothing is left or ``max_runs`` is reached."""
        if self._task.check_mode or self._task.async_val or not _is_count(arguments.get("max_runs")):
            return super().work(arguments, task_vars)
        return self._run_by_run(arguments, task_vars)

    def _run_by_run(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        limit = int(arguments["max_runs"]) if arguments.get("max_runs") is not None else None
        result: dict[str, Any] = {}
        while True:
            latest = self._one_run(arguments, task_vars or {})
            result = merge_runs(result, latest)
            if "certificates" not in latest:
                return result
            if latest["runs"]:
                display.display(f"certificates: {describe_run(result, latest)}")
            if not latest["runs"] or not latest["left"] or (limit and result["runs"] >= limit):
                return result
            # what was forgotten is not forgotten again, or one run would undo what the last one has learned
            arguments.update(attempted=result["attempted"], retry=[])

    def _one_run(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """One run; what needs answers on other hosts gets them there, and is taken up again."""
        one = {**arguments, "max_runs": 1}
        latest = dict(self._execute_module(module_args=one, task_vars=task_vars))
        placements = latest.pop("placements", None)
        if not placements:
            return latest
        placing = Placing(self, arguments, task_vars)
        try:
            placing.place(placements)
            again = {**one, "attempted": latest["attempted"], "placed": [each["certificate"] for each in placements]}
            finished = dict(self._execute_module(module_args=again, task_vars=task_vars))
        finally:
            placing.take_away()
        if "certificates" in finished:
            # it is one run, in two steps
            notes = [*placing.notes, *finished["notes"]]
            finished.update(runs=0, left=latest["left"] + finished["left"], notes=notes)
            finished.pop("placements", None)
        return merge_runs(latest, finished)


def _is_count(value: Any) -> bool:
    """Whether it is a number of runs, or none at all; the module says what is wrong with anything else."""
    return value is None or (str(value).isdecimal() and int(value) > 0)
