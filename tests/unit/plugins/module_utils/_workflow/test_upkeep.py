# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks that keep certificates, against a CA in memory with the manners of real ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import format_instant
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error

from tests.unit.plugins.module_utils._acme.fakes import Answer, refusal

from .issuing_ca import Manners, Site, csr_for, site_of, statuses

Found = Callable[..., Site]
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
BOULDER = {"reuses_orders": True, "reuses_authorizations": True}


@pytest.fixture
def site(tmp_path: Path) -> Found:
    """A store and a CA with these manners."""
    return lambda **manners: Site(tmp_path / "store", Manners(**manners))


# One order for a set of names at a time


@pytest.mark.parametrize("looks", [0, 2], ids=["finalized at once", "finalized later"])
def test_both_keys_of_a_site_get_their_certificates_from_a_ca_that_hands_out_one_order(site: Found, looks: int) -> None:
    found = site(**BOULDER, looks=looks)
    result = found.keep(*(site_of(f"s{number}") for number in range(20)))
    assert set(statuses(result).values()) == {"issued"}
    assert (result["counts"]["issued"], result["orders"], len(found.ca.orders)) == (40, 40, 40)
    assert (result["runs"], result["left"]) == (1, 0)
    assert len(found.fleet.published) == 20, "each site is validated once"
    assert len({record["order_url"] for record in _records(found)}) == 40


@pytest.mark.parametrize("reuses", [False, True])
def test_two_orders_for_the_same_names_are_never_open_at_once(site: Found, reuses: bool) -> None:
    found = site(reuses_orders=reuses)
    most = 0

    def count(*_arguments: object) -> None:
        nonlocal most
        most = max(most, len(found.ca.open_orders()))

    found.ca.watch = count
    assert set(statuses(found.keep(site_of("shop"))).values()) == {"issued"}
    assert most == 1


def test_keys_of_three_frontends_are_certified_in_one_task(site: Found) -> None:
    found = site(**BOULDER, looks=1)
    entry = site_of("shop", key="frontend", frontends=["web1", "web2", "web3"], key_types=["ecdsa-p256"])
    asked = found.keep(entry)
    assert [each["host"] for each in asked["key_requests"]] == ["web1", "web2", "web3"]
    csrs = {each["certificate"]: csr_for(each["domains"]) for each in asked["key_requests"]}
    assert set(statuses(found.keep(entry, csrs=csrs)).values()) == {"issued"}
    assert len(found.fleet.published) == 1


@pytest.mark.parametrize(
    "problem", [Error("front1 made no CSR"), csr_for(["other.example.com"])], ids=["none", "other"]
)
def test_a_frontend_without_a_usable_csr_holds_up_no_other_for_the_same_names(site: Found, problem: Any) -> None:
    found = site(**BOULDER)
    entry = site_of("shop", key="frontend", frontends=["web1", "web2"], key_types=["ecdsa-p256"])
    asked = found.keep(entry)
    first, second = asked["key_requests"]
    csrs = {first["certificate"]: problem, second["certificate"]: csr_for(second["domains"])}
    assert sorted(statuses(found.keep(entry, csrs=csrs)).values()) == ["failed", "issued"]


def test_a_name_that_fails_is_tried_with_one_key_and_holds_up_no_other_site(site: Found) -> None:
    found = site(**BOULDER, failing={"bad.example.com"})
    assert statuses(found.keep(site_of("bad"), site_of("good"))) == {
        "bad/ecdsa-p256": "failed",
        "bad/ecdsa-p384": "deferred",
        "good/ecdsa-p256": "issued",
        "good/ecdsa-p384": "issued",
    }
    assert len(found.ca.orders) == 3
    found.ca.manners.failing.clear()
    assert set(statuses(found.keep(site_of("bad"), later=2 * MINUTE)).values()) == {"issued"}


def test_renewals_go_one_after_the_other_too(site: Found) -> None:
    found = site(**BOULDER, looks=1)
    found.keep(site_of("shop"))
    result = found.keep(site_of("shop"), later=85 * DAY)
    assert set(statuses(result).values()) == {"renewed"}
    assert [each.payload.get("replaces") for each in found.ca.orders].count(None) == 2


