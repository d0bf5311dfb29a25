#!/usr/bin/python
# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: the store as one file, encrypted and signed."""

from __future__ import annotations

DOCUMENTATION = r"""
module: store_backup
short_description: Write the store to one file, encrypted and signed
version_added: 1.0.0
author: The certfleet developers (@certfleet)
description:
  - Runs on a validation host and packs its store into one file. The file is encrypted for the certificate in O(recipient), and
    signed with a key of the host, so that M(certfleet.acme.store_restore) knows a backup that somebody else has made.
  - The store is locked meanwhile, so that the file holds one moment of it.
  - The file is CMS (RFC 5652). With the keys, the openssl command opens it without this collection.
  - Symbolic links other than the store's own, and files that are neither plain files nor folders, are left out and told.
notes:
  - Where O(store) is a folder that belongs to another user, a process that has become that user locks and reads it. The keys and
    the backup are files of the user who runs the task.
options:
  path:
    description: The file on the validation host that the backup is written to. It replaces one that is there.
    type: path
    required: true
  recipient:
    description: The file on the validation host with the certificate (PEM) of the key that opens the backup.
    type: path
    required: true
  signing_key:
    description:
      - The file on the validation host with the private key that signs backups, and with its certificate, both in PEM form.
      - It is made, for its user alone, when it is not there. It is not part of the backup.
    type: path
    default: /etc/certfleet/backup-signer.pem
extends_documentation_fragment:
  - certfleet.acme.authority.store
  - certfleet.acme.authority.lock
  - certfleet.acme.group.ca
  - certfleet.acme.group.account
attributes:
  check_mode:
    support: full
    description: Only says that a backup would be made.
  diff_mode:
    support: none
    description: What is in a backup is secret.
  idempotent:
    support: none
    description: Each run makes a new backup.
seealso:
  - module: certfleet.acme.store_restore
requirements:
  - Python >= 3.10 on the validation host
  - the openssl command
"""

EXAMPLES = r"""
- name: Back the store up
  certfleet.acme.store_backup:
    path: /root/store.cms
    recipient: /root/backup.pem
  register: backup

- name: Keep the certificate by which restore knows it, somewhere else than the backups
  ansible.builtin.copy:
    content: "{{ backup.signer }}"
    dest: /srv/operator/signer.pem
    mode: "0644"
  delegate_to: localhost
"""

RETURN = r"""
signer:
  description: The certificate (PEM) of the key that has signed the backup.
  returned: unless in check mode
  type: str
note:
  description: What the backup says about itself.
  returned: unless in check mode
  type: str
  sample: store made 2026-11-29T04:05:06Z
files:
  description: How many files it holds.
  returned: unless in check mode
  type: int
size:
  description: How many bytes they have together.
  returned: unless in check mode
  type: int
left_out:
  description: The first of the paths, relative to the store, that are not in the backup, since a store has no such links and files.
  returned: unless in check mode
  type: list
  elements: str
"""

import os
from typing import Any

from ..module_utils._ansible.authority_options import LOCK_OPTIONS, STORE_OPTIONS, read_lock_wait
from ..module_utils._ansible.discreet import DiscreetModule
from ..module_utils._ansible.group_options import UNUSED_ACCOUNT, UNUSED_CA
from ..module_utils._ansible.reporting import reporting


def main() -> None:
    """Read the options, let the engine work, return what it says."""
    module = DiscreetModule(
        argument_spec={
            **UNUSED_CA,
            **UNUSED_ACCOUNT,
            **STORE_OPTIONS,
            **LOCK_OPTIONS,
            "path": {"type": "path", "required": True},
            "recipient": {"type": "path", "required": True},
            "signing_key": {"type": "path", "default": "/etc/certfleet/backup-signer.pem", "no_log": False},
        },
        supports_check_mode=True,
    )
    # the store's owner is another user than the one whose keys these are: only the engine's reader becomes the owner
    with reporting(module):
        made = {} if module.check_mode else back_up(module.params)
        module.exit_json(changed=True, **made)


def back_up(params: dict[str, Any]) -> dict[str, Any]:
    """Hand the options to the engine."""
    from ..module_utils._core.owner import ROOT, find_owner
    from ..module_utils._store.backup import back_up as make

    return make(
        params["store"],
        params["path"],
        recipient=params["recipient"],
        signing_key=params["signing_key"],
        owner=find_owner("store", params["store"]) if os.geteuid() == ROOT else None,
        lock_wait=read_lock_wait(params),
    )


if __name__ == "__main__":
    main()
