#!/usr/bin/python
# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: the hostnames that zones have."""

from __future__ import annotations

DOCUMENTATION = r"""
module: hostnames_info
short_description: All hostnames of zones, to have certificates for them
version_added: 1.0.0
author: The certfleet developers (@certfleet)
description:
  - Fetches zones from a name server by zone transfer (RFC 5936) and returns the names in them that have addresses or are aliases.
  - With the filter P(certfleet.acme.certificate_groups#filter) they become certificates, so that a hostname that somebody adds to a zone has one
    by the next run.
  - Names of other zones below a delegation are not taken, nor names with an underscore, which no CA accepts.
  - When one zone can't be fetched, the task fails. It never returns a part of the names.
options:
  zones:
    description: The zones, and where to fetch them.
    type: list
    elements: dict
    required: true
    suboptions:
      zone:
        description: The name of the zone.
        type: str
        required: true
      address:
        description: The IP address of a server that lets the host of the task transfer it.
        type: str
        required: true
      port:
        description: The port where it listens.
        type: int
        default: 53
      tsig_key:
        description: The name of the key in O(tsig_keys) that signs the transfer. It is not signed when left out.
        type: str
  types:
    description: A name is taken when it has a record of one of these types.
    type: list
    elements: str
    choices: [A, AAAA, CNAME, HTTPS]
    default: [A, AAAA, CNAME]
  dns_timeout:
    description: How many seconds a server has for each message; a whole zone may take twenty times as long, and have 64 MiB.
    type: int
    default: 5
extends_documentation_fragment:
  - certfleet.acme.hostnames
  - certfleet.acme.dns.tsig_keys
  - certfleet.acme.group.ca
  - certfleet.acme.group.account
  - certfleet.acme.group.store
seealso:
  - plugin: certfleet.acme.certificate_groups
    plugin_type: filter
requirements:
  - Python >= 3.10 on the validation host
  - dnspython, idna
"""

EXAMPLES = r"""
- name: Find all hostnames but those of name servers and mail servers
  certfleet.acme.hostnames_info:
    zones:
      - {zone: example.com, address: 192.0.2.53, tsig_key: transfer}
      - {zone: example.org, address: 192.0.2.53, tsig_key: transfer}
    tsig_keys:
      - {name: transfer, secret: "{{ vault_transfer_secret }}"}
    exclude: ['^ns[0-9]', '^mail\.']
  register: found

- name: Have certificates for them, up to 50 in each
  ansible.builtin.set_fact:
    certfleet_certificates: "{{ found.hostnames | certfleet.acme.certificate_groups(size=50) }}"
"""

RETURN = r"""
hostnames:
  description: The names, lower case, without a final dot, each once, in order.
  returned: success
  type: list
  elements: str
  sample: [example.com, www.example.com]
zones:
  description: What was fetched.
  returned: success
  type: list
  elements: dict
  contains:
    zone:
      description: The name of the zone.
      type: str
      sample: example.com
    serial:
      description: The serial of its SOA record.
      type: int
      sample: 2026112601
    hostnames:
      description: How many names of it were taken.
      type: int
      sample: 2
"""

from typing import Any

from ..module_utils._ansible.discreet import DiscreetModule
from ..module_utils._ansible.dns_options import DNS_OPTIONS
from ..module_utils._ansible.group_options import UNUSED_ACCOUNT, UNUSED_CA, UNUSED_STORE
from ..module_utils._ansible.hostname_options import HOSTNAME_OPTIONS
from ..module_utils._ansible.reporting import reporting


def main() -> None:
    """Read the options, let the engine work, return what it says."""
    module = DiscreetModule(
        argument_spec={
            **UNUSED_CA,
            **UNUSED_ACCOUNT,
            **UNUSED_STORE,
            "zones": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "zone": {"type": "str", "required": True},
                    "address": {"type": "str", "required": True},
                    "port": {"type": "int", "default": 53},
                    "tsig_key": {"type": "str", "no_log": False},
                },
            },
            "tsig_keys": DNS_OPTIONS["tsig_keys"],
            "types": {
                "type": "list",
                "elements": "str",
                "default": ["A", "AAAA", "CNAME"],
                "choices": ["A", "AAAA", "CNAME", "HTTPS"],
            },
            **HOSTNAME_OPTIONS,
            "dns_timeout": DNS_OPTIONS["dns_timeout"],
        },
        supports_check_mode=True,
    )
    with reporting(module):
        module.exit_json(changed=False, **find(module.params))


def find(params: dict[str, Any]) -> dict[str, Any]:
    """Hand the options to the engine."""
    from ..module_utils._core.clock import SystemClock
    from ..module_utils._core.hostnames import parse_choice
    from ..module_utils._core.number import LONGEST_TIMEOUT, check_number
    from ..module_utils._dns.hostnames import find_hostnames
    from ..module_utils._dns.transfer import fetch_zone, parse_sources, serial_of

    check_number("dns_timeout", params["dns_timeout"], 1, LONGEST_TIMEOUT)
    choice = parse_choice(params["include"], params["exclude"], wildcards=params["wildcards"])
    names: set[str] = set()
    zones = []
    for source in parse_sources(params["zones"], params["tsig_keys"]):
        zone = fetch_zone(source, params["dns_timeout"], SystemClock())
        found = find_hostnames(zone, params["types"], choice)
        names.update(found)
        zones.append({"zone": source.zone, "serial": serial_of(zone), "hostnames": len(found)})
    return {"hostnames": sorted(names), "zones": zones}


if __name__ == "__main__":
    main()