@pytest.mark.parametrize("path", ["/order/1/finalize", "/order/1/certificate", "/new-order"])
def test_an_answer_that_gets_lost_costs_neither_certificate(site: Found, path: str) -> None:
    found = site(**BOULDER)
    found.ca.after[path] = deque([requests.exceptions.ReadTimeout("late")])
    found.keep(site_of("shop"))
    result = found.keep(site_of("shop"), later=2 * MINUTE)
    assert set(statuses(result).values()) <= {"issued", "valid"}
    assert len(found.ca.orders) == 2


def test_a_task_that_was_killed_after_the_first_order_goes_on_with_it(site: Found) -> None:
    found = site(**BOULDER)

    def kill() -> None:
        if found.ca.orders:
            found.ca.watch = lambda: None
            raise KeyboardInterrupt

    found.ca.watch = kill
    with pytest.raises(KeyboardInterrupt):
        found.keep(site_of("shop"))
    result = found.keep(site_of("shop"))
    assert set(statuses(result).values()) == {"issued"}
    assert len(found.ca.orders) == 2


def test_an_order_that_the_ca_hands_out_twice_counts_once(site: Found) -> None:
    """Its URL got lost with the disk, say: the CA answers each new order with it."""
    found = site(**BOULDER)
    found.ca.script["/authorization/1"] = deque([Answer(503), Answer(503)])
    for _time in range(2):
        found.keep(site_of("shop", key_types=["ecdsa-p256"]), later=2 * DAY)
        found.store.clear_pending("shop", "ecdsa-p256")
    assert set(statuses(found.keep(site_of("shop"), later=2 * DAY, max_orders_per_names=2)).values()) == {"issued"}
    assert len(found.ca.orders) == 2


def test_an_order_that_another_certificate_has_is_taken_over(site: Found) -> None:
    """The other certificate is in no list any more, or in that of another task."""
    found = site(**BOULDER)
    found.ca.script["/authorization/1"] = deque([Answer(503)])
    found.keep(site_of("shop", key_types=["ecdsa-p256"]))
    assert found.store.pending("shop", "ecdsa-p256")
    entry = {**site_of("other"), "domains": ["shop.example.com"], "key_types": ["ecdsa-p384"]}
    assert statuses(found.keep(entry, later=DAY)) == {"other/ecdsa-p384": "issued"}
    assert not found.store.pending("shop", "ecdsa-p256")
    assert set(statuses(found.keep(site_of("shop"), later=DAY)).values()) == {"issued"}


def test_an_order_that_somebody_else_has_finalized_is_ordered_anew_in_the_same_task(site: Found) -> None:
    """Another host with the same account has been quicker: the certificate is for its key."""
    found = site(**BOULDER)

    def finalize() -> None:
        if found.ca.open_orders() and found.ca.orders[0].status == "ready":
            found.ca.watch = lambda: None
            found.ca.finalize_for_somebody_else(found.ca.orders[0])

    found.ca.watch = finalize
    result = found.keep(site_of("shop", key_types=["ecdsa-p256"]))
    assert statuses(result) == {"shop/ecdsa-p256": "issued"}
    assert len(found.ca.orders) == 2


def test_an_order_that_is_lost_again_and_again_is_a_failure_also_in_a_full_run(site: Found) -> None:
    found = site(**BOULDER)
    found.ca.watch = found.ca.finalize_all_for_somebody_else
    entry = site_of("shop", key_types=["ecdsa-p256"])
    (outcome,) = found.keep(entry, run_size=1, max_runs=1)["certificates"]
    assert (outcome["status"], outcome["failures"], len(found.ca.orders)) == ("failed", 1, 2)
    (outcome,) = found.keep(entry, run_size=1, max_runs=1)["certificates"]
    assert (outcome["status"], len(found.ca.orders)) == ("deferred", 2)


