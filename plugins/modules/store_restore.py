#!/usr/bin/python
# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: a store out of a backup."""

from __future__ import annotations

DOCUMENTATION = r"""
module: store_restore
short_description: Make a store out of a backup
version_added: 1.0.0
author: The certfleet developers (@certfleet)
description:
  - Runs on a validation host and makes a new folder out of a file that M(certfleet.acme.store_backup) has written. To put that
    folder in the place of a store is for the caller; the playbook C(certfleet.acme.restore) does it.
  - First the signature of the backup is compared with the certificate in O(signer). A backup that somebody else has made, or
    has changed, is refused before anything of it is decrypted.
  - Plain files, folders and the store's own symbolic links are unpacked, nothing else. All files are private to the user who
    runs the task, whatever the backup says of their modes and owners, and no path leads out of the folder.
options:
  src:
    description: The backup; a file on the validation host.
    type: path
    required: true
  path:
    description: The folder that is made. It must not be there yet; it is there as a whole in the end, or not at all.
    type: path
    required: true
  key:
    description: The file on the validation host with the private key that opens the backup, in PEM form, without a passphrase.
    type: path
    required: true
  signer:
    description:
      - The file on the validation host with the certificate (PEM) of the key that has signed the backup, as
        M(certfleet.acme.store_backup) has returned it. With several certificates in it, any of them will do.
    type: path
  unsigned:
    description:
      - Take a backup without a signature, from before backups were signed.
      - Anybody who has the certificate that backups are encrypted for can make such a file, with keys of his own in it. So be sure
        where the file comes from.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Only compares the signature.
  diff_mode:
    support: none
    description: What is in a backup is secret.
  idempotent:
    support: none
    description: A folder that is there already is refused.
extends_documentation_fragment:
  - certfleet.acme.group.ca
  - certfleet.acme.group.account
  - certfleet.acme.group.store
seealso:
  - module: certfleet.acme.store_backup
requirements:
  - Python >= 3.10 on the validation host
  - the openssl command
"""

EXAMPLES = r"""
- name: Make a store out of a backup
  certfleet.acme.store_restore:
    src: /root/store.cms
    key: /root/backup.key
    signer: /root/signer.pem
    path: /var/lib/certfleet.restored
"""

RETURN = r"""
note:
  description: What the backup says about itself; empty for a backup without a signature, and in check mode.
  returned: always
  type: str
  sample: store made 2026-11-29T04:05:06Z
files:
  description: How many files were unpacked.
  returned: always
  type: int
size:
  description: How many bytes they have together.
  returned: always
  type: int
left_out:
  description: The first of the paths in the backup that were not unpacked, since a store has no such links and files.
  returned: always
  type: list
  elements: str
"""

from ..module_utils._ansible.discreet import DiscreetModule
from ..module_utils._ansible.group_options import UNUSED_ACCOUNT, UNUSED_CA, UNUSED_STORE
from ..module_utils._ansible.reporting import reporting


def main() -> None:
    """Read the options, let the engine work, return what it says."""
    module = DiscreetModule(
        argument_spec={
            **UNUSED_CA,
            **UNUSED_ACCOUNT,
            **UNUSED_STORE,
            "src": {"type": "path", "required": True},
            "path": {"type": "path", "required": True},
            "key": {"type": "path", "required": True, "no_log": False},
            "signer": {"type": "path"},
            "unsigned": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    params = module.params
    with reporting(module):
        from ..module_utils._core.errors import InputError
        from ..module_utils._store.backup import restore

        if bool(params["signer"]) == params["unsigned"]:
            raise InputError("signer", params["signer"], "has to be given, unless unsigned is true, and not with it")
        told = restore(
            params["src"], params["path"], key=params["key"], signer=params["signer"], check=module.check_mode
        )
        module.exit_json(changed=True, **told)


if __name__ == "__main__":
    main()
