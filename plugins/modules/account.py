#!/usr/bin/python
# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: the account at a CA."""

from __future__ import annotations

DOCUMENTATION = r"""
module: account
short_description: Register, change and deactivate an ACME account
version_added: 1.0.0
author: The certfleet developers (@certfleet)
description:
  - Has an account at a CA (RFC 8555 section 7.3), with its key and its record in the store of the validation host.
  - Registers it, takes over the key of an existing one, changes its contact, binds it to a customer of the CA, gives it a new key, and deactivates it.
  - The key is made on the validation host and never leaves it. It is on disk before the CA hears of it, so that no account is lost when a run is cut off.
options:
  state:
    description:
      - With V(present) there is a valid account. One whose record is lost is found again by its key.
      - With V(absent) the account is deactivated at the CA, for good, and its key is removed from the store.
    type: str
    default: present
    choices: [present, absent]
  contact:
    description:
      - How the CA can reach the operator; best the address of a list. A mail address, or any URL that the CA takes.
      - An empty list removes the contact. It stays as it is when this is left out.
      - Some CAs show no contact, keep none, or do not remove one. What was asked for is then in the record, and the CA is not asked again.
    type: list
    elements: str
  terms_agreed:
    description:
      - Whether you agree to the CA's terms of service, which M(certfleet.acme.directory_info) shows. Most CAs register nobody without it.
        A CA that has no terms of service needs no agreement.
      - Their URL goes into the record, see RV(terms_of_service_agreed).
    type: bool
    default: false
  key_type:
    description:
      - The type of the account's key, any of V(rsa-2048), V(rsa-3072), V(rsa-4096), V(ecdsa-p256) and V(ecdsa-p384).
      - When the key is of another type, the account gets a new one. See O(key_label) for how that goes.
      - A new account gets V(ecdsa-p256) when it is left out, and an existing key stays.
    type: str
  key_label:
    description:
      - A label of your own for the key, such as V(2026-11).
      - The account gets a new key when the label is another one than last time. As long as it is the same, nothing happens.
      - A change that was cut off is finished by the next run.
      - The servers of a CA may know only the former key for some seconds. The task ends when the CA takes the new one, after 30 seconds at the latest,
        and for a minute after the change requests that are refused for their signature are sent again.
      - With a CA that can't change keys, the task fails and the account keeps its key. Tasks without a change of the key go on as before.
    type: str
  key_file:
    description:
      - A file on the validation host with a private key (PEM, not encrypted) of an account that exists already, such as another client's.
      - The key is copied into the store when there is none yet. A key that the CA doesn't know is registered.
      - Once the account has been given a new key, this option has no effect any more.
      - The key of a certificate in the store is refused.
    type: path
  external_binding:
    description:
      - Binds a new account to a customer of the CA (RFC 8555 section 7.3.4), for CAs that ask for it. They say what to enter.
      - It has no effect on an account that is registered already, and can stay in the task. Some CAs ask for it again when the account's record is lost.
      - A binding that the CA has refused is mended by another task with the right one.
      - White space in O(external_binding.key) and around O(external_binding.key_id) is ignored.
    type: dict
    suboptions:
      key_id:
        description: The key identifier from the CA.
        type: str
        required: true
      key:
        description: The MAC key from the CA, in base64url.
        type: str
        required: true
      algorithm:
        description: The MAC algorithm.
        type: str
        default: HS256
        choices: [HS256, HS384, HS512]
extends_documentation_fragment:
  - certfleet.acme.authority
  - certfleet.acme.authority.ca
  - certfleet.acme.authority.store
  - certfleet.acme.authority.lock
attributes:
  check_mode:
    support: full
    description: The CA is only asked whether it knows the key in the store or in O(key_file). Nothing is written.
  diff_mode:
    support: full
    description: Shows contact, type, label and fingerprint of the key, and terms of service, before and after.
  idempotent:
    support: full
    description: An account that is as it should be is left alone.
notes:
  - A deactivated account can't be used again, not even for revocation. Certificates stay valid, and can be revoked with their own keys.
seealso:
  - module: certfleet.acme.directory_info
    description: Shows the terms of service, and whether the CA asks for an external binding.
  - module: certfleet.acme.certificates
requirements:
  - Python >= 3.10 on the validation host
  - acme, certifi, cryptography, idna, josepy, requests, urllib3
"""

