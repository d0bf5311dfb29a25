# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports point one way: the engine knows nothing of Ansible, and what runs on frontends needs no library."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.import_graph import ImportGraph

ENGINE = ("_core", "_acme", "_dns", "_http", "_report", "_x509", "_store", "_frontend", "_firewall", "_workflow")
"""The layers below plugins/module_utils that must work without Ansible."""

MAY_IMPORT: dict[str, frozenset[str]] = {
    "_core": frozenset(),
    "_acme": frozenset({"_core"}),
    "_dns": frozenset({"_core"}),
    "_http": frozenset({"_core"}),
    "_report": frozenset({"_core"}),
    "_x509": frozenset({"_core"}),
    "_store": frozenset({"_core"}),
    "_frontend": frozenset({"_core"}),
    "_firewall": frozenset({"_core"}),
    "_workflow": frozenset({"_core", "_acme", "_dns", "_http", "_report", "_x509", "_store"}),
    "_ansible": frozenset(ENGINE),
    "modules": frozenset({*ENGINE, "_ansible"}),
    "plugin_utils": frozenset({"_core"}),
    "action": frozenset({"plugin_utils"}),
    "filter": frozenset({"plugin_utils"}),
    "lookup": frozenset({"plugin_utils"}),
    "doc_fragments": frozenset(),
}
"""For each layer (a folder of module_utils, or of plugins) the other layers that it may know."""

ON_FRONTENDS = "plugins/modules/certificate_install.py"


def layer_of(file: str) -> str:
    """The layer that a file below plugins/ belongs to."""
    parts = file.split("/")
    return parts[2] if parts[1] == "module_utils" else parts[1]


def violations(graph: ImportGraph) -> Iterator[str]:
    """A sentence for each import that the layers forbid."""
    for file in graph.files:
        layer = layer_of(file)
        if layer not in MAY_IMPORT:
            yield f"{file} is in no known layer: {layer}"
            continue
        for target, imported in graph.neighbours(file):
            if layer_of(target) not in {layer, *MAY_IMPORT[layer]}:
                yield f"{file}:{imported.line} imports {target}: {layer} must not know {layer_of(target)}"
        if layer in ENGINE:
            for imported in graph.imports(file):
                if imported.ansible:
                    yield f"{file}:{imported.line} imports {imported.name}: the engine must not know Ansible"


def libraries_on_frontends(graph: ImportGraph) -> Iterator[str]:
    """A sentence for each library that a frontend would have to install."""
    for file in sorted(graph.reached(ON_FRONTENDS)):
        for imported in graph.imports(file):
            if imported.third_party:
                yield f"{file}:{imported.line} imports {imported.name}, which a frontend with Python 3.9 alone lacks"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small collection without a fault."""
    for file, source in {
        "plugins/module_utils/_core/errors.py": "import json\n",
        "plugins/module_utils/_store/layout.py": "from .._core.errors import Error\n",
        "plugins/module_utils/_dns/zone.py": "import dns.name\nfrom .._core import errors\n",
        "plugins/module_utils/_frontend/openssl.py": "from .._core import errors\n",
        "plugins/module_utils/_ansible/reporting.py": "from ansible.module_utils.basic import AnsibleModule\n",
        "plugins/modules/certificate_install.py": (
            "from ansible_collections.certfleet.acme.plugins.module_utils._ansible.reporting import reporting\n"
            "def main():\n"
            "    from ansible_collections.certfleet.acme.plugins.module_utils._frontend.openssl import OpenSsl\n"
        ),
    }.items():
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    return tmp_path


def append(tree: Path, file: str, line: str) -> None:
    """Add a line to a file of the small collection, which may be new."""
    path = tree / file
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(f"{line}\n")


def test_imports_of_the_collection_point_one_way() -> None:
    assert list(violations(ImportGraph())) == []


def test_frontends_need_the_standard_library_only() -> None:
    graph = ImportGraph()
    assert any(layer_of(file) == "_frontend" for file in graph.reached(ON_FRONTENDS))
    assert list(libraries_on_frontends(graph)) == []


def test_a_tree_without_a_fault_passes(tree: Path) -> None:
    graph = ImportGraph(tree)
    assert len(graph.files) == 6
    assert list(violations(graph)) == []
    assert list(libraries_on_frontends(graph)) == []


@pytest.mark.parametrize(
    ("file", "line", "words"),
    [
        pytest.param(
            "plugins/module_utils/_core/errors.py", "from .._dns.zone import Zone", "must not know _dns", id="upwards"
        ),
        pytest.param(
            "plugins/module_utils/_store/layout.py", "from .._dns import zone", "must not know _dns", id="siblings"
        ),
        pytest.param(
            "plugins/module_utils/_store/layout.py",
            "from ansible_collections.certfleet.acme.plugins.module_utils._dns import zone",
            "must not know _dns",
            id="siblings by their full name",
        ),
        pytest.param(
            "plugins/module_utils/_dns/zone.py",
            "def late():\n    import ansible_collections.certfleet.acme.plugins.module_utils._ansible.reporting",
            "must not know _ansible",
            id="inside a function",
        ),
        pytest.param(
            "plugins/module_utils/_dns/zone.py",
            "from ansible.module_utils.basic import AnsibleModule",
            "must not know Ansible",
            id="ansible in the engine",
        ),
        pytest.param("plugins/module_utils/_new/thing.py", "", "in no known layer", id="a new layer"),
        pytest.param("plugins/vars/thing.py", "", "in no known layer", id="a new kind of plugin"),
    ],
)
def test_an_import_in_the_wrong_direction_is_named(tree: Path, file: str, line: str, words: str) -> None:
    append(tree, file, line)
    [found] = violations(ImportGraph(tree))
    assert found.startswith(file)
    assert words in found


@pytest.mark.parametrize(
    "line",
    ["import dns.name", "from cryptography import x509", "import tomllib", "def late():\n    import requests"],
)
def test_a_library_on_the_way_to_a_frontend_is_named(tree: Path, line: str) -> None:
    append(tree, "plugins/module_utils/_core/errors.py", line)
    [found] = libraries_on_frontends(ImportGraph(tree))
    assert found.startswith("plugins/module_utils/_core/errors.py:")


def test_what_an_import_needs_at_once_is_told_from_what_it_needs_later(tree: Path) -> None:
    append(tree, "plugins/module_utils/_store/layout.py", "from typing import TYPE_CHECKING")
    append(tree, "plugins/module_utils/_store/layout.py", "if TYPE_CHECKING:\n    import acme")
    append(tree, "plugins/module_utils/_store/layout.py", "def late():\n    import josepy")
    graph = ImportGraph(tree)
    assert graph.third_party("plugins/module_utils/_store/layout.py") == frozenset()
    assert graph.third_party("plugins/module_utils/_dns/zone.py") == {"dns"}
    append(tree, "plugins/module_utils/_core/errors.py", "try:\n    import idna\nexcept ImportError:\n    raise")
    assert ImportGraph(tree).third_party("plugins/module_utils/_dns/zone.py") == {"dns", "idna"}
