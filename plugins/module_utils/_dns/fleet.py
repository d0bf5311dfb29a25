# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All responders as one thing that values are published on, verified on and withdrawn from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from .._core.clock import Clock
from .._core.errors import Error
from .._core.files import Files
from .exchange import Exchange
from .holdings import Holdings, read_holdings, unknown_holdings, without_wildcards
from .ledger import Entry, Ledger
from .panel import Panel
from .plan import Assigned, Origins, Plan, by_zone, merged, place_records, primaries_of, real_changes, without_primary
from .propagation import Propagation, Wanted
from .publication import Publication, Update, certainly_not_added, confirmed_gone
from .record import TxtRecord, values_by_name
from .report import (
    Report,
    failed_updates,
    failed_verdicts,
    noting_what_is_left,
    size_notes,
    unreached_notes,
    unreached_records,
)
from .responder import Resolve, Responder, resolve_host
from .servers import NameServers, Routable, is_routable
from .sockets import TIMEOUT, SocketExchange
from .tolerance import TIMEOUTS, judge, silence_notes
from .update import Change
from .wildcard import hidden_notes
from .zone import Locator, Place

TTL = 60


class Fleet:
    """The responders together.

    ``files`` is where the ledger lives (none without); ``timeout`` and ``ttl``
    are in seconds; with ``check_name_servers`` the servers in a zone's NS
    records that are not listed are verified, too; with ``require_all`` the
    silence of none of them is passed over. CNAME records may end at names of
    challenges and anywhere in the ``validation_zones``. What is found out about names and
    zones is remembered as long as the object lives.
    """

    def __init__(
        self,
        responders: Sequence[Responder],
        clock: Clock,
        files: Files | None = None,
        *,
        timeout: float = TIMEOUT,
        ttl: int = TTL,
        check_name_servers: bool = True,
        require_all: bool = False,
        validation_zones: Iterable[str] = (),
        exchange: Exchange | None = None,
        resolve: Resolve = resolve_host,
        routable: Routable = is_routable,
    ) -> None:
        self._responders = tuple(responders)
        self._clock = clock
        self._ledger = Ledger(files) if files else None
        self._timeout = timeout
        self._ttl = ttl
        self._require_all = require_all
        self._willing: set[str] = set()
        # additions that responders, by name, refused, so that there is nothing to withdraw
        self._refused: set[tuple[str, TxtRecord]] = set()
        self._exchange = exchange or SocketExchange(clock, timeout)
        panel = Panel(self._exchange, self._responders)
        self._locator = Locator(panel, validation_zones)
        self._name_servers = NameServers(panel, self._responders, resolve, routable) if check_name_servers else None

    def locate(self, names: Iterable[str]) -> tuple[dict[str, Place], dict[str, Error]]:
        """Where the values for these names are written, and the errors of names that have no place."""
        return self._locator.locate(names)

    def publish(self, records: Iterable[TxtRecord]) -> Report:
        """Add the values on all primaries, without asking first what they hold."""
        return self.apply(self.plan_publish(records, ask=False))

    def withdraw(self, records: Iterable[TxtRecord]) -> Report:
        """Remove exactly these values from all primaries, without asking first what they hold."""
        return noting_what_is_left(self.apply(self.plan_withdraw(records, ask=False)))

    def verify(self, records: Iterable[TxtRecord], wait_seconds: float) -> Report:
        """Ask every address of every responder for the values until all are there or the time is over.

        Silence of a minority is passed over, and noted (see :mod:`.tolerance`).
        """
        places, origins, failed = self._place(records)
        zones = by_zone(origins, places)
        unlisted = self._name_servers.unlisted(zones) if self._name_servers else {}
        wanted = [
            Wanted(zone, values_by_name(found), [*self._serving(zone), *unlisted.get(zone, ())])
            for zone, found in zones.items()
        ]
        return self._watch(wanted, wait_seconds, places, origins, failed)

    def verify_absent(self, records: Iterable[TxtRecord], wait_seconds: float) -> Report:
        """Ask every address of the primaries until the values are gone or the time is over."""
        places, origins, failed = self._place(records)
        wanted = [
            Wanted(zone, values_by_name(found), primaries_of(self._responders, zone), absent=True)
            for zone, found in by_zone(origins, places).items()
        ]
        return self._watch(wanted, wait_seconds, places, origins, failed)

    def plan_publish(self, records: Iterable[TxtRecord], ask: bool = True) -> Plan:
        """What has to be added where; with ``ask`` only what a primary lacks, else everything."""
        places, origins, failed = self._place(records)
        assigned = self._assign(origins, places, failed)
        holdings = self._holdings(assigned) if ask else Holdings()
        if not self._require_all:
            holdings = holdings.forgiving()
        changes = [
            Change(responder, zone, add=tuple(r for r in found if r not in holdings.at(responder.name, r.name)))
            for responder, zone, found in assigned
        ]
        return Plan(places, real_changes(changes), origins, failed, holdings)

    def plan_withdraw(self, records: Iterable[TxtRecord], ask: bool = True) -> Plan:
        """What has to be removed where: at the records' places, and wherever the ledger says they were written."""
        records = set(records)
        places, origins, failed = self._place(records)
        noted = [entry for entry in self.leftovers() if entry.origin in records]
        assigned = merged([*self._assign(origins, places, failed), *self._assign_entries(noted)])
        assigned = [
            (server, zone, [r for r in found if (server.name, r) not in self._refused])
            for server, zone, found in assigned
        ]
        holdings = self._holdings(assigned) if ask else Holdings()
        changes = [
            Change(responder, zone, remove=holdings.still_held(responder.name, found))
            for responder, zone, found in assigned
        ]
        origins = {**{entry.record: [entry.origin] for entry in noted}, **origins}
        for entry in noted:
            failed.pop(entry.origin, None)
        gone = [(server.name, r) for server, _zone, found in assigned for r in found if holdings.lacks(server.name, r)]
        return Plan(places, real_changes(changes), origins, failed, holdings, tuple(gone))

    def plan_sweep(self, names: Iterable[str]) -> Plan:
        """What has to be removed for the names to hold no TXT value at all, whoever wrote it."""
        places, unplaced = self.locate(names := list(names))
        failed: dict[TxtRecord, Error] = {TxtRecord(name, ""): error for name, error in unplaced.items()}
        origins: Origins = {TxtRecord(place.owner, ""): [TxtRecord(place.name, "")] for place in places.values()}
        assigned = self._assign(origins, places, failed)
        holdings = without_wildcards(self._exchange, self._holdings(assigned), self._responders)
        changes = []
        for responder, zone, owners in assigned:
            found = [record for owner in owners for record in holdings.at(responder.name, owner.name)]
            changes.append(Change(responder, zone, remove=tuple(found)))
            for owner in owners:
                problem = holdings.problem(responder, owner.name)
                failed.update((origin, unknown_holdings(origin.name, problem)) for origin in origins[owner] if problem)
        found_origins = {
            record: [TxtRecord(origin.name, record.value) for origin in origins[TxtRecord(record.name, "")]]
            for change in changes
            for record in change.remove
        }
        return Plan(places, real_changes(changes), found_origins, failed, holdings)

    def leftovers(self) -> list[Entry]:
        """What the ledger says was published and not yet withdrawn."""
        return self._ledger.entries() if self._ledger else []

    def withdraw_leftovers(self) -> Report:
        """Remove everything that the ledger still has, e.g. after a crash or for a primary that was down."""
        entries = self.leftovers()
        changes = [
            Change(responder, zone, remove=tuple(found)) for responder, zone, found in self._assign_entries(entries)
        ]
        origins = {entry.record: [entry.origin] for entry in entries}
        listed = {responder.name for responder in self._responders}
        gone = sorted({entry.responder for entry in entries} - listed)
        notes = [f"The ledger has values on {name}, which is not listed as a responder any more" for name in gone]
        problems = self._ledger.problems() if self._ledger else {}
        notes += [f"{problem}; values may be left on {name}" for name, problem in problems.items()]
        report = self.apply(Plan(changes=real_changes(changes), origins=origins))
        return noting_what_is_left(replace(report, notes=[*report.notes, *notes]))

    def apply(self, plan: Plan) -> Report:
        """Send the changes of a plan to all responders at once; what is added goes into the ledger first."""
        plan = self._keeping_ttls(plan)
        new = self._ledger.note(plan) if self._ledger else set()
        publication = Publication(self._exchange, self._ttl, self._timeout)
        publication.send(plan.changes)
        refused = new & certainly_not_added(publication.updates)
        self._refused = (self._refused - plan.additions()) | refused
        if self._ledger:
            self._ledger.strike([*plan.gone, *confirmed_gone(publication.updates), *refused])
        changed = any(update.error is None for update in publication.updates)
        return self._report(plan, publication, changed)

    def rehearse(self, plan: Plan) -> Report:
        """Find out what primaries would say to the additions of a plan: each gets updates without effect.

        The failures are those that publishing would have. A zone without any is not
        asked again as long as the object lives.
        """
        publication = Publication(self._exchange, self._ttl, self._timeout, rehearsing=True)
        publication.send([change for change in plan.changes if change.add and change.zone not in self._willing])
        report = self._report(plan, publication, changed=False)
        refused = {plan.places[record.name].zone for record in report.failed if record.name in plan.places}
        self._willing |= {update.zone for update in publication.updates} - refused
        return report

    def _keeping_ttls(self, plan: Plan) -> Plan:
        """The plan with the TTLs that primaries have at names that were in use when they were located."""
        in_use = {place.owner for place in plan.places.values() if place.in_use}
        shared = [(each.responder, each.zone, [r for r in each.add if r.name in in_use]) for each in plan.changes]
        held = without_wildcards(self._exchange, self._holdings(shared), self._responders)
        changes = (
            replace(each, add=tuple(held.with_ttl(each.responder.name, record) for record in each.add))
            for each in plan.changes
        )
        return replace(plan, changes=tuple(changes))

    def _report(self, plan: Plan, publication: Publication, changed: bool) -> Report:
        failed = failed_updates(publication.updates, plan.origins)
        unreached = {record: failed.pop(record) for record in self._unreached(publication.updates, plan.origins)}
        return Report(
            places=plan.places,
            updates=publication.updates,
            failed={**plan.failed, **failed},
            unreached=unreached,
            messages=publication.messages,
            changed=changed,
            notes=[*(unreached_notes(publication.updates) if unreached else []), *hidden_notes(plan.hidden_hosts())],
        )

    def _unreached(self, updates: Sequence[Update], origins: Origins) -> set[TxtRecord]:
        """The records whose lack of a primary may be passed over, if the verification says so."""
        if self._require_all:
            return set()
        return unreached_records(updates, origins, lambda zone: len(primaries_of(self._responders, zone)))

    def _place(self, records: Iterable[TxtRecord]) -> tuple[dict[str, Place], Origins, dict[TxtRecord, Error]]:
        wanted = list(records)
        places, unplaced = self.locate(record.name for record in wanted)
        return places, *place_records(wanted, places, unplaced)

    def _watch(
        self,
        wanted: Sequence[Wanted],
        wait_seconds: float,
        places: dict[str, Place],
        origins: Origins,
        failed: dict[TxtRecord, Error],
    ) -> Report:
        sure_seconds = None if self._require_all else TIMEOUTS * self._timeout
        verdicts = Propagation(self._exchange, self._clock).watch(wanted, wait_seconds, sure_seconds)
        judgement = judge(verdicts, self._require_all)
        notes = self._name_servers.notes(zone.zone for zone in wanted) if self._name_servers else []
        return Report(
            places=places,
            verdicts=verdicts,
            failed={**failed, **failed_verdicts(judgement, origins)},
            notes=[*notes, *silence_notes(judgement.tolerated), *size_notes(verdicts)],
        )

    def _serving(self, zone: str) -> list[Responder]:
        return [responder for responder in self._responders if responder.serves(zone)]

    def _assign(self, origins: Origins, places: dict[str, Place], failed: dict[TxtRecord, Error]) -> list[Assigned]:
        """The records of each zone at each of its primaries; those of a zone without a primary fail."""
        assigned: list[Assigned] = []
        for zone, found in by_zone(origins, places).items():
            primaries = primaries_of(self._responders, zone)
            assigned.extend((responder, zone, found) for responder in primaries)
            if not primaries:
                failed.update(
                    (source, without_primary(zone, source.name)) for record in found for source in origins[record]
                )
        return assigned

    def _assign_entries(self, entries: Iterable[Entry]) -> list[Assigned]:
        by_name = {responder.name: responder for responder in self._responders}
        found: dict[tuple[str, str], list[TxtRecord]] = defaultdict(list)
        for entry in entries:
            if entry.responder in by_name:
                found[entry.responder, entry.zone].append(entry.record)
        return [(by_name[name], zone, list(dict.fromkeys(records))) for (name, zone), records in found.items()]

    def _holdings(self, assigned: Sequence[Assigned]) -> Holdings:
        return read_holdings(
            self._exchange, [(server, record.name) for server, _zone, found in assigned for record in found]
        )
