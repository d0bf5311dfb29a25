# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory with which a host renews by itself, from what the controller's inventory says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.common.yaml import SafeDumper, yaml_dump
from jinja2 import TemplateError, Undefined

from ..module_utils._core.plain import quote
from .insides import VaultedText
from .stated import stated_variables
from .timer_reach import groups_within

ADDRESSING = ("ansible_host", "ansible_port", "ansible_python_interpreter")
"""What is taken from a frontend's own variables, beside those that the caller names."""

_SCALARS = (int, float, str)
_UNDEFINED = re.compile(r"'[A-Za-z_]\w*' is undefined")
_TEMPLATE_MARKS = ("{{", "{%", "{#")


def renewal_inventory(
    variables: Mapping[str, Any],
    *,
    host: str,
    host_variables: Mapping[str, Any],
    frontends: Sequence[str] = (),
    hostvars: Mapping[str, Mapping[str, Any]] | None = None,
    carried: Sequence[str] = (),
    groups: Mapping[str, Sequence[str]] | None = None,
    addresses: Mapping[str, str] | None = None,
    frontend_variables: Mapping[str, Any] | None = None,
) -> str:
    """The text of the inventory: ``host`` in the group validation_hosts, and the frontends in theirs.

    ``variables`` hold for all hosts, ``host_variables`` for the host alone and ``frontend_variables`` for all
    frontends. A frontend's own come from ``hostvars``: how it is reached, and what ``carried`` names. Its entry
    in ``addresses`` and the ``frontend_variables`` take the place of what it says itself. A host that is its own
    frontend is reached as the other frontends are, since one name has one connection. Other groups that
    certificates may name come from ``groups``. Raises ValueError with a sentence about what can't be written down.
    """
    common = dict(frontend_variables or {})
    names = tuple(name for name in (*ADDRESSING, *carried) if name not in common)
    hosts = {str(name): _own(name, hostvars or {}, names, addresses or {}) for name in frontends}
    own = _plain(host_variables, host)
    if host in hosts:
        own = {**hosts[host], **{name: value for name, value in own.items() if name != "ansible_connection"}}
        hosts[host] = {}
    written: dict[str, Any] = {"validation_hosts": {"hosts": {str(host): own}}}
    if hosts:
        written["frontends"] = {"hosts": hosts, "vars": _plain(common, "frontends")}
    for group, members in groups_within(groups or {}, [host, *frontends]).items():
        written[group] = {"hosts": {member: {} for member in members}}
    return _text({"all": {"vars": _plain(variables, "all"), "children": written}})


def _own(
    name: str, hostvars: Mapping[str, Mapping[str, Any]], names: Sequence[str], addresses: Mapping[str, str]
) -> dict[str, Any]:
    """The variables of one frontend."""
    if name not in hostvars:
        raise ValueError(f"the frontend {quote(name)} is not in the inventory")
    # without facts, by which a frontend could write into this inventory what it gets
    with _filling_in(f"a variable of {name}"):
        known = stated_variables(hostvars, name, names)
    own = {"ansible_host": name, **known, **({"ansible_host": addresses[name]} if name in addresses else {})}
    return {str(variable): _plain(value, f"{name}: {variable}") for variable, value in own.items()}


def _plain(value: Any, where: str) -> Any:
    """The value without what Ansible adds to it: templates filled in, vaulted text decrypted, tags gone.

    ValueError says where something is that can't be written down, and never quotes it: it may be a secret.
    """
    kind = type(value)
    # first: what is not defined allows no other question
    if issubclass(kind, Undefined):
        raise ValueError(f"{where} is not defined")
    if issubclass(kind, VaultedText):
        return _decrypted(value, where)
    if value is None or issubclass(kind, bool):
        return value
    if native := next((each for each in _SCALARS if issubclass(kind, each)), None):
        return native(value)
    if issubclass(kind, date):
        return _plain_date(value)
    with _filling_in(where):
        if isinstance(value, Mapping):
            return {str(key): _plain(each, f"{where}: {key}") for key, each in value.items()}
        if isinstance(value, (list, tuple, Set)):
            members = [_plain(each, where) for each in value]
            return sorted(members, key=str) if isinstance(value, Set) else members
    raise ValueError(f"{where} is of a kind that an inventory can't hold: {kind.__name__}")


def _plain_date(value: date) -> date:
    """A day or an instant without tags."""
    day = (value.year, value.month, value.day)
    if not isinstance(value, datetime):
        return date(*day)
    return datetime(*day, value.hour, value.minute, value.second, value.microsecond, tzinfo=value.tzinfo)


def _decrypted(value: Any, where: str) -> str:
    try:
        # decrypting leaves a tag, which the second one takes off
        return str(str(value))
    except AnsibleError:
        raise ValueError(f"{where} can't be decrypted: no vault password opens it") from None


@contextmanager
def _filling_in(where: str) -> Iterator[None]:
    """Name the variable whose template can't be filled in; Ansible does that when a value is asked for."""
    try:
        yield
    except (AnsibleError, TemplateError) as error:
        # whatever else it says may quote a value, such as the arguments of a lookup
        undefined = _UNDEFINED.search(str(error))
        raise ValueError(f"{where} can't be filled in{f': {undefined.group()}' if undefined else ''}") from None


class _Dumper(SafeDumper):  # type: ignore[misc]  # Ansible has no types
    """Writes YAML whose text Ansible takes as it stands."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: Any, text: str) -> Any:
    # what looks like a template is the outcome of one here, and must not be filled in once more
    tag = "!unsafe" if any(mark in text for mark in _TEMPLATE_MARKS) else "tag:yaml.org,2002:str"
    return dumper.represent_scalar(tag, str.__str__(text))


# before 2.19, texts of other hosts are of a type that str() doesn't take away
_Dumper.add_multi_representer(str, _represent_text)
_Dumper.add_representer(str, _represent_text)


def _text(inventory: Mapping[str, Any]) -> str:
    return str(yaml_dump(inventory, Dumper=_Dumper, allow_unicode=True, width=120))
