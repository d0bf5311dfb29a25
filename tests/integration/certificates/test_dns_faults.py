# SPDX-License-Identifier: GPL-3.0-or-later
"""Name servers that go wrong under a whole issuance: a certificate comes, or the failure tells who it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.lab import Lab
from tests.lab.dns_faults import Fault, Kind
from tests.lab.dns_proxy import DnsProxy
from tests.options import responders

from .conftest import Keep

SITE = {"name": "site", "domains": ["site.fleet.test"], "key_types": ["ecdsa-p256"], "profile": "classic"}
OWNER = "_acme-challenge.site.fleet.test"
# the values a proxy stands before are looked for at the proxy only, and nobody waits for long
SHORT = {"dns_timeout": 1, "check_name_servers": False}


@pytest.fixture
def proxies(lab: Lab) -> Iterator[dict[str, DnsProxy]]:
    """A proxy before each responder, which does nothing yet."""
    with ExitStack() as stack:
        yield {
            each.name: stack.enter_context(DnsProxy.before(lab, each.name, 2 if each.name == "powerdns" else 1))
            for each in lab.responders
        }


def behind(lab: Lab, proxies: dict[str, DnsProxy]) -> list[dict[str, Any]]:
    """All responders, each with the addresses of its proxy."""
    listed = responders(lab)
    for name, proxy in proxies.items():
        listed = proxy.stand_in(name, listed)
    return listed


def ledger(store: Path) -> list[str]:
    return sorted(path.stem for path in store.glob("dns/*.json"))


def where(lab: Lab, name: str) -> str:
    responder = next(each for each in lab.responders if each.name == name)
    return f"{name} {responder.address}:{responder.port}"


def test_a_certificate_comes_although_every_server_has_some_trouble(
    lab: Lab, keep: Keep, store: Path, proxies: dict[str, DnsProxy]
) -> None:
    proxies["knot"].inject(Fault("slow", seconds=0.3))
    proxies["bind"].inject(Fault("truncated"))
    proxies["powerdns"].inject(Fault("silent", addresses=frozenset(proxies["powerdns"].addresses[:1]), about="queries"))
    proxies["nsd"].inject(Fault("silent", most=4))
    result = keep([SITE], responders=behind(lab, proxies), **SHORT)
    assert result["counts"]["issued"] == 1, result.output
    assert all(sum(proxy.counts.values()) for proxy in proxies.values())
    (note,) = result["notes"]
    assert note.startswith(f"powerdns {proxies['powerdns'].addresses[0]}:")
    assert not ledger(store)
    assert not any(lab.all_txt(each.name) for each in lab.primaries)


def test_a_certificate_comes_while_one_of_three_primaries_is_down_and_it_is_cleaned_afterwards(
    lab: Lab, keep: Keep, store: Path
) -> None:
    lab.down("powerdns")
    result = keep([SITE], dns_timeout=1)
    assert result["counts"]["issued"] == 1, result.output
    notes = [note for note in result["notes"] if note.startswith(where(lab, "powerdns"))]
    assert len(notes) == 3, "not updated, passed over, not cleaned"
    assert ledger(store) == ["powerdns"]
    lab.up("powerdns")
    assert not keep([SITE])["notes"]
    assert not ledger(store)


def test_a_primary_that_was_down_at_the_cleanup_is_cleaned_by_a_run_in_which_nothing_is_due(
    lab: Lab, keep: Keep, store: Path, proxies: dict[str, DnsProxy]
) -> None:
    proxies["bind"].inject(Fault("silent", about="removals"))
    listed = behind(lab, proxies)
    first = keep([SITE], responders=listed, **SHORT)
    assert first["counts"]["issued"] == 1, first.output
    (note,) = first["notes"]
    assert note.endswith("Values may be left there; the next run withdraws them")
    assert len(lab.txt("bind", OWNER)) == 1
    assert not lab.txt("knot", OWNER)
    assert ledger(store) == ["bind"]

    proxies["bind"].heal()
    again = keep([SITE], responders=listed, **SHORT)
    assert not again.changed
    assert (again["orders"], again["requests"], again["updates"]) == (0, 0, {"bind": 1})
    assert not again["notes"]
    assert not lab.txt("bind", OWNER)
    assert not ledger(store)


TOLD: dict[Kind, str] = {
    "silent": "Only 2 of 4 responders verified",
    "refused": "0 of 1 value after 1 s (REFUSED)",
}


@pytest.mark.parametrize(
    "faulty", [{"nsd": "silent", "bind": "silent"}, {"nsd": "refused"}], ids=["half silent", "one refusing"]
)
def test_a_failure_names_who_lacked_the_value_and_leaves_nothing_behind(
    lab: Lab, keep: Keep, store: Path, proxies: dict[str, DnsProxy], faulty: dict[str, Kind]
) -> None:
    for name, kind in faulty.items():
        proxies[name].inject(Fault(kind, about="queries"))
    result = keep([SITE], responders=behind(lab, proxies), wait=1, **SHORT)
    assert result.failed
    (failed,) = result["certificates"]
    assert failed["status"] == "failed"
    assert TOLD[faulty["nsd"]] in failed["reason"]
    assert {sentence.split()[0] for sentence in failed["failure"]["verdicts"]} == set(faulty)
    assert not ledger(store)
    assert not any(lab.all_txt(each.name) for each in lab.primaries)


def test_leftovers_of_earlier_tools_are_warned_about_and_left_alone(lab: Lab, keep: Keep) -> None:
    for number in range(25):
        lab.add_txt("knot", OWNER, f"left-by-an-earlier-tool-{number:020}")
    first = keep([SITE])
    assert first["counts"]["issued"] == 1, first.output
    assert [note for note in first["notes"] if note.startswith(f"An answer of knot about {OWNER} has ")]
    assert len(lab.txt("knot", OWNER)) == 25, "whose values they are is not for a renewal to say"
    lab.remove_every_txt()
