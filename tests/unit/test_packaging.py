# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written about the collection in its metadata is what the collection is."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.import_graph import ROOT, TARGET_PYTHONS, ImportGraph, sanity_ignores

MODULES = sorted((ROOT / "plugins" / "modules").glob("*.py"))
DISTRIBUTIONS = {"dns": "dnspython"}
"""The packages to install whose name is not that of the module to import."""


def read_yaml(path: str) -> Any:
    """A YAML file of the project."""
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def documentation_of(module: Path) -> dict[str, Any]:
    """The DOCUMENTATION block of a module."""
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DOCUMENTATION":
            result: dict[str, Any] = yaml.safe_load(ast.literal_eval(node.value))
            return result
    raise AssertionError(f"{module} has no DOCUMENTATION")


def requirements(path: str) -> dict[str, str]:
    """What a requirements file asks for: name in lower case and condition."""
    lines = (line.partition("#")[0].strip() for line in (ROOT / path).read_text(encoding="utf-8").splitlines())
    matches = (re.fullmatch(r"([A-Za-z0-9_.-]+)([<>=!~].*)", line) for line in lines if line)
    return {match[1].lower(): match[2] for match in matches if match}


@pytest.mark.parametrize("version", TARGET_PYTHONS)
def test_sanity_skips_the_import_of_exactly_the_files_that_need_libraries(version: str) -> None:
    written = (ROOT / "tests" / "sanity" / f"ignore-{version}.txt").read_text(encoding="utf-8")
    wanted = sanity_ignores(ImportGraph(), TARGET_PYTHONS[version])
    assert written.splitlines() == wanted.splitlines(), "run: python tests/import_graph.py --write-ignores"


def test_nothing_else_is_skipped_by_sanity() -> None:
    found = {path.name for path in (ROOT / "tests" / "sanity").glob("ignore-*")}
    assert found == {f"ignore-{version}.txt" for version in TARGET_PYTHONS}


def test_the_action_group_holds_every_module() -> None:
    group = read_yaml("meta/runtime.yml")["action_groups"]["acme"]
    assert group == [module.stem for module in MODULES]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_a_module_says_its_name_author_and_version(module: Path) -> None:
    documentation = documentation_of(module)
    assert documentation["module"] == module.stem
    assert documentation["version_added"] == "1.0.0"
    authors = documentation["author"]
    assert "The certfleet developers (@certfleet)" in (authors if isinstance(authors, list) else [authors])


def test_requirements_name_every_library_that_the_engine_imports() -> None:
    graph = ImportGraph()
    imported = {found.top for file in graph.files for found in graph.imports(file) if found.third_party}
    assert set(requirements("requirements.txt")) == {DISTRIBUTIONS.get(name, name) for name in imported}


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_a_module_names_the_libraries_that_its_engine_needs(module: Path) -> None:
    graph = ImportGraph()
    reached = graph.reached(module.relative_to(ROOT).as_posix())
    imported = {found.top for file in reached for found in graph.imports(file) if found.third_party}
    needed = {DISTRIBUTIONS.get(name, name) for name in imported}
    if "dnspython" in needed:
        needed.add("idna")  # dnspython reads international names with it
    words = set(re.findall(r"\w+", " ".join(documentation_of(module)["requirements"]).lower()))
    assert words & set(requirements("requirements.txt")) == needed


def test_what_the_tests_install_fits_the_requirements() -> None:
    pinned = requirements("tests/requirements.txt")
    for name, condition in requirements("requirements.txt").items():
        lowest = condition.removeprefix(">=")
        assert as_numbers(pinned[name].removeprefix("==")) >= as_numbers(lowest), name


def as_numbers(version: str) -> tuple[int, ...]:
    """A version, to be compared."""
    return tuple(int(part) for part in version.split("."))


