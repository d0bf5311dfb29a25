# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of iptables and ip6tables, read by ``iptables-save`` and changed in one transaction per family.

Works on both variants, the one on nftables and the legacy one.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from .chain import ACCEPT, DROP, GOTO, JUMP, RETURN, Chains, Insertion, Verdict, weave
from .opening import Opening
from .packet import Fit, Packet, all_or_none, other_than
from .plan import TAG, Commands, Plan, Step, output_of

FAMILIES = (("ip", "iptables"), ("ip6", "ip6tables"))
"""The families in nft's words, and the beginning of the names of their commands."""

HOOKS = {"INPUT": "input", "OUTPUT": "output"}
VERDICTS = {"ACCEPT": ACCEPT, "DROP": DROP, "REJECT": DROP, "RETURN": RETURN}
WITHOUT_MEANING = {"-m", "--comment", "--limit", "--limit-burst"}
"""Options with a value that say nothing of the packet, or leave nearly all of them in."""

FIRST_PACKET = ("--tcp-flags", "FIN,SYN,RST,ACK SYN")
WHEREVER = {"--pkt-type", "--dst-type", "--src-type", "--physdev-in"}


@dataclass(frozen=True)
class IptablesRule:
    """A rule, in the words of ``iptables-save`` behind the name of the chain."""

    words: tuple[str, ...]

    @property
    def ours(self) -> bool:
        return ("--comment", TAG) in zip(self.words, self.words[1:])

    @property
    def text(self) -> str:
        return shlex.join(self.words)

    def outcomes(self, packet: Packet) -> list[tuple[Fit, Verdict]]:
        fit = Fit.ALL
        for negated, option, value in self._options():
            if option in {"-j", "-g"}:
                if value in VERDICTS:
                    return [(fit, Verdict(VERDICTS[value]))]
                # a target that is no chain, such as LOG, is like a jump to an empty one
                return [(fit, Verdict(JUMP if option == "-j" else GOTO, value))]
            if option not in WITHOUT_MEANING:
                found = _fit_of_option(option, value, packet)
                fit = min(fit, other_than(found) if negated else found)
        return []

    def _options(self) -> Iterator[tuple[bool, str, str]]:
        """Its options with their values, up to the target: those behind it are the target's."""
        negated = False
        words = list(self.words)
        for index, word in enumerate(words):
            if word == "!":
                negated = True
            elif word.startswith("-"):
                following = words[index + 1 : index + 2]
                if word == "--tcp-flags":
                    following = words[index + 1 : index + 3]
                yield negated, word, " ".join(following)
                negated = False
                if word in {"-j", "-g"}:
                    return


def _fit_of_option(option: str, value: str, packet: Packet) -> Fit:
    if option == "-p":
        return all_or_none(value == "all" or packet.fits_protocol(value))
    if option in {"--dport", "--dports", "--sport", "--sports"}:
        return packet.fits_port(option[2:7], [_range(part) for part in value.split(",")])
    if option in {"--ctstate", "--state"}:
        return all_or_none(packet.state in value.lower().split(","))
    if (option, value) == FIRST_PACKET:
        return all_or_none(not packet.answers)
    if option in {"-i", "-o"}:
        return packet.fits_interface(value)
    return Fit.SOME if option in WHEREVER else Fit.SELECTED


def _range(text: str) -> tuple[int, int]:
    low, _colon, high = text.partition(":")
    return int(low or 0), int(high or (65535 if _colon else low))


@dataclass
class Table:
    """A table: the policies of the chains that have one, and the rules of each chain."""

    policies: dict[str, str] = field(default_factory=dict)
    chains: dict[str, list[IptablesRule]] = field(default_factory=dict)


