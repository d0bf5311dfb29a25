# SPDX-License-Identifier: GPL-3.0-or-later
"""A frontend that somebody else rules: its Python is replaced, and answers whatever helps its new master."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

_PROGRAM = """#!/usr/bin/python3
import json, subprocess, sys
done = subprocess.run(["/usr/bin/python3", *sys.argv[1:]], stdout=subprocess.PIPE)
try:
    result = json.loads(done.stdout)
except ValueError:
    sys.stdout.buffer.write(done.stdout)
    sys.exit(done.returncode)
result.setdefault("ansible_facts", {{}}).update(json.loads({facts!r}))
result.update(json.loads({more!r}))
print(json.dumps(result))
"""


def lying_python(path: Path, facts: Mapping[str, Any], **more: Any) -> str:
    """An interpreter that adds facts, and ``more``, to the result of each module; where it is."""
    path.write_text(_PROGRAM.format(facts=json.dumps(facts), more=json.dumps(more)), encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def inventory_of(path: Path, hosts: Mapping[str, Mapping[str, Any]], **common: Any) -> Path:
    """An inventory that adds variables to hosts of the lab's, and the ``common`` ones to all of them."""
    named = {name: dict(variables) for name, variables in hosts.items()}
    text = yaml.safe_dump({"all": {"hosts": named, "vars": common}})
    path.write_text(text, encoding="utf-8")
    return path


def silent_python(path: Path) -> str:
    """An interpreter that never answers, as far as a test goes; where it is."""
    path.write_text("#!/bin/sh\nexec sleep 200\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)
