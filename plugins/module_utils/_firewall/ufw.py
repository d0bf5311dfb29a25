# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ufw: rules with our comment, behind those that are there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from .opening import Opening
from .plan import TAG, Commands, Plan, Step, output_of


@dataclass(frozen=True)
class UfwRule:
    """A rule as ``ufw show added`` has it, such as ``allow out 443/tcp``, without its comment."""

    words: tuple[str, ...]
    comment: str

    @property
    def text(self) -> str:
        return " ".join(self.words)

    def refuses(self, opening: Opening) -> bool:
        """Whether it refuses the opening to everybody."""
        action, *words = self.words
        direction = "out" if "out" in words else "in"
        if action not in {"deny", "reject"} or direction != opening.direction:
            return False
        if any(word in words for word in ("from", "to")):
            return self._in_full_refuses(words, opening)
        ports, _slash, protocol = words[-1].partition("/")
        return protocol in {"", opening.protocol} and _names(ports, opening.port)

    def _in_full_refuses(self, words: list[str], opening: Opening) -> bool:
        following = dict(zip(words, words[1:]))
        if following.get("from", "any") != "any" or following.get("to", "any") != "any":
            return False
        after_to = words[words.index("to") :] if "to" in words else []
        port = dict(zip(after_to, after_to[1:])).get("port", "0:65535")
        return following.get("proto", opening.protocol) == opening.protocol and _names(port, opening.port)


def _names(ports: str, port: int) -> bool:
    """Whether a list of ports and ranges as ufw writes it, such as ``80,8000:8010``, has this one."""
    for part in ports.split(","):
        match = re.fullmatch(r"(\d+)(?::(\d+))?", part)
        if match and int(match[1]) <= port <= int(match[2] or match[1]):
            return True
    return False


def is_active(commands: Commands) -> bool:
    """Whether ufw filters here."""
    if not commands.has("ufw"):
        return False
    code, text = commands.run(("ufw", "status"))
    return code == 0 and "Status: active" in text


def plan_ufw(commands: Commands, openings: Sequence[Opening]) -> Plan:
    """What to add to and remove from ufw's rules; they serve IPv4 and, unless ufw is told otherwise, IPv6."""
    if not commands.has("ufw"):
        return Plan()
    rules = _read(output_of(commands, "ufw", "show", "added"))
    ours = [rule.text for rule in rules if rule.comment == TAG]
    foreign = [rule for rule in rules if rule.comment != TAG]
    by_others = {rule.text for rule in foreign}
    wanted = {_text_of(opening): opening for opening in openings if _text_of(opening) not in by_others}
    steps = [Step(("ufw", "delete", *text.split())) for text in ours if text not in wanted]
    for text, opening in wanted.items():
        if text not in ours:
            # the first rule that fits decides
            ahead = ("prepend",) if any(rule.refuses(opening) for rule in foreign) else ()
            steps.append(Step(("ufw", *ahead, *text.split(), "comment", TAG)))
    return Plan(tuple(sorted(ours)), tuple(sorted(wanted)), tuple(steps))


def _text_of(opening: Opening) -> str:
    return f"allow {'out ' if opening.direction == 'out' else ''}{opening.port}/{opening.protocol}"


def _read(text: str) -> list[UfwRule]:
    rules = []
    for line in text.splitlines():
        if line.startswith("ufw "):
            words = shlex.split(line)[1:]
            comment = words[words.index("comment") + 1] if "comment" in words[:-1] else ""
            rules.append(UfwRule(tuple(words[: words.index("comment")] if comment else words), comment))
    return rules
