# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of the kernel, whichever of nftables and iptables has made them.

Both see the same packets, and what either drops is dropped: so both get the rules that they need, and no more.
Also what the host runs when its rules were loaded again, as part of the program that lookup firewall_program packs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from .iptables import plan_iptables, tables_in_nft
from .nftables import plan_nftables
from .opening import Opening
from .plan import Commands, HostCommands, Plan


def plan_kernel(commands: Commands, openings: Sequence[Opening]) -> Plan:
    """What to add to and remove from the rules of nftables and iptables."""
    return plan_nftables(commands, openings, tables_in_nft(commands)) + plan_iptables(commands, openings)


def restore(openings_file: str) -> list[str]:
    """Bring the rules back, and return those that there should be.

    The file holds a JSON list of openings, each a list of direction, protocol and port.
    """
    with open(openings_file, encoding="utf-8") as stream:
        openings = [Opening(*fields) for fields in json.load(stream)]
    commands = HostCommands()
    plan = plan_kernel(commands, openings)
    plan.carry_out(commands)
    return list(plan.after)
