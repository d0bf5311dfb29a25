#!/usr/bin/python
# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: answers to http-01 challenges on the web servers of a fleet."""

from __future__ import annotations

DOCUMENTATION = r"""
module: http01
short_description: Put answers to http-01 challenges on web servers, and verify them at every address
version_added: 1.0.0
author: The certfleet developers (@certfleet)
description:
  - A CA may ask any web server of a name for the answer to an http-01 challenge (RFC 8555 section 8.3), so all of them have to have it
    before it is told that they do.
  - With O(state=present) it puts the files of M(certfleet.acme.order) into the folder that a web server answers from. Run it on every frontend;
    or on the validation host, where frontends redirect challenges to it.
  - With O(state=verified) it asks every address of every name for its file, IPv4 and IPv6, one by one, and says which address answered what.
    Redirects are followed as a CA follows them, to every address of where they lead, by HTTP and HTTPS, to O(http_port) and O(https_port) only and
    ten times at most; certificates are not checked. Run it on the validation host.
  - With O(state=absent) it removes the files.
options:
  state:
    description:
      - V(present) has the files in O(webroot).
      - V(verified) succeeds once every address gives the right answer, and fails after O(timeout) with the addresses that do not.
      - V(absent) has the files in O(webroot) no more.
    type: str
    default: present
    choices: [present, verified, absent]
  files:
    description: What the challenges need, as M(certfleet.acme.order) returns it in RV(certfleet.acme.order#module:http_files).
    type: list
    elements: dict
    required: true
    suboptions:
      identifier:
        description: The name that is validated, or the address.
        type: str
        required: true
      path:
        description: The path in the URL.
        type: str
        required: true
      content:
        description: What the file holds.
        type: str
        required: true
  webroot:
    description:
      - The folder of the files, for O(state=present) and O(state=absent); each file has the name of its token.
      - The folder is made where it is missing. Everybody on the host may read it.
    type: path
    default: /var/lib/certfleet-challenges
  addresses:
    description:
      - The addresses to ask, for O(state=verified), where those that the host's resolver gives for a name are not all that a CA may come to, such as
        those of frontends behind one that DNS gives by turns.
      - They are asked for every name.
    type: list
    elements: str
    default: []
  timeout:
    description: For how long to ask again those that don't give the right answer, in seconds, for O(state=verified).
    type: float
    default: 30
  request_timeout:
    description: For how long to wait for one answer, in seconds.
    type: float
    default: 10
  http_port:
    description: The port that the CA asks. All that are public ask port 80; CAs for tests may ask another.
    type: int
    default: 80
  https_port:
    description: The port that redirects to HTTPS may lead to. All public CAs follow them to port 443 only.
    type: int
    default: 443
extends_documentation_fragment:
  - certfleet.acme.web
  - certfleet.acme.group.ca
  - certfleet.acme.group.account
  - certfleet.acme.group.store
attributes:
  check_mode:
    support: full
    description: With O(state=verified) it asks as otherwise, once, as nothing is changed by that, and does not fail.
  diff_mode:
    support: full
    description: Shows the paths of the files that come or go.
  idempotent:
    support: full
    description: Files that are there already are left alone.
notes:
  - Where O(webroot) is a folder that belongs to another user, a task of root first becomes that user, for all it does.
seealso:
  - module: certfleet.acme.order
    description: Makes the orders, and says to the CA when the files are there.
  - ref: certfleet.acme.frontend role <ansible_collections.certfleet.acme.frontend_role>
    description: Has web servers answer challenges, or redirect them to a validation host.
requirements:
  - Python >= 3.9
"""

EXAMPLES = r"""
- name: Make the order
  certfleet.acme.order:
    directory: https://acme-v02.api.letsencrypt.org/directory
    certificates: &certificates
      - name: shop
        domains: [shop.example.com, www.shop.example.com]
        challenge: http-01
  delegate_to: "{{ groups['validation_hosts'] | first }}"
  run_once: true
  register: placed

- name: Put the answers on every frontend
  certfleet.acme.http01:
    files: "{{ placed.http_files }}"

- name: See that every address gives them
  certfleet.acme.http01:
    state: verified
    files: "{{ placed.http_files }}"
  delegate_to: "{{ groups['validation_hosts'] | first }}"
  run_once: true

- name: Have the certificates issued
  certfleet.acme.order:
    state: finalized
    directory: https://acme-v02.api.letsencrypt.org/directory
    certificates: *certificates
  delegate_to: "{{ groups['validation_hosts'] | first }}"
  run_once: true

- name: Take the answers away
  certfleet.acme.http01:
    state: absent
    files: "{{ placed.http_files }}"
"""

RETURN = r"""
files:
  description: The files that came or went; in check mode, that would.
  returned: when O(state=present) or O(state=absent)
  type: list
  elements: dict
  contains:
    identifier:
      description: The name that is validated, or the address.
      type: str
      sample: www.example.com
    path:
      description: The path in the URL.
      type: str
      sample: /.well-known/acme-challenge/LoqXcYV8...jxAjEuX0
    content:
      description: What the file holds.
      type: str
verdicts:
  description: What each address answered when it was last asked. Where redirects lead to several addresses, there is a verdict for each.
  returned: when O(state=verified)
  type: list
  elements: dict
  contains:
    identifier:
      description: The name that is validated, or the address.
      type: str
      sample: www.example.com
    address:
      description: The address that was asked first; empty when the name has none.
      type: str
      sample: 192.0.2.80
    requests:
      description: The requests, from the one to that address to the one whose answer is judged.
      type: list
      elements: dict
      contains:
        url:
          description: The URL.
          type: str
        address:
          description: The address.
          type: str
    correct:
      description: Whether the answer was right.
      type: bool
    problem:
      description: What was wrong; null when nothing was.
      type: str
      sample: status 404
"""

from ..module_utils._ansible.discreet import DiscreetModule
from ..module_utils._ansible.group_options import UNUSED_ACCOUNT, UNUSED_CA, UNUSED_STORE
from ..module_utils._ansible.reporting import reporting

FILE_OPTIONS = {name: {"type": "str", "required": True} for name in ("identifier", "path", "content")}


def main() -> None:
    """Read the options, let the engine work, return what it says."""
    module = DiscreetModule(
        argument_spec={
            **UNUSED_CA,
            **UNUSED_ACCOUNT,
            **UNUSED_STORE,
            "state": {"type": "str", "default": "present", "choices": ["present", "verified", "absent"]},
            "files": {"type": "list", "elements": "dict", "required": True, "options": FILE_OPTIONS},
            "webroot": {"type": "path", "default": "/var/lib/certfleet-challenges"},
            "addresses": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "float", "default": 30},
            "request_timeout": {"type": "float", "default": 10},
            "http_port": {"type": "int", "default": 80},
            "https_port": {"type": "int", "default": 443},
            "allowed_networks": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    with reporting(module, None if module.params["state"] == "verified" else "webroot"):
        from ..module_utils._http.state import bring

        module.exit_json(**bring(module.params, check=module.check_mode))


if __name__ == "__main__":
    main()
