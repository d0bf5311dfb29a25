#!/usr/bin/python
# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: tell people and monitoring how the certificates are doing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: report
short_description: Tell administrators and monitoring how the certificates are doing
version_added: 1.0.0
author: The certfleet developers (@certfleet)
description:
  - Runs on a validation host. From the list and the store alone, without asking anybody, it finds out which certificates fail, and what the CA has
    said about it, which need a human, which have expired, and which are near that because their renewal is late.
  - It sends this by mail and to webhooks, and sends it again only when something of it has changed, one last time when all is well again.
    Nothing is sent as long as all is well.
  - It writes all certificates to a web page that needs nothing but itself, and to metrics for Prometheus.
  - A certificate is near its expiry when half of the time is over that was left for its renewal, and there is still as much for somebody to act.
options:
  directory:
    description: The URL of the directory of the CA that the certificates are from. It is not asked.
    type: str
    required: true
  ca_bundle:
    description: Not used. It is accepted because C(module_defaults) sets it for all modules of the action group.
    type: path
  notes:
    description: What else is to be told, such as RV(certfleet.acme.certificates#module:notes) of a run. That alone causes no message.
    type: list
    elements: str
    default: []
  label:
    description: What the fleet is called in messages and on the page; the name of the host when it is left out.
    type: str
  mail:
    description:
      - A server that takes mail, and who gets it.
      - Whoever is the O(certificates[].admin) of certificates gets a message about these, and O(mail.to) one about all others.
    type: dict
    suboptions:
      host:
        description: The name of the server.
        type: str
        required: true
      security:
        description: TLS from a plain connection on (RFC 3207), TLS from the start, or neither. The server's certificate is verified.
        type: str
        default: starttls
        choices: [starttls, tls, none]
      port:
        description: Its port; 587, 465 or 25 when it is left out, as O(mail.security) wants it.
        type: int
      user:
        description: The user to log in as; no login when it is left out.
        type: str
      password:
        description: The user's password.
        type: str
      sender:
        description: The address that messages come from.
        type: str
        required: true
      to:
        description: The addresses of those who are told of certificates without O(certificates[].admin).
        type: list
        elements: str
        required: true
      ca_bundle:
        description: A file of roots to trust the server's certificate by; the system's when it is left out.
        type: path
      timeout:
        description: For how many seconds to wait for an answer of the server.
        type: float
        default: 30
  webhooks:
    description:
      - Where to POST the message about all certificates, as JSON. Its C(text) is what Slack, Mattermost and others show;
        C(subject), C(counts), C(problems) and C(notes) are for programs.
      - Redirects are not followed.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What it is called in results. The host of its address when it is left out.
        type: str
      url:
        description: Its address, which is treated as a secret.
        type: str
        required: true
      token:
        description: A bearer token (RFC 6750).
        type: str
      ca_bundle:
        description: A file of roots to trust its certificate by; the system's when it is left out.
        type: path
  always:
    description: Send also what the recipients have been told already, and that all is well.
    type: bool
    default: false
  page:
    description: The file to write the web page to. Everybody on the host may read it.
    type: path
  metrics:
    description:
      - The file to write metrics to, in a folder that the textfile collector of Prometheus' node exporter reads; its name has to end with C(.prom).
    type: path
extends_documentation_fragment:
  - certfleet.acme.authority
  - certfleet.acme.authority.store
  - certfleet.acme.certificates.list
attributes:
  check_mode:
    support: full
    description: Nothing is sent and nothing is written; the results say what would be.
  diff_mode:
    support: none
    description: The results say what is wrong.
  idempotent:
    support: full
    description:
      - What was sent is sent again only when it has changed.
      - The files are written each time, which counts as a change unless only their time differs.
notes:
  - Where O(store) is a folder that belongs to another user, a task of root first becomes that user, for all it does.
    That user has to be able to write O(page) and O(metrics).
seealso:
  - module: certfleet.acme.certificates
  - module: certfleet.acme.store_info
requirements:
  - Python >= 3.10 on the validation host
  - acme, certifi, cryptography, idna, josepy, publicsuffixlist, requests, urllib3; Jinja2 with O(page), prometheus_client with O(metrics)
"""

EXAMPLES = r"""
- name: Tell the administrators what fails, and draw the fleet
  certfleet.acme.report:
    directory: https://acme-v02.api.letsencrypt.org/directory
    certificates:
      - {name: shop, domains: [shop.example.com], admin: [shop-team@example.com]}
      - {name: mail, domains: [mail.example.com]}
    mail:
      host: smtp.example.com
      user: certfleet
      password: "{{ vault_smtp_password }}"
      sender: certfleet@example.com
      to: [operations@example.com]
    webhooks:
      - {name: chat, url: "{{ vault_chat_url }}"}
    page: /var/www/html/certificates.html
    metrics: /var/lib/prometheus/node-exporter/certfleet.prom
"""

RETURN = r"""
subject:
  description: The subject of a message about all certificates.
  returned: always
  type: str
  sample: "[certfleet] acme1: 2 failing, 1 near expiry"
text:
  description: Its text.
  returned: always
  type: str
problems:
  description: What somebody has to know, the worst first.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The certificate's name.
      type: str
    key_type:
      description: The type of its key.
      type: str
    domains:
      description: Its names.
      type: list
      elements: str
    state:
      description: V(human), V(expired), V(failing) or V(expiring).
      type: str
    reason:
      description: Why; of a failure, all that the CA or the servers said.
      type: str
    failures:
      description: How many attempts in a row have failed.
      type: int
    failure:
      description: What the CA or the servers said as data, with the CA's problem documents (RFC 8555 section 6.7) whole.
      type: dict
    not_after:
      description: When the certificate in the store expires (RFC 3339); null when there is none.
      type: str
    renew_at:
      description: From when on it is due.
      type: str
    next_attempt:
      description: From when on it is tried again.
      type: str
counts:
  description: How many certificates are in each state.
  returned: always
  type: dict
  sample: {human: 0, expired: 0, failing: 2, expiring: 1, waiting: 0, due: 4, valid: 120, unlisted: 0}
sent:
  description: Who got a message; in check mode, who would.
  returned: always
  type: list
  elements: str
  sample: [mail to operations@example.com, webhook chat]
written:
  description: The files that were written with something new in them; in check mode, all that would be written.
  returned: always
  type: list
  elements: str
"""

from typing import Any

from ..module_utils._ansible.authority_options import STORE_OPTIONS
from ..module_utils._ansible.certificate_options import LIST_OPTIONS, ONE_LIST, ListModule, read_wanted
from ..module_utils._ansible.group_options import UNUSED_CA
from ..module_utils._ansible.reporting import reporting

MAIL_OPTIONS: dict[str, Any] = {
    "host": {"type": "str", "required": True},
    "security": {"type": "str", "default": "starttls", "choices": ["starttls", "tls", "none"]},
    "port": {"type": "int"},
    "user": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "sender": {"type": "str", "required": True},
    "to": {"type": "list", "elements": "str", "required": True},
    "ca_bundle": {"type": "path"},
    "timeout": {"type": "float", "default": 30},
}

WEBHOOK_OPTIONS: dict[str, Any] = {
    "name": {"type": "str"},
    "url": {"type": "str", "required": True, "no_log": True},
    "token": {"type": "str", "no_log": True},
    "ca_bundle": {"type": "path"},
}


def main() -> None:
    """Read the options, let the engine work, return what it says."""
    module = ListModule(
        argument_spec={
            **UNUSED_CA,
            "directory": {"type": "str", "required": True},
            "account": {"type": "str", "default": "default"},
            **STORE_OPTIONS,
            **LIST_OPTIONS,
            "notes": {"type": "list", "elements": "str", "default": []},
            "label": {"type": "str"},
            "mail": {"type": "dict", "options": MAIL_OPTIONS},
            "webhooks": {"type": "list", "elements": "dict", "default": [], "options": WEBHOOK_OPTIONS},
            "always": {"type": "bool", "default": False},
            "page": {"type": "path"},
            "metrics": {"type": "path"},
        },
        supports_check_mode=True,
        **ONE_LIST,
    )
    with reporting(module, "store"):
        result = report(module.params, check=module.check_mode)
        (module.fail_json if "msg" in result else module.exit_json)(**result)


def report(params: dict[str, Any], *, check: bool) -> dict[str, Any]:
    """Hand the options to the engine."""
    import socket

    from ..module_utils._core.clock import SystemClock
    from ..module_utils._core.files import Files
    from ..module_utils._report.publishing import publish
    from ..module_utils._workflow.connection import Authority
    from ..module_utils._workflow.overview import survey_fleet

    clock, files = SystemClock(), Files(params["store"])
    authority = Authority(params["directory"], params["account"])
    label = params["label"] or socket.gethostname()
    survey = survey_fleet(read_wanted(params), files, authority, clock, host=label, notes=params["notes"])
    return publish(survey, params, files, clock, check=check)


if __name__ == "__main__":
    main()
