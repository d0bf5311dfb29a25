# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs that script/setup has fetched, and the environment they need."""

from __future__ import annotations

import os
from pathlib import Path

from .model import LabError

ROOT = Path(__file__).resolve().parents[2]
SERVERS = ROOT / ".cache" / "servers"
FILES = SERVERS / "root"
TOOLS = SERVERS / "bin"

_FOLDERS = ("usr/sbin", "usr/bin", "sbin", "bin")


def program(name: str) -> str:
    """The full path of a fetched program; raises LabError when script/setup has not run."""
    for folder in _FOLDERS:
        path = FILES / folder / name
        if path.is_file():
            return str(path)
    raise LabError(f"{name} is missing: run script/setup first")


def library_folders() -> list[Path]:
    """Where the fetched libraries lie."""
    return [path for top in ("usr/lib", "lib") for path in sorted((FILES / top).glob("*-linux-gnu*"))]


def server_environment() -> dict[str, str]:
    """A small, known environment for the servers: no proxy and no preload of the user's gets in."""
    return {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
        "LD_LIBRARY_PATH": ":".join(map(str, library_folders())),
        "OPENSSL_CONF": str(FILES / "etc/ssl/openssl.cnf"),
    }


def tool_environment() -> dict[str, str]:
    """What a shell adds to its own environment to use the fetched tools and reach the lab directly.

    The tools on PATH are starters that set the library path for themselves only.
    """
    spared = [os.environ.get("no_proxy", os.environ.get("NO_PROXY", "")), "127.0.0.0/8", "::1", "localhost"]
    no_proxy = ",".join(filter(None, spared))
    return {
        "PATH": f"{TOOLS}:{os.environ.get('PATH', os.defpath)}",
        "no_proxy": no_proxy,
        "NO_PROXY": no_proxy,
    }
