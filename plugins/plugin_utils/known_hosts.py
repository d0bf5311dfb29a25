# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines for SSH's known_hosts, of host keys that hosts have told themselves."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible.utils.display import Display

from ..module_utils._core.plain import quote
from .stated import stated_variables

KINDS = {
    "ed25519": ("ssh-ed25519",),
    "ecdsa": ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    "rsa": ("ssh-rsa",),
}
"""The kinds of keys as the module setup names them, the best one first, with the types that SSH has for each."""
_ADDRESS = re.compile(r"[A-Za-z0-9.:%_-]+")


def known_hosts(names: Iterable[str], hostvars: Any, before: Sequence[str] = ()) -> list[str]:
    """A line for each host that has told a host key: for its own address, as the inventory has that, and for no other.

    A host that has not told any, such as one that could not be reached, keeps the line that it has in ``before``.
    ValueError for an address that is none. A host whose answer holds no key gets no line, and a warning.
    """
    lines = []
    for name in names:
        facts = hostvars[name].get("ansible_facts") or {}
        key = _best_key(facts)
        if key:
            lines.append(f"{_known_as(str(name), hostvars)} {key}")
        elif any(f"ssh_host_key_{kind}_public" in facts for kind in KINDS):
            Display().warning(f"{name} told no SSH host key that is one, so it is not noted by which it is known")
        else:
            known_as = _known_as(str(name), hostvars)
            lines += [line for line in before if line.startswith(f"{known_as} ")]
    return lines


def _known_as(name: str, hostvars: Any) -> str:
    stated = stated_variables(hostvars, name, ("ansible_host", "ansible_port"))
    address, port = str(stated.get("ansible_host") or name), int(stated.get("ansible_port") or 22)
    if not _ADDRESS.fullmatch(address):
        raise ValueError(f"ansible_host of {name}: {quote(address)} is no name or address")
    return address if port == 22 else f"[{address}]:{port}"


def _best_key(facts: Mapping[str, Any]) -> str | None:
    """Type and key as one line; None unless the host told a key that says of itself that it is of this type."""
    for kind, types in KINDS.items():
        stem = f"ssh_host_key_{kind}_public"
        key_type, key = facts.get(f"{stem}_keytype"), facts.get(stem)
        if key_type in types and isinstance(key, str) and _is_key(key_type, key):
            return f"{key_type} {key}"
    return None


def _is_key(key_type: str, key: str) -> bool:
    """Whether it is base64 of a public key of the type (RFC 4253 §6.6), so without spaces and further lines."""
    try:
        content = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        return False
    length = len(key_type)
    return content[:4] == length.to_bytes(4, "big") and content[4 : 4 + length] == key_type.encode("ascii")
