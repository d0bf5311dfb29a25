#!/usr/bin/python
# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: keep a list of certificates issued and renewed."""

from __future__ import annotations

DOCUMENTATION = r"""
module: certificates
short_description: Keep a list of certificates issued and renewed, with challenges answered everywhere a CA may look
version_added: 1.0.0
author: The certfleet developers (@certfleet)
description:
  - Runs on a validation host and does the whole job for a list of certificates. It compares the list with the store, and for
    every certificate that is due it makes key and order, publishes the C(_acme-challenge) values on all responders,
    verifies each address of each responder, lets the CA validate, fetches the certificate, checks it, stores it, and withdraws the values.
  - With V(http-01) the same holds for the answers on web servers. With O(certificates[].challenge_hosts) every one of them gets the answers; without,
    they are in O(webroot) on this host, to which web servers redirect challenges. Every address of every name is asked before the CA is,
    and redirects are followed as a CA follows them.
  - With V(tls-alpn-01) the module itself listens on O(https_port) while the CA looks, which is for a single host without a web server.
  - A responder that answers without a value keeps it from being shown to the CA. One that gives no answer at all is passed over
    as long as more than half of a zone's responders verified, unless O(require_all) says otherwise; RV(notes) names its addresses.
  - A certificate is due when there is none yet, when it has expired, when its time has come, and when its names or CA have changed.
    A changed profile, preferred chain or list of key types takes effect when the time has come anyway, unless O(apply=now).
  - When the time has come is for the CA to say where it offers renewal information (RFC 9773). It is asked about each certificate
    a few hours after that was issued, and then as often as it wants, mostly every six hours. One instant in its window is chosen
    at random, and kept as long as the window stays the same.
    A window that has moved, and a page on which the CA explains it, are in RV(notes). The new order says which certificate it replaces.
  - Otherwise the time has come when a third of the lifetime is left (a half when that is less than ten days), or up to a tenth of the lifetime earlier.
    How much depends on the certificate's name, so that certificates that were issued together are not all due together.
  - A certificate that fails drops out with its reason; the others go on. So does an entry of the list that can't be used, unless O(strict) is set.
    The failure is remembered for the certificate and for the names that it was about,
    and what failed is tried again after 1 minute, 10 minutes, 100 minutes, and then once a day; until then it is V(deferred). O(retry) asks for it earlier.
  - When the CA asks to come back later, nothing of that kind is sent to it until then, by this task and those that follow.
    A name that the CA has paused is tried no more until O(retry) asks for it, and RV(certificates[].needs_human) tells.
  - No more orders are made than O(max_orders), O(max_orders_per_names) and O(max_orders_per_domain) allow, for the most urgent certificates first.
    The others are V(deferred), and RV(certificates[].next_attempt) says until when.
  - Before anything is ordered with V(dns-01), the zone of each name is looked up, CNAME records are followed, and each primary of the zone is asked by an
    update without effect (the removal of a value that is not there) whether it would take the values. A name without a zone, or that a primary
    refuses, fails its certificate then and costs no order. A certificate whose order is pending already is not asked about.
  - An interrupted task is resumed by the next one with the same key and the same order.
  - The work is done in runs of O(run_size) certificates. The task prints a line after each run, so that a long job can be watched.
  - For exactly the same names, as of RSA and ECDSA, one order is open at a time.
    The next one is made in the same run, on the same validation where the CA keeps it.
  - Private keys stay in the store on the validation host, or with O(certificates[].key=frontend) on the frontend that made them.
    They are never part of what the module returns.
options:
  responders:
    required: false
    default: []
    description:
      - The authoritative servers, for V(dns-01).
  webroot:
    description:
      - The folder of this host from which a web server answers V(http-01).
      - It is the folder on O(certificates[].challenge_hosts) as well, unless the host's variable C(certfleet_frontend_webroot) names another.
    type: path
    default: /var/lib/certfleet-challenges
  http_wait:
    description: For how many seconds addresses that don't give the right answer to V(http-01) are asked again.
    type: float
    default: 30
  http_port:
    description: The port that the CA asks by V(http-01). All that are public ask port 80; CAs for tests may ask another.
    type: int
    default: 80
  https_port:
    description: The port that redirects to HTTPS may lead to, and that V(tls-alpn-01) is answered on. All public CAs come to port 443 only.
    type: int
    default: 443
  tls_alpn_address:
    description: The address of this host at which V(tls-alpn-01) is answered; all of them when it is empty.
    type: str
    default: ''
  run_size:
    description:
      - How many certificates go through the steps together.
      - Bigger runs are faster, since the pauses that a CA asks for come once in each run.
        Updates have up to 200 values in one message, so multiples of 200 suit best.
    type: int
    default: 200
  max_runs:
    description: After how many runs to stop; what is left over comes back as V(deferred). All is done when it is left out.
    type: int
  host_timeout:
    description:
      - How many seconds a task on another host may take, which puts answers to V(http-01) there or makes keys. A host that takes longer is
        treated like a host that can't be reached. That fails its certificates with O(certificates[].key=frontend), and no others.
    type: int
    default: 300
  fail_on:
    description:
      - When a certificate that could not be had fails the task, whether it failed now or waits for its next attempt after a failure.
        One that waits only because of O(max_orders) or O(max_runs) never does.
      - With V(expired), if there is no valid certificate in the store that serves meanwhile; with V(any), always; with V(never), only in the results.
        A certificate serves when it has not expired and has all the names that are wanted now.
      - An entry of the list that can't be used is a certificate that could not be had.
    type: str
    default: expired
    choices: [expired, any, never]
  attempted:
    description:
      - Certificates, as V(name (key type\)), that are not to be tried, because an earlier run of the same task did.
      - Set by the task itself between its runs; the results then leave out the certificates that are valid.
    type: list
    elements: str
  placed:
    description:
      - Certificates, as V(name (key type\)), whose answers are on their O(certificates[].challenge_hosts).
      - Set by the task itself between its two steps of a run.
    type: list
    elements: str
    default: []
  unplaced:
    description:
      - Certificates whose O(certificates[].challenge_hosts) in a file are hosts or groups that they can't name.
      - Set by the task itself between its two steps of a run.
    type: list
    elements: dict
    default: []
    suboptions:
      certificate:
        description: The certificate, as V(name (key type\)).
        type: str
        required: true
      problem:
        description: What is wrong.
        type: str
        required: true
  csrs:
    description:
      - What frontends have signed for certificates with O(certificates[].key=frontend).
      - Set by the task itself between the steps of a run.
    type: list
    elements: dict
    default: []
    suboptions:
      certificate:
        description: The certificate, as V(name (key type\)).
        type: str
        required: true
      csr:
        description: The CSR in PEM form.
        type: str
      problem:
        description: Why there is none.
        type: str
extends_documentation_fragment:
  - certfleet.acme.web
  - certfleet.acme.authority
  - certfleet.acme.authority.ca
  - certfleet.acme.authority.store
  - certfleet.acme.authority.lock
  - certfleet.acme.certificates
  - certfleet.acme.certificates.list
  - certfleet.acme.dns
  - certfleet.acme.dns.tsig_keys
attributes:
  check_mode:
    support: full
    description:
      - Says what is due and why, and whether the responders would take the values. The CA is not asked, and nothing is written.
      - For V(dns-01) the name servers are asked what a run asks them before it orders, about each certificate that would be tried.
        A certificate whose zone is not found, or whose values a primary would refuse, is V(failed) with the reason, and O(fail_on) says whether the task fails.
      - Where no responder can be reached, that is the reason. It takes no longer than O(dns_timeout) allows for a few questions to each address.
  diff_mode:
    support: full
    description: Shows not-after date and names of each certificate that changes, before and after.
  idempotent:
    support: full
    description:
      - A certificate that is not due is left alone. A task in which none is due sends nothing to the responders, and to the CA nothing
        but questions for renewal information whose time has come.
seealso:
  - module: certfleet.acme.account
    description: Has to be used once before, to register the account.
  - module: certfleet.acme.store_info
  - module: certfleet.acme.order
    description: For DNS providers, and for answering challenges by other means.
notes:
  - The action group C(certfleet.acme.acme) sets O(directory), O(ca_bundle), O(store) and O(account) once for all modules.
requirements:
  - Python >= 3.10 on the validation host
  - acme, certifi, cryptography, dnspython, idna, josepy, publicsuffixlist, requests, urllib3
"""

