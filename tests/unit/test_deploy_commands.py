# SPDX-License-Identifier: GPL-3.0-or-later
"""What playbook deploy runs on a frontend for which the inventory names no commands."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from tests.import_graph import ROOT

SUDO = '#!/bin/sh\n[ "$1" = -n ] && shift && exec "$@"\n'
PROGRAM = '#!/bin/sh\necho "$@" >>{said}\n'


def deploy_play() -> dict[str, Any]:
    """The play of playbook deploy that goes to the frontends."""
    plays: list[dict[str, Any]] = yaml.safe_load((ROOT / "playbooks" / "deploy.yml").read_text(encoding="utf-8"))
    return plays[0]


def place_executable(path: Path, text: str) -> None:
    """A script that can be run."""
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def run_command(option: str, folder: Path) -> int:
    """Run what the handler runs by this option without any variable of the inventory; the role's program is in the folder."""
    play = deploy_play()
    variables = {**play["vars"], "__certfleet_program": str(folder / "certfleet-web-server")}
    variables["__certfleet_web_server"] = jinja2.Template(variables["__certfleet_web_server"]).render(variables)
    (handler,) = play["handlers"]
    command = jinja2.Template(handler["certfleet.acme.certificate_install"][option]).render(variables)
    return subprocess.run(
        shlex.split(command), check=False, timeout=30, env={"PATH": f"{folder}:/usr/bin:/bin"}
    ).returncode


@pytest.mark.parametrize(("option", "word"), [("test_command", "test"), ("reload_command", "reload")])
def test_a_frontend_that_the_role_has_set_up_is_tested_and_reloaded_without_its_facts(
    option: str, word: str, tmp_path: Path
) -> None:
    said = tmp_path / "said"
    place_executable(tmp_path / "sudo", SUDO)
    place_executable(tmp_path / "certfleet-web-server", PROGRAM.format(said=said))
    assert run_command(option, tmp_path) == 0
    assert said.read_text(encoding="utf-8") == f"{word}\n"


def test_what_the_program_of_the_role_refuses_fails(tmp_path: Path) -> None:
    place_executable(tmp_path / "sudo", SUDO)
    place_executable(tmp_path / "certfleet-web-server", "#!/bin/sh\nexit 3\n")
    assert run_command("reload_command", tmp_path) == 3


@pytest.mark.parametrize("option", ["test_command", "reload_command"])
def test_a_frontend_without_the_role_and_without_commands_is_left_alone(option: str, tmp_path: Path) -> None:
    assert run_command(option, tmp_path) == 0
