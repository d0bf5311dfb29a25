#!/usr/bin/python
# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: revoke certificates of the store."""

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_revoke
short_description: Revoke certificates of the store
version_added: 1.0.0
author: The certfleet developers (@certfleet)
description:
  - Runs on a validation host and has the CA revoke certificates that are in its store (RFC 8555 section 7.6).
  - What was revoked is due, so that the next task of M(certfleet.acme.certificates) replaces it with a new key. It is delivered to no frontend any more.
  - With O(state=marked) the replacement comes first. The certificates are due from then on, and a second task with O(which=replaced)
    revokes them when there are others. The playbook C(certfleet.acme.revoke) does all of it.
options:
  name:
    description: Name of the certificate in the store.
    type: str
    required: true
  key_types:
    description: The types of keys whose certificates are meant; all when it is left out.
    type: list
    elements: str
  state:
    description:
      - V(revoked) has the CA revoke them now.
      - V(marked) sends nothing to the CA. It has them replaced by the next task of M(certfleet.acme.certificates), and revoked by a later one of this module.
    type: str
    default: revoked
    choices: [revoked, marked]
  which:
    description:
      - For O(state=revoked), V(live) is the certificates that are in use.
      - V(replaced) is those that were marked and are in use no more. One that still is comes back as V(waiting).
    type: str
    default: live
    choices: [live, replaced]
  reason:
    description:
      - Why (RFC 5280 section 5.3.1). With O(which=replaced), what was said when they were marked counts.
      - With V(key_compromise) some CAs take no more orders for the key if the certificate's own key signs.
    type: str
    default: unspecified
    choices: [unspecified, key_compromise, affiliation_changed, superseded, cessation_of_operation, privilege_withdrawn]
  signed_by:
    description:
      - V(account) asks as the account, which has to be the one that ordered the certificate or one that is authorized for all of its names.
      - V(certificate) asks with the certificate's own key, for which there need not be an account.
        Some CAs refuse that. The message then says to use V(account).
    type: str
    default: account
    choices: [account, certificate]
extends_documentation_fragment:
  - certfleet.acme.authority
  - certfleet.acme.authority.ca
  - certfleet.acme.authority.store
  - certfleet.acme.authority.lock
attributes:
  check_mode:
    support: full
    description: Says what would be revoked or marked, from the store alone. The CA is not asked, and nothing is written.
  diff_mode:
    support: full
    description: Shows each certificate by its serial number, before and after.
  idempotent:
    support: full
    description: What was revoked is not revoked again. After a replacement, O(which=live) is another certificate.
seealso:
  - module: certfleet.acme.certificates
  - module: certfleet.acme.store_info
notes:
  - The action group C(certfleet.acme.acme) sets O(directory), O(ca_bundle), O(store) and O(account) once for all modules.
requirements:
  - Python >= 3.10 on the validation host
  - acme, certifi, cryptography, idna, josepy, requests, urllib3
"""

EXAMPLES = r"""
- name: A key has leaked, and nothing must be trusted with it from now on
  certfleet.acme.certificate_revoke:
    directory: https://acme-v02.api.letsencrypt.org/directory
    name: shop
    reason: key_compromise
    signed_by: certificate

- name: Have the certificates of a site replaced at the next renewal
  certfleet.acme.certificate_revoke:
    directory: https://acme-v02.api.letsencrypt.org/directory
    name: shop
    state: marked
    reason: superseded

- name: Then revoke those that were replaced
  certfleet.acme.certificate_revoke:
    directory: https://acme-v02.api.letsencrypt.org/directory
    name: shop
    which: replaced
"""

RETURN = r"""
certificates:
  description: What became of each certificate.
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
    serial:
      description: Its serial number in hex.
      type: str
    not_after:
      description: When it expires (RFC 3339).
      type: str
      sample: "2027-02-21T04:05:05Z"
    reason:
      description: Why it is revoked.
      type: str
      sample: superseded
    status:
      description:
        - V(revoked) and V(marked) were done now, V(was revoked) and V(was marked) before.
        - V(waiting) has no replacement yet, V(expired) needs no revocation any more, and V(failed) was refused.
      type: str
      sample: revoked
    failure:
      description: What the CA said, as data.
      type: dict
      returned: when it refused
"""

from typing import Any

from ..module_utils._ansible.authority_options import AUTHORITY_OPTIONS, LOCK_OPTIONS, read_lock_wait
from ..module_utils._ansible.discreet import DiscreetModule
from ..module_utils._ansible.reporting import ending_well, reporting

REASONS = (
    "unspecified", "key_compromise", "affiliation_changed", "superseded", "cessation_of_operation", "privilege_withdrawn",
)  # fmt: skip


def main() -> None:
    """Read the options, let the engine work, return what it says."""
    module = DiscreetModule(
        argument_spec={
            **AUTHORITY_OPTIONS,
            **LOCK_OPTIONS,
            "name": {"type": "str", "required": True},
            # types of keys, not keys
            "key_types": {"type": "list", "elements": "str", "no_log": False},
            "state": {"type": "str", "default": "revoked", "choices": ["revoked", "marked"]},
            "which": {"type": "str", "default": "live", "choices": ["live", "replaced"]},
            "reason": {"type": "str", "default": "unspecified", "choices": list(REASONS)},
            "signed_by": {"type": "str", "default": "account", "choices": ["account", "certificate"]},
        },
        supports_check_mode=True,
    )
    with reporting(module, "store"):
        with ending_well():
            result = revoke_certificates(module.params, module.check_mode)
        (module.fail_json if "msg" in result else module.exit_json)(**result)


def revoke_certificates(params: dict[str, Any], check: bool) -> dict[str, Any]:
    """Hand the options to the engine."""
    from ..module_utils._core.clock import SystemClock
    from ..module_utils._core.files import Files
    from ..module_utils._workflow.connection import Authority
    from ..module_utils._workflow.revocation import Request, Revoker

    authority = Authority(params["directory"], params["account"], params["ca_bundle"], params["request_timeout"])
    revoker = Revoker(Files(params["store"]), authority, SystemClock(), read_lock_wait(params), check=check)
    request = Request.read(params["name"], params["key_types"], params["reason"], params["signed_by"])
    if params["state"] == "marked":
        return revoker.mark(request)
    return (revoker.revoke_replaced if params["which"] == "replaced" else revoker.revoke_live)(request)


if __name__ == "__main__":
    main()
