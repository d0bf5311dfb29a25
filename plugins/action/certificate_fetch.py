# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller half of M(certfleet.acme.certificate_fetch): what a frontend gets is for list and inventory to say."""

from __future__ import annotations

from typing import Any

from ..plugin_utils.bound import DOMAINS, bound_domains
from ..plugin_utils.factless import FactlessAction
from ..plugin_utils.stated import Stated

NAMES = "certfleet_frontend_certificates"
"""The variable of a frontend with the certificates that it gets beside those that the list has for it."""
STORE = "certfleet_store"
LIST = {"certificates": "certfleet_certificates", "certificates_file": "certfleet_certificates_file"}
"""The options with the list, and the variables that have it."""


class ActionModule(FactlessAction):
    """Options that are left out come from variables that no frontend can set.

    Templates in the play are not good enough for that: a frontend's facts outrank the inventory in them.
    """

    def work(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Call the module with what the inventory says of the frontend, and of the host that has the store."""
        known = task_vars or {}
        frontend = str(known["inventory_hostname"])
        stated = Stated(known["hostvars"], self._task.get_play())
        keeper = str(self._task.delegate_to or frontend)
        arguments.setdefault("frontend", frontend)
        arguments.setdefault("groups", stated.groups(frontend))
        _complete(arguments, "names", stated.get(frontend, NAMES))
        _complete(arguments, "domains", bound_domains(stated.several(frontend, (DOMAINS,))))
        _complete(arguments, "store", stated.get(keeper, STORE))
        if not any(option in arguments for option in LIST):
            arguments.update(_stated_list(stated, keeper))
        return super().work(arguments, task_vars)


def _complete(arguments: dict[str, Any], option: str, value: Any) -> None:
    if arguments.get(option) is None and value is not None:
        arguments[option] = value


def _stated_list(stated: Stated, keeper: str) -> dict[str, Any]:
    """The option with the list. A list that was left empty is one without certificates, and not no list at all."""
    found = stated.several(keeper, LIST.values())
    named = {option: found[variable] for option, variable in LIST.items() if found.get(variable) is not None}
    if not named and LIST["certificates"] in found:
        named = {"certificates": []}
    return named