def test_an_open_order_whose_certificate_fails_uncounted_holds_up_no_other(site: Found) -> None:
    """The CA no longer offers its profile, which is remembered as nobody's failure."""
    found = site(**BOULDER)
    found.ca.meta["profiles"] = {"old": "x", "new": "y"}

    def kill() -> None:
        if found.ca.orders:
            found.ca.watch = lambda: None
            raise KeyboardInterrupt

    found.ca.watch = kill
    old = site_of("old", domains=["shop.example.com"], key_types=["ecdsa-p256"], profile=["old"])
    new = site_of("new", domains=["shop.example.com"], key_types=["ecdsa-p256"], profile=["new"])
    with pytest.raises(KeyboardInterrupt):
        found.keep(old)
    found.ca.meta["profiles"] = {"new": "y"}
    assert statuses(found.keep(old, new, later=DAY)) == {"old/ecdsa-p256": "failed", "new/ecdsa-p256": "issued"}


def test_a_refused_order_takes_no_place_of_its_registered_domain(site: Found) -> None:
    found = site(**BOULDER)
    found.ca.script["/new-order"] = deque([refusal("rejectedIdentifier", 403)] * 2)
    entries = [site_of(name, key_types=["ecdsa-p256"]) for name in ("a", "b", "c")]
    found.keep(*entries[:2], max_orders_per_domain=2)
    assert statuses(found.keep(entries[2], max_orders_per_domain=2)) == {"c/ecdsa-p256": "issued"}


# Orders that can't come


@pytest.mark.parametrize("after_failure", ["invalid", "pending", "authorization"])
def test_a_failed_validation_ends_the_wait_at_once_with_the_ca_s_reason(site: Found, after_failure: str) -> None:
    found = site(failing={"bad.example.com"}, after_failure=after_failure)
    result = found.keep(site_of("bad", key_types=["ecdsa-p256"]), site_of("good", key_types=["ecdsa-p256"]))
    assert statuses(result) == {"bad/ecdsa-p256": "failed", "good/ecdsa-p256": "issued"}
    assert "no TXT record for bad.example.com" in result["certificates"][0]["reason"]
    assert sum(found.clock.slept) < 5


def test_a_validation_that_fails_later_is_found_in_the_authorization_of_an_order_that_stays_pending(
    site: Found,
) -> None:
    found = site(failing={"bad.example.com"}, after_failure="authorization", answers_late=True)
    result = found.keep(site_of("bad", key_types=["ecdsa-p256"]), site_of("good", key_types=["ecdsa-p256"]))
    assert statuses(result) == {"bad/ecdsa-p256": "failed", "good/ecdsa-p256": "issued"}
    assert "no TXT record for bad.example.com" in result["certificates"][0]["reason"]
    assert sum(found.clock.slept) < 10


def test_a_failed_validation_without_a_reason_is_the_name_s_failure_and_no_lost_order(site: Found) -> None:
    """As at acme2certifier; another order would cost another failed validation."""
    found = site(failing={"bad.example.com"}, after_failure="authorization", gives_reasons=False)
    (entry,) = found.keep(site_of("bad", key_types=["ecdsa-p256"]))["certificates"]
    assert entry["reason"] == "bad.example.com: the validation failed, and the CA gives no reason"
    assert (entry["status"], len(found.ca.orders)) == ("failed", 1)


@pytest.mark.parametrize("after_failure", ["pending", "authorization"])
def test_after_a_repair_the_next_attempt_succeeds(site: Found, after_failure: str) -> None:
    found = site(failing={"shop.example.com"}, after_failure=after_failure)
    found.keep(site_of("shop"))
    found.ca.manners.failing.clear()
    assert set(statuses(found.keep(site_of("shop"), later=2 * MINUTE)).values()) == {"issued"}


