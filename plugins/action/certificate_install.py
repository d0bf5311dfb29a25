# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller half of M(certfleet.acme.certificate_install): it runs the web server's commands, and drops facts."""

from __future__ import annotations

from typing import Any

from ..plugin_utils.answers import output_of
from ..plugin_utils.factless import FactlessAction

COMMAND = "ansible.builtin.command"
RELOAD = "reload_command"


class ActionModule(FactlessAction):
    """The host of the task may be ruled by somebody else."""

    def work(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Have the web server read what is live, where that was asked for, and call the module.

        The commands are the task's own: the module becomes the user who owns the files, who may not be allowed to reload.
        """
        commands = [option for option in ("test_command", RELOAD) if arguments.get(option)]
        if arguments.get("state") != "loaded" or not commands:
            return super().work(arguments, task_vars)
        for option in commands if not self._task.check_mode else ():
            if failure := self._command(option, arguments[option], task_vars):
                return failure
        return {**super().work(arguments, task_vars), "changed": True}

    def _command(self, option: str, command: Any, task_vars: dict[str, Any] | None) -> dict[str, Any] | None:
        """What the task fails with if the command does not end well, else None."""
        words = {"argv": command} if isinstance(command, list) else {"_raw_params": str(command)}
        answer = self._execute_module(module_name=COMMAND, module_args=words, task_vars=task_vars)
        if not answer.get("failed") and answer.get("rc") in (0, None):
            return None
        sentence = f"{option}: the web server has not read its certificates, as the command failed"
        return {"failed": True, "msg": f"{sentence}: {output_of(answer)}"}