EXAMPLES = r"""
- name: Keep two sites in certificates, RSA and ECDSA each
  certfleet.acme.certificates:
    directory: https://acme-v02.api.letsencrypt.org/directory
    certificates:
      - name: shop
        domains: [shop.example.com, "*.shop.example.com"]
      - name: mail
        domains: [mail.example.com, imap.example.com]
        key_types: [ecdsa-p256]
    responders:
      - {name: fra, address: 192.0.2.53, tsig_key: acme}
      - {name: sin, address: 198.51.100.53, tsig_key: acme}
      - {name: nyc, address: 203.0.113.53, updates: false}
    tsig_keys:
      - {name: acme, algorithm: hmac-sha256, secret: "{{ vault_acme_tsig_secret }}"}

- name: A big list, which lies on the validation host, in runs of 400
  certfleet.acme.certificates:
    directory: https://acme-v02.api.letsencrypt.org/directory
    certificates_file: /etc/certfleet/certificates.json
    run_size: 400
    responders: "{{ certfleet_dns_responders }}"
    tsig_keys: "{{ certfleet_tsig_keys }}"

- name: A certificate for each of two frontends, whose keys stay where they are made
  certfleet.acme.certificates:
    directory: https://acme-v02.api.letsencrypt.org/directory
    certificates:
      - {name: shop, domains: [shop.example.com], key_types: [ecdsa-p256], key: frontend, frontends: [web1, web2]}
    responders: "{{ certfleet_dns_responders }}"
    tsig_keys: "{{ certfleet_tsig_keys }}"

- name: Try one domain again at once, after its name servers have been repaired
  certfleet.acme.certificates:
    directory: https://acme-v02.api.letsencrypt.org/directory
    certificates_file: /etc/certfleet/certificates.json
    retry: [shop.example.com]
    responders: "{{ certfleet_dns_responders }}"
    tsig_keys: "{{ certfleet_tsig_keys }}"
- name: A certificate by http-01, its answers on every frontend
  certfleet.acme.certificates:
    directory: https://acme-v02.api.letsencrypt.org/directory
    certificates:
      - {name: shop, domains: [shop.example.com], challenge: http-01, challenge_hosts: [frontends]}
"""

