# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many orders may be made, and which ones have been (G23)."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from .._core.clock import SLACK, format_instant, read_instant
from .._core.number import check_number

LEEWAY = timedelta(minutes=1)
"""Between the note of an order and its making, so that no window is shorter for the CA than for us."""

MOST_AT_ONCE = 100_000
"""Orders noted for one instant; more is what a broken file says."""

MOST_PER_NAMES = {"acme-v02.api.letsencrypt.org": 5}
"""CAs that limit certificates for exactly the same names, by the host of their directory."""

MOST_PER_DOMAIN = {"acme-v02.api.letsencrypt.org": 50}
"""CAs that limit new certificates for each registered domain, by the host of their directory."""

WINDOW = timedelta(hours=3) + LEEWAY
WINDOW_PER_NAMES = timedelta(days=7) + LEEWAY


@dataclass(frozen=True)
class Limits:
    """How many orders are made in any three hours, and in any seven days for exactly the same names.

    ``max_orders_per_domain``: how many new sets of names in any seven days below one registered domain. None is for
    any number.
    """

    max_orders: int = 300
    max_orders_per_names: int | None = 5
    max_orders_per_domain: int | None = None

    def __post_init__(self) -> None:
        for option in ("max_orders", "max_orders_per_names", "max_orders_per_domain"):
            if getattr(self, option) is not None:
                check_number(option, getattr(self, option), 1)


def known_limits(directory: str) -> tuple[int | None, int | None]:
    """What the CA of this directory allows in seven days: orders for the same names, new names for each domain.

    None where no such limit is known.
    """
    host = urlsplit(directory).hostname or ""
    return MOST_PER_NAMES.get(host), MOST_PER_DOMAIN.get(host)


