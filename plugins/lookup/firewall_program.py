# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that adds to a firewall what is missing after a ruleset was loaded."""

from __future__ import annotations

DOCUMENTATION = r"""
name: firewall_program
author: The certfleet developers (@certfleet)
version_added: 1.0.0
short_description: The program that brings the rules of module firewall back
description:
  - Packs what M(certfleet.acme.firewall) is made of into a file on the controller that Python runs.
  - It adds what the C(openings.json) beside it names and the rules of nftables or iptables do not have, with the same
    care as the module.
  - The same files give the same program, whenever and wherever it is made.
options:
  _terms:
    description: Not used.
notes:
  - The role P(certfleet.acme.firewall#role) installs it.
"""

EXAMPLES = r"""
- name: Have the program on a host
  ansible.builtin.copy:
    src: "{{ lookup('certfleet.acme.firewall_program') }}"
    dest: /usr/local/lib/certfleet-firewall/restore.pyz
    mode: "0644"
"""

RETURN = r"""
_raw:
  description: Path of the program on the controller, which is there as long as the play.
  type: list
  elements: str
"""

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ..plugin_utils.firewall_program import firewall_program


class LookupModule(LookupBase):  # type: ignore[misc]  # Ansible has no types
    """The program, made of the collection that this file is in."""

    def run(self, terms: Sequence[Any], variables: Mapping[str, Any] | None = None, **options: Any) -> list[str]:
        """Make the program."""
        try:
            content = firewall_program(Path(__file__).resolve().parents[1] / "module_utils")
        except OSError as error:
            raise AnsibleLookupError(f"certfleet.acme.firewall_program: {error}") from error
        handle, path = tempfile.mkstemp(dir=constants.DEFAULT_LOCAL_TMP, suffix=".pyz")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        return [path]
