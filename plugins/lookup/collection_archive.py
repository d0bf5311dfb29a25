# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection itself, for hosts that run playbooks without a controller."""

from __future__ import annotations

DOCUMENTATION = r"""
name: collection_archive
author: The certfleet developers (@certfleet)
version_added: 1.0.0
short_description: This collection as an archive, to be installed on another host
description:
  - Packs the collection that the play uses into a file on the controller. Tests and documentation are left out.
  - The same files give the same archive, whenever and wherever it is made.
options:
  _terms:
    description: Not used.
notes:
  - The role P(certfleet.acme.validation_host#role) installs it.
"""

EXAMPLES = r"""
- name: Have the collection on a host
  ansible.builtin.copy:
    src: "{{ lookup('certfleet.acme.collection_archive').path }}"
    dest: /srv/certfleet-acme.tar.gz
    mode: "0644"
"""

RETURN = r"""
_raw:
  description: The archive.
  type: list
  elements: dict
  contains:
    path:
      description: Path of a tar file compressed with gzip on the controller, which is there as long as the play.
      type: str
    sha256:
      description: Its SHA-256, in hexadecimal digits.
      type: str
"""

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ..plugin_utils.collection_archive import collection_archive


class LookupModule(LookupBase):  # type: ignore[misc]  # Ansible has no types
    """The archive of the collection that this file is in."""

    def run(
        self, terms: Sequence[Any], variables: Mapping[str, Any] | None = None, **options: Any
    ) -> list[dict[str, str]]:
        """Make the archive."""
        try:
            content = collection_archive(Path(__file__).resolve().parents[2])
        except OSError as error:
            raise AnsibleLookupError(f"certfleet.acme.collection_archive: {error}") from error
        handle, path = tempfile.mkstemp(dir=constants.DEFAULT_LOCAL_TMP, suffix=".tar.gz")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        return [{"path": path, "sha256": hashlib.sha256(content).hexdigest()}]