def test_the_execution_environment_finds_its_lists() -> None:
    dependencies = read_yaml("meta/execution-environment.yml")["dependencies"]
    assert requirements(dependencies["python"])
    assert "openssl" in (ROOT / dependencies["system"]).read_text(encoding="utf-8")


def test_every_playbook_named_in_the_readme_is_there() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"ansible-playbook .*certfleet\.acme\.(\w+)", readme))
    assert named
    assert named <= {path.stem for path in (ROOT / "playbooks").glob("*.yml")}


@pytest.mark.parametrize("path", sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").rglob("*.md")), ids=str)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    broken = [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert broken == []


def read_by_plugins() -> set[str]:
    """Variables of hosts that an action plugin looks at."""
    files = ("plugin_utils/bound.py", "plugin_utils/steps.py", "action/certificate_fetch.py")
    paths = [ROOT / "plugins" / file for file in files]
    return {name for path in paths for name in re.findall(r'"(certfleet_\w+)"', path.read_text(encoding="utf-8"))}


def test_the_variables_of_the_playbooks_are_those_of_their_page() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "playbooks").rglob("*.yml")]
    used = {name for text in texts for name in re.findall(r"\bcertfleet_\w+", text)}
    # what a play sets is its own
    used -= {name for text in texts for name in re.findall(r"register: (certfleet_\w+)", text)}
    plays = [play for text in texts for play in yaml.safe_load(text)]
    used -= {name for play in plays for name in play.get("vars", ()) if "hosts" in play}
    used -= {name for name in used if name.endswith("_default")}
    used |= read_by_plugins()
    # what plays and roles hand on
    used -= {"certfleet_timer_public_key"}
    page = (ROOT / "docs" / "playbooks.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(certfleet_\w+)`", page, re.MULTILINE)) == used


def test_the_readme_uses_variables_that_the_playbooks_know() -> None:
    used = set(re.findall(r"\bcertfleet_\w+", (ROOT / "README.md").read_text(encoding="utf-8")))
    pages = [ROOT / "docs" / "playbooks.md", *(ROOT / "roles").glob("*/README.md")]
    known = "".join(page.read_text(encoding="utf-8") for page in pages)
    assert used
    assert used <= set(re.findall(r"^\| `(certfleet_\w+)`", known, re.MULTILINE))


def test_the_readme_has_every_module_in_its_table() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `(\w+)` \|", readme, re.MULTILINE)) == [module.stem for module in MODULES]


@pytest.mark.parametrize("page", ["docs/guide.md", "docs/reliability.md", "SECURITY.md"])
def test_the_tests_that_a_page_names_are_there(page: str) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / page).read_text(encoding="utf-8"))
    assert named
    for path, name in named:
        assert re.search(rf"def {name}\(", (ROOT / path).read_text(encoding="utf-8")), f"{path}::{name}"
    scenarios = re.findall(r"`(extensions/molecule/\w+/verify\.yml)`", (ROOT / page).read_text(encoding="utf-8"))
    assert [path for path in scenarios if not (ROOT / path).exists()] == []


def test_every_promise_has_its_test() -> None:
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    promised = text.partition("## What is promised")[2].partition("## How failures are remembered")[0]
    rows = [line for line in promised.splitlines() if line.startswith("| ") and not line.startswith("| promise ")]
    assert len(rows) > 20
    assert [row for row in rows if "::test_" not in row] == []


def test_every_row_of_the_guide_that_is_there_has_its_test() -> None:
    rows = re.findall(r"^\| (G\d+) \| (.*) \|$", (ROOT / "docs" / "guide.md").read_text(encoding="utf-8"), re.MULTILINE)
    states = {row: text.split(" | ")[1] for row, text in rows if " | " in text}
    proved = {row for row, text in rows if "::test_" in text or "/verify.yml`" in text}
    assert list(states) == [f"G{number}" for number in range(1, 31)]
    assert {row for row, state in states.items() if state == "there"} <= proved
    assert not {row for row, state in states.items() if state == "not yet"} & proved
