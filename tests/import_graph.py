# SPDX-License-Identifier: GPL-3.0-or-later
"""What imports what below plugins/, read from the source without running it.

``python tests/import_graph.py --write-ignores`` brings tests/sanity/ignore-*.txt up to date.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COLLECTION = "ansible_collections.certfleet.acme"

OF_CONTROLLERS = {"jinja2"}
"""What ansible-core brings to the controller, and not to the hosts that modules run on."""

TARGET_PYTHONS = {
    "2.19": ("3.9", "3.10", "3.11", "3.12", "3.13"),
    "2.20": ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14"),
}
"""The Pythons that ansible-test tries modules on, from 3.9 (tests/config.yml), by version of ansible-core."""

NEWER_THAN_3_9 = frozenset({"annotationlib", "compression", "string.templatelib", "tomllib"})
"""Modules of the standard library that frontends with Python 3.9 don't have."""


@dataclass(frozen=True)
class Import:
    """One imported module: its full dotted name, where, and whether importing the file already runs it."""

    name: str
    line: int
    at_import: bool

    @property
    def top(self) -> str:
        """The package that has to be there."""
        return self.name.partition(".")[0]

    @property
    def ansible(self) -> bool:
        """Whether ansible-core provides it."""
        return self.top == "ansible"

    @property
    def third_party(self) -> bool:
        """Whether something has to be installed for it, beyond ansible-core."""
        if self.name in NEWER_THAN_3_9 or self.top in NEWER_THAN_3_9:
            return True
        return self.top not in sys.stdlib_module_names and self.top not in ("ansible", "ansible_collections")


class ImportGraph:
    """The imports of every Python file below ``root``/plugins; files are paths relative to ``root``, with ``/``."""

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root
        self.files = tuple(
            sorted(path.relative_to(root).as_posix() for path in (root / "plugins").rglob("*.py") if path.is_file())
        )
        self._imports = {file: tuple(self._read(file)) for file in self.files}

    def imports(self, file: str) -> tuple[Import, ...]:
        """Everything that a file imports, anywhere in it."""
        return self._imports[file]

    def neighbours(self, file: str) -> Iterator[tuple[str, Import]]:
        """The files of the collection that a file imports, with the import that does."""
        for imported in self.imports(file):
            target = self.file_of(imported.name)
            if target is not None:
                yield target, imported

    def reached(self, file: str, at_import: bool = False) -> frozenset[str]:
        """The file and all that it pulls in, or only what the mere import of it does."""
        seen = {file}
        waiting = [file]
        while waiting:
            for target, imported in self.neighbours(waiting.pop()):
                if target not in seen and (imported.at_import or not at_import):
                    seen.add(target)
                    waiting.append(target)
        return frozenset(seen)

    def third_party(self, file: str) -> frozenset[str]:
        """The packages without which the mere import of a file fails."""
        return frozenset(
            imported.top
            for reached in self.reached(file, at_import=True)
            for imported in self.imports(reached)
            if imported.at_import and imported.third_party
        )

    def file_of(self, name: str) -> str | None:
        """The file of the collection that a dotted name stands for."""
        if not name.startswith(f"{COLLECTION}."):
            return None
        path = name.removeprefix(f"{COLLECTION}.").replace(".", "/")
        return next((file for file in (f"{path}.py", f"{path}/__init__.py") if file in self.files), None)

    def _read(self, file: str) -> Iterator[Import]:
        tree = ast.parse((self._root / file).read_text(encoding="utf-8"), filename=file)
        package = [*COLLECTION.split("."), *Path(file).with_suffix("").parts[:-1]]
        for node, at_import in _walk(tree, True):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(alias.name, node.lineno, at_import)
            elif isinstance(node, ast.ImportFrom):
                base = package[: len(package) + 1 - node.level] if node.level else []
                source = ".".join([*base, *([node.module] if node.module else [])])
                for alias in node.names:
                    # `from package import module` and `from module import name` look alike
                    module = f"{source}.{alias.name}"
                    yield Import(module if self.file_of(module) else source, node.lineno, at_import)


def _walk(node: ast.AST, at_import: bool) -> Iterator[tuple[ast.AST, bool]]:
    """All nodes, with whether they run when the file is imported."""
    for child in ast.iter_child_nodes(node):
        yield child, at_import
        later = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        if isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            later = True
        yield from _walk(child, at_import and not later)


def sanity_ignores(graph: ImportGraph, pythons: tuple[str, ...]) -> str:
    """What tests/sanity/ignore-VERSION.txt has to say; docs/adr/0001 tells why."""
    lines = []
    for file in graph.files:
        on_hosts = file.startswith(("plugins/modules/", "plugins/module_utils/"))
        needs = ", ".join(sorted(graph.third_party(file) - (set() if on_hosts else OF_CONTROLLERS)))
        lines += [f"{file} import-{python}!skip # needs {needs}" for python in pythons if needs]
    return "".join(f"{line}\n" for line in lines)


def main() -> None:
    """Write the ignore files."""
    graph = ImportGraph()
    for version, pythons in TARGET_PYTHONS.items():
        path = ROOT / "tests" / "sanity" / f"ignore-{version}.txt"
        path.write_text(sanity_ignores(graph, pythons), encoding="utf-8")
        print(f"written: {path.relative_to(ROOT)}")


if __name__ == "__main__":
    if sys.argv[1:] != ["--write-ignores"]:
        sys.exit("usage: python tests/import_graph.py --write-ignores")
    main()