@pytest.mark.parametrize(
    "change",
    [
        {"status": "deactivated"},
        {"status": "expired"},
        {"status": "revoked"},
        {"status": "a status of its own"},
        {"status": "invalid"},
        {"challenge": "invalid"},
        {"kind": "http-01"},
        {"expires": -1},
    ],
    ids=str,
)
@pytest.mark.parametrize("reuses", [False, True], ids=["new orders", "the same order"])
def test_an_order_whose_authorization_is_of_no_use_any_more_is_ordered_anew(
    site: Found, change: dict[str, Any], reuses: bool
) -> None:
    found = site(reuses_orders=reuses, after_failure="authorization")
    found.ca.script["/authorization/1/answer"] = deque([Answer(503)])
    assert set(statuses(found.keep(site_of("shop", key_types=["ecdsa-p256"]))).values()) == {"failed"}
    authorization = found.ca.authorizations[0]
    if "expires" in change:
        change = {"expires": found.clock.now()}
    for member, value in change.items():
        setattr(authorization, member, value)
    assert statuses(found.keep(site_of("shop", key_types=["ecdsa-p256"]), later=DAY)) == {"shop/ecdsa-p256": "issued"}
    assert len(found.ca.orders) == 2


@pytest.mark.parametrize("change", [{"status": "unheard of"}, {"expires": True}], ids=["status", "expires"])
def test_a_pending_order_that_is_over_is_ordered_anew(site: Found, change: dict[str, Any]) -> None:
    found = site(after_failure="authorization")
    found.ca.script["/authorization/1/answer"] = deque([Answer(503)])
    found.keep(site_of("shop", key_types=["ecdsa-p256"]))
    for member, value in change.items():
        setattr(found.ca.orders[0], member, found.clock.now() if value is True else value)
    assert statuses(found.keep(site_of("shop", key_types=["ecdsa-p256"]), later=DAY)) == {"shop/ecdsa-p256": "issued"}


def test_an_order_that_the_ca_never_makes_usable_fails_with_a_sentence(site: Found) -> None:
    """A CA that hands out the same dead order again and again."""
    found = site(reuses_orders=True, after_failure="authorization", deactivates=False)
    found.ca.script["/authorization/1/answer"] = deque([Answer(503)])
    found.keep(site_of("shop", key_types=["ecdsa-p256"]))
    found.ca.authorizations[0].challenge = "invalid"
    result = found.keep(site_of("shop", key_types=["ecdsa-p256"]), later=DAY)
    assert statuses(result) == {"shop/ecdsa-p256": "failed"}
    assert "the dns-01 challenge for shop.example.com is invalid" in result["certificates"][0]["reason"]


def test_what_the_ca_says_to_finalize_is_told_when_the_order_is_invalid_afterwards(site: Found) -> None:
    found = site(finalize_breaks=1)
    result = found.keep(site_of("shop", key_types=["ecdsa-p256"]))
    assert "the signer is out of order" in result["certificates"][0]["reason"]
    assert set(statuses(found.keep(site_of("shop"), later=2 * MINUTE)).values()) == {"issued"}


