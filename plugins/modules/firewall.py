#!/usr/bin/python
# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: rules that open a host for what ACME needs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: firewall
short_description: Open a host's firewall for what ACME needs
version_added: 1.0.0
author: The certfleet developers (@certfleet)
description:
  - Adds rules to the firewall that is on the host, and removes them again. It flushes nothing, sets no policy and changes no other rule.
  - No address is ever named. Those that a CA validates from or answers at are not published, and change.
  - With nftables and iptables, rules go into the chains that would refuse, IPv4 and IPv6, right before the first rule that
    refuses whoever asks. Rules that refuse some by their address, their number of connections or the like stay ahead of them.
    Where nothing refuses, nothing is added.
  - Such rules are gone when the ruleset is loaded again. The role P(certfleet.acme.firewall#role) has the host bring them back.
options:
  state:
    description:
      - V(present) adds what is missing, and removes what this module had added and is no longer wanted.
      - V(absent) removes all that this module has added, whatever the backend, and nothing else. It also removes them from files in which
        the ruleset of the moment was saved meanwhile.
    type: str
    default: present
    choices: [present, absent]
  backend:
    description:
      - The firewall to add rules to.
      - V(auto) takes the first that is at work on the host. It looks for firewalld that runs, ufw that is active, the service C(nftables) or
        chains of nftables that packets to or from the host go through, and rules of iptables, in this order.
      - V(nftables) and V(iptables) are two ways into the same kernel, and what either drops is dropped. So with each of them both are looked
        at, and both get the rules they need.
    type: str
    default: auto
    choices: [auto, firewalld, ufw, nftables, iptables]
  kinds:
    description:
      - What the host is. It may be several.
      - V(validation_hosts) need TCP 443 outbound for the CA, TCP and UDP 53 outbound for updates and verification, and TCP 80 inbound for http-01.
      - V(frontends) need TCP 80 and 443 inbound.
      - V(dns_responders) need TCP and UDP 53 inbound.
    type: list
    elements: str
    default: []
    choices: [validation_hosts, frontends, dns_responders]
  openings:
    description: What else to open.
    type: list
    elements: dict
    default: []
    suboptions:
      direction:
        description: V(in) for connections towards the host, V(out) for those that it makes.
        type: str
        required: true
        choices: [in, out]
      protocol:
        description: The protocol.
        type: str
        required: true
        choices: [tcp, udp]
      port:
        description: The port that is connected to.
        type: int
        required: true
  zones:
    description:
      - The zones of firewalld that inbound openings are made in.
      - Without any, those of the interfaces that the default routes leave by, or else the default zone.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - certfleet.acme.group.ca
  - certfleet.acme.group.account
  - certfleet.acme.group.store
attributes:
  check_mode:
    support: full
    description: The rules are read and compared as otherwise, but nothing is changed.
  diff_mode:
    support: full
    description: Shows the rules of this module with their chain, zone or policy, before and after.
  idempotent:
    support: full
    description: A rule that is there, at a place where it works, is left alone.
requirements:
  - Python >= 3.9 on the host
  - the commands of the backend on the host
"""

EXAMPLES = r"""
- name: Open what a frontend that is a validation host, too, needs
  certfleet.acme.firewall:
    kinds: [frontends, validation_hosts]

- name: Let a validation host also reach the frontends by SSH
  certfleet.acme.firewall:
    kinds: [validation_hosts]
    openings:
      - {direction: out, protocol: tcp, port: 22}

- name: Remove all of it again
  certfleet.acme.firewall:
    state: absent
"""

RETURN = r"""
backend:
  description: The firewall that was named or found; null when there is none, and with O(state=absent).
  returned: always
  type: str
  sample: nftables
package:
  description: In check mode, the package that has to be installed first; null when the backend is there.
  returned: always
  type: str
openings:
  description: What is open, each a list of direction, protocol and port.
  returned: always
  type: list
  elements: list
  sample: [[in, tcp, 80]]
rules:
  description:
    - The rules of this module that there are after the task, each with the chain, zone or policy that it is in.
    - In check mode, those that there would be.
  returned: always
  type: list
  elements: str
  sample: ["inet filter input: tcp dport 80 accept"]
"""

from ..module_utils._ansible.discreet import DiscreetModule
from ..module_utils._ansible.group_options import UNUSED_ACCOUNT, UNUSED_CA, UNUSED_STORE
from ..module_utils._ansible.reporting import reporting


def main() -> None:
    """Read the options, let the engine bring the firewall into the state, return what it says."""
    module = DiscreetModule(
        argument_spec={
            **UNUSED_CA,
            **UNUSED_ACCOUNT,
            **UNUSED_STORE,
            "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
            "backend": {
                "type": "str",
                "default": "auto",
                "choices": ["auto", "firewalld", "ufw", "nftables", "iptables"],
            },
            "kinds": {
                "type": "list",
                "elements": "str",
                "default": [],
                "choices": ["validation_hosts", "frontends", "dns_responders"],
            },
            "openings": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "direction": {"type": "str", "required": True, "choices": ["in", "out"]},
                    "protocol": {"type": "str", "required": True, "choices": ["tcp", "udp"]},
                    "port": {"type": "int", "required": True},
                },
            },
            "zones": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    with reporting(module):
        from ..module_utils._firewall.plan import HostCommands
        from ..module_utils._firewall.state import bring

        module.exit_json(**bring(module.params, HostCommands(), check=module.check_mode))


if __name__ == "__main__":
    main()
