# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible's inside is asked for, with the real one; `script/test versions` runs it on the oldest and the newest."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.executor import task_executor
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play import Play
from ansible.playbook.play_context import PlayContext
from ansible.plugins import loader as plugin_loader
from ansible.plugins.action import ActionBase
from ansible.template import Templar
from ansible.utils.collection_loader import AnsibleCollectionConfig
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from ansible_collections.certfleet.acme.plugins.plugin_utils.elsewhere import run_elsewhere
from ansible_collections.certfleet.acme.plugins.plugin_utils.insides import ANSIBLE, read_variable
from ansible_collections.certfleet.acme.plugins.plugin_utils.stated import Stated
from ansible_collections.certfleet.acme.plugins.plugin_utils.steps import Elsewhere

INVENTORY = f"""\
[all:vars]
ansible_connection=local
ansible_python_interpreter={sys.executable}
[validation_hosts]
validator certfleet_x="at {{{{ place }}}}" place=home
[frontends]
web1 certfleet_x="on {{{{ inventory_hostname }}}}"
web2 certfleet_x="{{{{ nowhere }}}}"
gone ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=1
"""
PING = "ansible.builtin.ping"


class Step(ActionBase):  # type: ignore[misc]  # Ansible has no types
    """A task of the validation host that needs something of other hosts."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        raise NotImplementedError


class Controller:
    """Inventory, variables and a task of a play, as a worker of Ansible has them."""

    def __init__(self, folder: Path) -> None:
        (folder / "inventory").write_text(INVENTORY)
        self.loader = DataLoader()
        self.loader.set_basedir(str(folder))
        inventory = InventoryManager(loader=self.loader, sources=[str(folder / "inventory")])
        self.manager = VariableManager(loader=self.loader, inventory=inventory)
        self.hostvars = HostVars(inventory=inventory, variable_manager=self.manager, loader=self.loader)
        task = {"ping": {}, "register": "answer", "changed_when": True, "timeout": 30, "retries": 2, "until": "false"}
        play = Play().load(
            {"hosts": "validator", "gather_facts": False, "tasks": [task]},
            variable_manager=self.manager,
            loader=self.loader,
        )
        (self.task,) = play.compile()[1].block
        validator = inventory.get_host("validator")
        self.task_vars = self.manager.get_vars(play=play, host=validator, task=self.task)
        self.action = Step(
            task=self.task,
            connection=None,
            play_context=PlayContext(play=play),
            loader=self.loader,
            templar=Templar(loader=self.loader, variables=self.task_vars),
            shared_loader_obj=plugin_loader,
        )

    def run(self, host: str, module: str = PING, **arguments: Any) -> dict[str, Any]:
        return run_elsewhere(self.action, host, module, arguments, self.task_vars, seconds=60)


@pytest.fixture(scope="module")
def plugins() -> Iterator[None]:
    """Ansible's own modules and plugins are found, as in any of its programs."""
    plugin_loader.init_plugin_loader()
    yield
    # or it would look after the imports of all other tests
    AnsibleCollectionConfig.collection_finder._remove()


@pytest.fixture
def controller(plugins: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Controller:
    monkeypatch.setenv("ANSIBLE_REMOTE_TEMP", str(tmp_path / "remote"))
    return Controller(tmp_path)


def test_a_module_runs_on_another_host_and_says_what_it_returns(controller: Controller) -> None:
    result = controller.run("web1", data="hello")
    assert (result["ping"], result["failed"], result.get("changed", False)) == ("hello", False, False)
    assert "attempts" not in result
    # the task itself is as it was
    assert (controller.task.delegate_to, controller.task.timeout, controller.task.retries) == (None, 30, 2)


def test_no_text_in_the_arguments_is_taken_for_a_template(controller: Controller) -> None:
    """A part of them comes from the CA and from other hosts, and templates can run commands on the controller."""
    assert controller.run("web1", data="{{ lookup('pipe', 'id') }}")["ping"] == "{{ lookup('pipe', 'id') }}"


def test_a_module_that_fails_has_failed(controller: Controller) -> None:
    result = controller.run("web1", data="crash")
    assert result["failed"]
    assert result["msg"]


def test_a_host_that_is_not_there_is_unreachable_and_has_failed(controller: Controller) -> None:
    result = controller.run("gone")
    assert (result["failed"], result["unreachable"]) == (True, True)
    assert result["msg"]


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ansible-core that nobody has seen yet."""

    class Newer:
        def __init__(self, host: Any, crystal_ball: Any) -> None:
            """Nobody gets here."""

    monkeypatch.setattr(task_executor, "TaskExecutor", Newer)


def test_what_a_newer_version_wants_besides_fails_this_host_and_names_the_version(
    controller: Controller, newer: None
) -> None:
    result = controller.run("web1")
    assert result["failed"]
    assert result["msg"].startswith(f"{ANSIBLE} could not run a task on it: ")
    assert "crystal_ball" in result["msg"]


def test_it_is_a_failure_of_the_certificates_that_need_the_host(controller: Controller, newer: None) -> None:
    request = {"certificate": "shop@web1 (ecdsa-p256)", "host": "web1", "name": "shop", "key_type": "ecdsa-p256"}
    request |= {"domains": ["shop.test"], "reuse_key": False}
    placement = {"certificate": "web (ecdsa-p256)", "hosts": ["web1"], "files": [{"path": "/x", "content": "y"}]}
    elsewhere = Elsewhere(controller.action, {}, controller.task_vars)
    told = elsewhere.fulfil({"key_requests": [request], "placements": [placement]})
    (csr,) = told["csrs"]
    assert csr["certificate"] == request["certificate"]
    assert csr["problem"].startswith(f"web1 made no CSR: {ANSIBLE} could not run a task on it: ")
    # whether the CA may look all the same, verification says
    assert told["placed"] == ["web (ecdsa-p256)"]
    (note,) = elsewhere.notes
    assert note.startswith(f"web1: the answers to challenges could not be made present: {ANSIBLE} could not run")


def test_facts_count_for_nothing_in_what_is_stated(controller: Controller) -> None:
    controller.manager.set_host_facts("web1", {"certfleet_x": "mine", "inventory_hostname": "web2"})
    stated = Stated(controller.hostvars)
    assert stated.get("validator", "certfleet_x") == "at home"
    assert stated.get("web1", "certfleet_x") == "on web1"
    assert stated.get("web1", "certfleet_y", "none") == "none"
    assert "frontends" in stated.groups("web1")
    # they are there again for all others
    assert controller.manager.get_vars(host=controller.hostvars._inventory.get_host("web1"))["certfleet_x"] == "mine"


def test_what_needs_a_fact_or_is_not_defined_is_named(controller: Controller) -> None:
    with pytest.raises(AnsibleError, match=r"certfleet_x of web2 can't be read without the facts.*nowhere"):
        Stated(controller.hostvars).get("web2", "certfleet_x")


def test_a_variable_of_another_host_is_read_or_the_reason_told(controller: Controller) -> None:
    assert read_variable(controller.hostvars, "web1", "certfleet_x") == "on web1"
    assert read_variable(controller.hostvars, "web1", "certfleet_y") is None
    with pytest.raises(AnsibleError, match="nowhere"):
        read_variable(controller.hostvars, "web2", "certfleet_x")
