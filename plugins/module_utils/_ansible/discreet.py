# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeping secrets out of sight where they are not where they belong.

Ansible hides the values of ``no_log`` options, but only where it expects them.
Of a list within the list, of a mistyped name of a suboption, or of a key where
the path of its file should be, its messages and the invocation show every word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

SECRET_OPTIONS = ("tsig_keys", "external_binding")
_NAMES = ("name", "key_id")
_PRIVATE_KEY = "PRIVATE KEY-----"
# longer than the name of an algorithm
_SECRET = re.compile(r"[A-Za-z0-9+/_=-]{16,}")
# longer than the words around a key; the last line of one may be short
_LINE = re.compile(r"[A-Za-z0-9+/=]{8,}")


class DiscreetModule(AnsibleModule):  # type: ignore[misc]  # Ansible has no types
    """A module that shows no secret of its options, whatever is wrong with them."""

    def _load_params(self) -> None:
        super()._load_params()
        # before the options are checked, since the check quotes what it does not like
        self.no_log_values.update(find_secrets(self.params))


def find_secrets(options: Mapping[str, Any]) -> set[str]:
    """What has to be hidden of options as they were given: all that may be a secret, and the lines of private keys."""
    secrets = {
        found for option in SECRET_OPTIONS for text in _texts(options.get(option)) for found in _SECRET.findall(text)
    }
    lines = {line for text in _texts(options) if _PRIVATE_KEY in text for line in _LINE.findall(text)}
    return secrets | lines | {secret.rstrip("=") for secret in secrets}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in _NAMES:
                yield from _texts(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value