# Servers of the CA that lag behind others


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/order/1/finalize", refusal("orderNotReady", 403, "the order is not ready")),
        ("/order/1", refusal("malformed", 404, "no such order")),
        ("/authorization/1", refusal("malformed", 404, "no such authorization")),
        ("/authorization/1/answer", refusal("malformed", 400, "authorization must be pending")),
        ("/order/1/certificate", refusal("malformed", 404, "no such certificate")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_server_of_the_ca_that_has_not_heard_yet_is_asked_again_in_the_same_run(
    site: Found, path: str, answer: Answer
) -> None:
    found = site(looks=1)
    found.ca.script[path] = deque([answer])
    assert statuses(found.keep(site_of("shop", key_types=["ecdsa-p256"]))) == {"shop/ecdsa-p256": "issued"}
    assert len(found.ca.orders) == 1


def test_a_valid_order_without_its_certificate_is_looked_at_again(site: Found) -> None:
    found = site(looks=1, shows_certificate_late=True)
    assert statuses(found.keep(site_of("shop", key_types=["ecdsa-p256"]))) == {"shop/ecdsa-p256": "issued"}


# Limits hold up what they are for, and nothing else


def in_window(found: Site, *entries: dict[str, Any]) -> None:
    """Have certificates, know the CA's windows, and come into them."""
    found.keep(*entries)
    lifetime = found.ca.manners.lifetime
    found.keep(*entries, later=lifetime / 10 + timedelta(hours=7))
    found.clock.seconds += (lifetime * 2 / 3 + lifetime / 100 - lifetime / 10).total_seconds() - 7 * 3600 - 60


def test_renewals_in_the_ca_s_window_take_no_place_among_the_orders(site: Found) -> None:
    found = site(**BOULDER)
    entries = [site_of(f"s{number}") for number in range(4)]
    in_window(found, *entries)
    result = found.keep(*entries, site_of("new"), max_orders=2, max_orders_per_names=1)
    assert [statuses(result)[f"s{number}/ecdsa-p256"] for number in range(4)] == ["renewed"] * 4
    assert [statuses(result)[f"new/{key_type}"] for key_type in ("ecdsa-p256", "ecdsa-p384")] == ["issued", "deferred"]


def test_six_day_certificates_on_frontends_are_renewed_for_a_month_beyond_five_orders_a_week(site: Found) -> None:
    """Six of them for the same names: 42 renewals a week, which the CA exempts."""
    found = site(**BOULDER, lifetime=timedelta(hours=160))
    hosts = [f"web{number}" for number in range(6)]
    entry = site_of("shop", key="frontend", frontends=hosts, key_types=["ecdsa-p256"])

    def keep(later: timedelta, **limits: int) -> dict[str, Any]:
        asked = found.keep(entry, later=later)
        csrs = {each["certificate"]: csr_for(each["domains"]) for each in asked.get("key_requests", [])}
        return found.keep(entry, csrs=csrs, **limits) if csrs else asked

    assert set(statuses(keep(timedelta(), max_orders_per_names=6)).values()) == {"issued"}
    ends = []
    for _hour in range(24 * 30):
        keep(timedelta(hours=1))
        ends.append(min(each.issuance["not_after"] for each in found.store.scan() if each.issuance))
    assert ends == sorted(ends)
    assert ends[-1] > format_instant(found.clock.now() + timedelta(hours=40))


def test_an_order_that_the_ca_takes_without_replaces_only_counts_like_others(site: Found) -> None:
    found = site(**BOULDER)
    entry = site_of("shop", key_types=["ecdsa-p256"])
    in_window(found, entry)
    found.ca.script["/new-order"] = deque([refusal("alreadyReplaced", 409, "replaced")])
    assert statuses(found.keep(entry)) == {"shop/ecdsa-p256": "renewed"}
    assert statuses(found.keep(site_of("new", key_types=["ecdsa-p256"]), max_orders=1)) == {
        "new/ecdsa-p256": "deferred"
    }


@pytest.mark.parametrize(
    "detail",
    [
        "could not find an order for the given certificate: could not find order resulting in the given serial number",
        "checking the replacement order failed",
    ],
)
def test_a_server_error_about_the_certificate_that_is_replaced_costs_no_renewal(site: Found, detail: str) -> None:
    """Pebble has it for the serial numbers that begin with a zero byte (RFC 9773 §4.1), which it does not find."""
    found = site(**BOULDER)
    entry = site_of("shop", key_types=["ecdsa-p256"])
    in_window(found, entry)
    found.ca.script["/new-order"] = deque([refusal("serverInternal", 500, detail)])
    assert statuses(found.keep(entry)) == {"shop/ecdsa-p256": "renewed"}
    assert found.ca.orders[-1].payload.get("replaces") is None


def test_another_server_error_makes_no_second_order(site: Found) -> None:
    """The CA may have made the first one."""
    found = site(**BOULDER)
    entry = site_of("shop", key_types=["ecdsa-p256"])
    in_window(found, entry)
    found.ca.script["/new-order"] = deque([refusal("serverInternal", 500, "Error creating new order")])
    assert statuses(found.keep(entry)) == {"shop/ecdsa-p256": "failed"}
    assert len(found.ca.orders) == 1


def test_new_names_of_a_registered_domain_are_counted_ahead(site: Found) -> None:
    """Fifty a week at Let's Encrypt; both keys of a site are for one set of names."""
    found = site(**BOULDER)
    shops = [{**site_of(f"s{number}"), "domains": [f"s{number}.shop.co.uk"]} for number in range(4)]
    other = {**site_of("other"), "domains": ["other.co.uk"]}
    result = statuses(found.keep(*shops, other, max_orders_per_domain=2))
    assert sorted(result.values()) == ["deferred"] * 4 + ["issued"] * 6
    assert {result[f"other/{each}"] for each in ("ecdsa-p256", "ecdsa-p384")} == {"issued"}
    left = found.keep(*shops, later=DAY, max_orders_per_domain=2)
    (reason,) = {each["reason"].partition(": ")[2] for each in left["certificates"] if each["status"] == "deferred"}
    assert reason == "max_orders_per_domain: shop.co.uk has had 2 new sets of names in seven days"
    assert "msg" not in left, "a site that waits for its turn fails no play"
    assert set(statuses(found.keep(*shops, later=7 * DAY, max_orders_per_domain=2)).values()) == {"issued", "valid"}


def test_a_limit_on_new_names_of_a_domain_holds_up_no_renewal(site: Found) -> None:
    """Six-day certificates would expire meanwhile."""
    found = site(lifetime=timedelta(hours=160))
    old, new = site_of("old", key_types=["ecdsa-p256"]), site_of("new", key_types=["ecdsa-p256"])
    found.keep(old)
    text = 'too many certificates (50) already issued for "example.com" in the last 168h0m0s'
    found.ca.script["/new-order"] = deque([refusal("rateLimited", 429, text, Retry_After="604800")])
    assert statuses(found.keep(old, new, later=timedelta(hours=1)))["new/ecdsa-p256"] == "deferred"
    later = found.keep(old, new, site_of("third", key_types=["ecdsa-p256"]), later=5 * DAY)
    assert statuses(later) == {
        "old/ecdsa-p256": "renewed",
        "new/ecdsa-p256": "deferred",
        "third/ecdsa-p256": "deferred",
    }


def test_a_date_in_the_text_of_a_limit_is_waited_for(site: Found) -> None:
    found = site()
    until = found.clock.now() + timedelta(hours=30)
    text = f"too many new orders, retry after {until:%Y-%m-%d %H:%M:%S} UTC: see https://letsencrypt.org/docs/rate-limits/#x"
    found.ca.script["/new-order"] = deque([refusal("rateLimited", 429, text)])
    (entry,) = found.keep(site_of("shop", key_types=["ecdsa-p256"]))["certificates"]
    assert (entry["status"], entry["needs_human"]) == ("deferred", False)
    assert entry["next_attempt"] == format_instant(until)
    assert statuses(found.keep(site_of("shop"), later=timedelta(hours=31)))["shop/ecdsa-p256"] == "issued"


@pytest.mark.parametrize(
    ("page", "acts"),
    [
        ("https://letsencrypt.org/docs/rate-limits/", False),
        ("https://help.ca.test/articles/too-many-requests", False),
        ("https://ca.test/kb/429", False),
        ("https://ca.test/sfe/v1/unpause?jwt=x", True),
        ("https://portal.ca.test/account/subscription", True),
    ],
)
def test_a_page_that_explains_a_limit_is_none_that_somebody_has_to_go_to(site: Found, page: str, acts: bool) -> None:
    found = site()
    found.ca.script["/new-order"] = deque([refusal("rateLimited", 429, f"too much: {page}")])
    (entry,) = found.keep(site_of("shop", key_types=["ecdsa-p256"]))["certificates"]
    assert entry["needs_human"] is acts


def test_renewals_do_not_count_for_their_registered_domain(site: Found) -> None:
    found = site(**BOULDER)
    shops = [{**site_of(f"s{number}"), "domains": [f"s{number}.shop.co.uk"]} for number in range(3)]
    found.keep(*shops)
    assert set(statuses(found.keep(*shops, later=85 * DAY, max_orders_per_domain=1)).values()) == {"renewed"}


def test_the_next_attempt_comes_before_the_certificate_expires(site: Found) -> None:
    """Twelve hours, as at smallstep: a day's pause after the fourth failure would be one without a certificate."""
    found = site(lifetime=timedelta(hours=12))
    entry = site_of("shop", key_types=["ecdsa-p256"])
    found.keep(entry)
    found.ca.manners.failing.add("shop.example.com")
    found.clock.seconds += 7 * 3600
    for _minute in range(4 * 60):
        found.keep(entry, later=MINUTE)
    found.ca.manners.failing.clear()
    result = found.keep(entry, later=timedelta(minutes=45))
    assert statuses(result) == {"shop/ecdsa-p256": "renewed"}


def test_the_next_attempt_comes_before_a_certificate_of_ninety_days_expires_too(site: Found) -> None:
    found = site()
    entry = site_of("shop", key_types=["ecdsa-p256"])
    found.keep(entry)
    found.ca.manners.failing.add("shop.example.com")
    found.clock.seconds += 89 * 86400
    end = found.store.issuance("shop", "ecdsa-p256")["not_after"]  # type: ignore[index]
    for _hour in range(20):
        (outcome,) = found.keep(entry, later=timedelta(hours=1))["certificates"]
        assert outcome["next_attempt"] < end


def test_keys_on_other_frontends_are_for_names_that_the_ca_knows(site: Found) -> None:
    found = site(**BOULDER)
    entry = site_of("shop", key="frontend", frontends=["web1"], key_types=["ecdsa-p256"])
    found.keep(
        entry, csrs={each["certificate"]: csr_for(each["domains"]) for each in found.keep(entry)["key_requests"]}
    )
    new = site_of("new", key_types=["ecdsa-p256"])
    text = 'too many certificates (50) already issued for "example.com" in the last 168h0m0s'
    found.ca.script["/new-order"] = deque([refusal("rateLimited", 429, text, Retry_After="604800")])
    found.keep(new)
    more = {**entry, "frontends": ["web1", "web2"]}
    csrs = {each["certificate"]: csr_for(each["domains"]) for each in found.keep(more)["key_requests"]}
    assert set(statuses(found.keep(more, csrs=csrs)).values()) == {"issued"}


def test_a_pause_of_new_nonces_holds_up_no_second_key(site: Found) -> None:
    found = site(**BOULDER)
    found.ca.script["/nonce"] = deque([Answer(204), *[Answer(503, headers={"Retry-After": "3600"})] * 20])
    assert set(statuses(found.keep(*(site_of(f"s{number}") for number in range(6)))).values()) == {"issued"}


def test_a_site_with_two_keys_costs_twelve_requests(site: Found) -> None:
    """Seven for the first certificate, and five for the second, which needs no validation."""
    found = site(**BOULDER)
    entries = [site_of(f"s{number}") for number in range(10)]
    found.keep(*entries)
    posts = [path for path in found.ca.paths() if path != "/new-account"]
    assert len(posts) <= 12 * len(entries)


def test_a_run_that_comes_more_seldom_than_the_windows_are_long_is_warned(site: Found) -> None:
    found = site(lifetime=timedelta(hours=160))
    entry = site_of("shop", key_types=["ecdsa-p256"])
    found.keep(entry)
    found.keep(entry, later=timedelta(hours=20))
    (note,) = found.keep(entry, later=DAY)["notes"]
    assert note == (
        "The last run was 24 h ago, and the CA's window for the renewal of shop (ecdsa-p256) is 3.2 h long: only runs that "
        "come more often meet it, and renewals outside of it count against the CA's limits"
    )
    assert found.keep(entry, later=timedelta(hours=1))["notes"] == []


def _records(found: Site) -> list[dict[str, str]]:
    return [each.issuance for each in found.store.scan() if each.issuance]
