#!/usr/bin/python
# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: orders whose challenges the user publishes."""

from __future__ import annotations

DOCUMENTATION = r"""
module: order
short_description: Make orders, say what their challenges need, and finish them
version_added: 1.0.0
author: The certfleet developers (@certfleet)
description:
  - For those who publish challenges by other means than M(certfleet.acme.certificates), such as the module of a DNS provider.
  - With O(state=present) it makes an order for every certificate of the list that is due, and says which TXT values, files or certificates the challenges need.
    Orders that are pending already are taken up again.
  - For exactly the same names, as of RSA and ECDSA, one order is open at a time, since CAs answer a second one with the first.
    With O(state=finalized) the next certificate is ordered when the one before it is there, and finished at once where the CA still holds the names valid.
    Where it does not, it stays V(deferred), RV(orders) and the other needs are returned for it, and it takes another round.
  - With O(state=finalized), once all of that can be seen from outside, it answers the challenges, fetches the certificates and puts them into the store.
  - Names whose authorization is still valid at the CA need no challenge and are left out of what has to be published.
  - An entry of the list that can't be used fails the task at its end, and the others go on, unless O(strict) is set.
  - Failures are remembered as M(certfleet.acme.certificates) does. No order is made before it is time for the next attempt, unless O(retry) asks for it,
    nor against O(max_orders), O(max_orders_per_names) and the CA's wish to be asked later. What has to wait is V(deferred), with the reason
    and RV(certfleet.acme.certificates#module:certificates[].next_attempt), and fails the task; one that only waits until another certificate
    with a name that has failed was tried does not.
    With O(state=finalized) an order that is there goes on whatever has failed before.
options:
  state:
    description:
      - V(present) has an order for everything that is due.
      - V(finalized) has a certificate for everything that is due and has an order.
    type: str
    default: present
    choices: [present, finalized]
extends_documentation_fragment:
  - certfleet.acme.authority
  - certfleet.acme.authority.ca
  - certfleet.acme.authority.store
  - certfleet.acme.authority.lock
  - certfleet.acme.certificates
  - certfleet.acme.certificates.list
attributes:
  check_mode:
    support: full
    description: Says what is due, from the list and the store alone; the CA is not asked.
  diff_mode:
    support: none
    description: The results say what changed.
  idempotent:
    support: full
    description: A pending order is taken up, and a certificate that is not due is left alone.
seealso:
  - module: certfleet.acme.certificates
    description: Does all of this by itself for dns-01 with RFC 2136 updates.
  - module: certfleet.acme.dns01
    description: Publishes and verifies what this module returns in RV(dns_records).
requirements:
  - Python >= 3.10 on the validation host
  - acme, certifi, cryptography, idna, josepy, publicsuffixlist, requests, urllib3
"""

EXAMPLES = r"""
- name: Make the order
  certfleet.acme.order:
    directory: https://acme-v02.api.letsencrypt.org/directory
    certificates:
      - name: shop
        domains: [shop.example.com, "*.shop.example.com"]
  register: placed

- name: Publish the values, here with dns01; any module for your DNS provider will do
  certfleet.acme.dns01:
    records: "{{ placed.dns_records }}"
    responders: "{{ certfleet_dns_responders }}"
    tsig_keys: "{{ certfleet_tsig_keys }}"

- name: Have the certificates issued
  certfleet.acme.order:
    state: finalized
    directory: https://acme-v02.api.letsencrypt.org/directory
    certificates:
      - name: shop
        domains: [shop.example.com, "*.shop.example.com"]
"""

RETURN = r"""
certificates:
  description: What became of each certificate, as M(certfleet.acme.certificates) returns it. With O(state=present) one that is due is V(deferred).
  returned: always
  type: list
  elements: dict
orders:
  description: The orders that are pending.
  returned: when not in check mode
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
    url:
      description: The order's URL.
      type: str
    status:
      description: The order's status (RFC 8555 section 7.1.6).
      type: str
      sample: pending
    expires:
      description: Until when the CA keeps it (RFC 3339).
      type: str
    new:
      description: Whether this task made it.
      type: bool
dns_records:
  description:
    - The TXT values that dns-01 needs, in the form of the option O(certfleet.acme.dns01#module:records).
    - Each name is there once, with the values of all orders that share it; all of them must be there together.
  returned: when not in check mode
  type: list
  elements: dict
  contains:
    name:
      description: The owner name.
      type: str
      sample: _acme-challenge.shop.example.com
    values:
      description: The values.
      type: list
      elements: str
      sample: [gfj9Xq...Rg85nM]
http_files:
  description: The files that http-01 needs, for each name that is validated by it.
  returned: when not in check mode
  type: list
  elements: dict
  contains:
    identifier:
      description: The name whose web server must have the file, on port 80.
      type: str
      sample: www.example.com
    path:
      description: The path in the URL.
      type: str
      sample: /.well-known/acme-challenge/LoqXcYV8...jxAjEuX0
    content:
      description: What the file holds.
      type: str
tls_certificates:
  description: The certificates that tls-alpn-01 needs, self-signed and only for connections with the protocol C(acme-tls/1) (RFC 8737).
  returned: when not in check mode
  type: list
  elements: dict
  contains:
    identifier:
      description: The only subject alternative name of the certificate.
      type: str
      sample: www.example.com
    acme_identifier:
      description: The SHA-256 digest, in hex, for its critical extension acmeIdentifier (1.3.6.1.5.5.7.1.31), as an OCTET STRING.
      type: str
"""

from typing import Any

from ..module_utils._ansible.authority_options import AUTHORITY_OPTIONS, LOCK_OPTIONS, read_lock_wait
from ..module_utils._ansible.certificate_options import (
    CERTIFICATE_OPTIONS,
    ONE_LIST,
    ListModule,
    read_limits,
    read_wanted,
)
from ..module_utils._ansible.reporting import reporting


def main() -> None:
    """Read the options, let the engine work, return what it says."""
    module = ListModule(
        argument_spec={
            **AUTHORITY_OPTIONS,
            **LOCK_OPTIONS,
            **CERTIFICATE_OPTIONS,
            "state": {"type": "str", "default": "present", "choices": ["present", "finalized"]},
        },
        supports_check_mode=True,
        **ONE_LIST,
    )
    with reporting(module, "store"):
        result = handle_orders(module.params, module.check_mode)
        (module.fail_json if "msg" in result else module.exit_json)(**result)


def handle_orders(params: dict[str, Any], check: bool) -> dict[str, Any]:
    """Hand the options to the engine."""
    from ..module_utils._core.clock import SystemClock
    from ..module_utils._core.files import Files
    from ..module_utils._workflow.connection import Authority
    from ..module_utils._workflow.ordering import Ordering, refuse_frontend_keys

    authority = Authority(params["directory"], params["account"], params["ca_bundle"], params["request_timeout"])
    files, clock = Files(params["store"]), SystemClock()
    limits, lock_wait = read_limits(params), read_lock_wait(params)
    concurrency, patience = params["concurrency"], params["patience"]
    ordering = Ordering(files, authority, concurrency, patience, clock, limits=limits, lock_wait=lock_wait)
    wanted = refuse_frontend_keys(read_wanted(params), strict=params["strict"])
    if check:
        return ordering.check(wanted, params["state"], params["retry"])
    return ordering.place(wanted, params["retry"]) if params["state"] == "present" else ordering.finish(wanted)


if __name__ == "__main__":
    main()
