# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory for renewals without a controller holds what the plays need, and Ansible reads it as it was meant."""

from __future__ import annotations

import re
import textwrap
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible import template
from ansible.errors import AnsibleError, AnsibleFilterError, AnsibleUndefinedVariable
from ansible.inventory.manager import InventoryManager
from ansible.parsing import vault
from ansible.parsing.dataloader import DataLoader
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.certfleet.acme.plugins.filter.renewal import FilterModule
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment

from tests.import_graph import ROOT

write = FilterModule().filters()["renewal_inventory"]
unreached = FilterModule().filters()["unreached_hosts"]

HOSTVARS: dict[str, dict[str, Any]] = {
    "web1": {"ansible_host": "192.0.2.1", "ansible_port": 2222, "certfleet_frontend_path": "/srv/tls", "secret": "x"},
    "web2": {"ansible_user": "admin", "certfleet_frontend_reload_command": "systemctl reload nginx"},
}
CARRIED = ["certfleet_frontend_path", "certfleet_frontend_reload_command"]


def read(text: str, tmp_path: Path) -> InventoryManager:
    """The inventory as ansible-playbook sees it."""
    file = tmp_path / "inventory.yml"
    file.write_text(text, encoding="utf-8")
    return InventoryManager(loader=DataLoader(), sources=[str(file)])


def inventory(**more: Any) -> str:
    options = {"host": "validator", "host_variables": {"ansible_connection": "local"}, **more}
    variables = options.pop("variables", {"certfleet_directory": "https://ca.test/directory"})
    return str(write(variables, **options))


def variables_of(manager: InventoryManager, host: str) -> dict[str, Any]:
    found = manager.get_host(host)
    assert found is not None
    result = {}
    for group in sorted(found.get_groups(), key=lambda group: group.depth):
        result.update(group.get_vars())
    result.update(found.get_vars())
    return result


def test_names_of_variables_come_with_tags_as_they_do_from_a_role(tmp_path: Path) -> None:
    # before 2.19 there are no tags
    carried = [getattr(template, "trust_as_template", str)(name) for name in CARRIED]
    manager = read(inventory(frontends=["web1"], hostvars=HOSTVARS, carried=carried), tmp_path)
    assert variables_of(manager, "web1")["certfleet_frontend_path"] == "/srv/tls"


def test_the_host_works_on_itself_and_without_frontends_there_is_no_group(tmp_path: Path) -> None:
    manager = read(inventory(), tmp_path)
    assert [host.name for host in manager.get_hosts("validation_hosts")] == ["validator"]
    assert "frontends" not in manager.groups
    found = variables_of(manager, "validator")
    assert (found["ansible_connection"], found["certfleet_directory"]) == ("local", "https://ca.test/directory")


def test_names_as_ansible_has_them_are_written_as_texts(tmp_path: Path) -> None:
    class Tagged(str):
        """What a play calls its hosts."""

        __slots__ = ()

    manager = read(inventory(host=Tagged("v"), frontends=[Tagged("web1")], hostvars=HOSTVARS), tmp_path)
    assert [host.name for host in manager.get_hosts("frontends")] == ["web1"]


def test_texts_of_other_hosts_are_written_as_texts(tmp_path: Path) -> None:
    """Before 2.19 they are of a type whose str() is of that type again, and what lookups find is such a text."""
    of_others = {wrap_var("certfleet_contact"): [wrap_var("admin@example.com")]}
    manager = read(inventory(host=wrap_var("v"), variables=of_others), tmp_path)
    assert variables_of(manager, "v")["certfleet_contact"] == ["admin@example.com"]


def test_frontends_bring_how_they_are_reached_and_what_is_carried_and_nothing_else(tmp_path: Path) -> None:
    text = inventory(
        frontends=["web1", "web2"], hostvars=HOSTVARS, carried=CARRIED, frontend_variables={"ansible_user": "certfleet"}
    )
    manager = read(text, tmp_path)
    assert [host.name for host in manager.get_hosts("frontends")] == ["web1", "web2"]
    first, second = variables_of(manager, "web1"), variables_of(manager, "web2")
    assert (first["ansible_host"], first["ansible_port"], first["ansible_user"]) == ("192.0.2.1", 2222, "certfleet")
    assert first["certfleet_frontend_path"] == "/srv/tls"
    assert "certfleet_frontend_path" not in second
    assert (second["ansible_host"], second["ansible_user"]) == ("web2", "certfleet")
    assert second["certfleet_frontend_reload_command"] == "systemctl reload nginx"
    assert "secret" not in first
    # what the validation host's store is for is needed where a task is delegated from a frontend to it
    assert first["certfleet_directory"] == "https://ca.test/directory"
    assert "ansible_connection" not in first


