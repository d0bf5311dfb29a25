# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options that describe the responders."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of the modules that publish and verify TXT values."""

    DOCUMENTATION = r"""
options:
  responders:
    description:
      - The authoritative name servers of the zones. Values are published on every one that takes updates, and verified on every address of all of them.
      - Every responder is asked for every zone, unless its O(responders[].zones) say otherwise.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: What the responder is called in results and messages. Letters, digits, dots, dashes and underscores.
        type: str
        required: true
      address:
        description: An IP address, IPv4 or IPv6, or a host name, which stands for all its addresses.
        type: str
      addresses:
        description: Several of them, when the same server has more than one.
        type: list
        elements: str
      port:
        description: The port where it listens, on UDP and TCP.
        type: int
        default: 53
      tsig_key:
        description:
          - The name of the key in O(tsig_keys) that signs updates to this responder.
          - Updates are sent unsigned when it is left out, which servers should not accept.
        type: str
      updates:
        description:
          - V(true) for a primary, which takes RFC 2136 updates.
          - V(false) for a server that follows a primary; it is only verified.
        type: bool
        default: true
      zones:
        description:
          - Zones, with all that is below them, that this responder is in charge of. Every zone when it is left out.
          - Needed only where responders have different zones, e.g. one that holds nothing but a zone for delegated challenges,
            and for a responder that somebody else runs, as each is believed about all names that it is asked for.
        type: list
        elements: str
  wait:
    description:
      - How many seconds the values have to appear on every address.
      - It ends as soon as they are all there. With V(0) each address is asked once.
      - It also ends when nothing but the silence of a minority is left, as O(require_all) tells.
    type: int
    default: 120
  ttl:
    description: The time to live, in seconds, of the records that are published. Where a name has TXT records already, theirs is kept.
    type: int
    default: 60
  dns_timeout:
    description: How many seconds a responder has to answer a question; an update may take four times as long.
    type: int
    default: 5
  check_name_servers:
    description:
      - Whether the servers that a zone's NS records name are verified, too, on port 53, when they are not among the O(responders).
      - Their addresses are asked of the responders, then of the system's resolver.
        One that can't be found, or that there is no route to from here, is not verified and noted in the results.
      - An address that is not public is verified only if one of the O(responders) is in the same network, such as 10.0.0.0/8.
        Of each zone, 16 such servers are verified at four addresses each.
      - A failure says which of the servers are not listed.
    type: bool
    default: true
  require_all:
    description:
      - Whether a responder that gives no answer at all keeps the values from being shown to the CA.
      - With V(false), its silence is passed over as long as more than half of the responders of the zone gave the values, unlisted ones included, each at one
        address at least, over UDP and TCP. Those who validate ask the next server, too. It is taken for silent when it left everything unanswered
        in three rounds of questions and for twice O(dns_timeout), or when O(wait) is over. The results note each such address.
      - A primary that can't be reached for an update is passed over in the same way; when none of a zone's primaries can be reached, its values fail at once.
      - An answer without the value, which includes errors such as REFUSED and SERVFAIL, always counts, until O(wait) is over.
      - Silence is never passed over where values are to be removed.
    type: bool
    default: false
  validation_zones:
    description:
      - Zones for challenges alone, to which CNAME records delegate names, such as V(acme.example.net). Names below them are included.
      - CNAME records of a name may end at a name that begins with C(_acme-challenge), or anywhere in these zones. Elsewhere no value is written or removed, and
        the name fails, because whoever controls a name could otherwise let values be written at names of others.
      - A name fails as well when its CNAME records end at or below a host that exists only by a wildcard, because that host would have no address for a while.
    type: list
    elements: str
    default: []
"""

    TSIG_KEYS = r"""
options:
  tsig_keys:
    description: The keys that sign updates and transfers (RFC 8945).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name of the key, as the server knows it.
        type: str
        required: true
      algorithm:
        description: Any of V(hmac-sha256), V(hmac-sha384) and V(hmac-sha512). Weaker ones are refused.
        type: str
        default: hmac-sha256
      secret:
        description: The secret in base64, as C(tsig-keygen) and C(keymgr) print it.
        type: str
        required: true
"""
