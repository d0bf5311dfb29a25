# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers that a zone's NS records name, beside those that the user listed."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence

from .answer import Answer
from .exchange import DNS_PORT
from .panel import NoAnswer, Panel, Question
from .responder import Resolve, Responder

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


class NameServers:
    """Finds the authoritative servers of zones that nobody listed, as followers on port 53.

    An address of a listed responder counts as listed whatever the port, since
    servers behind another port are named in NS records, too, and further
    addresses of the same server are taken to have its port. A server whose
    address can't be found, or can't be reached from here for want of a route
    (an IPv6 address on a machine without), gives a note instead.
    """

    def __init__(
        self,
        panel: Panel,
        responders: Sequence[Responder],
        resolve: Resolve,
        routable: Routable = is_routable,
    ) -> None:
        self._panel = panel
        self._listed = {address: responder for responder in responders for address in responder.addresses}
        self._resolve = resolve
        self._routable = routable
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
        hosts = list(dict.fromkeys(host for answer in answers for host in answer.hosts))
        new = [host for host in hosts if host not in self._hosts]
        found: dict[str, tuple[str, ...]] = dict.fromkeys(new, ())
        for question, answer in self._panel.ask(Question(host, kind) for host in new for kind in ("A", "AAAA")).items():
            if isinstance(answer, Answer):
                found[question.name] += answer.addresses.get(question.name, ())
        for host in new:
            self._hosts[host] = found[host] or tuple(self._resolve(host))
        return self._hosts

    def _learn(self, zone: str, answer: Answer | NoAnswer, addresses: Mapping[str, tuple[str, ...]]) -> None:
        if isinstance(answer, NoAnswer):
            self._known[zone] = ()
            self._notes[zone] = (f"The name servers of zone {zone} can't be found: {answer}",)
            return
        servers: list[Responder] = []
        notes: list[str] = []
        for host in answer.hosts:
            new = [address for address in addresses[host] if address not in self._listed]
            reachable = tuple(address for address in new if self._routable(address))
            if not addresses[host]:
                notes.append(f"The address of {host}, a name server of zone {zone}, can't be found: it is not verified")
            notes.extend(
                f"There is no route to {address} of {host}, a name server of zone {zone}: it is not verified"
                for address in new
                if address not in reachable
            )
            if reachable:
                known = next((self._listed[address] for address in addresses[host] if address in self._listed), None)
                name, port = (known.name, known.port) if known else (host, DNS_PORT)
                servers.append(Responder(name, reachable, port, updates=False, zones=(zone,), listed=False))
        self._known[zone] = tuple(servers)
        self._notes[zone] = tuple(notes)
