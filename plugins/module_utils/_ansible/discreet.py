# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeping secrets out of sight where they are not where they belong.

Ansible hides the values of ``no_log`` options, but only where it expects them.
Of a list within the list, of a mistyped name of a suboption, or of a key where
the path of its file should be, its messages and the invocation show every word.
"""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.parameters import sanitize_keys

from .._core.secrets import find_secrets


class DiscreetModule(AnsibleModule):  # type: ignore[misc]  # Ansible has no types
    """A module that shows no secret of its options, whatever is wrong with them."""

    def _load_params(self) -> None:
        super()._load_params()
        # before the options are checked, since the check quotes what it does not like
        self.no_log_values.update(find_secrets(self.params))

    def _return_formatted(self, kwargs: dict[str, Any]) -> None:
        # a text where a dictionary should be is read as key=value, with the secret as the key
        shown = sanitize_keys({"module_args": self.params}, self.no_log_values)
        super()._return_formatted({"invocation": shown, **kwargs})