RETURN = r"""
key_requests:
  description: What nobody could ask frontends for, because the task was asynchronous; the certificates are V(deferred).
  returned: when the task was asynchronous and there are any
  type: list
  elements: dict
placements:
  description: Answers that nobody could put on O(certificates[].challenge_hosts), because the task was asynchronous; the certificates are V(deferred).
  returned: when the task was asynchronous and there are any
  type: list
  elements: dict
certificates:
  description: What became of each certificate, in the order of the list. The certificates and keys themselves are in the store.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The certificate's name. For an entry of the list that tells none, its place in the list, such as V(certificates[7]).
      type: str
      sample: shop
    key_type:
      description: The type of its key.
      type: str
      sample: ecdsa-p256
    domains:
      description: The names that were asked for.
      type: list
      elements: str
    status:
      description:
        - V(issued), V(renewed), V(valid), V(deferred) or V(failed).
        - What is deferred has not been tried, the CA asked to come back later, or it is a key type that waits for the next renewal (O(apply)).
      type: str
      sample: renewed
    reason:
      description: Why; of a failure, all that the CA or the responders said.
      type: str
      sample: due since 2026-11-20T10:00:00Z
    not_after:
      description: When the certificate that is now in the store expires; null when there is none.
      type: str
      sample: "2027-01-21T10:00:00Z"
    renew_at:
      description: From when on that certificate will be due.
      type: str
      sample: "2026-12-22T10:00:00Z"
    next_attempt:
      description: From when on it can be tried again; null when it needs no attempt, or none is made before a human has acted.
      type: str
      sample: "2026-11-23T10:11:00Z"
    needs_human:
      description:
        - Whether no attempt is made until somebody has done what RV(certificates[].reason) says and asked for it with O(retry).
        - For an entry of the list that can't be used, until it has been repaired.
      type: bool
    failures:
      description: How many attempts in a row have failed.
      type: int
    fatal:
      description: Whether this certificate fails the task, as O(fail_on) says.
      type: bool
    failure:
      description: What the CA or the responders said, as data.
      type: dict
      returned: when something was tried and refused
      contains:
        problem:
          description: The CA's problem document (RFC 8555 section 6.7), whole, with its subproblems.
          type: dict
          returned: when the CA refused something
        problems:
          description: The CA's problem documents about validations, by name.
          type: dict
          returned: when a validation failed
        verdicts:
          description: The addresses that lacked a value or an answer, each as a sentence.
          type: list
          elements: str
          returned: when a value was not on every responder, or an answer not on every web server
        option:
          description: The entry of the list that can't be used, with its option.
          type: str
          sample: certificates[7].domains
          returned: when an option is wrong
        defect:
          description: The type of an exception that nobody expected, which is a defect of this collection to be reported.
          type: str
          returned: when there was one
        code:
          description: Why a responder took no update, such as V(REFUSED), V(NOTAUTH), V(BADKEY), V(BADTIME) or V(UNREACHABLE).
          type: str
          returned: when one responder took no update
        refusals:
          description: The same for each of several responders.
          type: list
          elements: dict
          returned: when several responders took no update
counts:
  description: How many certificates have each status.
  returned: always
  type: dict
  sample: {issued: 3, renewed: 1, valid: 120, deferred: 0, failed: 0}
left:
  description: How many certificates another task could take right now.
  returned: always
  type: int
runs:
  description: How many runs were made.
  returned: always
  type: int
orders:
  description: How many orders were made at the CA.
  returned: always
  type: int
requests:
  description: How many HTTP requests the CA got.
  returned: always
  type: int
updates:
  description:
    - How many UPDATE messages with values to add or to remove each responder got, by its name.
    - Those without effect, which only ask, are not counted. They are at most one for 200 names of a zone in each run.
  returned: always
  type: dict
  sample: {fra: 2, sin: 2}
notes:
  description: What is worth knowing although it stopped nothing, such as an address of a responder whose silence was passed over,
    a primary that could not be reached or cleaned, answers that are too large, names that the CA has added to a certificate,
    or a renewal window that the CA has moved.
  returned: always
  type: list
  elements: str
attempted:
  description: The certificates that were tried, in the form of O(attempted).
  returned: always
  type: list
  elements: str
"""

