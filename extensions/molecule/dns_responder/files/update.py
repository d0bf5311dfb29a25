# SPDX-License-Identifier: GPL-3.0-or-later
"""Send one UPDATE (RFC 2136) to a server's address, and say whether the record was there afterwards."""

import contextlib
import json
import sys

import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rdatatype
import dns.tsig
import dns.update

asked = json.load(sys.stdin)
address = sys.argv[1]
keys = {key["name"]: dns.tsig.Key(key["name"], key["secret"], key["algorithm"]) for key in asked["keys"]}
owner = dns.name.from_text(asked["name"])
kind = dns.rdatatype.from_text(asked["type"])

update = dns.update.UpdateMessage(asked["zone"])
update.add(owner, 60, kind, asked["value"])
if asked["key"]:
    update.use_tsig(keys[asked["key"]])
# what counts is what the zone holds then: a refusal may come with or without a signature
with contextlib.suppress(dns.tsig.PeerError, dns.query.BadResponse, dns.exception.FormError):
    dns.query.tcp(update, address, timeout=10)
reply = dns.query.udp(dns.message.make_query(owner, kind), address, timeout=10)
texts = [data.to_text() for rrset in reply.answer for data in rrset if rrset.rdtype == kind]
there = any(asked["value"].strip('"') == text.strip('"') for text in texts)
print("there" if there else "absent")

# what was let in goes again
if there:
    update = dns.update.UpdateMessage(asked["zone"])
    update.delete(owner, kind, asked["value"])
    update.use_tsig(keys[asked["key"]])
    dns.query.tcp(update, address, timeout=10)
