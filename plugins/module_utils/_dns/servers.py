# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers that a zone's NS records name, beside those that the user listed."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait

from .._core.address import special_network
from .._core.plain import cut
from .answer import Answer
from .exchange import DNS_PORT
from .panel import NoAnswer, Panel, Question
from .responder import Resolve, Responder

MOST_HOSTS = 16
"""How many hosts that a zone's NS records name are verified without being listed: the root zone has 13."""

MOST_ADDRESSES = 4
"""At how many addresses each of them is verified."""

LOOKUPS = 16
"""How many host names the system's resolver is asked for at once."""

LOOKUP_SECONDS = 60.0
"""How long it is waited for: zones may name hosts about which no server ever answers."""

Routable = Callable[[str], bool]


def is_routable(address: str) -> bool:
    """Whether this machine has any route to an address; nothing is sent."""
    family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 53))
    except OSError as error:
        return error.errno not in (
            errno.ENETUNREACH,
            errno.EHOSTUNREACH,
            errno.EAFNOSUPPORT,
            errno.EADDRNOTAVAIL,
        )
    return True


def resolve_all(resolve: Resolve, hosts: Iterable[str], seconds: float) -> dict[str, tuple[str, ...]]:
    """The addresses of each host; none for a host that was not looked up when the seconds, for all of them, were over."""
    pool = ThreadPoolExecutor(LOOKUPS)
    lookups = {host: pool.submit(resolve, host) for host in hosts}
    done, _late = wait(lookups.values(), seconds)
    # nobody can stop what is under way in the system's resolver, which ends it soon
    pool.shutdown(wait=False, cancel_futures=True)
    return {host: tuple(lookup.result()) if lookup in done else () for host, lookup in lookups.items()}


class NameServers:
    """Finds the authoritative servers of zones that nobody listed, as followers on port 53.

    An address of a listed responder counts as listed whatever the port, since
    servers behind another port are named in NS records, too, and further
    addresses of the same server are taken to have its port. A server whose
    address can't be found, or can't be reached from here for want of a route
    (an IPv6 address on a machine without), gives a note instead. So does an
    address that is not public, unless a listed responder is in the same network
    for special purposes: the owner of a zone may name any address, and no CA
    asks there. ``seconds`` is how long the system's resolver is waited for.
    """

    def __init__(
        self,
        panel: Panel,
        responders: Sequence[Responder],
        resolve: Resolve,
        routable: Routable = is_routable,
        seconds: float = LOOKUP_SECONDS,
    ) -> None:
        self._panel = panel
        self._listed = {address: responder for responder in responders for address in responder.addresses}
        self._networks = {None, *map(special_network, self._listed)}
        self._resolve = resolve
        self._routable = routable
        self._seconds = seconds
        self._hosts: dict[str, tuple[str, ...]] = {}
        self._known: dict[str, tuple[Responder, ...]] = {}
        self._notes: dict[str, tuple[str, ...]] = {}

    def unlisted(self, zones: Iterable[str]) -> dict[str, tuple[Responder, ...]]:
        """The servers of each zone that are not among the listed responders; asked for once a zone."""
        wanted = list(dict.fromkeys(zones))
        new = [zone for zone in wanted if zone not in self._known]
        answers = self._panel.ask(Question(zone, "NS") for zone in new)
        addresses = self._addresses([answer for answer in answers.values() if isinstance(answer, Answer)])
        for zone in new:
            self._learn(zone, answers[Question(zone, "NS")], addresses)
        return {zone: self._known[zone] for zone in wanted}

    def notes(self, zones: Iterable[str]) -> list[str]:
        """What could not be found out about the servers of these zones."""
        return [note for zone in dict.fromkeys(zones) for note in self._notes.get(zone, ())]

    def _addresses(self, answers: Sequence[Answer]) -> dict[str, tuple[str, ...]]:
        """The addresses of all hosts, from the responders or else from the system's resolver; remembered."""
        hosts = list(dict.fromkeys(host for answer in answers for host in answer.hosts[:MOST_HOSTS]))
        new = [host for host in hosts if host not in self._hosts]
        found: dict[str, tuple[str, ...]] = dict.fromkeys(new, ())
        for question, answer in self._panel.ask(Question(host, kind) for host in new for kind in ("A", "AAAA")).items():
            if isinstance(answer, Answer):
                found[question.name] += answer.addresses.get(question.name, ())[:MOST_ADDRESSES]
        unknown = [host for host in new if not found[host]]
        found.update(resolve_all(self._resolve, unknown, self._seconds))
        self._hosts.update((host, addresses[:MOST_ADDRESSES]) for host, addresses in found.items())
        return self._hosts

    def _learn(self, zone: str, answer: Answer | NoAnswer, addresses: Mapping[str, tuple[str, ...]]) -> None:
        if isinstance(answer, NoAnswer):
            self._known[zone] = ()
            self._notes[zone] = (f"The name servers of zone {zone} can't be found: {answer}",)
            return
        servers: list[Responder] = []
        notes: list[str] = []
        for host in answer.hosts[:MOST_HOSTS]:
            reasons = {address: self._why_not(address) for address in addresses[host] if address not in self._listed}
            verified = tuple(address for address, reason in reasons.items() if not reason)
            whose = f"of {cut(host)}, a name server of zone {zone}"
            if not addresses[host]:
                notes.append(f"The address {whose}, can't be found: it is not verified")
            notes.extend(reason.format(f"{address} {whose}") for address, reason in reasons.items() if reason)
            if verified:
                known = next((self._listed[address] for address in addresses[host] if address in self._listed), None)
                name, port = (known.name, known.port) if known else (cut(host), DNS_PORT)
                servers.append(Responder(name, verified, port, updates=False, zones=(zone,), listed=False))
        if len(answer.hosts) > MOST_HOSTS:
            notes.append(f"Zone {zone} has {len(answer.hosts)} name servers: only {MOST_HOSTS} of them are verified")
        self._known[zone] = tuple(servers)
        self._notes[zone] = tuple(notes)

    def _why_not(self, address: str) -> str | None:
        """What is to be noted of an address that is not asked."""
        if special_network(address) not in self._networks:
            return "{}, is not public: it is not verified, unless it is listed as a responder"
        return None if self._routable(address) else "There is no route to {}: it is not verified"
