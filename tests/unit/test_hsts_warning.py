# SPDX-License-Identifier: GPL-3.0-or-later
"""What HSTS means is said once by all plays together, whichever hosts have it on (G21); run by Ansible itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml

from tests.import_graph import ROOT

HOSTS = ("first", "second", "third")


def play(folder: Path, strict: str, batches: int, names: str = "['shop']") -> str:
    """What is printed when the role's task is run by three plays, the first of them in batches."""
    tasks = yaml.safe_load((ROOT / "roles/frontend/tasks/sites.yml").read_text(encoding="utf-8"))
    (warning,) = [task for task in tasks if task["name"].startswith("Warn once")]
    sites = f"{{{{ {names} if inventory_hostname == '{strict}' else [] }}}}"
    (folder / "tasks.yml").write_text(
        yaml.safe_dump([{"ansible.builtin.set_fact": {"__certfleet_frontend_strict": sites}}, warning])
    )
    each = {"hosts": "all", "gather_facts": False, "tasks": [{"ansible.builtin.include_tasks": f"{folder}/tasks.yml"}]}
    (folder / "play.yml").write_text(yaml.safe_dump([{**each, "serial": batches}, each, each]))
    command = ["ansible-playbook", "-i", f"{','.join(HOSTS)},", "-c", "local", str(folder / "play.yml")]
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_NOCOLOR": "1",
    }
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_warning_comes_once_and_names_the_sites(tmp_path: Path) -> None:
    said = play(tmp_path, strict="second", batches=1)
    assert said.count("WARNING: hsts is on for shop.") == 1


def test_without_hsts_nothing_is_said(tmp_path: Path) -> None:
    assert "WARNING: hsts" not in play(tmp_path, strict="none", batches=3)


def test_a_name_that_is_no_text_ends_no_play(tmp_path: Path) -> None:
    """A frontend can return facts, and this task is that of all hosts."""
    said = play(tmp_path, strict="second", batches=3, names="[5, 'shop']")
    assert "WARNING: hsts is on for 5, shop." in said
