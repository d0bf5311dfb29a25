# SPDX-License-Identifier: GPL-3.0-or-later
"""UPDATE messages, and the sentences for what servers answer to them."""

from __future__ import annotations

import base64
import time
from typing import Any

import dns.message
import dns.rdataclass
import dns.rdatatype
import dns.update
import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._dns.exchange import Endpoint
from ansible_collections.certfleet.acme.plugins.module_utils._dns.record import TxtRecord
from ansible_collections.certfleet.acme.plugins.module_utils._dns.responder import Responder, TsigKey
from ansible_collections.certfleet.acme.plugins.module_utils._dns.update import (
    Change,
    Edit,
    build_update,
    chunks,
    not_reached,
    read_refusal,
    refused,
)
from hypothesis import given
from hypothesis import strategies as st

from .fakes import FakeServer

ZONE = "example.com"
KEY = TsigKey("acme", "hmac-sha256", base64.b64encode(b"s" * 32).decode())
FRA = Responder("fra", ("192.0.2.53",), tsig_key=KEY)

labels = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=63)
names = st.lists(labels, min_size=1, max_size=3).map(lambda parts: ".".join([*parts, ZONE]))
values = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=300)
records = st.builds(TxtRecord, names, values)
record_sets = st.sets(records, max_size=12)
keys = st.sampled_from([None, KEY, TsigKey("k", "hmac-sha512", KEY.secret), TsigKey("k", "hmac-sha384", KEY.secret)])


def read_back(wire: bytes, key: TsigKey | None) -> dns.update.UpdateMessage:
    message = dns.message.from_wire(wire, keyring=key.to_dnspython() if key else None)
    assert isinstance(message, dns.update.UpdateMessage)
    return message


@given(add=record_sets, remove=record_sets, key=keys)
def test_an_update_adds_and_removes_exactly_the_values_and_nothing_else(
    add: set[TxtRecord], remove: set[TxtRecord], key: TsigKey | None
) -> None:
    edits = [Edit(record, True) for record in add] + [Edit(record, False) for record in remove]
    wire, mac = build_update(ZONE, edits, 60, key)
    message = read_back(wire, key)
    assert bool(mac) == bool(key)
    assert not message.prerequisite
    assert message.zone[0].name.to_text() == f"{ZONE}."
    seen: dict[Any, set[TxtRecord]] = {None: set(), dns.rdataclass.NONE: set()}
    for rrset in message.update:
        assert rrset.rdtype == dns.rdatatype.TXT
        assert len(rrset) == 1
        assert rrset.ttl == (0 if rrset.deleting else 60)
        seen[rrset.deleting].add(
            TxtRecord(rrset.name.to_text(omit_final_dot=True), b"".join(rrset[0].strings).decode())
        )
    assert seen[None] == add
    assert seen[dns.rdataclass.NONE] == remove


@given(
    add=st.lists(records, max_size=700),
    size=st.integers(1, 255 * 4),
)
def test_chunks_keep_every_value_once_and_below_both_limits(add: list[TxtRecord], size: int) -> None:
    add = [TxtRecord(record.name, f"{number}-{'x' * size}") for number, record in enumerate(add)]
    divided = chunks(Change(FRA, ZONE, add=tuple(add)))
    assert [edit.record for chunk in divided for edit in chunk] == add
    for chunk in divided:
        assert 0 < len(chunk) <= 200
        assert len(build_update(ZONE, chunk, 60, KEY)[0]) <= 65535


@pytest.mark.parametrize(("count", "messages"), [(0, 0), (1, 1), (200, 1), (201, 2), (1000, 5)])
def test_as_few_messages_as_possible_carry_the_values(count: int, messages: int) -> None:
    add = tuple(TxtRecord(f"_acme-challenge.n{number}.{ZONE}", "v" * 43) for number in range(count))
    assert len(chunks(Change(FRA, ZONE, add=add))) == messages


def test_a_value_is_removed_in_the_strings_the_server_has_it_in() -> None:
    wire, _mac = build_update(ZONE, [Edit(TxtRecord("a.example.com", "onetwo", (b"one", b"two")), False)], 60, None)
    assert read_back(wire, None).update[0][0].strings == (b"one", b"two")


def answered(server: FakeServer, key: TsigKey | None, zone: str = ZONE) -> str:
    wire, mac = build_update(zone, [Edit(TxtRecord(f"a.{zone}", "v"), True)], 60, key)
    refusal = read_refusal(server.handle(wire), mac, key)
    responder = Responder("fra", ("192.0.2.53",), tsig_key=key)
    return refused(responder, Endpoint("192.0.2.53"), zone, refusal).message if refusal else "accepted"


@pytest.fixture
def server() -> FakeServer:
    server = FakeServer(ZONE)
    server.keys = {"acme": KEY.to_dnspython()}
    return server


