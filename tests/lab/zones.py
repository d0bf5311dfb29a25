# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab's zones hold when it starts."""

from __future__ import annotations

import dns.name
import dns.zone

from .plan import Plan

TTL = 60
SERIAL = 1


def zone_text(zone: str, plan: Plan) -> str:
    """Write a zone file: SOA, NS with addresses, the frontends, aliases, further addresses and the delegations below it."""
    lines = [
        f"$ORIGIN {zone}.",
        f"$TTL {TTL}",
        # Refresh and retry short: the secondary shall not stay behind for long when a NOTIFY is lost.
        f"@ SOA ns-knot hostmaster {SERIAL} 5 1 3600 0",
        *name_servers("@", "", plan),
        f"challenge A {plan.address('spare')}",
        *(f"front{number + 1} A {address}" for number, address in enumerate(_frontend_addresses(plan))),
        # the CA may come to any of them
        *(f"fronts A {address}" for address in _frontend_addresses(plan)),
    ]
    for owner, target in plan.options.aliases.items():
        if zone_of(owner, plan.options.zones) == zone:
            lines.append(f"{owner}. CNAME {target}.")
    for owner, address in plan.options.addresses.items():
        if zone_of(owner, plan.options.zones) == zone:
            lines.append(f"{owner}. A {address}")
    for child in plan.options.zones:
        if child != zone and zone_of(child.partition(".")[2], plan.options.zones) == zone:
            lines += name_servers(f"{child}.", f".{child}.", plan)
    return "\n".join(lines) + "\n"


def name_servers(owner: str, suffix: str, plan: Plan) -> list[str]:
    """NS records for the four servers and their addresses."""
    lines = []
    for responder in plan.responders:
        name = f"ns-{responder.name}{suffix}"
        lines.append(f"{owner} NS {name}")
        for address in responder.addresses:
            lines.append(f"{name} {'AAAA' if ':' in address else 'A'} {address}")
    return lines


def zone_of(owner: str, zones: tuple[str, ...]) -> str | None:
    """The closest zone that a name belongs to; None when the lab serves none for it."""
    name = dns.name.from_text(owner)
    enclosing = [zone for zone in zones if name.is_subdomain(dns.name.from_text(zone))]
    return max(enclosing, key=len, default=None)


def parse(zone: str, plan: Plan) -> dns.zone.Zone:
    """The zone as records, for a server that does not read zone files."""
    return dns.zone.from_text(zone_text(zone, plan), origin=f"{zone}.", relativize=False)


def _frontend_addresses(plan: Plan) -> list[str]:
    return [f"{plan.network}.{31 + number}" for number in range(plan.options.frontends)]