def test_an_address_and_variables_for_all_frontends_come_before_their_own(tmp_path: Path) -> None:
    text = inventory(
        frontends=["web1"],
        hostvars=HOSTVARS,
        carried=CARRIED,
        addresses={"web1": "10.0.0.1"},
        frontend_variables={"certfleet_frontend_path": "/etc/tls", "ansible_port": 22},
    )
    found = variables_of(read(text, tmp_path), "web1")
    assert (found["ansible_host"], found["ansible_port"], found["certfleet_frontend_path"]) == (
        "10.0.0.1",
        22,
        "/etc/tls",
    )


def test_a_host_that_is_its_own_frontend_has_one_name_and_is_reached_as_other_frontends_are(tmp_path: Path) -> None:
    text = inventory(
        host="web1",
        host_variables={"ansible_connection": "local", "ansible_python_interpreter": "/opt/certfleet/bin/python"},
        frontends=["web1", "web2"],
        hostvars={**HOSTVARS, "web1": {**HOSTVARS["web1"], "ansible_python_interpreter": "/usr/bin/python3"}},
        carried=CARRIED,
        groups={"shops": ["web1"], "frontends": ["web1", "web2"]},
        frontend_variables={"ansible_user": "certfleet"},
    )
    manager = read(text, tmp_path)
    groups = manager.get_groups_dict()
    assert (groups["validation_hosts"], groups["frontends"], groups["shops"]) == (["web1"], ["web1", "web2"], ["web1"])
    found = variables_of(manager, "web1")
    assert "ansible_connection" not in found
    assert (found["ansible_host"], found["ansible_user"]) == ("192.0.2.1", "certfleet")
    assert found["certfleet_frontend_path"] == "/srv/tls"
    # the modules of the validation host need their libraries
    assert found["ansible_python_interpreter"] == "/opt/certfleet/bin/python"


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


class Reader(yaml.SafeLoader):
    """Reads what was marked, too."""


Reader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


@given(value=values)
def test_every_value_comes_back_as_it_was(value: Any) -> None:
    document = yaml.load(inventory(variables={"certfleet_x": value}), Loader=Reader)  # noqa: S506
    assert document["all"]["vars"]["certfleet_x"] == value


@pytest.mark.parametrize("text", ["{{ lookup('pipe', 'id') }}", "a {% if true %}", "{# x"])
def test_text_that_looks_like_a_template_is_not_one(text: str, tmp_path: Path) -> None:
    written = inventory(variables={"certfleet_contact": [text]})
    assert "!unsafe" in written
    assert variables_of(read(written, tmp_path), "validator")["certfleet_contact"] == [text]


def test_a_frontend_that_nobody_knows_is_named() -> None:
    with pytest.raises(AnsibleFilterError, match="the frontend 'web9' is not in the inventory"):
        inventory(frontends=["web9"], hostvars=HOSTVARS)


def test_what_can_not_be_written_is_named_and_not_shown() -> None:
    with pytest.raises(AnsibleFilterError, match="all: certfleet_tsig_keys: secret is of a kind") as refusal:
        inventory(variables={"certfleet_tsig_keys": {"secret": b"hidden"}})
    assert "hidden" not in str(refusal.value)


