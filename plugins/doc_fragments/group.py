# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of options that a module takes without using them."""

from __future__ import annotations


class ModuleDocFragment:
    """Ansible gives every module of an action group all defaults of the group, and a module has to know them."""

    CA = r"""
options:
  directory:
    description: Not used. It is accepted because C(module_defaults) sets it for all modules of the action group.
    type: str
  ca_bundle:
    description: Not used. It is accepted because C(module_defaults) sets it for all modules of the action group.
    type: path
"""

    ACCOUNT = r"""
options:
  account:
    description: Not used. It is accepted because C(module_defaults) sets it for all modules of the action group.
    type: str
"""

    STORE = r"""
options:
  store:
    description: Not used. It is accepted because C(module_defaults) sets it for all modules of the action group.
    type: path
"""
