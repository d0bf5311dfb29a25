#!/usr/bin/python
# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: the hostnames that the web servers of a host are configured for."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sites_info
short_description: All hostnames that the web servers of a host are configured for
version_added: 1.0.0
author: The certfleet developers (@certfleet)
description:
  - Runs on a frontend and returns the hostnames of all sites there, whoever has configured them.
  - nginx is asked by C(nginx -T) and Apache by C(apache2ctl -t -D DUMP_VHOSTS), so what they would read counts, includes and all.
    The configuration of HAProxy is searched for comparisons with the host of a request and the server name of a handshake.
  - With the filter P(certfleet.acme.certificate_groups#filter) they become certificates.
  - When a server can't tell, because its configuration is broken, the task fails. It never returns a part of the names.
options:
  server:
    description: The web server; with V(auto) all that are on the host.
    type: str
    default: auto
    choices: [auto, nginx, apache, haproxy]
  haproxy_files:
    description: The files of HAProxy's configuration, with wildcards as a shell has them.
    type: list
    elements: str
    default: [/etc/haproxy/haproxy.cfg, /etc/haproxy/certfleet/*.cfg]
extends_documentation_fragment:
  - certfleet.acme.hostnames
  - certfleet.acme.group.ca
  - certfleet.acme.group.account
  - certfleet.acme.group.store
notes:
  - The servers' programs read private keys when they are asked, so the task needs the rights of root.
  - Regular expressions among the names of nginx, and names that HAProxy reads from files of their own, are not found.
seealso:
  - module: certfleet.acme.hostnames_info
    description: The same for zones.
  - plugin: certfleet.acme.certificate_groups
    plugin_type: filter
requirements:
  - Python >= 3.9 on the frontend
"""

EXAMPLES = r"""
- name: Find the sites of all frontends
  hosts: frontends
  become: true
  gather_facts: false
  tasks:
    - name: Ask the web servers
      certfleet.acme.sites_info:
        exclude: ['\.internal$']
      register: found

    - name: Have certificates for them, up to 50 in each
      ansible.builtin.set_fact:
        certfleet_certificates: "{{ hostnames | certfleet.acme.certificate_groups(size=50) }}"
      vars:
        results: "{{ ansible_play_hosts | map('extract', hostvars, 'found') }}"
        hostnames: "{{ results | map(attribute='hostnames') | flatten | unique }}"
      delegate_to: "{{ groups['validation_hosts'][0] }}"
      delegate_facts: true
      run_once: true
"""

RETURN = r"""
hostnames:
  description: The names, lower case, without a final dot, each once, in order.
  returned: success
  type: list
  elements: str
  sample: [example.com, www.example.com]
servers:
  description: The web servers that were asked.
  returned: success
  type: list
  elements: dict
  contains:
    server:
      description: Which one.
      type: str
      sample: nginx
    hostnames:
      description: How many names of it were taken.
      type: int
      sample: 2
"""

from ..module_utils._ansible.discreet import DiscreetModule
from ..module_utils._ansible.group_options import UNUSED_ACCOUNT, UNUSED_CA, UNUSED_STORE
from ..module_utils._ansible.hostname_options import HOSTNAME_OPTIONS
from ..module_utils._ansible.reporting import reporting


def main() -> None:
    """Read the options, let the engine ask, return what it says."""
    module = DiscreetModule(
        argument_spec={
            **UNUSED_CA,
            **UNUSED_ACCOUNT,
            **UNUSED_STORE,
            "server": {"type": "str", "default": "auto", "choices": ["auto", "nginx", "apache", "haproxy"]},
            "haproxy_files": {
                "type": "list",
                "elements": "str",
                "default": ["/etc/haproxy/haproxy.cfg", "/etc/haproxy/certfleet/*.cfg"],
            },
            **HOSTNAME_OPTIONS,
        },
        supports_check_mode=True,
    )
    with reporting(module):
        from ..module_utils._frontend.sites import find_sites

        module.exit_json(**find_sites(module.params))


if __name__ == "__main__":
    main()