class OrderLog:
    """The orders that an account has made of late: when, and for which exact sets of names.

    One that is about to be made is reserved for its certificate until the run has settled what became of it. An order
    that the CA hands out twice counts once, by its URL; one of which nothing is known counts like others.
    What is noted further ahead than some minutes comes from a clock that was wrong, and does not count.
    """

    def __init__(self, document: Mapping[str, Any], now: datetime) -> None:
        self._now = now
        self._made: Counter[datetime] = Counter()
        self._names: dict[str, list[datetime]] = {}
        self._reserved: dict[str, tuple[datetime, str]] = {}
        made, names, reserved, urls, domains = (
            document.get(member) for member in ("made", "names", "reserved", "urls", "domains")
        )
        for text, number in made.items() if isinstance(made, Mapping) else ():
            if (at := self._read(text, WINDOW)) and isinstance(number, int) and number > 0:
                self._made[at] += min(number, MOST_AT_ONCE)
        for key, texts in names.items() if isinstance(names, Mapping) else ():
            instants = [self._read(text, WINDOW_PER_NAMES) for text in (texts if isinstance(texts, list) else ())]
            if found := sorted(at for at in instants if at):
                self._names[key] = found
        for target, entry in reserved.items() if isinstance(reserved, Mapping) else ():
            at, key = (entry.get("at"), entry.get("names")) if isinstance(entry, Mapping) else (None, None)
            if (instant := self._read(at, WINDOW_PER_NAMES)) and isinstance(key, str):
                self._reserved[target] = instant, key
        self._urls = self._read_sets(urls)
        self._domains = self._read_sets(domains)

    def _read_sets(self, document: Any) -> dict[str, dict[str, datetime]]:
        """Instants of the last seven days by two keys."""
        found: dict[str, dict[str, datetime]] = {}
        for key, sets in document.items() if isinstance(document, Mapping) else ():
            instants = (
                {each: self._read(at, WINDOW_PER_NAMES) for each, at in sets.items()}
                if isinstance(sets, Mapping)
                else {}
            )
            if known := {each: at for each, at in instants.items() if at}:
                found[key] = known
        return found

    def _read(self, text: Any, window: timedelta) -> datetime | None:
        at = read_instant(text)
        # what comes from a clock that was wrong may become true, but not after as long as it would count
        return at if at and abs(self._now - at) < window else None

    def as_dict(self) -> dict[str, Any]:
        """The form in which an account's memory keeps it."""
        if not (self._names or self._made or self._domains or self._urls):
            return {}
        return {
            "made": {format_instant(at): number for at, number in sorted(self._made.items()) if number > 0},
            "names": {key: [format_instant(at) for at in instants] for key, instants in sorted(self._names.items())},
            "domains": _as_sets(self._domains),
            "urls": _as_sets(self._urls),
            "reserved": {
                target: {"at": format_instant(at), "names": key} for target, (at, key) in sorted(self._reserved.items())
            },
        }

    def note_new(self, domains: Iterable[str], names: Iterable[str], at: datetime) -> None:
        """A set of names that the CA has not issued for before is ordered, below these registered domains."""
        key = key_of(names)
        for domain in domains:
            self._domains.setdefault(domain, {}).setdefault(key, at)

    def has_new(self, domain: str, names: Iterable[str]) -> bool:
        """Whether this set of names is among the new ones below a registered domain."""
        return key_of(names) in self._domains.get(domain, {})

    def new_in(self, domain: str, now: datetime) -> list[datetime]:
        """When new sets of names below a registered domain were ordered in the last seven days."""
        instants = self._domains.get(domain, {}).values()
        return sorted(min(at, now) for at in instants if now - WINDOW_PER_NAMES < at <= now + SLACK)

    def note(self, names: Iterable[str], at: datetime) -> None:
        """One more order for these names."""
        self._made[at] += 1
        insort(self._names.setdefault(key_of(names), []), at)

    def reserve(self, target: str, names: Iterable[str], at: datetime) -> None:
        """An order for a certificate is about to be made; one that was reserved before and never settled counts, too."""
        names = list(names)
        self.note(names, at)
        self._reserved[target] = at, key_of(names)

    @property
    def reserved(self) -> dict[str, datetime]:
        """The certificates with an order of which it is not settled whether it was made, and since when."""
        return {target: at for target, (at, _key) in self._reserved.items()}

    def settle(self, target: str) -> None:
        """The order that was reserved for a certificate may have been made."""
        self._reserved.pop(target, None)

    def settle_as(self, target: str, names: Iterable[str], url: str, now: datetime) -> None:
        """The order that was reserved for a certificate has this URL; one that is known counts already."""
        names = list(names)
        if self.knows(names, url):
            self.release(target)
        else:
            at, _key = self._reserved.pop(target, (now, ""))
            self.note_url(names, url, at)

    def note_url(self, names: Iterable[str], url: str, at: datetime) -> None:
        """An order for these names that was noted for this instant has this URL."""
        self._urls.setdefault(key_of(names), {}).setdefault(key_of([url]), at)

    def knows(self, names: Iterable[str], url: str) -> bool:
        """Whether an order for these names has been made that has this URL."""
        return key_of([url]) in self._urls.get(key_of(names), ())

    def release(self, target: str) -> None:
        """The order that was reserved for a certificate has not been made."""
        at, key = self._reserved.pop(target, (None, ""))
        if at is not None:
            self._made[at] -= self._made[at] > 0
            self._give_back(key, at)

    def give_back(self, names: Iterable[str], url: str) -> None:
        """The order for these names with this URL never becomes a certificate: it no longer counts for its names."""
        key = key_of(names)
        at = self._urls.get(key, {}).pop(key_of([url]), None)
        if at is not None:
            self._give_back(key, at)

    def _give_back(self, key: str, at: datetime) -> None:
        noted = self._names.get(key, [])
        if at in noted:
            noted.remove(at)
        if not noted:
            self._names.pop(key, None)
            for sets in self._domains.values():
                sets.pop(key, None)

    def instants(self, now: datetime) -> list[datetime]:
        """When the orders of the last three hours were made, the oldest first."""
        return sorted(
            min(at, now)
            for at, number in self._made.items()
            if now - WINDOW < at <= now + SLACK
            for _one in range(number)
        )

    def instants_for(self, names: Iterable[str], now: datetime) -> list[datetime]:
        """The same for one exact set of names and the last seven days."""
        noted = self._names.get(key_of(names), ())
        return sorted(min(at, now) for at in noted if now - WINDOW_PER_NAMES < at <= now + SLACK)


class Slots:
    """Places in a sliding window: each one taken is free again when the window has passed over it.

    ``most``: how many there are, None for any number.
    """

    def __init__(self, taken: Iterable[datetime], most: int | None, window: timedelta) -> None:
        self._taken = sorted(taken)
        self._most = most
        self._window = window

    def next_free(self, now: datetime) -> datetime:
        """When the next place can be had, now or later."""
        if self._most is None or len(self._taken) < self._most:
            return now
        return max(now, self._taken[-self._most] + self._window)

    def take(self, at: datetime) -> None:
        """Take a place at this instant, which next_free() gave."""
        insort(self._taken, at)


def _as_sets(sets: Mapping[str, Mapping[str, datetime]]) -> dict[str, dict[str, str]]:
    return {
        key: {each: format_instant(at) for each, at in sorted(known.items())} for key, known in sorted(sets.items())
    }


def key_of(names: Iterable[str]) -> str:
    """What stands for an exact set of names in the log, however long it is."""
    return sha256("\n".join(sorted(set(names))).encode()).hexdigest()[:32]
