#!/usr/bin/python
# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: what a CA offers."""

from __future__ import annotations

DOCUMENTATION = r"""
module: directory_info
short_description: Show what a CA offers
version_added: 1.0.0
author: The certfleet developers (@certfleet)
description:
  - Reads a CA's directory (RFC 8555 section 7.1.1) and returns its terms of service, profiles, and what it asks of accounts.
  - No account is needed, and nothing is changed.
extends_documentation_fragment:
  - certfleet.acme.authority.ca
  - certfleet.acme.group.account
  - certfleet.acme.group.store
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
  - module: certfleet.acme.account
requirements:
  - Python >= 3.10 on the validation host
  - acme, certifi, cryptography, idna, josepy, requests, urllib3
"""

EXAMPLES = r"""
- name: Look what Let's Encrypt offers
  certfleet.acme.directory_info:
    directory: https://acme-v02.api.letsencrypt.org/directory
  register: ca

- name: Show the profiles that can be asked for
  ansible.builtin.debug:
    var: ca.profiles

- name: Read the terms of service before agreeing to them
  ansible.builtin.debug:
    var: ca.terms_of_service
"""

RETURN = r"""
terms_of_service:
  description: The URL of the CA's terms of service; null when it has none.
  returned: success
  type: str
  sample: https://letsencrypt.org/documents/LE-SA-v1.6-August-18-2025.pdf
website:
  description: The URL of a page about the CA; null when it names none.
  returned: success
  type: str
  sample: https://letsencrypt.org
caa_identities:
  description: The domain names that a CAA record can allow this CA by (RFC 8659).
  returned: success
  type: list
  elements: str
  sample: [letsencrypt.org]
external_account_required:
  description: Whether new accounts need the option O(certfleet.acme.account#module:external_binding).
  returned: success
  type: bool
  sample: false
profiles:
  description: The certificate profiles that can be asked for, by name, each with the CA's description. Empty when there are none.
  returned: success
  type: dict
  sample:
    classic: https://letsencrypt.org/docs/profiles#classic
    shortlived: https://letsencrypt.org/docs/profiles#shortlived
renewal_information:
  description: The URL below which renewal information is (RFC 9773); null when the CA has none.
  returned: success
  type: str
  sample: https://acme-v02.api.letsencrypt.org/acme/renewal-info
endpoints:
  description: All resources of the directory with their URLs.
  returned: success
  type: dict
  sample:
    newNonce: https://acme-v02.api.letsencrypt.org/acme/new-nonce
"""

from typing import Any

from ..module_utils._ansible.authority_options import CA_OPTIONS
from ..module_utils._ansible.discreet import DiscreetModule
from ..module_utils._ansible.group_options import UNUSED_ACCOUNT, UNUSED_STORE
from ..module_utils._ansible.reporting import reporting


def main() -> None:
    """Read the directory and return what is in it."""
    module = DiscreetModule(argument_spec={**CA_OPTIONS, **UNUSED_ACCOUNT, **UNUSED_STORE}, supports_check_mode=True)
    with reporting(module):
        module.exit_json(changed=False, **read_directory(module.params))


def read_directory(params: dict[str, Any]) -> dict[str, Any]:
    """Hand the options to the engine."""
    from ..module_utils._acme.directory import fetch_directory
    from ..module_utils._acme.network import Network

    directory = fetch_directory(Network(params["ca_bundle"], params["request_timeout"]), params["directory"])
    return {
        "terms_of_service": directory.terms_of_service,
        "website": directory.website,
        "caa_identities": list(directory.caa_identities),
        "external_account_required": directory.external_account_required,
        "profiles": dict(directory.profiles),
        "renewal_information": directory.renewal_information,
        "endpoints": dict(directory.endpoints),
    }


if __name__ == "__main__":
    main()
