# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing the firewall of a host into the state that is asked for."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from typing import Any

from .._core.errors import Error, InputError
from . import firewalld, iptables, kernel, nftables, ufw
from .opening import Opening, parse_openings
from .plan import TAG, Commands, Plan

COMMAND_OF = {"firewalld": "firewall-offline-cmd", "ufw": "ufw", "nftables": "nft", "iptables": "iptables-save"}
"""The command by which each backend is known to be installed; in the order in which they are looked for."""

SAVED = (
    "/etc/nftables.conf",
    "/etc/sysconfig/nftables.conf",
    "/etc/iptables/rules.v4",
    "/etc/iptables/rules.v6",
    "/etc/sysconfig/iptables",
    "/etc/sysconfig/ip6tables",
)
"""Where somebody may have saved the ruleset of the moment, with our rules in it."""


def bring(params: dict[str, Any], commands: Commands, check: bool) -> dict[str, Any]:
    """Add or remove rules as the module's options say; what the module returns.

    With ``check`` nothing is changed.
    """
    if params["state"] == "absent":
        return _remove(params["zones"], commands, check)
    openings = parse_openings(params["kinds"], params["openings"])
    backend = find_backend(commands) if params["backend"] == "auto" else params["backend"]
    result = {"backend": backend, "openings": [[o.direction, o.protocol, o.port] for o in openings], "package": None}
    if backend is None:
        return {**result, **_result(Plan())}
    if not commands.has(COMMAND_OF[backend]):
        if not check:
            raise InputError("backend", backend, f"is not on this host; install the package {backend}")
        return {**result, **_result(Plan()), "package": backend}
    plan = _planner(backend, params["zones"])(commands, openings)
    if not check:
        plan.carry_out(commands)
    return {**result, **_result(plan)}


def find_backend(commands: Commands) -> str | None:
    """The firewall that is at work on the host: the one whose rules people there look at; None if there is none."""
    if firewalld.is_running(commands):
        return "firewalld"
    if ufw.is_active(commands):
        return "ufw"
    if _is_nftables_at_work(commands):
        return "nftables"
    return "iptables" if iptables.has_rules(commands) else None


def _is_nftables_at_work(commands: Commands) -> bool:
    if not commands.has("nft"):
        return False
    for question in ("is-active", "is-enabled"):
        if commands.has("systemctl") and commands.run(("systemctl", question, "nftables.service"))[0] == 0:
            return True
    return bool(nftables.read_ruleset(commands, iptables.tables_in_nft(commands)).bases)


def _planner(backend: str, zones: Sequence[str]) -> Callable[[Commands, Sequence[Opening]], Plan]:
    if backend == "firewalld":
        return lambda commands, openings: firewalld.plan_firewalld(commands, openings, zones)
    return ufw.plan_ufw if backend == "ufw" else kernel.plan_kernel


def _remove(zones: Sequence[str], commands: Commands, check: bool) -> dict[str, Any]:
    """Remove our rules wherever they are: the backend may have changed since they were added."""
    plan = Plan()
    for planner in (_planner(backend, zones) for backend in ("firewalld", "ufw", "nftables")):
        plan += planner(commands, ())
    saved = [(path, text, left) for path in SAVED for text, left in _without_ours(path)]
    if not check:
        plan.carry_out(commands)
        for path, _text, left in saved:
            _rewrite(path, left)
    in_files = tuple(
        f"{path}: {line.strip()}"
        for path, text, left in saved
        for line in text.splitlines()
        if line not in left.splitlines()
    )
    return {"backend": None, "openings": [], "package": None, **_result(plan + Plan(before=in_files))}


def _without_ours(path: str) -> list[tuple[str, str]]:
    """The text of a saved ruleset and what is left of it without our rules; nothing when it has none of them."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as stream:
            text = stream.read()
    except OSError:
        return []
    ours = re.compile(rf'^.*\bcomment "?{TAG}"?(\s.*)?$')
    left = "".join(line for line in text.splitlines(keepends=True) if not ours.match(line.rstrip("\r\n")))
    return [] if left == text else [(text, left)]


def _rewrite(path: str, text: str) -> None:
    """Put another text into a file in one step; owner and mode stay."""
    new = f"{path}.certfleet"
    try:
        status = os.stat(path)
        with open(new, "w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
            os.fchown(stream.fileno(), status.st_uid, status.st_gid)
            os.fchmod(stream.fileno(), status.st_mode & 0o7777)
            stream.write(text)
        os.replace(new, os.path.realpath(path))
    except OSError as error:
        raise Error(f"{path} has rules of ours in it, but can't be written: {error.strerror}") from error


def _result(plan: Plan) -> dict[str, Any]:
    before, after = ("".join(f"{line}\n" for line in lines) for lines in (plan.before, plan.after))
    return {
        "changed": bool(plan.steps) or before != after,
        "rules": list(plan.after),
        "diff": {"before": before, "after": after},
    }
