# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""firewalld: rich rules in zones and policies, permanent and, where it runs, at once.

A port would be the plainer thing to add, but nothing would tell ours from one that somebody else has added. Our rich rules
have a priority of their own, behind everything of the zone that refuses somebody in particular and ahead of the zone's
last word. Nothing is reloaded: that would drop what others have added for the time being.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .opening import Opening
from .plan import Commands, Plan, Step, output_of

PRIORITY = 8555
"""By this our rules are told from others."""

ONLINE, PERMANENT, OFFLINE = ("firewall-cmd",), ("firewall-cmd", "--permanent"), ("firewall-offline-cmd",)


@dataclass(frozen=True)
class Place:
    """A zone or a policy: ``option`` addresses it."""

    option: str
    restricts_output: bool
    rules: tuple[str, ...]

    @property
    def ours(self) -> list[str]:
        return [rule for rule in self.rules if f'priority="{PRIORITY}"' in rule]


def is_running(commands: Commands) -> bool:
    """Whether firewalld runs here."""
    return commands.has("firewall-cmd") and commands.run(("firewall-cmd", "--state"))[0] == 0


def plan_firewalld(commands: Commands, openings: Sequence[Opening], zones: Sequence[str] = ()) -> Plan:
    """What to add to and remove from zones and policies.

    Without ``zones``, inbound openings are made where the default routes leave.
    """
    if not commands.has("firewall-offline-cmd" if not is_running(commands) else "firewall-cmd"):
        return Plan()
    prefixes = (PERMANENT, ONLINE) if is_running(commands) else (OFFLINE,)
    zones = zones or _outer_zones(commands, prefixes[-1])
    plan = Plan()
    for prefix in prefixes:
        for place in _places(commands, prefix):
            wanted = _wanted(place, openings, zones)
            plan += _plan_of(prefix, place, wanted)
    return plan


def _wanted(place: Place, openings: Sequence[Opening], zones: Sequence[str]) -> list[str]:
    direction = "in" if place.option in {f"--zone={zone}" for zone in zones} else ""
    if place.restricts_output:
        direction = "out"
    return [
        f'rule priority="{PRIORITY}" port port="{opening.port}" protocol="{opening.protocol}" accept'
        for opening in openings
        if opening.direction == direction
    ]


def _plan_of(prefix: tuple[str, ...], place: Place, wanted: list[str]) -> Plan:
    where = f"{'permanent' if prefix != ONLINE else 'runtime'} {place.option[2:]}"
    steps = [Step((*prefix, place.option, f"--remove-rich-rule={rule}")) for rule in place.ours if rule not in wanted]
    steps += [Step((*prefix, place.option, f"--add-rich-rule={rule}")) for rule in wanted if rule not in place.ours]
    return Plan(
        tuple(f"{where}: {rule}" for rule in sorted(place.ours)),
        tuple(f"{where}: {rule}" for rule in sorted(wanted)),
        tuple(steps),
    )


def _places(commands: Commands, prefix: tuple[str, ...]) -> list[Place]:
    """All zones, and where this version of firewalld has them, all policies."""
    places = _read(output_of(commands, *prefix, "--list-all-zones"), "--zone=")
    code, text = commands.run((*prefix, "--list-all-policies"))
    return places + (_read(text, "--policy=") if code == 0 else [])


def _read(text: str, option: str) -> list[Place]:
    """What firewall-cmd lists of zones or policies: a name at the margin, its settings and its rules below."""
    places = []
    for block in re.split(r"\n(?=\S)", text.strip("\n")):
        name = re.match(r"[^\s(]+", block)
        if name is None:
            continue
        settings = dict(re.findall(r"^  ([\w-]+): ?(.*)$", block, re.MULTILINE))
        rules = tuple(line.strip() for line in block.splitlines() if line.strip().startswith("rule "))
        leaving = option == "--policy=" and "HOST" in settings.get("ingress-zones", "").split()
        places.append(Place(option + name[0], leaving, rules))
    return places


def _outer_zones(commands: Commands, prefix: tuple[str, ...]) -> list[str]:
    """The zones of the interfaces that default routes leave by; the default zone where there are none."""
    default = output_of(commands, *prefix, "--get-default-zone").strip()
    routes = "".join(commands.run(("ip", family, "route", "show", "default"))[1] for family in ("-4", "-6"))
    zones = set()
    for interface in re.findall(r"\bdev (\S+)", routes):
        code, zone = commands.run((*prefix, f"--get-zone-of-interface={interface}"))
        zones.add(zone.strip() if code == 0 and zone.strip() != "no zone" else default)
    return sorted(zones) or [default]
