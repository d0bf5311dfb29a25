# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rulesets of nftables, read as JSON (libnftables-json(5)) and changed in one transaction.

Only what nft itself has made is looked at here. Tables that belong to iptables' nftables variant are in nft's list,
too, but a rule that nft puts there makes them unreadable for iptables.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._core.errors import Error
from .chain import ACCEPT, DROP, GOTO, JUMP, RETURN, Chains, Insertion, Verdict, weave
from .nft_match import fit_of_match
from .opening import Opening
from .packet import Fit, Packet
from .plan import TAG, Commands, Plan, Step, output_of

PASSING = {"counter", "log", "mangle", "notrack", "comment"}
"""Statements that leave a packet to the rest of the rule."""


@dataclass(frozen=True)
class NftRule:
    """A rule with its handle and its expressions."""

    handle: int
    expressions: list[dict[str, Any]]
    family: str
    ours: bool

    def outcomes(self, packet: Packet) -> list[tuple[Fit, Verdict]]:
        fit = Fit.ALL
        for expression in self.expressions:
            [(kind, value)] = expression.items()
            if kind == "match":
                fit = min(fit, fit_of_match(value, packet, self.family))
            elif kind == "limit":
                # "over" takes who sends too much; without it, nearly everybody
                fit = min(fit, Fit.SELECTED if value.get("inv") else Fit.SOME)
            elif kind == "vmap":
                return [(min(fit, each), verdict) for each, verdict in _choices(value, packet, self.family)]
            elif kind not in PASSING:
                verdict = _verdict(expression)
                if verdict is not None:
                    return [(fit, verdict)]
                fit = min(fit, Fit.SELECTED)
        return []


@dataclass(frozen=True)
class BaseChain:
    """A chain at the hook ``input`` or ``output``."""

    family: str
    table: str
    name: str
    hook: str
    refuses: bool

    @property
    def words(self) -> str:
        return f"{self.family} {self.table} {self.name}"


@dataclass
class Ruleset:
    """All rules by table and chain, and the base chains that packets of this host go through."""

    bases: list[BaseChain] = field(default_factory=list)
    tables: dict[tuple[str, str], dict[str, list[NftRule]]] = field(default_factory=dict)

    def rules(self, base: BaseChain) -> list[NftRule]:
        """The rules of a base chain, ours as well."""
        return self.tables[base.family, base.table].get(base.name, [])

    def foreign(self, base: BaseChain) -> Chains:
        """All chains of the base chain's table without our rules."""
        table = self.tables[base.family, base.table]
        return Chains({name: [rule for rule in rules if not rule.ours] for name, rules in table.items()})


def read_ruleset(commands: Commands, without: Collection[tuple[str, str]] = ()) -> Ruleset:
    """The host's ruleset without these tables (family and name), nothing when there is no nft.

    The elements of named sets, which may be thousands, are left out.
    """
    ruleset = Ruleset()
    if not commands.has("nft"):
        return ruleset
    text = output_of(commands, "nft", "--json", "--terse", "list", "ruleset")
    try:
        entries = json.loads(text)["nftables"]
    except (ValueError, KeyError, TypeError) as error:
        raise Error("What nft lists as the ruleset of this host can't be read") from error
    for entry in entries:
        [(kind, value)] = entry.items()
        place = (value.get("family", ""), value.get("table", ""))
        if place[0] not in {"inet", "ip", "ip6"} or place in without:
            continue
        if kind == "chain":
            chains = ruleset.tables.setdefault(place, {})
            chains.setdefault(value["name"], [])
            if value.get("hook") in {"input", "output"} and value.get("type") in {"filter", "route"}:
                refuses = value.get("policy") == "drop"
                ruleset.bases.append(BaseChain(*place, value["name"], value["hook"], refuses))
        elif kind == "rule":
            rule = NftRule(value["handle"], value.get("expr", []), place[0], value.get("comment") == TAG)
            ruleset.tables.setdefault(place, {}).setdefault(value["chain"], []).append(rule)
    return ruleset


