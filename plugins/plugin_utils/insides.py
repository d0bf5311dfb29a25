# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: SLF001  # what is used here has no public names
"""Everything in ansible-core that the collection uses although it is not public; no other file does so (ADR 0038).

It is meant for ansible-core 2.16 to 2.21. A version is asked what it has rather than for its number, so that a newer
version works as long as it has the same. What only a task on another host needs is imported when there is such a task,
so that a version without it can do all the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from inspect import signature
from typing import Any

from ansible import template
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.release import __version__

try:
    from ansible.parsing.vault import EncryptedString as VaultedText
except ImportError:  # before 2.19
    from ansible.parsing.yaml.objects import AnsibleVaultEncryptedUnicode as VaultedText

__all__ = [
    "ANSIBLE",
    "VaultedText",
    "fill_in",
    "find_host",
    "play_of",
    "read_variable",
    "run_task",
    "variables_without_facts",
]

ANSIBLE = f"ansible-core {__version__}"
"""The version that is running, as messages name it."""


def find_host(hostvars: Any, name: str) -> Any:
    """The host of the inventory behind ``hostvars``; None when there is none of that name."""
    return hostvars._variable_manager._inventory.get_host(name)


def play_of(action: ActionBase) -> Any:
    """The play of the action's task, whose variables are the operator's, too."""
    return action._task.get_play()


def variables_without_facts(hostvars: Any, host: str, play: Any = None) -> dict[str, Any]:
    """The host's variables, templates not filled in, as they were if no host had ever returned facts."""
    manager = hostvars._variable_manager
    with _no_facts(manager):
        return dict(manager.get_vars(play=play, host=find_host(hostvars, host)))


def fill_in(hostvars: Any, variables: Mapping[str, Any], value: Any) -> Any:
    """The value with its templates filled in from these variables, and no fact of any host; AnsibleError if it can't be."""
    manager = hostvars._variable_manager
    with _no_facts(manager):
        return template.Templar(loader=manager._loader, variables=variables).template(value)


def read_variable(hostvars: Any, host: str, name: str) -> Any:
    """The value of a host's variable as a play sees it, with facts; None if the host has none, AnsibleError if it can't be read.

    ``hostvars[host][name]`` would be the text of the template, before 2.19, where something in it is not defined.
    """
    variables = hostvars.raw_get(host)
    if name not in variables:
        return None
    return template.Templar(loader=hostvars._loader, variables=variables).template(variables[name])


def run_task(
    action: ActionBase, host: str, module: str, arguments: Mapping[str, Any], task_vars: Mapping[str, Any]
) -> dict[str, Any]:
    """The result of a module, as if the action's own task was delegated to another host of the inventory.

    Ansible's own executor does it, so the host's connection, user and interpreter are those of any task in the play.
    Raises AnsibleError, or anything else, when this version of Ansible is another than those that are known here.
    """
    manager = task_vars["hostvars"]._variable_manager
    task = _delegate(action._task, host, module, arguments)
    origin, variables = find_host(task_vars["hostvars"], task_vars["inventory_hostname"]), dict(task_vars)
    executor = _make_executor(
        host=origin,
        task=task,
        job_vars=variables,
        play_context=action._play_context,
        new_stdin=None,  # for questions about host keys, before 2.19
        loader=action._loader,
        shared_loader_obj=action._shared_loader_obj,
        final_q=None,  # for callbacks about loops, retries and background tasks
        variable_manager=manager,
    )
    with _current(task, variables, origin):
        return _read_result(executor.run())


def _delegate(own: Any, host: str, module: str, arguments: Mapping[str, Any]) -> Any:
    """A copy of the task for another host and module, without what is about the task's own result."""
    task = own.copy()
    # by which the defaults of modules are found; it has a name of its own in each version
    resolved = {name: module for name in ("resolved_action", "_resolved_action") if name in vars(task)}
    vars(task).update(resolved)
    task.action = module
    task.args = _without_templates(dict(arguments))
    task.delegate_to = host
    task.loop = task.loop_with = task.register = task.retries = task.until = None
    task.when, task.changed_when, task.failed_when, task.notify = [], [], [], None
    # the caller's deadline holds for all of it, with the connection and what is cleaned up
    task.async_val = task.timeout = 0
    return task


def _without_templates(arguments: dict[str, Any]) -> Any:
    """The arguments so that no text in them is taken for a template: parts of it come from the CA and from other hosts."""
    if hasattr(template, "trust_as_template"):
        return arguments  # from 2.19 on only what is marked is a template, and what another host says is not
    from ansible.utils.unsafe_proxy import wrap_var

    return wrap_var(arguments)


def _make_executor(**known: Any) -> Any:
    """The executor, with those of the arguments that this version takes."""
    from ansible.executor.task_executor import TaskExecutor

    wanted = signature(TaskExecutor).parameters
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise AnsibleError(f"its TaskExecutor wants {', '.join(unknown)}, of which this collection knows nothing")
    return TaskExecutor(**{name: known[name] for name in wanted})


def _current(task: Any, variables: dict[str, Any], host: Any) -> AbstractContextManager[Any]:
    """The surroundings in which the executor finds its task; from 2.21 on it is told of it in no other way."""
    try:
        from ansible._internal._task import TaskContext
    except ImportError:
        return nullcontext()  # before 2.19
    if hasattr(TaskContext, "create"):
        context: AbstractContextManager[Any] = TaskContext.create(task=task, task_vars=variables, host_name=host.name)
    else:
        context = TaskContext(task)
    return context


def _read_result(result: Any) -> dict[str, Any]:
    """The executor's result as a dictionary, which it is up to 2.20."""
    return dict(result.as_result_dict() if hasattr(result, "as_result_dict") else result)


class _NoFacts(dict[str, Any]):
    """In place of the fact cache: no host has any facts."""

    def get(self, key: str, default: Any = None) -> Any:
        """No facts, whatever the host."""
        return {}


@contextmanager
def _no_facts(manager: Any) -> Iterator[None]:
    kept = manager._fact_cache
    manager._fact_cache = _NoFacts()
    try:
        yield
    finally:
        manager._fact_cache = kept
