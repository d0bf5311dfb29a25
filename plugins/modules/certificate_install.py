#!/usr/bin/python
# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: open a sealed bundle on a frontend and switch to what is in it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_install
short_description: Open a sealed bundle on a frontend and switch to its certificates
version_added: 1.0.0
author: The certfleet developers (@certfleet)
description:
  - Runs on a web server and needs nothing there but Python and the C(openssl) command.
  - With O(state=prepared) it makes a recipient key once, which never leaves the host, and returns the recipient certificate
    for which M(certfleet.acme.certificate_fetch) seals bundles.
  - With O(state=present) it opens a bundle and checks everything in it. The key has to belong to the certificate, the names have to be those
    that the bundle states, each certificate of the chain has to be issued by the next, and none may have expired.
    It has to be made for this host, and not before what is installed.
    Only when all of it is right, it switches to the new files, for each certificate in one step.
  - With O(test_command), new files stay live only when the web server's configuration passes its test with them.
  - The web server reads C(<path>/certificates/<name>/<key type>/live/fullchain.pem) and C(privkey.pem) beside it;
    C(cert.pem) and C(chain.pem) are there, too. C(live) is a link to the generation in use, and the one before is kept.
options:
  state:
    description:
      - V(prepared) makes the recipient key, if there is none.
      - V(requested) makes a key for each of O(requests), which never leaves the host, and returns CSRs for a CA.
        The key is the same until its certificate was installed.
      - V(present) installs what is in O(bundle), and sets O(owner), O(group) and O(mode).
      - V(loaded) has the web server read what is installed by O(reload_command), or says that it has, so that RV(reload_pending) is false again.
      - V(absent) removes the certificates of O(names) with their keys.
    type: str
    default: present
    choices: [prepared, requested, present, loaded, absent]
  path:
    description: The folder for recipient key and certificates.
    type: path
    default: /etc/certfleet
  bundle:
    description:
      - What M(certfleet.acme.certificate_fetch) has returned.
      - Leave it out when nothing was lacking; nothing is installed then.
    type: str
  force:
    description:
      - Whether to install a bundle that was made before the one from which a certificate is installed, or in the future by this host's clock.
        Such a bundle is refused otherwise, since somebody may have kept it to bring an old key back.
      - Needed when the clock of the validation host was ahead and has been set right.
    type: bool
    default: false
  names:
    description: The certificates to remove with O(state=absent).
    type: list
    elements: str
  requests:
    description: The certificates to ask for with O(state=requested).
    type: list
    elements: dict
    suboptions:
      name:
        description: The certificate's name on this host.
        type: str
        required: true
      key_type:
        description: Any of V(rsa-2048), V(rsa-3072), V(rsa-4096), V(ecdsa-p256) and V(ecdsa-p384).
        type: str
        required: true
      domains:
        description: The names and addresses that it is for.
        type: list
        elements: str
        required: true
      reuse_key:
        description: Whether to sign with the key of the certificate in use, if there is one of this type, instead of a new one.
        type: bool
        default: false
  owner:
    description:
      - The user, by name or number, that the files are to belong to. The user that runs the task when it is left out.
      - Folders stay with the user that runs the task, so that nobody else can put something into them.
      - Only root can give files away. Where O(path) belongs to another user, the task does not run as root any more; use O(group) there.
    type: str
  group:
    description:
      - The group, by name or number, that the files are to belong to, such as that of the web server.
      - A task that does not run as root can only name a group that its user is in.
    type: str
  test_command:
    description:
      - Tests the web server's configuration, such as C(nginx -t); with O(state=present), and with O(state=loaded) before O(reload_command).
      - A list of words, or a text that is split into words as a shell does it. No shell runs it.
      - With O(state=present) it is run when something was switched, as the user that works on the files, and with O(state=loaded) as the
        user of the task. Unless it ends with status 0 within two minutes,
        everything is switched back to what was live before, what is new is removed, and the task fails with the end of its output.
      - When a task is killed before the test has passed, the next one, whatever its O(state), switches back first.
    type: raw
  reload_command:
    description:
      - Makes the web server read its certificates, such as C(systemctl reload nginx); with O(state=loaded).
      - O(test_command), if there is one, is run before it, by the same user, that of the task. When one of them fails, the task fails, and
        the note that the web server has yet to read something stays.
    type: raw
  note_reload:
    description:
      - Note that the web server has yet to read what this task installs, until a task with O(state=loaded) says that it has.
      - For plays that may be cut off between installation and reload, so that the next one knows by RV(reload_pending).
    type: bool
    default: false
  mode:
    description:
      - The mode of the files, four octal digits in quotes. Folders get the right to enter where the files can be read.
      - The default is V(0600), and V(0640) with O(group). No mode is accepted that gives every user of the host access.
    type: str
extends_documentation_fragment:
  - certfleet.acme.group.ca
  - certfleet.acme.group.account
  - certfleet.acme.group.store