def test_an_accepted_update_is_no_refusal(server: FakeServer) -> None:
    assert answered(server, KEY) == "accepted"
    assert server.txt("a.example.com") == {"v"}


def test_an_unknown_key_is_named(server: FakeServer) -> None:
    assert answered(server, TsigKey("other", KEY.algorithm, KEY.secret)) == (
        "fra 192.0.2.53 refused the update of zone example.com (BADKEY): it does not know the TSIG key other, "
        "or knows it with another algorithm; from Knot this may also mean that its acl does not allow this change with the key"
    )


def test_a_wrong_secret_is_named_by_its_key_only(server: FakeServer) -> None:
    wrong = TsigKey("acme", KEY.algorithm, base64.b64encode(b"t" * 32).decode())
    sentence = answered(server, wrong)
    assert sentence == (
        "fra 192.0.2.53 refused the update of zone example.com (BADSIG): "
        "the signature with the TSIG key acme is wrong: the secrets differ"
    )


def test_a_skewed_clock_is_given_in_seconds(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    wire, mac = build_update(ZONE, [Edit(TxtRecord("a.example.com", "v"), True)], 60, KEY)
    now = time.time()
    with monkeypatch.context() as later:
        later.setattr("dns.message.time.time", lambda: now + 900)
        reply = server.handle(wire)
    refusal = read_refusal(reply, mac, KEY)
    assert refusal is not None
    assert refusal.code == "BADTIME"
    assert refusal.clause == (
        "the signature with the TSIG key acme is out of time: its clock is 900 s ahead of this host's"
    )


def test_a_zone_the_server_does_not_have_is_not_taken_for_a_wrong_key(server: FakeServer) -> None:
    assert answered(server, KEY, "example.org") == (
        "fra 192.0.2.53 refused the update of zone example.org (NOTAUTH): it is not a primary for this zone, "
        "or does not accept an update with the TSIG key acme"
    )


@pytest.mark.parametrize(
    ("rcode", "clause"),
    [
        ("REFUSED", "it does not allow this change with the TSIG key acme"),
        ("NOTZONE", "a name is not within the zone"),
        ("SERVFAIL", "it failed to make the change"),
        ("NOTIMP", "it does not take updates"),
        ("FORMERR", "it does not understand the update"),
        ("YXRRSET", "it gives no reason"),
    ],
)
def test_each_code_has_its_own_clause(server: FakeServer, rcode: str, clause: str) -> None:
    server.rcode = rcode
    assert answered(server, KEY).endswith(f" ({rcode}): {clause}")


def test_an_update_without_a_key_that_is_refused_says_so(server: FakeServer) -> None:
    assert answered(server, None).endswith("(REFUSED): it does not allow this change without a TSIG key")


def test_an_unsigned_refusal_of_a_signed_update_leaves_the_reason_open(server: FakeServer) -> None:
    server.rcode, server.keys = "REFUSED", {}
    _wire, mac = build_update(ZONE, [Edit(TxtRecord("a.example.com", "v"), True)], 60, KEY)
    stranger, _mac = build_update(ZONE, [Edit(TxtRecord("a.example.com", "v"), True)], 60, None)
    refusal = read_refusal(server.handle(stranger), mac, KEY)
    assert refusal is not None
    assert refusal.code == "REFUSED"
    assert "with the TSIG key acme, or does not accept the key's name or secret" in refusal.clause


def test_an_unsigned_yes_to_a_signed_update_is_not_believed(server: FakeServer) -> None:
    server.keys = {}
    _wire, mac = build_update(ZONE, [Edit(TxtRecord("a.example.com", "v"), True)], 60, KEY)
    stranger, _mac = build_update(ZONE, [Edit(TxtRecord("a.example.com", "v"), True)], 60, None)
    refusal = read_refusal(server.handle(stranger), mac, KEY)
    assert refusal is not None
    assert refusal.code == "UNSIGNED"


def test_garbage_is_a_refusal(server: FakeServer) -> None:
    refusal = read_refusal(b"\0" * 5, b"", None)
    assert refusal is not None
    assert refusal.code == "MALFORMED"


def test_silence_and_an_unreachable_address_are_told_apart() -> None:
    late = not_reached(FRA, "192.0.2.53", ZONE, "TIMEOUT", "no answer within 5 s")
    assert late.message == (
        "fra 192.0.2.53 did not answer the update of zone example.com, to be signed with the TSIG key acme "
        "(TIMEOUT): no answer within 5 s"
    )
    away = not_reached(FRA, "192.0.2.53", ZONE, "UNREACHABLE", "Connection refused")
    assert away.message.startswith("fra 192.0.2.53 can't be reached for the update of zone example.com, ")
    assert away.details == {
        "responder": "fra", "address": "192.0.2.53", "zone": ZONE, "tsig_key": "acme", "code": "UNREACHABLE",
    }  # fmt: skip
