#!/usr/bin/python
# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: TXT values for dns-01 on every responder."""

from __future__ import annotations

DOCUMENTATION = r"""
module: dns01
short_description: Publish, verify and remove the TXT values of dns-01 on every responder
version_added: 1.0.0
author: The certfleet developers (@certfleet)
description:
  - Publishes TXT values on all primaries by RFC 2136 updates, and waits until every address of every responder gives them, over UDP and TCP and with authority.
  - Works with the values of M(certfleet.acme.order), and with those of any other ACME client.
  - An update adds or removes exactly the values that are listed. Other values at the same names, such as those of another order, stay as they are.
  - The zone of a name is found by asking the responders. Where CNAME records delegate the name, also into another zone, the value is written where they end.
    A CNAME record that only comes from a wildcard is not followed. They have to end at a name that begins with C(_acme-challenge), or in O(validation_zones).
  - A host that exists only by a wildcard has no address as long as a value is at its C(_acme-challenge). The notes name it.
  - Each primary gets one UPDATE message for each zone, or several when there are more than 200 values.
    When it refuses a message, the names it refuses are found out and the others are published.
  - A responder that gives no answer at all is passed over as long as more than half of all verified; see O(require_all).
    One that answers without a value is waited for until O(wait) is over.
  - A name that fails does not hold up the others; the task fails in the end and says which value is lacking on which address.
options:
  state:
    description:
      - With V(present), the values are on every primary, and with O(verify=true) on every responder.
      - With V(absent), the values are on no primary.
      - With V(swept), the names have no TXT value at all on any primary, whoever wrote it.
        Where a CNAME record leads into O(validation_zones), to a name that does not begin with C(_acme-challenge), only what looks like a challenge's value
        is removed there.
        Use it when no order is under way.
      - With V(verified), nothing is ever changed; the task fails when a value is lacking on some address after O(wait) seconds,
        but for the silence that O(require_all) passes over.
    type: str
    default: present
    choices: [present, absent, swept, verified]
  records:
    description: The names and their values, in the form of RV(certfleet.acme.order#module:dns_records).
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - The full owner name, including C(_acme-challenge), and without C(*.) for a wildcard certificate.
          - With O(state=swept) it has to begin with C(_acme-challenge). One that can't be used is left out then, and told in RV(notes).
        type: str
        required: true
      values:
        description: The values at this name. Required, but for O(state=swept), which removes all there are.
        type: list
        elements: str
        aliases: [value]
  verify:
    description:
      - With O(state=present), whether to wait until all responders give the values.
      - With O(state=absent) and O(state=swept), whether to ask the primaries again in the end.
    type: bool
    default: true
  store:
    description:
      - The folder of a store, on the host that runs this task. The values that were published and not yet removed are remembered there, so that
        M(certfleet.acme.certificates) removes what an interrupted play leaves behind.
      - Nothing is remembered when it is left out.
    type: path
extends_documentation_fragment:
  - certfleet.acme.group.ca
  - certfleet.acme.group.account
  - certfleet.acme.authority.lock
  - certfleet.acme.dns
  - certfleet.acme.dns.tsig_keys
attributes:
  check_mode:
    support: full
    description:
      - Asks the primaries what they hold and says what would change.
      - With O(state=present) each primary that lacks a value is asked, by an update without effect (the removal of a value that is not there), whether it would
        take the values. The task fails for those that it refuses, as it would without check mode. No other update is sent.
  diff_mode:
    support: full
    description: Shows the values at each name that changes, on each primary, before and after.
  idempotent:
    support: full
    description: Only what a primary lacks is added to it, and only what it holds is removed.
seealso:
  - module: certfleet.acme.order
    description: Says which values an order needs.
  - module: certfleet.acme.certificates
    description: Does the whole job, this part included.
requirements:
  - Python >= 3.10 on the validation host
  - dnspython, idna
"""

EXAMPLES = r"""
- name: Publish the values of an order and wait for all responders
  certfleet.acme.dns01:
    records: "{{ placed.dns_records }}"
    validation_zones: [validation.example.net]
    responders:
      - {name: fra, address: 192.0.2.53, tsig_key: acme}
      - {name: sin, addresses: [198.51.100.53, "2001:db8::53"], tsig_key: acme}
      - {name: nyc, address: ns3.example.com, updates: false}
    tsig_keys:
      - {name: acme, algorithm: hmac-sha256, secret: "{{ vault_acme_tsig_secret }}"}

- name: Remove them again
  certfleet.acme.dns01:
    state: absent
    records: "{{ placed.dns_records }}"
    responders: "{{ certfleet_dns_responders }}"
    tsig_keys: "{{ certfleet_tsig_keys }}"

- name: Check, just before the answer to the CA, that every address still gives a value
  certfleet.acme.dns01:
    state: verified
    wait: 0
    records:
      - name: _acme-challenge.shop.example.com
        values: [gfj9Xq3cZ6Rg85nMcFf4rP1D8QxkN0bTtqQvVq0YwLk]
    responders: "{{ certfleet_dns_responders }}"
    tsig_keys: "{{ certfleet_tsig_keys }}"

- name: Remove whatever earlier tools have left behind
  certfleet.acme.dns01:
    state: swept
    records:
      - name: _acme-challenge.shop.example.com
      - name: _acme-challenge.mail.example.com
    responders: "{{ certfleet_dns_responders }}"
    tsig_keys: "{{ certfleet_tsig_keys }}"
"""

