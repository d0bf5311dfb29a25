# SPDX-License-Identifier: GPL-3.0-or-later
"""Frontends need Python 3.9 and the openssl command, nothing else: what runs there, certificate_install for real."""

from __future__ import annotations

import ast
import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._x509.bundle import pack, seal

from tests.import_graph import ROOT, ImportGraph
from tests.unit.plugins.module_utils._x509.throwaway import Authority, present

MODULES = {"plugins/modules/certificate_install.py": "/_frontend/", "plugins/modules/http01.py": "/_http/"}
"""What runs on frontends, and the layer that does its work."""
each_module = pytest.mark.parametrize("module", MODULES)
OLDEST = (3, 9)
LIBRARIES = ("cryptography", "acme", "josepy", "dns", "idna", "requests", "jmespath", "yaml")
"""What the engine or Ansible itself uses elsewhere; a frontend has none of it."""


@pytest.fixture(scope="module")
def graph() -> ImportGraph:
    return ImportGraph()


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """An interpreter that sees the standard library only: Python 3.9 where there is one, otherwise that of the tests."""
    oldest = shutil.which("python3.9")
    # a version manager's stand-in may be there without a Python behind it
    if oldest and subprocess.run([oldest, "-c", ""], capture_output=True, check=False).returncode:
        oldest = None
    wrapper = tmp_path / "python"
    wrapper.write_text(f'#!/bin/sh\nexec "{oldest or sys.executable}" -I -S "$@"\n', encoding="utf-8")
    wrapper.chmod(0o755)
    return wrapper


def run_module(python: Path, folder: Path, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What the module returns, packed and started by Ansible as on any host."""
    command = ["ansible", "-i", "localhost,", "localhost", "-c", "local", "-m", "certfleet.acme.certificate_install"]
    command += ["-e", f"ansible_python_interpreter={python}", "-a", json.dumps({"path": f"{folder}/web", **arguments})]
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache" / "collections"),
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_REMOTE_TEMP": str(folder / "remote"),
        "ANSIBLE_NOCOLOR": "1",
    }
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, Any] = json.loads(done.stdout.partition("=>")[2])
    return result


@each_module
def test_everything_that_is_reached_is_ours_ansibles_or_of_the_standard_library(
    module: str, graph: ImportGraph
) -> None:
    reached = graph.reached(module)
    assert any(MODULES[module] in file for file in reached)
    foreign = [
        f"{file}:{found.line} {found.name}"
        for file in sorted(reached)
        for found in graph.imports(file)
        if found.third_party
    ]
    assert foreign == []
    ansibles = {found.name for file in reached for found in graph.imports(file) if found.ansible}
    assert {".".join(name.split(".")[:3]) for name in ansibles} == {
        "ansible.module_utils.basic",
        "ansible.module_utils.common",
    }


@each_module
def test_everything_that_is_reached_is_written_in_the_oldest_python(module: str, graph: ImportGraph) -> None:
    for file in graph.reached(module):
        ast.parse((ROOT / file).read_text(encoding="utf-8"), file, feature_version=OLDEST)


def test_the_interpreter_of_these_tests_has_no_libraries(python: Path) -> None:
    script = f"import importlib.util as u; print([n for n in {LIBRARIES!r} if u.find_spec(n)])"
    done = subprocess.run([python, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_module_prepares_installs_and_removes_without_any_library(python: Path, tmp_path: Path) -> None:
    issued = Authority(present()).issue("shop.example", "*.shop.example", "2001:db8::1")
    prepared = run_module(python, tmp_path, {"state": "prepared"})
    assert prepared["changed"]
    recipient = prepared["recipient"].encode()
    packed = pack([issued.entry("shop", "ecdsa-p256")], recipient, present())
    bundle = base64.b64encode(seal(recipient, packed)).decode()
    for changed in (True, False):
        installed = run_module(python, tmp_path, {"bundle": bundle})
        assert installed["changed"] is changed
        assert [each["name"] for each in installed["installed"]] == ["shop"]
    live = tmp_path / "web" / "certificates" / "shop" / "ecdsa-p256" / "live"
    assert {name: (live / name).read_bytes() for name in issued.files} == issued.files
    removed = run_module(python, tmp_path, {"state": "absent", "names": ["shop"]})
    assert removed["changed"]
    assert removed["installed"] == []