from typing import TYPE_CHECKING, Any

from ..module_utils._ansible.authority_options import AUTHORITY_OPTIONS, LOCK_OPTIONS, read_lock_wait
from ..module_utils._ansible.certificate_options import (
    CERTIFICATE_OPTIONS,
    ONE_LIST,
    ListModule,
    read_limits,
    read_wanted,
)
from ..module_utils._ansible.dns_options import DNS_OPTIONS, make_fleet
from ..module_utils._ansible.reporting import ending_well, reporting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..module_utils._core.clock import Clock
    from ..module_utils._core.files import Files
    from ..module_utils._workflow.issuance.means import Means
    from ..module_utils._workflow.wanted import Wanted


PROBLEM_OPTIONS: dict[str, Any] = {
    "certificate": {"type": "str", "required": True},
    "problem": {"type": "str", "required": True},
}
CSR_OPTIONS: dict[str, Any] = {
    "certificate": {"type": "str", "required": True},
    "csr": {"type": "str"},
    "problem": {"type": "str"},
}


def main() -> None:
    """Read the options, let the engine work, return what it says."""
    module = ListModule(
        argument_spec={
            **AUTHORITY_OPTIONS,
            **LOCK_OPTIONS,
            **DNS_OPTIONS,
            **CERTIFICATE_OPTIONS,
            "responders": {**DNS_OPTIONS["responders"], "required": False, "default": []},
            "webroot": {"type": "path", "default": "/var/lib/certfleet-challenges"},
            "http_wait": {"type": "float", "default": 30},
            "http_port": {"type": "int", "default": 80},
            "https_port": {"type": "int", "default": 443},
            "allowed_networks": {"type": "list", "elements": "str", "default": []},
            "tls_alpn_address": {"type": "str", "default": ""},
            "run_size": {"type": "int", "default": 200},
            "max_runs": {"type": "int"},
            "host_timeout": {"type": "int", "default": 300},
            "fail_on": {"type": "str", "default": "expired", "choices": ["expired", "any", "never"]},
            "attempted": {"type": "list", "elements": "str"},
            "placed": {"type": "list", "elements": "str", "default": []},
            "unplaced": {"type": "list", "elements": "dict", "default": [], "options": PROBLEM_OPTIONS},
            "csrs": {"type": "list", "elements": "dict", "default": [], "options": CSR_OPTIONS},
        },
        supports_check_mode=True,
        **ONE_LIST,
    )
    with reporting(module, "store"):
        with ending_well():
            result = keep_certificates(module.params, module.check_mode)
        (module.fail_json if "msg" in result else module.exit_json)(**result)


