# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options that say which hostnames are taken."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of the modules that find hostnames, which change nothing."""

    DOCUMENTATION = r"""
options:
  include:
    description:
      - Regular expressions of Python. Names in which none of them is found are left out; without any, all names are taken.
      - Names are lower case, without a final dot.
    type: list
    elements: str
    default: []
  exclude:
    description: Regular expressions of Python. Names in which one of them is found are left out.
    type: list
    elements: str
    default: []
  wildcards:
    description: Whether to take wildcards such as C(*.example.com), too, for which certificates need dns-01.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: It changes nothing.
  diff_mode:
    support: none
    description: It changes nothing.
  idempotent:
    support: full
    description: It changes nothing.
"""
