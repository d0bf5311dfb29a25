# SPDX-License-Identifier: GPL-3.0-or-later
"""Name servers that a zone has and nobody listed."""

from __future__ import annotations

import threading

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._dns.panel import Panel
from ansible_collections.certfleet.acme.plugins.module_utils._dns.responder import Responder
from ansible_collections.certfleet.acme.plugins.module_utils._dns.servers import MOST_ADDRESSES, MOST_HOSTS, NameServers

from .fakes import FakeExchange, FakeServer

ZONE = "example.com"


@pytest.fixture
def name_servers(exchange: FakeExchange, responders: tuple[Responder, ...]) -> NameServers:
    elsewhere = {"ns.provider.example": ("203.0.113.99",)}
    return NameServers(
        Panel(exchange, responders),
        responders,
        resolve=lambda host: elsewhere.get(host, ()),
        routable=lambda address: not address.startswith("2001:db8:bad"),
    )


def hosts(servers: dict[str, FakeServer], *names: str) -> None:
    for server in servers.values():
        server.add(ZONE, "NS", *names)


def test_an_unlisted_server_is_found_through_the_responders(
    name_servers: NameServers, servers: dict[str, FakeServer]
) -> None:
    hosts(servers, "ns4.example.com")
    servers["fra"].add("ns4.example.com", "A", "192.0.2.54").add("ns4.example.com", "AAAA", "2001:db8::54")
    assert name_servers.unlisted([ZONE]) == {
        ZONE: (
            Responder("ns4.example.com", ("192.0.2.54", "2001:db8::54"), updates=False, zones=(ZONE,), listed=False),
        )
    }
    assert name_servers.notes([ZONE]) == []


def test_an_address_of_a_listed_responder_counts_as_listed_whatever_its_port(
    exchange: FakeExchange, servers: dict[str, FakeServer]
) -> None:
    hosts(servers, "ns1.example.com")
    servers["fra"].add("ns1.example.com", "A", "192.0.2.99")
    listed = (Responder("fra", ("192.0.2.53",)), Responder("hidden", ("192.0.2.99",), port=5353))
    found = NameServers(Panel(exchange, listed), listed, resolve=lambda _host: ())
    assert found.unlisted([ZONE]) == {ZONE: ()}
    assert found.notes([ZONE]) == []


def test_a_further_address_of_a_listed_responder_is_asked_on_its_port(
    exchange: FakeExchange, servers: dict[str, FakeServer]
) -> None:
    hosts(servers, "ns1.example.com")
    servers["fra"].add("ns1.example.com", "A", "192.0.2.99").add("ns1.example.com", "AAAA", "2a00::99")
    listed = (Responder("fra", ("192.0.2.53",)), Responder("hidden", ("192.0.2.99",), port=5353))
    found = NameServers(Panel(exchange, listed), listed, resolve=lambda _host: (), routable=lambda _address: True)
    assert found.unlisted([ZONE]) == {
        ZONE: (Responder("hidden", ("2a00::99",), port=5353, updates=False, zones=(ZONE,), listed=False),)
    }


def test_a_server_of_another_domain_is_found_through_the_resolver(
    name_servers: NameServers, servers: dict[str, FakeServer]
) -> None:
    hosts(servers, "ns.provider.example")
    (server,) = name_servers.unlisted([ZONE])[ZONE]
    assert server.addresses == ("203.0.113.99",)


def test_a_server_whose_address_is_unknown_is_noted(name_servers: NameServers, servers: dict[str, FakeServer]) -> None:
    hosts(servers, "ns.gone.example")
    assert name_servers.unlisted([ZONE]) == {ZONE: ()}
    assert name_servers.notes([ZONE]) == [
        "The address of ns.gone.example, a name server of zone example.com, can't be found: it is not verified"
    ]


def test_an_address_without_a_route_from_here_is_noted(
    name_servers: NameServers, servers: dict[str, FakeServer]
) -> None:
    hosts(servers, "ns4.example.com")
    servers["fra"].add("ns4.example.com", "A", "192.0.2.54").add("ns4.example.com", "AAAA", "2001:db8:bad::1")
    (server,) = name_servers.unlisted([ZONE])[ZONE]
    assert server.addresses == ("192.0.2.54",)
    assert name_servers.notes([ZONE]) == [
        "There is no route to 2001:db8:bad::1 of ns4.example.com, a name server of zone example.com: it is not verified"
    ]


