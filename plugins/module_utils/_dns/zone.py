# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a value has to be written: the end of the CNAME chain, and the zone that holds it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from .._core.errors import Error
from .._core.plain import cut
from .answer import Answer
from .panel import NoAnswer, Panel, Question
from .record import CHALLENGE_LABEL, is_within, parents_of
from .wildcard import only_by_wildcard

LONGEST_CHAIN = 8

MOST_STEPS = 32
"""How many names are asked for, one after the other, on the way to a place: each may take the time of an answer."""

MOST_LABELS = 32
"""How many labels a name may have where a CNAME record leads: each costs a question about a wildcard."""


@dataclass(frozen=True)
class Place:
    """``owner`` is where the value for ``name`` is written; it differs when CNAME records delegate the name.

    ``in_use`` says that the owner name may hold something already, and ``hides`` is a host
    that only exists by a wildcard, and therefore not while a value is at the owner name.
    """

    name: str
    owner: str
    zone: str
    in_use: bool = field(default=False, compare=False)
    hides: str | None = field(default=None, compare=False)

    @property
    def host(self) -> str | None:
        """The name that a value may take from a wildcard (RFC 4592 §2.2.2); None when the zone's apex is above all."""
        head, _dot, rest = self.owner.partition(".")
        host = rest if head == CHALLENGE_LABEL else self.owner
        return host if host != self.zone and is_within(host, self.zone) else None


class LocationError(Error):
    """The zone of a name can't be found at the responders, or its CNAME records lead where no value is written."""


@dataclass
class _Trail:
    """A name on the way to its place: ``asked`` is the name whose SOA is wanted next, ``steps`` were asked for before."""

    name: str
    owner: str
    asked: str
    chain: list[str]
    steps: int = 0


class Locator:
    """Finds places by asking for SOA records: one question for a name that isn't delegated by CNAME.

    A name that is there already, or that a wildcard covers, takes four more. CNAME records
    may end at names of challenges, and at any name in the ``validation_zones``.
    """

    def __init__(self, panel: Panel, validation_zones: Iterable[str] = ()) -> None:
        self._panel = panel
        self._validation_zones = tuple(validation_zones)
        self._places: dict[str, Place] = {}

    def locate(self, names: Iterable[str]) -> tuple[dict[str, Place], dict[str, Error]]:
        """The place of each name, and the errors of those that have none; places are remembered."""
        wanted = list(dict.fromkeys(names))
        failed: dict[str, Error] = {}
        trails = [_Trail(name, name, name, [name]) for name in wanted if name not in self._places]
        found: dict[str, Place] = {}
        while trails:
            trails = self._advance(trails, found, failed)
        self._settle(found, failed)
        return {name: self._places[name] for name in wanted if name in self._places}, failed

    def _settle(self, found: dict[str, Place], failed: dict[str, Error]) -> None:
        """Remember the new places, but for those where a value would take a host of others from a wildcard."""
        hosts = {name: place.host for name, place in found.items() if place.in_use and place.host}
        hidden = only_by_wildcard(self._panel, hosts.values())
        for name, place in found.items():
            host = hosts.get(name)
            if host not in hidden:
                self._places[name] = place
            elif place.owner == name:
                self._places[name] = replace(place, hides=host)
            else:
                failed[name] = LocationError(
                    f"The CNAME records of {name} end at {place.owner}, where no value is written: {host} exists only "
                    "by a wildcard, and would have no address as long as a value is there"
                )

    def _advance(self, trails: list[_Trail], found: dict[str, Place], failed: dict[str, Error]) -> list[_Trail]:
        """One step for every trail; those that go on."""
        answers = self._panel.ask(Question(trail.asked, "SOA") for trail in trails)
        aliased: list[tuple[_Trail, str]] = []
        for trail in trails:
            answer = answers[Question(trail.asked, "SOA")]
            if isinstance(answer, NoAnswer):
                failed[trail.name] = LocationError(f"The zone of {_path(trail)} can't be found: {answer}")
            elif answer.alias is not None:
                aliased.append((trail, answer.alias))
            elif answer.zone is None or not is_within(trail.asked, answer.zone):
                failed[trail.name] = LocationError(f"The zone of {_path(trail)} can't be found: the answer has no SOA")
            elif trail.owner != trail.name and not self._allows(trail.owner):
                failed[trail.name] = LocationError(
                    f"The CNAME records of {_path(trail)} end where no value is written: let them end at a name that "
                    f"begins with {CHALLENGE_LABEL}, or list the zone in validation_zones if it is yours"
                )
            else:
                in_use = trail.asked != trail.owner or answer.rcode != "NXDOMAIN"
                found[trail.name] = Place(trail.name, trail.owner, answer.zone, in_use)
        wildcards = self._wildcards([(trail, target) for trail, target in aliased if trail.asked == trail.owner])
        return [trail for trail, target in aliased if _follow(trail, target, wildcards, failed)]

    def _allows(self, target: str) -> bool:
        """Whether a value may be written where CNAME records end; a dot within a label would deceive is_within()."""
        if "\\" in target:
            return False
        return target.startswith(f"{CHALLENGE_LABEL}.") or any(
            is_within(target, each) for each in self._validation_zones
        )

    def _wildcards(self, aliased: list[tuple[_Trail, str]]) -> dict[str, str]:
        """The names whose CNAME only comes from a wildcard, each with a name above it that is within the same zone.

        A value written at such a name takes it out of the wildcard's reach (RFC
        4592 §3.3.1), and following the wildcard would lead to some web server's name.
        """
        questions = {
            trail.asked: [Question(f"*.{parent}", "CNAME") for parent in parents_of(trail.asked)]
            for trail, _target in aliased
        }
        if not questions:
            return {}
        answers = self._panel.ask({question for several in questions.values() for question in several})
        targets = {trail.asked: target for trail, target in aliased}
        found: dict[str, str] = {}
        for name, several in questions.items():
            for question in several:
                answer = answers[question]
                if isinstance(answer, Answer) and answer.alias == targets[name]:
                    found.setdefault(name, question.name[2:])
        return found


def _follow(trail: _Trail, target: str, wildcards: dict[str, str], failed: dict[str, Error]) -> bool:
    """Move the trail one step on; whether it goes on."""
    trail.steps += 1
    if trail.asked != trail.owner:
        # Names between the wildcard and the owner come from the wildcard, too: look above them.
        trail.asked = trail.asked.partition(".")[2]
        reason = None
        if not trail.asked or trail.steps >= MOST_STEPS:
            reason = f"The zone of {_path(trail)} can't be found: there are CNAME records at all names above it"
    elif trail.asked in wildcards:
        trail.asked = wildcards[trail.asked]
        reason = None
    else:
        reason = _lead(trail, target)
    if reason:
        failed[trail.name] = LocationError(reason)
    return reason is None


def _lead(trail: _Trail, target: str) -> str | None:
    """Let a CNAME record lead the trail to its target, or say why it is not followed."""
    before = _path(trail)
    trail.owner = trail.asked = target
    trail.chain.append(target)
    if target in trail.chain[:-1]:
        return f"The CNAME records of {before} lead in a circle, back to {cut(target)}"
    if target.count(".") >= MOST_LABELS:
        return f"The CNAME records of {before} lead to a name of more than {MOST_LABELS} labels"
    if len(trail.chain) > LONGEST_CHAIN + 1:
        return f"The CNAME records of {trail.name} are more than {LONGEST_CHAIN} in a row"
    return None


def _path(trail: _Trail) -> str:
    return " → ".join(map(cut, trail.chain))