def plan_nftables(commands: Commands, openings: Sequence[Opening], without: Collection[tuple[str, str]] = ()) -> Plan:
    """What to add to and remove from the ruleset so that exactly these openings have the rules that they need."""
    ruleset = read_ruleset(commands, without)
    before: list[str] = []
    after: list[str] = []
    script: list[str] = []
    for base in ruleset.bases:
        insertions = _insertions(ruleset.foreign(base), base, openings)
        ours = [rule for rule in ruleset.rules(base) if rule.ours]
        before += [f"{base.words}: {_text_of(rule)}" for rule in ours]
        after += [f"{base.words}: {insertion.text}" for insertion in insertions]
        script += _changes(base, ruleset.rules(base), insertions)
    steps = (Step(("nft", "--file", "-"), "".join(f"{line}\n" for line in script)),) if script else ()
    return Plan(tuple(before), tuple(after), steps)


def _insertions(chains: Chains, base: BaseChain, openings: Sequence[Opening]) -> list[Insertion]:
    found = []
    for opening in openings:
        packet = Packet.of(opening, base.hook)
        index = chains.place(base.name, base.refuses, packet)
        if index is not None:
            state = " ct state established" if packet.answers else ""
            found.append(Insertion(index, f"{packet.protocol} {packet.side} {packet.port}{state} accept"))
    return found


def _changes(base: BaseChain, rules: list[NftRule], insertions: list[Insertion]) -> list[str]:
    """The lines of nft's script that bring a chain from what it is to what it should be."""
    foreign = [rule for rule in rules if not rule.ours]
    numbers = {rule.handle: number for number, rule in enumerate(foreign)}
    present = [_text_of(rule) if rule.ours else numbers[rule.handle] for rule in rules]
    if present == weave(len(foreign), insertions):
        return []
    lines = [f"delete rule {base.words} handle {rule.handle}" for rule in rules if rule.ours]
    for insertion in insertions:
        if insertion.index < len(foreign):
            place = f"insert rule {base.words} handle {foreign[insertion.index].handle}"
        else:
            place = f"add rule {base.words}"
        lines.append(f'{place} {insertion.text} comment "{TAG}"')
    return lines


def _text_of(rule: NftRule) -> str:
    """A rule of ours in the words that it was made with; as JSON when somebody has changed it."""
    words = []
    for expression in rule.expressions:
        if expression == {"accept": None}:
            words.append("accept")
            continue
        match = expression.get("match", {})
        payload = match.get("left", {}).get("payload", {})
        if payload and match["op"] == "==" and isinstance(match["right"], int):
            words.append(f"{payload.get('protocol')} {payload.get('field')} {match['right']}")
        elif match == {"op": "in", "left": {"ct": {"key": "state"}}, "right": "established"}:
            words.append("ct state established")
        else:
            words.append(json.dumps(expression, sort_keys=True))
    return " ".join(words)


def _verdict(expression: dict[str, Any]) -> Verdict | None:
    """The verdict that an expression is; None when it is something else."""
    [(kind, value)] = expression.items()
    if kind in {JUMP, GOTO}:
        return Verdict(kind, value["target"])
    names = {"accept": ACCEPT, "drop": DROP, "reject": DROP, "return": RETURN}
    return Verdict(names[kind]) if kind in names else None


def _choices(vmap: dict[str, Any], packet: Packet, family: str) -> list[tuple[Fit, Verdict]]:
    """What a verdict map may do; nothing is known of one with a name."""
    data = vmap.get("data")
    if not isinstance(data, dict):
        return []
    found = []
    for value, expression in data.get("set", []):
        verdict = _verdict(expression)
        if verdict is not None:
            key = value["elem"]["val"] if isinstance(value, dict) and "elem" in value else value
            fit = fit_of_match({"op": "==", "left": vmap["key"], "right": key}, packet, family)
            found.append((fit, verdict))
    return found
