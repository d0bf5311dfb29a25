#!/usr/bin/python
# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: what the store holds."""

from __future__ import annotations

DOCUMENTATION = r"""
module: store_info
short_description: Say what certificates the store holds
version_added: 1.0.0
author: The certfleet developers (@certfleet)
description:
  - Runs on a validation host and lists the certificates in its store, with their dates, names, issuers and failures.
    Those that could not be issued yet are in the list, too, without dates and names.
  - A JMESPath expression can select and shape what comes back, such as the names of all that expire within ten days.
  - Keys are never part of it.
options:
  query:
    description:
      - A JMESPath expression, which is applied to the list that RV(certificates) would have without it.
      - All certificates come back when it is left out.
    type: str
extends_documentation_fragment:
  - certfleet.acme.authority.store
  - certfleet.acme.group.ca
  - certfleet.acme.group.account
attributes:
  check_mode:
    support: full
    description: Nothing is ever changed.
  diff_mode:
    support: none
    description: Nothing is ever changed.
  idempotent:
    support: full
    description: Nothing is ever changed.
seealso:
  - module: certfleet.acme.certificates
requirements:
  - Python >= 3.10 on the validation host
  - cryptography, idna, jmespath
"""

EXAMPLES = r"""
- name: All certificates of the store
  certfleet.acme.store_info:
  register: store

- name: The names of all certificates that expire within ten days
  certfleet.acme.store_info:
    query: "[?days_left < `10`].name"
  register: urgent

- name: What failed last time, and why
  certfleet.acme.store_info:
    query: "[?failures > `0`].{name: name, key_type: key_type, reason: last_failure.msg}"
  register: failing

- name: What waits for a human
  certfleet.acme.store_info:
    query: "[?needs_human].{name: name, reason: last_failure.msg}"
  register: paused
"""

RETURN = r"""
certificates:
  description:
    - The certificates, sorted by name and key type; what O(query) made of them if it is given.
    - What is described here are the entries without O(query).
  returned: always
  type: raw
  contains:
    name:
      description: The certificate's name.
      type: str
      sample: shop
    key_type:
      description: The type of its key.
      type: str
      sample: ecdsa-p256
    domains:
      description: The names in it.
      type: list
      elements: str
    not_before:
      description: From when on it is valid (RFC 3339).
      type: str
      sample: "2026-11-23T04:05:06Z"
    not_after:
      description: When it expires (RFC 3339).
      type: str
      sample: "2027-02-21T04:05:05Z"
    renew_at:
      description:
        - From when on it is due (RFC 3339).
        - It is an instant chosen at random in the C(renewal_window), where that is known and makes sense. Else it depends on the lifetime.
      type: str
      sample: "2027-01-17T11:24:39Z"
    renewal_window:
      description: When the CA wants it to be renewed (RFC 9773 section 4.2), as it was last told; null when that is not known.
      type: dict
      contains:
        start:
          description: The beginning (RFC 3339).
          type: str
          sample: "2027-01-21T16:05:05Z"
        end:
          description: The end (RFC 3339).
          type: str
          sample: "2027-01-23T16:05:05Z"
    renewal_explanation:
      description: A web page on which the CA explains the window; null when it names none.
      type: str
    revocation:
      description:
        - Whether it was revoked or is to be, as M(certfleet.acme.certificate_revoke) has done or was told; null when neither.
      type: dict
      contains:
        reason:
          description: Why.
          type: str
          sample: key_compromise
        asked_at:
          description: When that was asked for (RFC 3339).
          type: str
        revoked_at:
          description: When it was revoked (RFC 3339); null when it waits for its replacement.
          type: str
    days_left:
      description: How many days there are until it expires; less than zero if it has.
      type: float
      sample: 89.99
    issued_at:
      description: When it came into the store (RFC 3339).
      type: str
    issuer:
      description: The issuer's distinguished name (RFC 4514).
      type: str
    serial:
      description: The serial number in hex.
      type: str
    sha256:
      description: The SHA-256 fingerprint of the certificate in hex.
      type: str
    profile:
      description: The profile that was asked for; null for the CA's default.
      type: str
    preferred_chain:
      description: The chain that was asked for; null for the CA's default.
      type: str
    directory:
      description: The directory URL of the CA.
      type: str
    account_uri:
      description: The URL of the account that ordered it.
      type: str
    certificate_id:
      description: The identifier for renewal information (RFC 9773 section 4.1).
      type: str
    failures:
      description: How often in a row it could not be issued or renewed.
      type: int
    last_failure:
      description: When and why the last attempt failed; null when it did not.
      type: dict
    next_attempt:
      description: Before when it is not tried again after that (RFC 3339); null when nothing has failed.
      type: str
      sample: "2026-11-23T10:11:00Z"
    needs_human:
      description: Whether it is tried no more until somebody has done what C(last_failure) says and has asked for a retry.
      type: bool
    order:
      description: The URL of the order that is under way; null when there is none.
      type: str
    problem:
      description: Why its record can't be read; null when it can.
      type: str
"""

from ..module_utils._ansible.authority_options import STORE_OPTIONS
from ..module_utils._ansible.discreet import DiscreetModule
from ..module_utils._ansible.group_options import UNUSED_ACCOUNT, UNUSED_CA
from ..module_utils._ansible.reporting import reporting


def main() -> None:
    """Read the store and say what is in it."""
    module = DiscreetModule(
        argument_spec={
            **UNUSED_CA,
            **UNUSED_ACCOUNT,
            **STORE_OPTIONS,
            "query": {"type": "str"},
        },
        supports_check_mode=True,
    )
    with reporting(module, "store"):
        from ..module_utils._core.clock import SystemClock
        from ..module_utils._core.files import Files
        from ..module_utils._workflow.inventory import list_certificates, search

        certificates = list_certificates(Files(module.params["store"]), SystemClock().now())
        module.exit_json(changed=False, certificates=search(certificates, module.params["query"]))


if __name__ == "__main__":
    main()