def test_the_role_carries_every_variable_of_the_playbooks_but_the_request_for_a_retry() -> None:
    constants = yaml.safe_load((ROOT / "roles/renewal_timer/vars/main.yml").read_text(encoding="utf-8"))
    files = [ROOT / "playbooks" / f"{name}.yml" for name in ("renew", "deploy", "tasks/report")]
    # which variables of other hosts a task of theirs looks at
    plugins = ("plugin_utils/bound.py", "plugin_utils/steps.py", "action/certificate_fetch.py")
    files += [ROOT / "plugins" / each for each in plugins]
    texts = [path.read_text(encoding="utf-8") for path in files]
    page = (ROOT / "docs" / "playbooks.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `(certfleet_\w+)`", page, re.MULTILINE))
    named = told & {name for text in texts for name in re.findall(r"\bcertfleet_\w+", text)}
    of_frontends = {name for name in named if name.startswith("certfleet_frontend_")}
    assert set(constants["__certfleet_timer_frontend_carried"]) == of_frontends
    # these are asked for once; carried along, they would be asked for every hour
    once = {"certfleet_report_always", "certfleet_retry", "certfleet_revoke"}
    assert set(constants["__certfleet_timer_carried"]) == named - of_frontends - once


def test_groups_that_certificates_may_name_are_there(tmp_path: Path) -> None:
    """With parents as the inventory has spelled them out, without hosts that the timer does not reach, and empty ones."""
    groups = {
        "all": ["validator", "web1", "web2", "database"],
        "ungrouped": [],
        "eu": ["web1", "database"],
        "world": ["web1", "web2", "validator"],
        "webs": [],
        "databases": ["database"],
        "validation_hosts": ["validator", "standby"],
        "frontends": ["web1", "web2", "database"],
    }
    manager = read(inventory(frontends=["web1", "web2"], hostvars=HOSTVARS, groups=groups), tmp_path)
    found = manager.get_groups_dict()
    assert (found["eu"], found["frontends"], found["webs"]) == (["web1"], ["web1", "web2"], [])
    assert set(found["world"]) == {"web1", "web2", "validator"}
    assert found["validation_hosts"] == ["validator"]
    assert "databases" not in found
    assert {host.name for host in manager.get_hosts("all")} == {"validator", "web1", "web2"}


OUTSIDE = "it is not in certfleet_timer_frontends."
REACHED = {
    "host": "validator",
    "frontends": ["web1", "web2"],
    "groups": {
        "all": ["validator", "standby", "web1", "web2", "web3", "database"],
        "frontends": ["web1", "web2", "web3"],
        "validation_hosts": ["validator", "standby"],
        "eu": ["web1", "web2"],
        "asia": ["web2", "web3"],
        "empty": [],
        "central": ["validator", "standby", "web1"],
        "databases": ["database"],
    },
}


@pytest.mark.parametrize(
    "entry",
    [
        {"frontends": ["web1", "eu", "empty"]},
        {"challenge_hosts": ["validation_hosts"]},
        {"challenge_hosts": ["central"]},
        {"frontends": "web1"},
        {"frontends": [{"web9": None}], "challenge_hosts": 7},
        # these fail alone, wherever the list is read
        {"frontends": ["webs"], "challenge_hosts": ["databases", "database"]},
        {},
        "shop",
    ],
)
def test_hosts_that_the_timer_reaches_are_no_complaint_and_neither_is_what_the_module_refuses(entry: Any) -> None:
    assert unreached([entry], **REACHED) == []
    assert unreached(entry, **REACHED) == []


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (
            {"frontends": ["web1", "web3"]},
            f"certfleet_certificates[0]: frontends: the timer does not reach 'web3': {OUTSIDE}",
        ),
        (
            {"name": "shop", "challenge_hosts": ["asia"]},
            f"certfleet_certificates[0] (shop): challenge_hosts: 'asia' has web3, which the timer does not reach: {OUTSIDE}",
        ),
        (
            {"name": "shop", "challenge_hosts": ["standby"]},
            f"certfleet_certificates[0] (shop): challenge_hosts: the timer does not reach 'standby': {OUTSIDE}",
        ),
    ],
)
def test_hosts_that_the_timer_does_not_reach_are_told_with_certificate_and_option(entry: Any, sentence: str) -> None:
    good = {"name": "good", "frontends": ["eu"]}
    assert unreached([entry, good], **REACHED) == [sentence]


def test_a_long_name_is_cut() -> None:
    (told,) = unreached([{"name": "n" * 5000, "frontends": ["web3"]}], **REACHED)
    assert len(told) < 600


