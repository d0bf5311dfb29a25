# SPDX-License-Identifier: GPL-3.0-or-later
"""Which names of a zone can be the name of a web site."""

from __future__ import annotations

import dns.zone
import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import InputError
from ansible_collections.certfleet.acme.plugins.module_utils._core.hostnames import Choice, parse_choice
from ansible_collections.certfleet.acme.plugins.module_utils._dns.hostnames import find_hostnames

ZONE = dns.zone.from_text(
    """
@ 60 SOA ns hostmaster 7 5 1 3600 0
@ NS ns
@ A 192.0.2.1
ns A 192.0.2.53
WWW AAAA 2001:db8::1
shop CNAME www
* A 192.0.2.1
*.dyn CNAME www
_dmarc TXT "v=DMARC1"
_sip A 192.0.2.2
_acme-challenge.shop CNAME shop.acme.example.net.
mail MX 10 mx.example.net.
text TXT "nothing to serve"
svc HTTPS 1 . alpn=h2
customer NS ns.customer
ns.customer A 192.0.2.54
customer A 192.0.2.3
a.b A 192.0.2.4
-x A 192.0.2.5
xn--bcher-kva A 192.0.2.6
""",
    "example.com.",
    relativize=False,
)
TYPES = ("A", "AAAA", "CNAME")
ALL = [
    "a.b.example.com",
    "example.com",
    "ns.example.com",
    "shop.example.com",
    "www.example.com",
    "xn--bcher-kva.example.com",
]


def test_names_with_addresses_and_aliases_are_taken_but_none_of_another_zone_and_none_that_no_ca_accepts() -> None:
    assert find_hostnames(ZONE, TYPES, Choice()) == ALL


def test_wildcards_are_taken_when_asked_for() -> None:
    found = find_hostnames(ZONE, TYPES, Choice(wildcards=True))
    assert sorted(set(found) - set(ALL)) == ["*.dyn.example.com", "*.example.com"]


def test_only_the_types_that_are_asked_for_count() -> None:
    assert find_hostnames(ZONE, ["AAAA"], Choice()) == ["www.example.com"]
    assert find_hostnames(ZONE, ["HTTPS"], Choice()) == ["svc.example.com"]


def test_what_is_included_and_not_excluded_is_taken() -> None:
    choice = parse_choice(["^WWW", r"^s", r"\.b\."], ["hop"], wildcards=False)
    assert find_hostnames(ZONE, TYPES, choice) == ["a.b.example.com", "www.example.com"]


def test_what_is_no_regular_expression_is_told() -> None:
    with pytest.raises(InputError, match=r"^exclude: '\(' is no regular expression: missing \)"):
        parse_choice([], ["("], wildcards=False)
