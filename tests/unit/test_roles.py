# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role says about its variables is what it has, and roles agree about those that they share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import jinja2.nodes
import pytest
import yaml

from tests.import_graph import ROOT

ROLES = sorted(path.parent for path in (ROOT / "roles").glob("*/tasks"))
TYPES = {bool: "bool", int: "int", float: "float", list: "list", dict: "dict"}
"""The type of an argument by that of its default; any other default is a text."""


def read_yaml(path: Path) -> Any:
    """A YAML file, with an empty mapping for one that is not there."""
    return (yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None) or {}


def options_of(role: Path) -> dict[str, Any]:
    """The options of the role's entry point."""
    options: dict[str, Any] = read_yaml(role / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"]
    return options


def defaults_of(role: Path) -> dict[str, Any]:
    """The defaults of the role."""
    defaults: dict[str, Any] = read_yaml(role / "defaults" / "main.yml")
    return defaults


def described(options: dict[str, Any]) -> list[tuple[str, Any]]:
    """All options with those of lists and dictionaries, each with the way to it."""
    found = []
    for name, option in options.items():
        found.append((name, option))
        found += [(f"{name}.{inner}", each) for inner, each in described(option.get("options", {}))]
    return found


each_role = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)


@each_role
def test_every_default_is_an_argument_with_the_same_default(role: Path) -> None:
    said = {name: option["default"] for name, option in options_of(role).items() if "default" in option}
    assert said == defaults_of(role)


@each_role
def test_a_default_has_the_type_of_its_argument(role: Path) -> None:
    for name, option in options_of(role).items():
        default, kind = option.get("default"), option.get("type", "str")
        # what a template gives is known only to the play
        if default is None or (isinstance(default, str) and "{{" in default):
            continue
        assert kind in {
            TYPES.get(type(default), "str"),
            "raw",
            *(["path", "str"] if isinstance(default, str) else []),
        }, name


@each_role
def test_no_required_argument_has_a_default(role: Path) -> None:
    for name, option in options_of(role).items():
        assert not (option.get("required") and "default" in option), name


@each_role
def test_every_argument_is_described(role: Path) -> None:
    options = options_of(role)
    assert [name for name, option in described(options) if not option.get("description")] == []
    assert [name for name in options if not name.startswith("certfleet_")] == []


@each_role
def test_the_page_of_a_role_has_every_argument_in_its_table(role: Path) -> None:
    page = (role / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(certfleet_\w+)`", page, re.MULTILINE)) == set(options_of(role))


@each_role
def test_a_role_has_a_scenario_of_its_own_on_both_releases(role: Path) -> None:
    scenario = ROOT / "extensions" / "molecule" / role.name
    platforms = read_yaml(scenario / "molecule.yml")["platforms"]
    assert {platform["release"] for platform in platforms} == {"bookworm", "trixie"}
    assert (scenario / "verify.yml").exists()


@each_role
def test_every_task_of_a_role_has_the_tag_of_its_name(role: Path) -> None:
    for task in read_yaml(role / "tasks" / "main.yml"):
        tags = task.get("tags", [])
        tags = [tags] if isinstance(tags, str) else tags
        assert {role.name, "always"} & set(tags), task["name"]


def tasks_in(tasks: Any) -> Iterator[dict[str, Any]]:
    """All tasks of a list, with those in blocks."""
    for task in tasks or []:
        yield task
        for part in ("block", "rescue", "always"):
            yield from tasks_in(task.get(part))


@pytest.mark.parametrize(
    "path",
    sorted([*ROOT.glob("roles/*/tasks/*.yml"), *ROOT.glob("roles/*/handlers/*.yml"), *ROOT.glob("playbooks/*.yml")]),
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_no_variable_can_be_one_of_the_users(path: Path) -> None:
    """What a user's task has registered as `found` would win over a task's own variable `found`."""
    content = read_yaml(path) or []
    plays = [play for play in content if "hosts" in play]
    tasks = [task for play in plays for part in ("tasks", "handlers") for task in tasks_in(play.get(part))]
    tasks += [] if plays else list(tasks_in(content))
    names = [name for each in plays + tasks for name in each.get("vars", {})]
    names += [task["register"] for task in tasks if "register" in task]
    names += [task["loop_control"]["loop_var"] for task in tasks if "loop_var" in task.get("loop_control", {})]
    assert [name for name in names if not re.match("(__)?certfleet_|ansible_", name)] == []


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("roles/*/templates/**/*.j2")), ids=lambda path: str(path.relative_to(ROOT / "roles"))
)
def test_no_template_takes_a_variable_of_the_users(path: Path) -> None:
    tree = jinja2.Environment(autoescape=True, extensions=["jinja2.ext.do"]).parse(path.read_text(encoding="utf-8"))
    names = {node.name for node in tree.find_all(jinja2.nodes.Name) if node.ctx == "load"}
    own = {node.name for node in tree.find_all(jinja2.nodes.Name) if node.ctx in {"store", "param"}} | {"loop", "item"}
    own |= {node.name for node in tree.find_all(jinja2.nodes.Macro)}
    foreign = [name for name in names - own if not re.match("(__)?certfleet_|ansible_|inventory_hostname$", name)]
    assert foreign == []


def test_roles_agree_about_the_defaults_that_they_share() -> None:
    seen: dict[str, Any] = {}
    for role in ROLES:
        for name, default in defaults_of(role).items():
            assert seen.setdefault(name, default) == default, f"{role.name}: {name}"


def test_there_are_the_roles_that_the_collection_promises() -> None:
    promised = {"firewall", "renewal_timer", "validation_host", "dns_responder", "frontend", "test_ca"}
    assert {role.name for role in ROLES} == promised


@each_role
def test_lists_of_packages_are_fetched_whatever_the_age_of_their_folder(role: Path) -> None:
    """A folder that was emptied a moment ago looks as if its lists were new."""
    for path in (role / "tasks").glob("*.yml"):
        assert "cache_valid_time" not in path.read_text(encoding="utf-8"), path.name


@pytest.mark.parametrize("name", ["dns_responder", "frontend", "test_ca", "validation_host"])
def test_a_host_that_is_neither_debian_nor_ubuntu_is_refused_in_one_sentence(name: str) -> None:
    tasks = read_yaml(ROOT / "roles" / name / "tasks" / "preflight.yml")
    checks = [task["ansible.builtin.assert"] for task in tasks if "ansible.builtin.assert" in task]
    (check,) = [check for check in checks if "supports Debian" in check["fail_msg"]]
    host = "{{ inventory_hostname }} runs {{ ansible_facts['distribution'] }}"
    assert check["fail_msg"].strip() == f"{name} supports Debian, Ubuntu and their relatives; {host}."
    assert check["that"] == "ansible_facts['os_family'] == 'Debian'"