def test_a_zone_is_asked_about_once(
    name_servers: NameServers, servers: dict[str, FakeServer], exchange: FakeExchange
) -> None:
    hosts(servers, "ns.provider.example")
    name_servers.unlisted([ZONE])
    before = exchange.questions()
    name_servers.unlisted([ZONE, ZONE])
    assert exchange.questions() == before


def test_a_host_of_many_zones_is_looked_for_once(
    exchange: FakeExchange, servers: dict[str, FakeServer], responders: tuple[Responder, ...]
) -> None:
    looked_for: list[str] = []

    def resolve(host: str) -> tuple[str, ...]:
        looked_for.append(host)
        return ()

    for zone in (ZONE, "validation.example"):
        servers["fra"].add(zone, "NS", "ns.provider.test")
    name_servers = NameServers(Panel(exchange, responders), responders, resolve)
    for zone in (ZONE, "validation.example"):
        name_servers.unlisted([zone])
    assert looked_for == ["ns.provider.test"]


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("A", "127.0.0.1"),
        ("A", "0.0.0.1"),
        ("A", "10.1.2.3"),
        ("A", "169.254.169.254"),
        ("A", "224.0.0.251"),
        ("AAAA", "::1"),
        ("AAAA", "::ffff:127.0.0.1"),
        ("AAAA", "fd00::53"),
        ("AAAA", "fe80::53"),
    ],
)
def test_an_address_within_is_not_asked_as_the_owner_of_a_zone_may_name_any(
    name_servers: NameServers, servers: dict[str, FakeServer], kind: str, address: str
) -> None:
    hosts(servers, "ns4.example.com")
    servers["fra"].add("ns4.example.com", kind, address)
    assert name_servers.unlisted([ZONE]) == {ZONE: ()}
    (note,) = name_servers.notes([ZONE])
    assert note == (
        f"{address} of ns4.example.com, a name server of zone example.com, is not public: it is not verified, unless "
        "it is listed as a responder"
    )


def test_an_address_within_is_asked_where_a_responder_is_listed_in_the_same_network(
    exchange: FakeExchange, servers: dict[str, FakeServer]
) -> None:
    hosts(servers, "ns4.example.com")
    servers["fra"].add("ns4.example.com", "A", "10.1.2.3")
    listed = (Responder("fra", ("192.0.2.53",)), Responder("hidden", ("10.9.9.9",)))
    found = NameServers(Panel(exchange, listed), listed, resolve=lambda _host: (), routable=lambda _address: True)
    (server,) = found.unlisted([ZONE])[ZONE]
    assert server.addresses == ("10.1.2.3",)


def test_a_zone_with_name_servers_without_number_is_verified_at_some(
    name_servers: NameServers, servers: dict[str, FakeServer]
) -> None:
    hosts(servers, *(f"ns{number}.example.com" for number in range(100)))
    for number in range(100):
        servers["fra"].add(f"ns{number}.example.com", "A", *(f"198.51.100.{last}" for last in range(100, 150)))
    found = name_servers.unlisted([ZONE])[ZONE]
    assert len(found) == MOST_HOSTS
    assert {len(server.addresses) for server in found} == {MOST_ADDRESSES}
    assert name_servers.notes([ZONE]) == ["Zone example.com has 100 name servers: only 16 of them are verified"]


def test_a_host_that_nobody_answers_about_holds_up_no_other(
    exchange: FakeExchange, servers: dict[str, FakeServer], responders: tuple[Responder, ...]
) -> None:
    over = threading.Event()

    def resolve(host: str) -> tuple[str, ...]:
        if host == "ns.slow.test":
            over.wait(60)
        return ("203.0.113.99",)

    hosts(servers, "ns.slow.test", "ns.good.test")
    name_servers = NameServers(Panel(exchange, responders), responders, resolve, lambda _address: True, seconds=0.1)
    assert [server.name for server in name_servers.unlisted([ZONE])[ZONE]] == ["ns.good.test"]
    over.set()
    (note,) = name_servers.notes([ZONE])
    assert note.startswith("The address of ns.slow.test, a name server of zone example.com, can't be found")
