# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller half of modules on hosts that others may rule: their results become nobody's variables."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from .stated import without_facts


class FactlessAction(ActionBase):  # type: ignore[misc]  # Ansible has no types
    """Runs the module of its name. No module of the collection returns facts, so a host that does so lies."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The result of the module, without facts."""
        super().run(tmp, task_vars)
        return without_facts(self.work(dict(self._task.args), task_vars))

    def work(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Call the module; the result of the task."""
        return dict(self._execute_module(module_args=arguments, task_vars=task_vars, wrap_async=self._task.async_val))
