# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables as inventory and plays state them, without the facts that hosts return about themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleError

from .insides import fill_in, find_host, play_of, variables_without_facts


class Stated:
    """What the controller itself knows of the hosts in ``hostvars``.

    Ansible makes variables of ``ansible_facts`` in the result of any module, and they outrank the inventory: a
    host could say that another host's certificates are its own. So whatever decides what a host gets, or what
    others trust, is read here.
    """

    def __init__(self, hostvars: Any, play: Any = None) -> None:
        self._hostvars = hostvars
        self._play = play

    def __contains__(self, host: object) -> bool:
        """Whether the inventory has the host."""
        return host in self._hostvars

    def get(self, host: str, variable: str, default: Any = None) -> Any:
        """The value of a host's variable, templates filled in; AnsibleError when one of them needs a fact."""
        return self.several(host, (variable,)).get(variable, default)

    def several(self, host: str, names: Iterable[str]) -> dict[str, Any]:
        """The same for those of the variables that the host has."""
        known = variables_without_facts(self._hostvars, host, self._play)
        return {name: self._fill_in(known, name, host) for name in names if name in known}

    def groups(self, host: str) -> list[str]:
        """The groups of the inventory that a host is in."""
        known = find_host(self._hostvars, host)
        return [group.name for group in known.get_groups()] if known else []

    def _fill_in(self, known: Mapping[str, Any], name: str, host: str) -> Any:
        try:
            return fill_in(self._hostvars, known, known[name])
        except AnsibleError as error:
            what = f"{name} of {host} can't be read without the facts that hosts return, which don't count here"
            raise AnsibleError(f"{what}: {error}") from error


def stated_variables(hostvars: Any, host: str, names: Iterable[str], action: Any = None) -> Mapping[str, Any]:
    """Variables of a host, of those that it has, from what a play calls ``hostvars`` or from any other mapping.

    With an ``action``, the variables of its play are among them.
    """
    if isinstance(hostvars, dict):
        return {name: hostvars[host][name] for name in names if name in hostvars[host]}
    return Stated(hostvars, action and play_of(action)).several(host, names)


def without_facts(result: Mapping[str, Any]) -> dict[str, Any]:
    """A module's result without what Ansible itself would act on.

    It makes variables of ``ansible_facts``, and of ``ansible_stats`` it believes that they have the right form: a host could
    end the play for all. What tells an asynchronous task's job is ours.
    """
    return {member: value for member, value in result.items() if member in _OF_JOBS or not _is_ansibles(member)}


_OF_JOBS = ("ansible_job_id", "ansible_async_watched")


def _is_ansibles(member: object) -> bool:
    return str(member).startswith("ansible_") or member in ("add_host", "add_group")
