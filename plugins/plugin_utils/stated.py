# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: SLF001  # what an action plugin is given has no public names
"""Variables as inventory and plays state them, without the facts that hosts return about themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ansible.errors import AnsibleError
from ansible.template import Templar


class Stated:
    """What the controller itself knows of the hosts in ``hostvars``.

    Ansible makes variables of ``ansible_facts`` in the result of any module, and they outrank the inventory: a
    host could say that another host's certificates are its own. So whatever decides what a host gets, or what
    others trust, is read here.
    """

    def __init__(self, hostvars: Any, play: Any = None) -> None:
        self._hostvars = hostvars
        self._manager = hostvars._variable_manager
        self._play = play

    def __contains__(self, host: object) -> bool:
        """Whether the inventory has the host."""
        return host in self._hostvars

    def get(self, host: str, variable: str, default: Any = None) -> Any:
        """The value of a host's variable, templates filled in; AnsibleError when one of them needs a fact."""
        return self.several(host, (variable,)).get(variable, default)

    def several(self, host: str, names: Iterable[str]) -> dict[str, Any]:
        """The same for those of the variables that the host has."""
        known = self._manager._inventory.get_host(host)
        with _no_facts(self._manager):
            variables = self._manager.get_vars(play=self._play, host=known)
            templar = Templar(loader=self._manager._loader, variables=variables)
            return {
                name: _fill_in(templar, variables[name], f"{name} of {host}") for name in names if name in variables
            }

    def groups(self, host: str) -> list[str]:
        """The groups of the inventory that a host is in."""
        known = self._manager._inventory.get_host(host)
        return [group.name for group in known.get_groups()] if known else []


def stated_variables(hostvars: Any, host: str, names: Iterable[str], action: Any = None) -> Mapping[str, Any]:
    """Variables of a host, of those that it has, from what a play calls ``hostvars`` or from any other mapping.

    With an ``action``, the variables of its play are among them.
    """
    if isinstance(hostvars, dict):
        return {name: hostvars[host][name] for name in names if name in hostvars[host]}
    return Stated(hostvars, action and action._task.get_play()).several(host, names)


def _fill_in(templar: Any, value: Any, what: str) -> Any:
    try:
        return templar.template(value)
    except AnsibleError as error:
        sentence = f"{what} can't be read without the facts that hosts return, which don't count here: {error}"
        raise AnsibleError(sentence) from error


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


def without_facts(result: Mapping[str, Any]) -> dict[str, Any]:
    """A module's result without what Ansible would make variables of."""
    return {member: value for member, value in result.items() if member != "ansible_facts"}
