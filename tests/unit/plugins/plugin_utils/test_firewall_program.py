# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that brings rules back is whole, and the same wherever it is made."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.certfleet.acme.plugins.plugin_utils.firewall_program import ENGINE, firewall_program

from tests.import_graph import ROOT

MODULE_UTILS = ROOT / "plugins" / "module_utils"


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    # on a host where no command of a firewall is found
    return subprocess.run(
        [sys.executable, "-I", str(folder / "restore.pyz")],
        env={"PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_it_runs_without_ansible_and_says_in_one_line_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "restore.pyz").write_bytes(firewall_program(MODULE_UTILS))
    done = run(tmp_path)
    assert done.returncode == 1
    assert "openings.json" in done.stderr
    assert done.stderr.count("\n") == 1


def test_it_is_the_same_until_a_file_changes(tmp_path: Path) -> None:
    for name in ENGINE:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(MODULE_UTILS / name, tmp_path / name)
        os.utime(tmp_path / name, (1, 1))
    first = firewall_program(MODULE_UTILS)
    assert firewall_program(tmp_path) == first
    (tmp_path / ENGINE[0]).write_text("# other")
    assert firewall_program(tmp_path) != first


def test_a_file_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        firewall_program(tmp_path)
