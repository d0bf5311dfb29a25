# SPDX-License-Identifier: GPL-3.0-or-later
"""Deciding what is due, from a list, a store and a clock that all are plain values."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.plan import (
    Decision,
    Stored,
    decide,
    order_by_urgency,
    read_stored,
)
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.renewal import Renewal, Window
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.revoked import REVOCATIONS, Revocation
from ansible_collections.certfleet.acme.plugins.module_utils._workflow.wanted import Wanted, parse_wanted
from hypothesis import given
from hypothesis import strategies as st

CA = "https://acme.example/directory"
NOW = datetime(2026, 11, 23, 4, 0, tzinfo=timezone.utc)
(SHOP,) = parse_wanted([{"name": "shop", "domains": ["shop.example.com"], "key_types": ["ecdsa-p256"]}])
ACCOUNT = "https://acme.example/account/1"
CERTIFICATE_ID = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"
FRESH = Stored(
    frozenset({"shop.example.com"}),
    NOW,
    NOW + timedelta(days=90),
    directory=CA,
    profile=None,
    preferred_chain=None,
    name="shop",
    certificate_id=CERTIFICATE_ID,
    account_uri=ACCOUNT,
)
AGED = replace(FRESH, not_before=NOW - timedelta(days=50), not_after=NOW + timedelta(days=40))
WINDOW = Window(NOW + timedelta(days=3), NOW + timedelta(days=5))


def decide_one(wanted: Wanted, stored: dict[str, Stored], now: datetime = NOW) -> Decision:
    (decision,) = decide(wanted, stored, CA, now)
    return decision


def test_a_fresh_certificate_is_kept() -> None:
    decision = decide_one(SHOP, {"ecdsa-p256": FRESH})
    assert (decision.action, decision.reason) == ("keep", "valid until 2027-02-21T04:00:00Z")


def test_an_instant_that_leaves_no_time_before_the_end_is_not_believed() -> None:
    # what is in the store can have been changed since the instant was chosen from the window of the CA
    window = Window(NOW, NOW + timedelta(days=9000))
    late = replace(AGED, renewal=Renewal(CERTIFICATE_ID, window, AGED.not_after - timedelta(days=1)))
    assert late.renew_at == AGED.renew_at


@pytest.mark.parametrize("member", ["directory", "profile", "preferred_chain", "account_uri"])
@pytest.mark.parametrize("value", [[], {}, 5, True])
def test_a_record_with_something_else_than_text_is_broken(member: str, value: Any) -> None:
    times = {"not_before": "2026-11-23T04:00:00Z", "not_after": "2027-02-21T04:00:00Z"}
    record = {"identifiers": ["shop.example.com"], **times, "directory": CA}
    hash(read_stored("shop", record))
    with pytest.raises(TypeError):
        read_stored("shop", {**record, member: value})


def test_a_missing_certificate_is_issued() -> None:
    assert decide_one(SHOP, {}).action == "issue"
    assert decide_one(SHOP, {}).reason == "there is none yet"


def test_a_missing_key_type_is_issued_and_the_reason_names_what_there_is() -> None:
    decision = decide_one(SHOP, {"rsa-2048": FRESH})
    assert (decision.action, decision.reason) == ("issue", "key types changed: the store has rsa-2048")


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        (replace(FRESH, not_after=NOW), "expired at 2026-11-23T04:00:00Z"),
        (
            replace(FRESH, identifiers=frozenset({"old.example.com"})),
            "names changed: +shop.example.com -old.example.com",
        ),
        (
            replace(FRESH, directory="https://staging.example/directory"),
            "CA changed from https://staging.example/directory to https://acme.example/directory",
        ),
        (replace(FRESH, revocation=Revocation("superseded", "2026-11-22T04:00:00Z")), "to be revoked (superseded)"),
        (
            replace(FRESH, revocation=Revocation("key_compromise", "x", "2026-11-22T04:00:00Z")),
            "revoked at 2026-11-22T04:00:00Z (key_compromise)",
        ),
        (
            replace(FRESH, not_before=NOW - timedelta(days=60), not_after=NOW + timedelta(days=30)),
            "due since 2026-11-18T04:33:23Z",
        ),
        (
            replace(AGED, renewal=Renewal(CERTIFICATE_ID, Window(NOW - timedelta(days=2), NOW), NOW)),
            "due since 2026-11-23T04:00:00Z, chosen from the CA's window 2026-11-21T04:00:00Z to 2026-11-23T04:00:00Z",
        ),
    ],
)
def test_what_makes_a_certificate_due(stored: Stored, reason: str) -> None:
    decision = decide_one(SHOP, {"ecdsa-p256": stored})
    assert (decision.action, decision.reason) == ("renew", reason)


SHOP_NOW = replace(SHOP, apply="now")
OTHERWISE = [
    (replace(FRESH, profile="classic"), "profile changed from classic to the default"),
    (replace(FRESH, preferred_chain="Root X"), "chain changed from Root X to the default"),
]


@pytest.mark.parametrize(("stored", "change"), OTHERWISE)
def test_a_changed_setting_waits_for_the_renewal_and_the_reason_says_so(stored: Stored, change: str) -> None:
    decision = decide_one(SHOP, {"ecdsa-p256": stored})
    renewal = "for the renewal that is due from 2027-01-17T04:33:23Z on"
    assert (decision.action, decision.reason) == ("keep", f"valid until 2027-02-21T04:00:00Z; {change}, {renewal}")
    at_its_time = decide_one(SHOP, {"ecdsa-p256": stored}, stored.renew_at)
    assert (at_its_time.action, at_its_time.reason) == ("renew", "due since 2027-01-17T04:33:23Z")


@pytest.mark.parametrize(("stored", "change"), OTHERWISE)
def test_a_changed_setting_applies_at_once_where_that_was_asked_for(stored: Stored, change: str) -> None:
    decision = decide_one(SHOP_NOW, {"ecdsa-p256": stored})
    assert (decision.action, decision.reason) == ("renew", change)


def test_any_profile_of_the_list_is_as_wanted() -> None:
    either = replace(SHOP_NOW, profiles=("tlsclient", "tlsserver"))
    assert not decide_one(either, {"ecdsa-p256": replace(FRESH, profile="tlsserver")}).due
    for profile, before in ((None, "the default"), ("classic", "classic")):
        decision = decide_one(either, {"ecdsa-p256": replace(FRESH, profile=profile)})
        assert decision.reason == f"profile changed from {before} to tlsclient or tlsserver"


BOTH = replace(SHOP, key_types=("rsa-2048", "ecdsa-p256"))
ALONE = replace(FRESH, key_types=frozenset({"rsa-2048"}))


def test_an_added_key_type_waits_for_the_renewal_of_the_others() -> None:
    kept, added = decide(BOTH, {"rsa-2048": ALONE}, CA, NOW)
    assert (kept.action, added.action, added.due, added.until) == ("keep", "wait", False, ALONE.renew_at)
    assert added.reason == (
        "key types changed: the store has rsa-2048, and ecdsa-p256 follows with the renewal "
        "that is due from 2027-01-17T04:33:23Z on"
    )
    assert [each.action for each in decide(BOTH, {"rsa-2048": ALONE}, CA, ALONE.renew_at)] == ["renew", "issue"]


@pytest.mark.parametrize(
    "sibling",
    [
        replace(ALONE, not_after=NOW),
        replace(ALONE, revocation=Revocation("superseded", "x")),
        replace(ALONE, directory="https://staging.example/directory"),
        replace(ALONE, identifiers=frozenset({"old.example.com"})),
        replace(ALONE, key_types=frozenset({"rsa-2048", "ecdsa-p256"})),
        replace(ALONE, key_types=None),
    ],
)
def test_a_missing_key_type_is_issued_at_once_when_a_sibling_is_due_or_was_ordered_beside_it(sibling: Stored) -> None:
    assert decide(BOTH, {"rsa-2048": sibling}, CA, NOW)[1].action == "issue"


def test_an_added_key_type_is_issued_at_once_where_that_was_asked_for() -> None:
    assert decide(replace(BOTH, apply="now"), {"rsa-2048": ALONE}, CA, NOW)[1].action == "issue"


def test_a_key_type_that_takes_the_place_of_another_waits_for_its_renewal() -> None:
    assert decide_one(SHOP, {"rsa-2048": ALONE}).until == ALONE.renew_at
    assert decide_one(SHOP, {"rsa-2048": ALONE}, ALONE.renew_at).action == "issue"


def test_what_is_left_of_a_removed_key_type_hurries_nobody() -> None:
    left = replace(FRESH, not_after=NOW - timedelta(days=300))
    decisions = decide(BOTH, {"rsa-2048": ALONE, "rsa-4096": left}, CA, NOW)
    assert [each.action for each in decisions] == ["keep", "wait"]


CHANCE = st.sampled_from
STORED = st.builds(
    lambda age, profile, chain, key_types, revoked: replace(
        FRESH,
        not_before=NOW - timedelta(days=age),
        not_after=NOW + timedelta(days=90 - age),
        profile=profile,
        preferred_chain=chain,
        key_types=key_types,
        revocation=Revocation("superseded", "x") if revoked else None,
    ),
    age=st.integers(0, 100),
    profile=CHANCE([None, "classic", "tlsserver"]),
    chain=CHANCE([None, "Root X"]),
    key_types=CHANCE([None, frozenset({"rsa-2048"}), frozenset({"rsa-2048", "ecdsa-p256"})]),
    revoked=st.booleans(),
)


@given(
    st.dictionaries(CHANCE(["rsa-2048", "ecdsa-p256", "rsa-4096"]), STORED),
    CHANCE([(), ("classic",), ("x", "classic")]),
)
def test_a_setting_that_changed_makes_nothing_due_before_its_time_and_holds_nothing_up(
    stored: dict[str, Stored], profiles: tuple[str, ...]
) -> None:
    wanted = replace(BOTH, profiles=profiles)
    later = decide(wanted, stored, CA, NOW)
    now = decide(replace(wanted, apply="now"), stored, CA, NOW)
    for decision, at_once in zip(later, now, strict=True):
        assert not decision.due or at_once.due
        mine = stored.get(decision.target.key_type)
        if mine and decision.due:
            assert mine.revocation or mine.renew_at <= NOW
        if decision.until:
            assert decision.until > NOW
            assert decide(wanted, stored, CA, decision.until)[later.index(decision)].due
    if not any(key_type in stored and stored[key_type].not_after > NOW for key_type in stored):
        assert all(decision.due for decision in later)


@pytest.mark.parametrize("stored", [AGED, replace(AGED, renewal=Renewal(CERTIFICATE_ID, WINDOW, WINDOW.start))])
def test_one_second_before_its_instant_nothing_is_due(stored: Stored) -> None:
    assert not decide_one(SHOP, {"ecdsa-p256": stored}, stored.renew_at - timedelta(seconds=1)).due
    assert decide_one(SHOP, {"ecdsa-p256": stored}, stored.renew_at).due


def test_the_window_of_the_ca_comes_before_the_lifetime_in_both_directions() -> None:
    for days in (1, 85):
        window = Window(NOW + timedelta(days=days), NOW + timedelta(days=days + 1))
        stored = replace(FRESH, renewal=Renewal(CERTIFICATE_ID, window, window.start))
        assert stored.renew_at == window.start


def test_a_window_that_is_of_no_use_leaves_the_lifetime_in_force() -> None:
    stored = replace(FRESH, renewal=Renewal(CERTIFICATE_ID, WINDOW, None))
    assert stored.renew_at == FRESH.renew_at


def replaced(stored: Stored, wanted: Wanted = SHOP, account: str | None = ACCOUNT, days: int = 80) -> str | None:
    (decision,) = decide(wanted, {"ecdsa-p256": stored}, CA, NOW + timedelta(days=days), account)
    assert decision.due
    return decision.replaces


def test_a_renewal_says_which_certificate_it_replaces() -> None:
    assert replaced(FRESH) == CERTIFICATE_ID


def test_changed_names_replace_the_certificate_as_long_as_they_share_one() -> None:
    domains = ["shop.example.com", "new.example.com"]
    (more,) = parse_wanted([{"name": "shop", "domains": domains, "key_types": ["ecdsa-p256"]}])
    (other,) = parse_wanted([{"name": "shop", "domains": domains[1:], "key_types": ["ecdsa-p256"]}])
    assert replaced(FRESH, more, days=0) == CERTIFICATE_ID
    assert replaced(FRESH, other, days=0) is None


@pytest.mark.parametrize(
    "stored",
    [
        replace(FRESH, directory="https://staging.example/directory"),
        replace(FRESH, account_uri="https://acme.example/account/2"),
        replace(FRESH, account_uri=None),
        replace(FRESH, certificate_id=None),
        replace(FRESH, renewal=Renewal(CERTIFICATE_ID, not_replaceable="alreadyReplaced: there is an order")),
    ],
)
def test_what_another_ca_or_account_issued_or_what_was_refused_is_not_said_to_be_replaced(stored: Stored) -> None:
    assert replaced(stored) is None


def test_without_a_known_account_nothing_is_said_to_be_replaced() -> None:
    assert replaced(FRESH, account=None) is None


def test_what_is_not_due_and_what_is_new_replaces_nothing() -> None:
    for stored in ({"ecdsa-p256": FRESH}, {"rsa-2048": FRESH}, {}):
        (decision,) = decide(SHOP, stored, CA, NOW, ACCOUNT)
        assert decision.replaces is None


def test_a_rebuilt_record_that_knows_neither_ca_nor_profile_nor_chain_is_no_reason_to_renew() -> None:
    (wanted,) = parse_wanted(
        [
            {
                "name": "shop",
                "domains": ["shop.example.com"],
                "key_types": ["ecdsa-p256"],
                "profile": "classic",
                "preferred_chain": "Root X",
            }
        ]
    )
    rebuilt = replace(FRESH, directory=None, account_uri=None)
    assert not decide_one(wanted, {"ecdsa-p256": rebuilt}).due


RECORD = {
    "identifiers": ["shop.example.com"],
    "not_before": "2026-11-23T04:00:00Z",
    "not_after": "2027-02-21T04:00:00Z",
    "directory": CA,
    "account_uri": ACCOUNT,
    "certificate_id": CERTIFICATE_ID,
}


def test_a_record_and_its_state_are_read_together() -> None:
    section = {"start": "2026-11-26T04:00:00Z", "end": "2026-11-28T04:00:00Z", "chosen": "2026-11-26T05:00:00Z"}
    stored = read_stored("shop", RECORD, {"renewal": {"certificate_id": CERTIFICATE_ID, **section}})
    assert (stored.window, stored.renew_at) == (WINDOW, WINDOW.start + timedelta(hours=1))


def test_the_window_of_an_old_certificate_never_drives_the_new_one() -> None:
    section = {"start": "2026-11-01T04:00:00Z", "end": "2026-11-02T04:00:00Z", "chosen": "2026-11-01T05:00:00Z"}
    stored = read_stored("shop", RECORD, {"renewal": {"certificate_id": "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AQ", **section}})
    assert stored.window is None
    assert stored.renew_at == FRESH.renew_at
    assert not decide_one(SHOP, {"ecdsa-p256": stored}).due


def test_names_that_the_ca_has_added_are_told_but_not_taken_for_a_change_of_the_list() -> None:
    record = {**RECORD, "identifiers": ["shop.example.com", "www.shop.example.com"], "ordered": ["shop.example.com"]}
    stored = read_stored("shop", record)
    assert stored.identifiers == {"shop.example.com", "www.shop.example.com"}
    assert not decide_one(SHOP, {"ecdsa-p256": stored}).due
    assert (
        decide_one(SHOP, {"ecdsa-p256": replace(stored, ordered=None)}).reason == "names changed: -www.shop.example.com"
    )


@pytest.mark.parametrize("value", [None, [], "rsa-2048", [5], {}])
def test_a_record_that_does_not_say_what_was_ordered_is_read_all_the_same(value: object) -> None:
    stored = read_stored("shop", {**RECORD, "ordered": value, "key_types": value})
    assert (stored.ordered, stored.key_types) == (None, None)


@pytest.mark.parametrize("text", [None, 7, "", "a.b/../../c", "no dot"])
def test_a_certificate_id_that_is_none_is_never_used(text: object) -> None:
    stored = read_stored("shop", {**RECORD, "certificate_id": text}, {"renewal": {"certificate_id": text}})
    assert (stored.certificate_id, stored.renewal) == (None, None)


def test_a_record_is_read_with_what_is_remembered_of_its_own_revocation_only() -> None:
    record = {"identifiers": ["shop.example.com"], "not_before": "2026-11-01T00:00:00Z"}
    record |= {"not_after": "2027-01-30T00:00:00Z", "directory": CA, "serial": "0a"}
    known = Revocation("superseded", "2026-11-22T04:00:00Z")
    assert read_stored("shop", record, {REVOCATIONS: {"0a": known.as_record()}}).revocation == known
    assert read_stored("shop", record, {REVOCATIONS: {"0b": known.as_record()}}).revocation is None


def test_what_is_revoked_is_as_urgent_as_what_the_ca_wants_back() -> None:
    assert replace(FRESH, revocation=Revocation("superseded", "x")).is_wanted_back(NOW)


def test_the_expired_come_first_then_the_missing_then_what_the_ca_wants_back_then_the_next_to_expire() -> None:
    entries = [{"name": name, "domains": [f"{name}.example.com"], "key_types": ["rsa-2048"]} for name in "abcde"]
    missing, expired, late, soon, back = parse_wanted(entries)

    def due(wanted: Wanted, days: int) -> Decision:
        stored = replace(FRESH, not_before=NOW - timedelta(days=80), not_after=NOW + timedelta(days=days))
        return decide_one(wanted, {"rsa-2048": stored})

    past = Window(NOW - timedelta(hours=2), NOW - timedelta(hours=1))
    revoked = replace(FRESH, renewal=Renewal(CERTIFICATE_ID, past, past.start))
    wanted_back = decide_one(back, {"rsa-2048": revoked})
    decisions = [due(late, 20), wanted_back, decide_one(missing, {}), due(soon, 2), due(expired, -3)]
    assert [decision.target.name for decision in order_by_urgency(decisions, NOW)] == ["b", "a", "e", "d", "c"]


def test_a_key_type_that_is_missing_beside_others_goes_behind_their_renewal() -> None:
    aged = replace(ALONE, not_before=NOW - timedelta(days=80), not_after=NOW + timedelta(days=10))
    for key_types in (("rsa-2048", "ecdsa-p256"), ("ecdsa-p256", "rsa-2048")):
        decisions = decide(replace(BOTH, key_types=key_types), {"rsa-2048": aged}, CA, NOW)
        assert [each.target.key_type for each in order_by_urgency(decisions, NOW)] == ["rsa-2048", "ecdsa-p256"]
    decisions = decide(BOTH, {"rsa-2048": replace(aged, not_after=NOW)}, CA, NOW)
    assert [each.due for each in order_by_urgency(decisions, NOW)] == [True, True]


def test_in_the_window_the_renewal_whose_window_ends_next_goes_first() -> None:
    """Outside of it a renewal counts against limits, while the certificate itself has weeks left."""
    inside = NOW + timedelta(days=3)
    first, last = parse_wanted(
        {"name": name, "domains": ["shop.example.com"], "key_types": ["ecdsa-p256"]} for name in ("z", "a")
    )
    decisions = [
        decide_one(wanted, {"ecdsa-p256": replace(AGED, renewal=Renewal(CERTIFICATE_ID, window, inside))}, inside)
        for wanted, window in ((last, WINDOW), (first, Window(NOW, NOW + timedelta(days=4))))
    ]
    assert [each.target.name for each in order_by_urgency(decisions, inside)] == ["z", "a"]
