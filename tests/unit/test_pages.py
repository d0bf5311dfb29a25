# SPDX-License-Identifier: GPL-3.0-or-later
"""What a page shows is what is run."""

from __future__ import annotations

import re

import pytest

from tests.import_graph import ROOT

EXAMPLE = ROOT / "extensions" / "molecule" / "example"
BLOCKS = re.findall(
    r"```yaml\n# (\S+)\n(.*?)```", (ROOT / "docs" / "molecule.md").read_text(encoding="utf-8"), re.DOTALL
)


def test_the_page_about_molecule_shows_every_file_of_its_scenario() -> None:
    files = {path.relative_to(EXAMPLE).as_posix() for path in EXAMPLE.rglob("*.yml")} - {"molecule.yml"}
    assert {name for name, _text in BLOCKS} == files


@pytest.mark.parametrize(("name", "text"), BLOCKS, ids=[name for name, _text in BLOCKS])
def test_a_file_on_the_page_about_molecule_is_the_one_that_is_run(name: str, text: str) -> None:
    lines = (EXAMPLE / name).read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not line.startswith("# SPDX")] == text.splitlines()
