# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: SLF001  # what an action plugin is given has no public names
"""Modules on other hosts than the one of the task, from within an action plugin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.executor.task_executor import TaskExecutor
from ansible.plugins.action import ActionBase

from ..module_utils._core.plain import quote
from .deadline import DeadlineError, deadline

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

    It is Ansible's own executor that does it, so that the host's connection,
    its user and its interpreter are what they would be for a task in the play.
    A host that can't be reached has ``unreachable`` in its result, one that has not answered after so many
    ``seconds`` has ``silent``, and both have ``failed``.
    """
    task = action._task.copy()
    task.action = task._resolved_action = module
    task.args = dict(arguments)
    task.delegate_to = host
    task.loop = task.loop_with = task.register = task.retries = task.until = None
    task.when, task.changed_when, task.failed_when, task.notify = [], [], [], None
    # the deadline below holds for all of it, with the connection and what is cleaned up
    task.async_val = task.timeout = 0
    # what the inventory's variables are taken from has the manager that delegation needs
    variables = task_vars["hostvars"]._variable_manager
    executor = TaskExecutor(
        host=variables._inventory.get_host(task_vars["inventory_hostname"]),
        task=task,
        job_vars=dict(task_vars),
        play_context=action._play_context,
        loader=action._loader,
        shared_loader_obj=action._shared_loader_obj,
        final_q=None,
        variable_manager=variables,
    )
    try:
        with deadline(seconds):
            result = dict(executor.run())
    except DeadlineError:
        return {"failed": True, "silent": True, "msg": f"it has not answered within {seconds:g} seconds"}
    return {**result, "failed": bool(result.get("failed") or result.get("unreachable"))}