EXAMPLES = r"""
- name: Register the account of the fleet
  certfleet.acme.account:
    directory: https://acme-v02.api.letsencrypt.org/directory
    contact: [tls@example.com]
    terms_agreed: true

- name: Have an account at a CA that binds accounts to its customers
  certfleet.acme.account:
    directory: https://acme.example.net/directory
    contact: [tls@example.com]
    terms_agreed: true
    external_binding:
      key_id: "{{ vault_binding_key_id }}"
      key: "{{ vault_binding_key }}"

- name: Take over the account of another client
  certfleet.acme.account:
    directory: https://acme-v02.api.letsencrypt.org/directory
    account: legacy
    key_file: /etc/ssl/private/old-account.pem

- name: Give the account a new key, once for each label
  certfleet.acme.account:
    directory: https://acme-v02.api.letsencrypt.org/directory
    key_label: "2026-11"

- name: Deactivate an account
  certfleet.acme.account:
    state: absent
    directory: https://acme-v02.api.letsencrypt.org/directory
    account: legacy
"""

RETURN = r"""
account_uri:
  description: The account's URL, as a CAA record can name it (RFC 8657). Null in check mode when it is still to be registered.
  returned: success
  type: str
  sample: https://acme-v02.api.letsencrypt.org/acme/acct/1234567
actions:
  description: What was done, or in check mode would be, in this order.
  returned: success
  type: list
  elements: str
  sample: [change contact]
contact:
  description: The contact URLs.
  returned: when O(state=present)
  type: list
  elements: str
  sample: ["mailto:tls@example.com"]
key_thumbprint:
  description:
    - The SHA-256 thumbprint of the account's key (RFC 7638), as it is in key authorizations.
    - Null in check mode when the key is still to be made.
  returned: when O(state=present)
  type: str
  sample: NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs
key_label:
  description: The label of the key; null when it never got one.
  returned: when O(state=present)
  type: str
  sample: 2026-11
key_type:
  description: The type of the key.
  returned: when O(state=present)
  type: str
  sample: ecdsa-p256
status:
  description: The account's status (RFC 8555 section 7.1.6). Null when there was none.
  returned: success
  type: str
  sample: valid
terms_of_service:
  description: The URL of the CA's terms of service as they are now.
  returned: when O(state=present)
  type: str
  sample: https://letsencrypt.org/documents/LE-SA-v1.6-August-18-2025.pdf
terms_of_service_agreed:
  description: The URL of the terms of service that O(terms_agreed=true) last stood for.
  returned: when O(state=present)
  type: str
  sample: https://letsencrypt.org/documents/LE-SA-v1.6-August-18-2025.pdf
terms_of_service_changed:
  description: Whether the CA has other terms of service now than those that were agreed to before this task. A warning says so, too.
  returned: when O(state=present)
  type: bool
"""

from typing import Any

from ..module_utils._ansible.authority_options import AUTHORITY_OPTIONS, LOCK_OPTIONS, read_lock_wait
from ..module_utils._ansible.discreet import DiscreetModule
from ..module_utils._ansible.reporting import reporting

BINDING_OPTIONS: dict[str, Any] = {
    "key_id": {"type": "str", "required": True, "no_log": False},
    "key": {"type": "str", "required": True, "no_log": True},
    "algorithm": {"type": "str", "default": "HS256", "choices": ["HS256", "HS384", "HS512"]},
}


def main() -> None:
    """Read the options, let the engine work, return what it says."""
    module = DiscreetModule(
        argument_spec={
            **AUTHORITY_OPTIONS,
            **LOCK_OPTIONS,
            "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
            "contact": {"type": "list", "elements": "str"},
            "terms_agreed": {"type": "bool", "default": False},
            "key_type": {"type": "str", "no_log": False},
            "key_label": {"type": "str", "no_log": False},
            "key_file": {"type": "path", "no_log": False},
            "external_binding": {"type": "dict", "options": BINDING_OPTIONS},
        },
        supports_check_mode=True,
    )
    with reporting(module, "store"):
        result = handle_account(module.params, module.check_mode)
        if result.get("terms_of_service_changed"):
            module.warn(f"The CA's terms of service are new: {result['terms_of_service']}")
        module.exit_json(**result)


def handle_account(params: dict[str, Any], check: bool) -> dict[str, Any]:
    """Hand the options to the engine."""
    from ..module_utils._core.clock import SystemClock
    from ..module_utils._core.files import Files
    from ..module_utils._workflow.account.record import read_wanted_account
    from ..module_utils._workflow.account.registration import keep_account
    from ..module_utils._workflow.connection import Authority

    authority = Authority(params["directory"], params["account"], params["ca_bundle"], params["request_timeout"])
    wanted = read_wanted_account(params) if params["state"] == "present" else None
    lock_wait = read_lock_wait(params)
    return keep_account(authority, Files(params["store"]), wanted, check, SystemClock(), lock_wait=lock_wait)


if __name__ == "__main__":
    main()
