# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller half of M(certfleet.acme.report): it keeps secrets from callbacks, and knows the inventory's groups."""

from __future__ import annotations

from typing import Any

from ..plugin_utils.discreet import DiscreetAction
from ..plugin_utils.steps import spell_out


class ActionModule(DiscreetAction):
    """The password of a mail account and the address of a webhook are options of this module."""

    def work(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Call the module with the list as M(certfleet.acme.certificates) reads it."""
        return super().work(spell_out(arguments, task_vars or {}), task_vars)
