# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding a Python of some version on this machine: ansible-core's oldest and newest versions need different ones.

Standard library only, since it runs before anything is installed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

Version = tuple[int, int]

PROBE = (
    "import sys, ssl, venv; print(sys.executable); print(sys.version_info[0], sys.version_info[1]); print(sys.version)"
)
"""What a Python must be able to do, and what it says of itself: a version manager's starters are no Pythons."""


@dataclass(frozen=True)
class Python:
    """A Python interpreter: where it is, and all that it says about its version."""

    path: str
    version: str


OWN = Python(sys.executable, sys.version)
"""The one that is running."""


def find_python(first: Version, last: Version) -> Python | None:
    """A Python of a version from ``first`` to ``last``: the one that is running, else one on the path or of pyenv or uv."""
    if first <= sys.version_info[:2] <= last:
        return OWN
    return next((found for path in _candidates(first, last) if (found := _ask(path, first, last))), None)


def _candidates(first: Version, last: Version) -> Iterator[str]:
    """The newest first, each kind of place after the other."""
    minors = range(last[1], first[1] - 1, -1)
    yield from (f"python{last[0]}.{minor}" for minor in minors)
    pyenv = Path(os.environ.get("PYENV_ROOT") or "~/.pyenv").expanduser() / "versions"
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or "~/.local/share/uv/python").expanduser()
    for minor in minors:
        yield from map(str, sorted(pyenv.glob(f"{last[0]}.{minor}.*/bin/python3"), reverse=True))
        yield from map(str, sorted(uv.glob(f"cpython-{last[0]}.{minor}.*/bin/python3"), reverse=True))


def _ask(path: str, first: Version, last: Version) -> Python | None:
    """What this program says that it is; None when it can't be run or is of another version."""
    try:
        done = subprocess.run([path, "-c", PROBE], capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return None
    executable, numbers, version = done.stdout.split("\n", 2)
    major, minor = map(int, numbers.split())
    return Python(executable, version) if first <= (major, minor) <= last else None