def check_responders(params: dict[str, Any], wanted: Sequence[Wanted]) -> Sequence[Wanted]:
    """The same, with a fault for what needs responders when there are none; InputError when everything needs them."""
    from ..module_utils._core.errors import InputError
    from ..module_utils._workflow.wanted import refuse

    usable = [each for each in wanted if each.fault is None]
    by_dns = {each.name for each in usable if each.challenge == "dns-01"}
    if params["responders"] or not by_dns:
        return wanted
    strict = params["strict"] or len(by_dns) == len(usable)

    def lacking(each: Wanted) -> Wanted:
        fault = InputError("responders", [], f"is empty, and certificate {each.name} needs them for dns-01")
        return refuse(each, fault, strict=strict)

    return [lacking(each) if each.name in by_dns else each for each in wanted]


def make_means(params: dict[str, Any], clock: Clock, files: Files) -> Means:
    """With what challenges are answered."""
    from ..module_utils._core.address import parse_networks
    from ..module_utils._core.errors import Error
    from ..module_utils._core.number import LONGEST_TIMEOUT, check_number
    from ..module_utils._http.verification import Rules
    from ..module_utils._workflow.issuance.alpn import Listener
    from ..module_utils._workflow.issuance.means import Means
    from ..module_utils._workflow.issuance.web import Web

    for option in ("http_port", "https_port"):
        check_number(option, params[option], 1, 65535)
    check_number("http_wait", params["http_wait"], 0, LONGEST_TIMEOUT)
    return Means(
        make_fleet(params, clock, files, needed=False),
        params["wait"],
        Web(
            params["webroot"],
            Rules(
                params["http_port"],
                params["https_port"],
                allowed=parse_networks(params["allowed_networks"], "allowed_networks"),
            ),
            params["http_wait"],
            frozenset(params["placed"]),
            {each["certificate"]: Error(each["problem"], option="challenge_hosts") for each in params["unplaced"]},
        ),
        Listener(params["tls_alpn_address"], params["https_port"]),
        {
            each["certificate"]: (each["csr"] or "").encode() if not each["problem"] else Error(each["problem"])
            for each in params["csrs"]
        },
    )


def keep_certificates(params: dict[str, Any], check: bool) -> dict[str, Any]:
    """Hand the options to the engine."""
    from ..module_utils._core.clock import SystemClock
    from ..module_utils._core.files import Files
    from ..module_utils._core.number import check_number
    from ..module_utils._workflow.bounds import Bounds
    from ..module_utils._workflow.connection import Authority
    from ..module_utils._workflow.upkeep import Upkeep

    check_number("host_timeout", params["host_timeout"], 1)
    wanted = check_responders(params, read_wanted(params))
    clock, files = SystemClock(), Files(params["store"])
    bounds = Bounds(
        **{option: params[option] for option in ("run_size", "max_runs", "concurrency", "patience")},
        lock_wait=read_lock_wait(params),
        limits=read_limits(params),
    )
    upkeep = Upkeep(
        files,
        Authority(params["directory"], params["account"], params["ca_bundle"], params["request_timeout"]),
        make_means(params, clock, files),
        bounds,
        clock,
    )
    if check:
        return upkeep.check(wanted, params["retry"], params["fail_on"])
    attempted = None if params["attempted"] is None else frozenset(params["attempted"])
    return upkeep.keep(wanted, attempted, params["fail_on"], params["retry"])


if __name__ == "__main__":
    main()
