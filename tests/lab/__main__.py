# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab as a command: `python -m tests.lab start`, then `stop`, `down`, `lag` … with its folder."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from .lab import Lab
from .model import LabError, Options

ACTIONS = {
    "stop": "stop every server and remove the folder",
    "status": "say what each server does",
    "describe": "print everything about the lab as JSON",
    "inventory": "print an Ansible inventory of the lab",
    "heal": "undo every fault",
    "down": "stop one server",
    "up": "start it again",
    "lag": "hold back the secondary's transfers",
    "release": "let them through again",
    "tsig": "give a primary other secrets for its keys",
    "tsig-restore": "give it the lab's keys again",
}
WITH_NAME = ("down", "up", "lag", "release", "tsig", "tsig-restore")


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit status."""
    options = parser().parse_args(arguments)
    try:
        if options.action == "start":
            start(options.folder, is_kind=options.kind)
        else:
            act(options.action, Lab.attach(options.folder), getattr(options, "name", ""))
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    result = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    actions = result.add_subparsers(dest="action", required=True, metavar="ACTION")
    start_action = actions.add_parser("start", help="start a lab and leave it running")
    start_action.add_argument("--folder", type=Path, help="an empty or new folder instead of a temporary one")
    start_action.add_argument("--kind", action="store_true", help="a CA without Let's Encrypt's limits and delays")
    for name, text in ACTIONS.items():
        action = actions.add_parser(name, help=text)
        action.add_argument("folder", type=Path, metavar="FOLDER")
        if name in WITH_NAME:
            action.add_argument("name", metavar="NAME")
    return result


def start(folder: Path | None, *, is_kind: bool) -> None:
    """Start a lab that outlives this command and say how to use it."""
    started = time.monotonic()
    lab = Lab(Options(as_letsencrypt=not is_kind), folder=folder)
    lab.start(detached=True)
    print(f"The lab runs in {lab.folder}, started in {time.monotonic() - started:.1f} s.\n")
    print(f"  directory   {lab.directory}")
    print(f"  ca bundle   {lab.ca_bundle}")
    for responder in lab.responders:
        kind = "takes updates" if responder.updates else f"follows {responder.follows}"
        print(f"  {responder.name:<11} {responder.address} port {responder.port}, {kind}")
    for front in lab.frontends:
        print(f"  {front.name:<11} https://{front.address}:{front.https_port}")
    print(f"\n  inventory   ansible-playbook -i {lab.inventory} …")
    print(f"  look        python -m tests.lab status {lab.folder}")
    print(f"  stop        python -m tests.lab stop {lab.folder}")


def act(action: str, lab: Lab, name: str) -> None:
    """Run a command on a running lab."""
    match action:
        case "stop":
            lab.stop()
        case "status":
            for server, state in lab.status().items():
                print(f"{server:<10} {state}")
        case "describe":
            print(json.dumps(lab.describe(), indent=2))
        case "inventory":
            print(lab.inventory.read_text(encoding="utf-8"), end="")
        case "tsig":
            lab.change_tsig(name)
        case "tsig-restore":
            lab.restore_tsig(name)
        case "heal":
            lab.heal()
        case "down" | "up" | "lag" | "release":
            getattr(lab, action)(name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
