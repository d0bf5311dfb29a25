# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules on other hosts than the one of the task, from within an action plugin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

from ..module_utils._core.plain import quote
from .deadline import DeadlineError, deadline
from .insides import ANSIBLE, run_task

PATIENCE = 300
"""Seconds that a task on another host may take."""

FLEET = ("frontends", "validation_hosts")
"""The groups whose hosts a certificate may name."""


def name_hosts(patterns: Iterable[str], task_vars: Mapping[str, Any]) -> list[str]:
    """The hosts that names of hosts and groups stand for, each once.

    AnsibleError for a name that the inventory does not have, and for a host that is neither a frontend nor a validation host:
    a line of the list must not have a task run on just any host.
    """
    hosts: dict[str, None] = {}
    for pattern in patterns:
        if pattern in task_vars["hostvars"]:
            hosts[pattern] = None
        elif pattern in task_vars["groups"]:
            hosts.update(dict.fromkeys(task_vars["groups"][pattern]))
        else:
            raise AnsibleError(f"the inventory has neither a host nor a group {quote(pattern)}")
    fleet = {host for group in FLEET for host in task_vars["groups"].get(group, ())}
    for host in hosts:
        if host not in fleet:
            raise AnsibleError(f"{host} is in neither of the groups {' and '.join(FLEET)}")
    return list(hosts)


def run_elsewhere(
    action: ActionBase,
    host: str,
    module: str,
    arguments: Mapping[str, Any],
    task_vars: Mapping[str, Any],
    *,
    seconds: float = PATIENCE,
) -> dict[str, Any]:
    """The result of a task that ``action``'s task delegates to a host of the inventory.

    A host that can't be reached has ``unreachable`` in its result, one that has not answered after so many
    ``seconds`` has ``silent``, and both have ``failed``. So has a host for which this version of Ansible could not do it:
    it is the failure of what needs the host, and of nothing else.
    """
    try:
        with deadline(seconds):
            result = run_task(action, host, module, arguments, task_vars)
    except DeadlineError:
        return {"failed": True, "silent": True, "msg": f"it has not answered within {seconds:g} seconds"}
    except Exception as error:  # noqa: BLE001  # nobody knows what a version raises that is newer than the collection
        return {"failed": True, "msg": f"{ANSIBLE} could not run a task on it: {type(error).__name__}: {error}"}
    return {**result, "failed": bool(result.get("failed") or result.get("unreachable"))}
