#!/usr/bin/python
# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: seal for a frontend the certificates that it lacks."""

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_fetch
short_description: Seal for a frontend the certificates and keys that it lacks
version_added: 1.0.0
author: The certfleet developers (@certfleet)
description:
  - Runs on the validation host, delegated from a frontend, and takes from the store what that frontend lacks.
  - Certificates and keys leave the validation host only as a sealed bundle (CMS, AES-256), which nobody but that frontend can open.
    The controller carries ciphertext, and neither results nor logs hold a private key.
  - A certificate that has expired is not delivered, nor is one whose files in the store are damaged or don't belong together;
    RV(left_out) tells which. The others are delivered all the same.
  - A frontend gets what is meant for it, and nothing else. A certificate of the list that names its C(frontends) goes to those,
    any other one to the frontends that ask for it by O(names).
  - Options that are left out come from variables, as inventory and plays state them. What hosts return as facts does not count, since
    a frontend could say there that another one's certificates are its own.
options:
  names:
    description:
      - The names of the certificates that the frontend gets besides those that the list has for it. One that the list has for others only is refused.
      - V(all) stands for all certificates of the list that don't say for whom they are. Where there is no list, it stands for all in the store.
      - When it is left out, the variable C(certfleet_frontend_certificates) of the frontend; without that, none.
    type: list
    elements: str
  certificates:
    description:
      - The list of M(certfleet.acme.certificates), in which C(frontends) say for whom each certificate is.
      - Of an entry that can't be used, what the store has is still delivered.
      - A certificate in the store that has a name which its entry does not have is not delivered before it is renewed, since it may be somebody else's.
      - When both it and O(certificates_file) are left out, the variables C(certfleet_certificates) and C(certfleet_certificates_file)
        of the host that the task is delegated to.
    type: list
    elements: raw
  certificates_file:
    description: The same list as a JSON file on the validation host.
    type: path
  key_types:
    description:
      - The types of keys to deliver; all that the store holds when it is left out.
      - Any of V(rsa-2048), V(rsa-3072), V(rsa-4096), V(ecdsa-p256) and V(ecdsa-p384).
    type: list
    elements: str
  frontend:
    description:
      - What the inventory calls the frontend. The host of the task when it is left out.
      - It also gets the certificates whose keys it has made itself.
    type: str
  groups:
    description: The groups of the inventory that the frontend is in. Those of the host of the task when it is left out.
    type: list
    elements: str
  domains:
    description:
      - The domains that the frontend may have certificates for, each with all names below it. A certificate with any other name is not delivered,
        whatever the list says. This protects customers from each other where they write lines of the list.
      - Without it, the variable C(certfleet_frontend_domains) of the frontend; without that, any. An empty list is none.
    type: list
    elements: str
  recipient:
    description:
      - Whom to seal for, as the frontend's M(certfleet.acme.certificate_install) returned it.
      - Only check mode does without it, as a new frontend has none then; there is no RV(bundle) in that case.
    type: str
  installed:
    description: What the frontend has already, as its M(certfleet.acme.certificate_install) returned it. That is not sent again.
    type: list
    elements: dict
    default: []
  ignore_missing:
    description:
      - Whether to deliver the others when there is no usable certificate for one of O(names). Otherwise the task fails then.
      - The task never fails for certificates that only V(all) stands for.
    type: bool
    default: false
extends_documentation_fragment:
  - certfleet.acme.authority.store
  - certfleet.acme.group.ca
  - certfleet.acme.group.account
attributes:
  check_mode:
    support: full
    description: The module only reads, in check mode as otherwise.
  diff_mode:
    support: N/A
    description: The module changes nothing.
  idempotent:
    support: full
    description: The module changes nothing. The same bundle is different ciphertext each time.
seealso:
  - module: certfleet.acme.certificate_install
  - module: certfleet.acme.certificates
    description: Fills the store.
requirements:
  - Python >= 3.10 on the validation host
  - cryptography, idna
"""

EXAMPLES = r"""
- name: Make sure that the frontend can receive bundles, and see what it has
  certfleet.acme.certificate_install:
    state: prepared
  register: frontend

- name: Seal what it lacks of what list and inventory have for it
  certfleet.acme.certificate_fetch:
    recipient: "{{ frontend.recipient }}"
    installed: "{{ frontend.installed }}"
  delegate_to: "{{ groups['validation_hosts'] | first }}"
  register: delivery

- name: The same with two certificates besides
  certfleet.acme.certificate_fetch:
    names: [shop, mail]
    recipient: "{{ frontend.recipient }}"
    installed: "{{ frontend.installed }}"
  delegate_to: "{{ groups['validation_hosts'] | first }}"
  register: delivery

- name: Open, check and switch
  certfleet.acme.certificate_install:
    bundle: "{{ delivery.bundle | default(omit) }}"
  notify: Reload the web server
"""

RETURN = r"""
bundle:
  description: The sealed certificates and keys, for the O(certfleet.acme.certificate_install#module:bundle) of this frontend; base64.
  returned: when the frontend lacks something
  type: str
certificates:
  description: What is in the bundle.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The certificate's name.
      type: str
      sample: shop
    key_type:
      description: The type of its key.
      type: str
      sample: ecdsa-p256
    sha256:
      description: The SHA-256 fingerprint of the certificate in hex.
      type: str
    not_after:
      description: When it expires (RFC 3339).
      type: str
      sample: "2027-02-21T04:05:05Z"
missing:
  description: The names for which there is no usable certificate, or none that is for this frontend.
  returned: always
  type: list
  elements: str
left_out:
  description: The certificates that are in the store and can't be used.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The certificate's name.
      type: str
    key_type:
      description: The type of its key.
      type: str
    reason:
      description: Why it is not delivered.
      type: str
      sample: its rsa-2048 certificate expired at 2026-11-20T10:00:00Z
"""

from ..module_utils._ansible.authority_options import STORE_OPTIONS
from ..module_utils._ansible.certificate_options import ListModule
from ..module_utils._ansible.group_options import UNUSED_ACCOUNT, UNUSED_CA
from ..module_utils._ansible.reporting import reporting


def main() -> None:
    """Read the options, let the engine choose and seal, return what it says."""
    module = ListModule(
        argument_spec={
            **UNUSED_CA,
            **UNUSED_ACCOUNT,
            **STORE_OPTIONS,
            "names": {"type": "list", "elements": "str"},
            "key_types": {"type": "list", "elements": "str", "no_log": False},
            "certificates": {"type": "list", "elements": "raw"},
            "certificates_file": {"type": "path"},
            "frontend": {"type": "str"},
            "groups": {"type": "list", "elements": "str"},
            "domains": {"type": "list", "elements": "str"},
            "recipient": {"type": "str"},
            "installed": {"type": "list", "elements": "dict", "default": []},
            "ignore_missing": {"type": "bool", "default": False},
        },
        mutually_exclusive=[("certificates", "certificates_file")],
        supports_check_mode=True,
    )
    with reporting(module, "store"):
        from ..module_utils._core.clock import SystemClock
        from ..module_utils._workflow.delivery import deliver

        module.exit_json(**deliver(module.params, SystemClock(), check=module.check_mode))


if __name__ == "__main__":
    main()
