# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What certificates there should be, as options of a module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ansible.module_utils.common.validation import check_type_bool, check_type_dict, check_type_list

from .discreet import DiscreetModule

if TYPE_CHECKING:
    from .._workflow.orders import Limits
    from .._workflow.wanted import Wanted

LIST_OPTIONS: dict[str, Any] = {
    "certificates": {
        "type": "list",
        "elements": "dict",
        "options": {
            "name": {"type": "str"},
            "domains": {"type": "list", "elements": "str", "required": True},
            "key_types": {"type": "list", "elements": "str", "default": ["rsa-2048", "ecdsa-p256"], "no_log": False},
            "challenge": {"type": "str", "default": "dns-01", "choices": ["dns-01", "http-01", "tls-alpn-01"]},
            "challenge_hosts": {"type": "list", "elements": "str"},
            "challenge_addresses": {"type": "list", "elements": "str"},
            "profile": {"type": "list", "elements": "str"},
            "preferred_chain": {"type": "str"},
            "admin": {"type": "list", "elements": "str"},
            "key": {"type": "str", "default": "store", "choices": ["store", "frontend"], "no_log": False},
            "frontends": {"type": "list", "elements": "str"},
            "reuse_key": {"type": "bool", "default": False, "no_log": False},
            "apply": {"type": "str", "choices": ["next_renewal", "now"]},
            "problem": {"type": "str"},
        },
    },
    "certificates_file": {"type": "path"},
    "max_names": {"type": "int"},
    "apply": {"type": "str", "default": "next_renewal", "choices": ["next_renewal", "now"]},
}

CERTIFICATE_OPTIONS: dict[str, Any] = {
    **LIST_OPTIONS,
    "concurrency": {"type": "int", "default": 16},
    "patience": {"type": "int", "default": 120},
    "max_orders": {"type": "int", "default": 300},
    "max_orders_per_names": {"type": "int"},
    "max_orders_per_domain": {"type": "int"},
    "retry": {"type": "list", "elements": "str", "default": []},
    "strict": {"type": "bool", "default": False},
}

ONE_LIST: dict[str, Any] = {
    "mutually_exclusive": [("certificates", "certificates_file")],
    "required_one_of": [("certificates", "certificates_file")],
}


_MEMBERS: dict[str, Any] = LIST_OPTIONS["certificates"]["options"]


class ListModule(DiscreetModule):
    """A module that takes the entries of the list as they are.

    Ansible's own check would refuse the whole list over one entry. What it does to the entries besides, such as to make
    a list of a text, is done for each entry by itself, and the engine checks what comes out.
    """

    def __init__(self, **declared: Any) -> None:
        self._entries: list[Any] | None = None
        super().__init__(**declared)
        if self._entries is not None:
            self.params["certificates"] = self._entries

    def _load_params(self) -> None:
        super()._load_params()
        given = self.params.get("certificates")
        if given is None and "certificates" in self.params and not self.params.get("certificates_file"):
            given = []  # a variable that was left empty
        if isinstance(given, list):
            self._entries, self.params["certificates"] = [_read_as_ansible(entry) for entry in given], []


def _read_as_ansible(entry: Any) -> Any:
    """The entry with its members in the types that they are declared with, as far as they can be read so."""
    if isinstance(entry, str):
        with suppress(TypeError):
            entry = check_type_dict(entry)
    if not isinstance(entry, Mapping):
        return entry
    return {member: _convert(value, _MEMBERS.get(member, {}).get("type")) for member, value in entry.items()}


def _convert(value: Any, kind: str | None) -> Any:
    convert: Callable[[Any], Any] | None = _CONVERT.get(kind or "")
    if value is not None and convert is not None:
        with suppress(TypeError):
            return convert(value)
    return value


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, (int, float)) else value


_CONVERT: dict[str, Callable[[Any], Any]] = {
    "bool": check_type_bool,
    "list": lambda value: [_as_text(each) for each in check_type_list(value)],
    "str": _as_text,
}


def read_wanted(params: dict[str, Any]) -> tuple[Wanted, ...]:
    """The certificates that a module's options ask for, from the list or from the file.

    An entry that can't be used has its fault; InputError when the module is ``strict``.
    """
    from .._workflow.wanted import parse_wanted, read_entries

    entries = params["certificates"]
    if entries is None:
        entries = read_entries(params["certificates_file"])
    strict = params.get("strict", False)
    return parse_wanted(entries, params["max_names"], params["directory"], params["apply"], strict=strict)


def read_limits(params: Mapping[str, Any]) -> Limits:
    """How many orders may be made; InputError for a number below one."""
    from .._workflow.orders import Limits, known_limits

    options = ("max_orders_per_names", "max_orders_per_domain")
    known = zip(options, known_limits(params["directory"]))
    return Limits(
        params["max_orders"],
        **{option: limit if params[option] is None else params[option] for option, limit in known},
    )