YAML = """\
all:
  vars:
    certfleet_contact: [admin@example.com]
    certfleet_dns_wait: 2.5
    certfleet_x: {day: 2026-11-29, at: 2026-11-29T04:05:06Z, several: !!set {a, b}}
  children:
    frontends:
      hosts:
        web1:
        web2: {ansible_port: 2222}
"""


def test_a_yaml_inventory_with_hosts_without_an_address_is_written(tmp_path: Path) -> None:
    source = read(YAML, tmp_path)
    names = list(yaml_of(tmp_path)["all"]["children"]["frontends"]["hosts"])
    known = {name: variables_of(source, name) for name in names}
    common = variables_of(source, "web1")
    copy = read(inventory(variables=common, frontends=names, hostvars=known, addresses={}), tmp_path)
    found = variables_of(copy, "web1")
    assert found["ansible_host"] == "web1"
    assert (variables_of(copy, "web2")["ansible_port"], found["certfleet_dns_wait"]) == (2222, 2.5)
    assert found["certfleet_x"] == {**common["certfleet_x"], "several": ["a", "b"]}


def yaml_of(folder: Path) -> Any:
    """The inventory with the types that Ansible gives to what it reads from YAML."""
    return DataLoader().load_from_file(str(folder / "inventory.yml"))


@pytest.fixture
def vaulted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A text in a vault as Ansible reads it from a file, with the passwords that are given."""

    def read_vaulted(ciphertext: str, *secrets: tuple[str, vault.VaultSecret]) -> Any:
        if hasattr(vault, "VaultSecretsContext"):  # from 2.19 on
            monkeypatch.setattr(vault.VaultSecretsContext, "_current", vault.VaultSecretsContext(list(secrets)))
        loader = DataLoader()
        loader.set_vault_secrets(list(secrets))
        (tmp_path / "vaulted.yml").write_text("x: !vault |\n" + textwrap.indent(ciphertext, "  "))
        return loader.load_from_file(str(tmp_path / "vaulted.yml"))["x"]

    return read_vaulted


def test_what_is_in_a_vault_is_written_as_it_is(vaulted: Callable[..., Any]) -> None:
    secret = ("default", vault.VaultSecret(b"password"))
    ciphertext = vault.VaultLib([secret]).encrypt("precious", secret[1]).decode()
    text = inventory(variables={"certfleet_tsig_keys": [{"secret": vaulted(ciphertext, secret)}]})
    assert "secret: precious" in text
    assert "ANSIBLE_VAULT" not in text


def test_what_no_password_opens_is_named(vaulted: Callable[..., Any]) -> None:
    ciphertext = "$ANSIBLE_VAULT;1.1;AES256\n3132\n"
    with pytest.raises(AnsibleFilterError, match="all: certfleet_tsig_keys can't be decrypted"):
        inventory(variables={"certfleet_tsig_keys": vaulted(ciphertext)})


def test_what_is_not_defined_is_named() -> None:
    lacking = Environment().undefined(name="vault_tsig_secret")  # noqa: S701
    with pytest.raises(AnsibleFilterError, match="all: certfleet_tsig_keys is not defined"):
        inventory(variables={"certfleet_tsig_keys": lacking})


def test_what_a_template_fails_at_is_not_quoted() -> None:
    class Lazy(dict[str, Any]):
        def items(self) -> Any:
            raise AnsibleError("lookup 'pipe' failed: vault read -token=s3cret")

    with pytest.raises(AnsibleFilterError) as refused:
        inventory(variables={"certfleet_tsig_keys": Lazy(x=1)})
    told = traceback.format_exception(refused.value)
    assert "all: certfleet_tsig_keys can't be filled in" in str(refused.value)
    assert "s3cret" not in "".join(told)


def test_a_variable_of_a_frontend_that_can_not_be_filled_in_is_named() -> None:
    class Lazy(Mapping[str, Any]):
        """Fills in a variable when it is asked for, as Ansible does."""

        def __getitem__(self, name: str) -> Any:
            raise AnsibleUndefinedVariable("'domain' is undefined")

        def __iter__(self) -> Iterator[str]:
            return iter(["ansible_host"])

        def __len__(self) -> int:
            return 1

    with pytest.raises(AnsibleFilterError, match="a variable of web1 can't be filled in: 'domain' is undefined"):
        inventory(frontends=["web1"], hostvars={"web1": Lazy()})