RETURN = r"""
places:
  description: Where the values of each name are written.
  returned: when the options could be used
  type: list
  elements: dict
  contains:
    name:
      description: The name as it was listed.
      type: str
      sample: _acme-challenge.shop.example.com
    owner:
      description: The name where its CNAME records end; the same name when there are none.
      type: str
      sample: shop.validation.example.net
    zone:
      description: The zone that the owner name is in.
      type: str
      sample: validation.example.net
updates:
  description: The UPDATE messages that were sent and what became of them.
  returned: when the options could be used
  type: list
  elements: dict
  contains:
    responder:
      description: The name of the responder.
      type: str
      sample: fra
    address:
      description: The address it was sent to, with the port when that is not 53.
      type: str
      sample: 192.0.2.53
    zone:
      description: The zone.
      type: str
      sample: example.com
    added:
      description: How many values the message adds.
      type: int
      sample: 2
    removed:
      description: How many values the message removes.
      type: int
      sample: 0
    seconds:
      description: How long the answer took.
      type: float
      sample: 0.031
    problem:
      description: Why it was not made, null when it was. NOTAUTH, REFUSED, NOTZONE, BADKEY, BADSIG, BADTIME, LATE, SERVFAIL, TIMEOUT and
        UNREACHABLE are told apart.
      type: str
messages:
  description: How many UPDATE messages each primary got, by its name; none is counted for one that lacked nothing.
  returned: when the options could be used
  type: dict
  sample: {fra: 1, sin: 1}
verdicts:
  description: What each address says, for each zone and transport.
  returned: when the options could be used
  type: list
  elements: dict
  contains:
    responder:
      description: The name of the responder, or the host name of an unlisted name server of the zone.
      type: str
      sample: sin
    address:
      description: The address that was asked.
      type: str
      sample: 198.51.100.53
    port:
      description: The port that was asked.
      type: int
      sample: 53
    transport:
      description: V(udp) or V(tcp).
      type: str
      sample: udp
    zone:
      description: The zone.
      type: str
      sample: example.com
    wanted:
      description: How many values have to be there, or have to be gone.
      type: int
      sample: 2
    found:
      description: How many of them are there, or are gone.
      type: int
      sample: 1
    lacking:
      description: The others, each with C(name) and C(value).
      type: list
      elements: dict
    seconds:
      description: After how many seconds the last value was seen, or for how long it was waited for.
      type: float
      sample: 30.0
    problem:
      description: What came instead of an authoritative answer, such as REFUSED; null when the answers were good and only values are lacking.
      type: str
    silent:
      description: Whether values are lacking only because no answer about them ever came. O(require_all) says what that means.
      type: bool
      sample: false
    largest_response:
      description: The size of the largest answer in bytes. More than 1232 do not fit into one datagram.
      type: int
      sample: 143
failures:
  description: The values that did not get where they should.
  returned: when the options could be used
  type: list
  elements: dict
  contains:
    name:
      description: The name as it was listed.
      type: str
      sample: _acme-challenge.shop.example.com
    value:
      description: The value; null when it is about the name as a whole.
      type: str
    reason:
      description: Which responder refused it and why, or which address lacks it.
      type: str
      sample: "The value for _acme-challenge.shop.example.com is not on every responder: sin 198.51.100.53/udp: 1 of 2 values after 30 s"
notes:
  description: What is worth knowing although it stopped nothing, such as an address whose silence was passed over, a primary that could not be reached,
    a host that has no address meanwhile, a name server that could not be verified or an answer that is too large.
  returned: when the options could be used
  type: list
  elements: str
"""

from contextlib import nullcontext
from typing import Any

from ..module_utils._ansible.authority_options import LOCK_OPTIONS, read_lock_wait
from ..module_utils._ansible.discreet import DiscreetModule
from ..module_utils._ansible.dns_options import DNS_OPTIONS, make_fleet
from ..module_utils._ansible.group_options import UNUSED_ACCOUNT, UNUSED_CA
from ..module_utils._ansible.reporting import ending_well, reporting

RECORD_OPTIONS = {
    "name": {"type": "str", "required": True},
    "values": {"type": "list", "elements": "str", "aliases": ["value"]},
}


def main() -> None:
    """Read the options, let the engine work, return what it says."""
    module = DiscreetModule(
        argument_spec={
            **UNUSED_CA,
            **UNUSED_ACCOUNT,
            **DNS_OPTIONS,
            **LOCK_OPTIONS,
            "state": {"type": "str", "default": "present", "choices": ["present", "absent", "swept", "verified"]},
            "records": {"type": "list", "elements": "dict", "required": True, "options": RECORD_OPTIONS},
            "verify": {"type": "bool", "default": True},
            "store": {"type": "path"},
        },
        supports_check_mode=True,
    )
    with reporting(module, "store"):
        with ending_well():
            result = carry_out(module.params, module.check_mode)
        (module.fail_json if "msg" in result else module.exit_json)(**result)


def carry_out(params: dict[str, Any], check: bool) -> dict[str, Any]:
    """Hand the options to the engine."""
    from ..module_utils._core.clock import SystemClock
    from ..module_utils._core.files import Files
    from ..module_utils._core.lock import Lock
    from ..module_utils._dns.job import Job, parse_sweep, parse_targets

    sweeps = params["state"] == "swept"
    targets, notes = (
        parse_sweep(params["records"]) if sweeps else (parse_targets(params["records"], params["state"]), [])
    )
    files, clock = Files(params["store"]) if params["store"] else None, SystemClock()
    job = Job(make_fleet(params, clock, files), params["wait"], verify=params["verify"], check=check)
    writes = params["state"] != "verified" and not check
    lock_wait = read_lock_wait(params)
    with Lock(files, lock_wait, clock) if files and writes else nullcontext():
        outcome = job.carry_out(params["state"], targets)
    result = outcome.as_dict()
    return {**result, "notes": [*notes, *result["notes"]], "diff": {"before": outcome.before, "after": outcome.after}}


if __name__ == "__main__":
    main()