def read_tables(saved: str) -> dict[str, Table]:
    """What ``iptables-save`` prints, by the name of the table."""
    tables: dict[str, Table] = {}
    table = Table()
    for line in saved.splitlines():
        if line.startswith("*"):
            table = tables.setdefault(line[1:].strip(), Table())
        elif line.startswith(":"):
            name, policy = line[1:].split()[:2]
            table.chains[name] = []
            if policy != "-":
                table.policies[name] = policy
        elif line.startswith("-A "):
            _append, name, *words = shlex.split(line)
            table.chains.setdefault(name, []).append(IptablesRule(tuple(words)))
    return tables


def list_tables(commands: Commands) -> dict[tuple[str, str], dict[str, Table]]:
    """The tables of both families that have a command here, by family and name of the command."""
    found = {}
    for family, program in FAMILIES:
        if commands.has(f"{program}-save") and commands.has(f"{program}-restore"):
            found[family, program] = read_tables(output_of(commands, f"{program}-save"))
    return found


def tables_in_nft(commands: Commands) -> set[tuple[str, str]]:
    """The tables that nft lists too, but that are iptables' own: family and name."""
    return {(family, name) for (family, _program), tables in list_tables(commands).items() for name in tables}


def has_rules(commands: Commands) -> bool:
    """Whether iptables has a rule, or a policy that is not to accept, in a table that filters."""
    return any(
        any(policy != "ACCEPT" for policy in table.policies.values()) or any(table.chains.values())
        for tables in list_tables(commands).values()
        for name, table in tables.items()
        if name != "nat"
    )


def plan_iptables(commands: Commands, openings: Sequence[Opening]) -> Plan:
    """What to add and remove, IPv4 and IPv6, so that exactly these openings have the rules that they need."""
    plan = Plan()
    for (family, program), tables in list_tables(commands).items():
        before: list[str] = []
        after: list[str] = []
        script: list[str] = []
        for name, table in tables.items():
            lines: list[str] = []
            for chain, hook in HOOKS.items():
                if chain not in table.policies or name == "nat":
                    continue
                insertions = _insertions(table, chain, hook, openings)
                place = f"{family} {name} {chain}"
                before += [f"{place}: {rule.text}" for rule in table.chains[chain] if rule.ours]
                after += [f"{place}: {insertion.text}" for insertion in insertions]
                lines += _changes(chain, table.chains[chain], insertions)
            script += [f"*{name}", *lines, "COMMIT"] if lines else []
        steps: tuple[Step, ...] = ()
        if script:
            steps = (Step((f"{program}-restore", "--noflush", "--wait=10"), "".join(f"{line}\n" for line in script)),)
        plan += Plan(tuple(before), tuple(after), steps)
    return plan


def _insertions(table: Table, chain: str, hook: str, openings: Sequence[Opening]) -> list[Insertion]:
    chains = Chains({name: [rule for rule in rules if not rule.ours] for name, rules in table.chains.items()})
    found = []
    for opening in openings:
        packet = Packet.of(opening, hook)
        index = chains.place(chain, table.policies[chain] != "ACCEPT", packet)
        if index is not None:
            state = "-m conntrack --ctstate ESTABLISHED " if packet.answers else ""
            ports = f"-p {packet.protocol} -m {packet.protocol} --{packet.side} {packet.port}"
            found.append(Insertion(index, f"{ports} {state}-m comment --comment {TAG} -j ACCEPT"))
    return found


def _changes(chain: str, rules: list[IptablesRule], insertions: list[Insertion]) -> list[str]:
    """The lines of ``iptables-restore`` that bring a chain from what it is to what it should be."""
    foreign = [rule for rule in rules if not rule.ours]
    numbers = iter(range(len(foreign)))
    present = [rule.text if rule.ours else next(numbers) for rule in rules]
    if present == weave(len(foreign), insertions):
        return []
    lines = [f"-D {chain} {rule.text}" for rule in rules if rule.ours]
    for already, insertion in enumerate(sorted(insertions, key=lambda each: each.index)):
        lines.append(f"-I {chain} {insertion.index + already + 1} {insertion.text}")
    return lines