attributes:
  check_mode:
    support: full
    description:
      - The bundle is opened and checked as otherwise, but nothing is written.
      - With O(state=prepared) and no recipient key yet, RV(recipient) is null.
  diff_mode:
    support: full
    description: Shows names, not-after date and fingerprint of each certificate that is switched, before and after. Never a key.
  idempotent:
    support: full
    description: A certificate that is there already, with the same files, is left alone.
notes:
  - Where O(path) is a folder that belongs to another user, a task of root first becomes that user, for all it does.
seealso:
  - module: certfleet.acme.certificate_fetch
requirements:
  - Python >= 3.9 on the frontend
  - the C(openssl) command, 1.1.1 or newer, on the frontend
"""

EXAMPLES = r"""
- name: Make sure that the frontend can receive bundles, and see what it has
  certfleet.acme.certificate_install:
    state: prepared
  register: frontend

- name: Seal what it lacks of two certificates
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

- name: The same for a web server that doesn't start as root
  certfleet.acme.certificate_install:
    bundle: "{{ delivery.bundle | default(omit) }}"
    group: haproxy
  notify: Reload the web server

- name: The same, but stay with what was there when nginx would not take it
  certfleet.acme.certificate_install:
    bundle: "{{ delivery.bundle | default(omit) }}"
    test_command: nginx -t
  notify: Reload the web server

- name: Have a key made here, and a request for a certificate
  certfleet.acme.certificate_install:
    state: requested
    requests:
      - {name: shop, key_type: ecdsa-p256, domains: [shop.example.com]}
  register: requested

- name: Remove a certificate that is no longer served
  certfleet.acme.certificate_install:
    state: absent
    names: [shop]
"""

RETURN = r"""
recipient:
  description: The certificate to seal bundles for, in PEM form. It is public. Null when there is no recipient key yet.
  returned: always
  type: str
installed:
  description:
    - What is on the frontend after the task; in check mode, what is there now.
    - A certificate whose files were damaged or changed by hand is not in the list, so that it is fetched again. Nor is in check mode
      one that no test has passed before its task was killed, since that is switched back.
  returned: always
  type: list
  elements: dict
  contains: &certificate
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
    identifiers:
      description: The names and addresses that it is for.
      type: list
      elements: str
csrs:
  description: The certificate signing requests (RFC 2986) in PEM form, in the order of O(requests).
  returned: when O(state=requested) and not in check mode
  type: list
  elements: dict
  contains:
    name:
      description: The certificate's name.
      type: str
    key_type:
      description: The type of its key.
      type: str
    csr:
      description: The CSR.
      type: str
keyless:
  description: Certificates of O(bundle) for keys that this host has made once and has no more. They are not installed.
  returned: always
  type: list
  elements: str
reload_pending:
  description: Whether the web server has yet to read something that was installed with O(note_reload=true).
  returned: always
  type: bool
test_output:
  description: The end of what O(test_command) has printed, 4000 bytes at most.
  returned: when the test failed
  type: str
certificates:
  description: The certificates that were switched or removed; in check mode, that would be.
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
    before:
      description: What was there; null when there was nothing, or nothing that was intact.
      type: dict
      contains: *certificate
    after:
      description: What is there now; null when it was removed.
      type: dict
      contains: *certificate
"""

from typing import Any

from ..module_utils._ansible.discreet import DiscreetModule
from ..module_utils._ansible.group_options import UNUSED_ACCOUNT, UNUSED_CA, UNUSED_STORE
from ..module_utils._ansible.reporting import reporting

STATES = ["prepared", "requested", "present", "loaded", "absent"]

REQUEST_OPTIONS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "key_type": {"type": "str", "required": True, "no_log": False},
    "domains": {"type": "list", "elements": "str", "required": True},
    "reuse_key": {"type": "bool", "default": False, "no_log": False},
}


def main() -> None:
    """Read the options, let the engine bring the frontend into the state, return what it says."""
    module = DiscreetModule(
        argument_spec={
            **UNUSED_CA,
            **UNUSED_ACCOUNT,
            **UNUSED_STORE,
            "state": {"type": "str", "default": "present", "choices": STATES},
            "path": {"type": "path", "default": "/etc/certfleet"},
            "bundle": {"type": "str"},
            "force": {"type": "bool", "default": False},
            "names": {"type": "list", "elements": "str"},
            "owner": {"type": "str"},
            "group": {"type": "str"},
            "mode": {"type": "str"},
            "test_command": {"type": "raw"},
            "reload_command": {"type": "raw"},
            "note_reload": {"type": "bool", "default": False},
            "requests": {"type": "list", "elements": "dict", "options": REQUEST_OPTIONS},
        },
        required_if=[("state", "absent", ["names"]), ("state", "requested", ["requests"])],
        supports_check_mode=True,
    )
    with reporting(module, "path"):
        from ..module_utils._frontend.state import bring

        module.exit_json(**bring(module.params, check=module.check_mode))


if __name__ == "__main__":
    main()
