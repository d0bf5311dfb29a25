# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller half of modules that take secrets as options."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.common.parameters import remove_values

from ..module_utils._core.secrets import find_secrets
from .factless import FactlessAction

_GIVEN = "certfleet_given"


class DiscreetAction(FactlessAction):
    """Runs the module of its name, and leaves no secret in the task's arguments.

    Ansible hides what a module hides from the result, but hands the arguments of a finished task, with every
    variable filled in, to each callback plugin as they were given: to loggers, reporters and job managers.
    """

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Do the work with the arguments as they were given, then keep what may be shown of them."""
        # the second attempt of a task with `retries` finds what the first one has left
        given: dict[str, Any] = getattr(self._task, _GIVEN, None) or self._task.args
        setattr(self._task, _GIVEN, given)
        self._task.args = given
        try:
            return super().run(tmp, task_vars)
        finally:
            self._task.args = remove_values(given, find_secrets(given))
