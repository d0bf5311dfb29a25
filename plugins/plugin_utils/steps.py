# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run needs of other hosts: CSRs of frontends (G9), and answers to http-01 on every web server (G10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

from ..module_utils._core.domains import parse_domains, refuse_outside
from ..module_utils._core.errors import InputError
from .answers import has_failed, read_csrs, reason_of
from .bound import DOMAINS, bound_domains
from .elsewhere import PATIENCE, name_hosts, run_elsewhere
from .insides import read_variable
from .stated import stated_variables

HTTP01 = "certfleet.acme.http01"
INSTALL = "certfleet.acme.certificate_install"
WEBROOT = "certfleet_frontend_webroot"
"""The variable of a host that goes before the task's ``webroot``."""
PATH = "certfleet_frontend_path"
"""Where a frontend has keys and certificates."""
STEPS = ("placements", "key_requests")
"""The members of the module's result that say what is needed."""


def spell_out(arguments: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with the hosts of groups that certificates name as their frontends: only Ansible knows them.

    An entry that names hosts which it must not says so by its ``problem``, and the others go on.
    """
    listed = arguments.get("certificates")
    if not isinstance(listed, list):
        return dict(arguments)
    entries = [_check_hosts(_spell_out(_own(entry), task_vars), task_vars) for entry in listed]
    return {**arguments, "certificates": entries}


def _own(entry: Any) -> Any:
    """The entry, whose ``problem`` nobody but the task itself may tell: it would look like words of ours."""
    if isinstance(entry, Mapping) and "problem" in entry:
        return {**entry, "problem": "problem: is set by the task itself"}
    return entry


def _check_hosts(entry: Any, task_vars: Mapping[str, Any]) -> Any:
    """The entry, with a problem if its answers are to go to other hosts than those of the fleet."""
    named = entry.get("challenge_hosts") if isinstance(entry, Mapping) else None
    if not isinstance(named, list) or not all(isinstance(each, str) for each in named):
        return entry  # the module says what is wrong
    try:
        name_hosts(named, task_vars)
    except AnsibleError as error:
        return {**entry, "problem": f"challenge_hosts: {error.message}"}
    return entry


def _spell_out(entry: Any, task_vars: Mapping[str, Any]) -> Any:
    named = entry.get("frontends") if isinstance(entry, Mapping) else None
    if not isinstance(named, list) or not all(isinstance(each, str) for each in named):
        return entry  # the module says what is wrong
    try:
        return {**entry, "frontends": name_hosts(named, task_vars)}
    except AnsibleError as error:
        return {**entry, "problem": f"frontends: {error.message}"}


class Elsewhere:
    """What one run does on other hosts; ``notes`` say what did not work there."""

    def __init__(self, action: ActionBase, arguments: Mapping[str, Any], task_vars: Mapping[str, Any]) -> None:
        self._action = action
        self._arguments = arguments
        self._task_vars = task_vars
        self._files: dict[str, list[Any]] = {}
        self._silent: dict[str, dict[str, Any]] = {}
        self.notes: list[str] = []

    def fulfil(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """Do what a step of the run needs; the options by which the next one knows, none when nothing was needed."""
        placements, requests = (result.get(member) or [] for member in STEPS)
        options: dict[str, Any] = {}
        if placements:
            options["placed"], options["unplaced"] = self._place(placements)
        if requests:
            options["csrs"] = self._request(requests)
        return options

    def clear(self) -> None:
        """Have no answers on other hosts any more."""
        self._bring("absent")

    def _place(self, placements: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[dict[str, str]]]:
        """Have the files of each placement on its hosts; the certificates that they are for, and those that name wrong hosts.

        A host that does not take them is noted: whether the CA may look all the
        same is for the verification of every address to say.
        """
        placed, unplaced = [], []
        for placement in placements:
            try:
                hosts = name_hosts(placement["hosts"], self._task_vars)
            except AnsibleError as error:
                problem = f"challenge_hosts: {error.message}"
                unplaced.append({"certificate": placement["certificate"], "problem": problem})
                continue
            placed.append(placement["certificate"])
            for host in hosts:
                known = self._files.setdefault(host, [])
                known += [file for file in placement["files"] if file not in known]
        self._bring("present")
        return placed, unplaced

    def _bring(self, state: str) -> None:
        for host, files in self._files.items():
            result = self._run(host, HTTP01, {"state": state, "files": files}, "webroot", WEBROOT)
            if has_failed(result):
                self.notes.append(f"{host}: the answers to challenges could not be made {state}: {reason_of(result)}")

    def _request(self, requests: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
        """The CSR of each certificate, or why its frontend gave none."""
        by_host: dict[str, list[Mapping[str, Any]]] = {}
        for request in requests:
            by_host.setdefault(request["host"], []).append(request)
        return [found for host, wanted in by_host.items() for found in self._request_of(host, wanted)]

    def _request_of(self, host: str, requests: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
        refused = self._refused(host, requests)
        problems = [{"certificate": name, "problem": f"frontends: {reason}"} for name, reason in refused.items()]
        allowed = [each for each in requests if each["certificate"] not in refused]
        return [*problems, *(self._ask(host, allowed) if allowed else [])]

    def _refused(self, host: str, requests: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        """Why a host is not asked for the key of some of the certificates."""
        try:
            name_hosts([host], self._task_vars)
            domains = self._domains_of(host)
        except AnsibleError as error:
            return {each["certificate"]: error.message for each in requests}
        if domains is None:
            return {}
        reasons = {each["certificate"]: refuse_outside(each["domains"], domains, host) for each in requests}
        return {certificate: reason for certificate, reason in reasons.items() if reason}

    def _domains_of(self, host: str) -> tuple[str, ...] | None:
        """The domains that the inventory binds the host to, None for any; AnsibleError for what is no domain."""
        domains = bound_domains(stated_variables(self._task_vars["hostvars"], host, (DOMAINS,), self._action))
        try:
            return None if domains is None else parse_domains(domains, f"{DOMAINS} of {host}")
        except InputError as error:
            raise AnsibleError(error.message) from error

    def _ask(self, host: str, requests: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
        members = ("name", "key_type", "domains", "reuse_key")
        wanted = [{member: each[member] for member in members} for each in requests]
        arguments = {"state": "requested", "requests": wanted}
        try:
            csrs = read_csrs(self._run(host, INSTALL, arguments, "path", PATH), len(requests))
        except ValueError as error:
            return [
                {"certificate": each["certificate"], "problem": f"{host} made no CSR: {error}"} for each in requests
            ]
        return [{"certificate": each["certificate"], "csr": csr} for each, csr in zip(requests, csrs, strict=True)]

    def _run(self, host: str, module: str, arguments: Mapping[str, Any], option: str, variable: str) -> dict[str, Any]:
        """A task on another host; one that was silent once in this run is not waited for again.

        The ``option`` is as the host's own variable has it, else as the task has it.
        """
        if host in self._silent:
            return self._silent[host]
        try:
            value = read_variable(self._task_vars["hostvars"], host, variable) or self._arguments.get(option)
        except AnsibleError as error:
            return {"failed": True, "msg": f"its variable {variable} can't be read: {error.message}"}
        arguments = {**arguments, **({option: value} if value else {})}
        seconds = float(self._arguments.get("host_timeout") or PATIENCE)
        result = run_elsewhere(self._action, host, module, arguments, self._task_vars, seconds=seconds)
        if result.get("silent") is True:
            self._silent[host] = result
        return result
