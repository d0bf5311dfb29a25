# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers to http-01 challenges on every web server that has to have them, put there through Ansible (G10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

from .elsewhere import name_hosts, run_elsewhere

MODULE = "certfleet.acme.http01"
WEBROOT = "certfleet_frontend_webroot"
"""The variable of a host that goes before the task's ``webroot``."""


class Placing:
    """The answers that one run needs on other hosts; ``notes`` say what did not work there."""

    def __init__(self, action: ActionBase, arguments: Mapping[str, Any], task_vars: Mapping[str, Any]) -> None:
        self._action = action
        self._arguments = arguments
        self._task_vars = task_vars
        self._files: dict[str, list[Any]] = {}
        self.notes: list[str] = []

    def place(self, placements: Sequence[Mapping[str, Any]]) -> None:
        """Have the files of each placement on its hosts.

        A host that does not take them is noted: whether the CA may look all the
        same is for the verification of every address to say.
        """
        for placement in placements:
            try:
                hosts = name_hosts(placement["hosts"], self._task_vars)
            except AnsibleError as error:
                self.notes.append(f"challenge_hosts of {placement['certificate']}: {error.message}")
                continue
            for host in hosts:
                known = self._files.setdefault(host, [])
                known += [file for file in placement["files"] if file not in known]
        self._bring("present")

    def take_away(self) -> None:
        """Have none of them any more."""
        self._bring("absent")

    def _bring(self, state: str) -> None:
        for host, files in self._files.items():
            webroot = self._task_vars["hostvars"][host].get(WEBROOT) or self._arguments.get("webroot")
            arguments = {"state": state, "files": files, **({"webroot": webroot} if webroot else {})}
            result = run_elsewhere(self._action, host, MODULE, arguments, self._task_vars)
            if result.get("failed") or result.get("unreachable"):
                self.notes.append(f"{host}: the answers to challenges could not be made {state}: {result.get('msg')}")
