# SPDX-License-Identifier: GPL-3.0-or-later
"""What script/setup does: servers, virtual environment, collection path, each only when needed.

Standard library only, since it runs before anything is installed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import debian
import pythons

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
REQUIREMENTS = ROOT / "tests" / "requirements.txt"
ACME2CERTIFIER = ROOT / "tests" / "acme2certifier.txt"
"""A CA of the lab, with libraries of its own."""
VERSIONS = {"oldest": ((3, 10), (3, 12)), "newest": ((3, 12), (3, 14))}
"""The ansible-core that tests/ansible-NAME.txt pins, and the Pythons from and to which it runs on."""

SERVER_PACKAGES = (
    "knot", "knot-dnsutils",
    "bind9", "bind9-dnsutils",
    "pdns-server", "pdns-backend-sqlite3", "sqlite3",
    "nsd",
    "unbound",
    "nginx",
    "openssl",
    "lego",
    "chromium-headless-shell", "fonts-dejavu-core",
)  # fmt: skip
UNSTABLE_PACKAGES = ("pebble", "caddy")
"""From unstable: the release's Pebble knows neither profiles nor renewal information, and its Caddy is too old."""

TOOLS = (
    "usr/bin/openssl", "usr/bin/lego", "usr/bin/sqlite3", "usr/bin/kdig", "usr/bin/knsupdate",
    "usr/bin/dig", "usr/bin/nsupdate",
)  # fmt: skip

TOOL_WRAPPER = """#!/bin/sh
# Runs the fetched program with the fetched libraries, for this one process only.
here=$(dirname "$(readlink -f "$0")")
root=$here/../root
for folder in "$root"/usr/lib/*-linux-gnu* "$root"/lib/*-linux-gnu*; do
    [ -d "$folder" ] && libraries=${{libraries:+$libraries:}}$folder
done
LD_LIBRARY_PATH=$libraries${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}
OPENSSL_CONF=${{OPENSSL_CONF:-$root/etc/ssl/openssl.cnf}}
export LD_LIBRARY_PATH OPENSSL_CONF
exec "$root/{program}" "$@"
"""


def say(text: str) -> None:
    """Tell the user what happens next."""
    print(f"setup: {text}", flush=True)


def main() -> int:
    """Bring .cache/ up to date; returns the exit status."""
    if sys.version_info < (3, 11):
        print("setup: Python 3.11 or newer is needed", file=sys.stderr)
        return 1
    CACHE.mkdir(exist_ok=True)
    with open(CACHE / "setup.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            prepare_servers(CACHE / "servers")
            prepare_environment(CACHE / "venv", REQUIREMENTS)
            prepare_environment(CACHE / "acme2certifier", ACME2CERTIFIER)
            prepare_collection_path(CACHE / "collections")
            if "--versions" in sys.argv[1:]:
                prepare_versions()
        except (debian.AptError, subprocess.CalledProcessError, OSError) as error:
            print(f"setup: failed: {error}", file=sys.stderr)
            return 1
    say("ready; `. script/env` puts it on your path")
    return 0


def prepare_servers(folder: Path) -> None:
    """Unpack the lab's servers and tools from Debian packages into a folder."""
    stamp = digest(
        *SERVER_PACKAGES, *UNSTABLE_PACKAGES, *TOOLS, TOOL_WRAPPER,
        Path(debian.__file__).read_text(encoding="utf-8"), debian.release().codename,
    )  # fmt: skip
    if is_current(folder, stamp):
        say("servers are up to date")
        return
    started = time.monotonic()
    say(f"fetching Debian packages for the lab: {' '.join(SERVER_PACKAGES + UNSTABLE_PACKAGES)}")
    work = CACHE / "servers.new"
    remove(work)
    root = work / "root"
    root.mkdir(parents=True)
    apt = CACHE / "apt"
    remove(apt)
    count = debian.unpack_with_dependencies(SERVER_PACKAGES, root, apt / "release")
    count += debian.unpack_from_unstable(UNSTABLE_PACKAGES, root, apt / "unstable")
    remove(apt)
    write_wrappers(work / "bin")
    write_stamp(work, stamp)
    remove(folder)
    work.rename(folder)
    say(f"{count} packages unpacked in {time.monotonic() - started:.0f} s")


def write_wrappers(folder: Path) -> None:
    """Write one small starter per tool, so that tools work from any shell without a global library path."""
    folder.mkdir()
    for program in TOOLS:
        wrapper = folder / Path(program).name
        wrapper.write_text(TOOL_WRAPPER.format(program=program), encoding="ascii")
        wrapper.chmod(0o755)


def prepare_versions() -> None:
    """Build the environments of the oldest and of the newest ansible-core, as far as this machine has a Python for them."""
    for name, (first, last) in VERSIONS.items():
        folder = CACHE / f"ansible-{name}"
        python = pythons.find_python(first, last)
        if python:
            prepare_environment(folder, ROOT / "tests" / f"ansible-{name}.txt", python)
        else:
            remove(folder)
            say(
                f"no Python {first[0]}.{first[1]} to {last[0]}.{last[1]} here, so nothing is tried on the {name} ansible-core"
            )


def prepare_environment(folder: Path, requirements: Path, python: pythons.Python = pythons.OWN) -> None:
    """Build a virtual environment with what this file requires."""
    # A virtual environment is tied to its place and to its Python.
    stamp = digest(requirements.read_text(encoding="utf-8"), python.version, str(folder))
    if is_current(folder, stamp):
        say(f"virtual environment {folder.name} is up to date")
        return
    started = time.monotonic()
    say(f"building the virtual environment {folder.name} with Python {python.version.split()[0]}")
    remove(folder)
    run(python.path, "-m", "venv", "--without-pip", str(folder))
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    environment.setdefault("PIP_CACHE_DIR", str(CACHE / "pip"))
    environment["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    pip = [str(CACHE / "venv" / "bin" / "python"), "-m", "pip", "--python", str(folder / "bin" / "python")]
    if folder.name == "venv":
        # Debian's Python comes without pip; the wheel can be run from where it is.
        environment["PYTHONPATH"] = str(debian.fetch_pip_wheel(CACHE / "apt" / "pip"))
        pip = [str(folder / "bin" / "python"), "-m", "pip"]
    run(*pip, "install", "-r", str(requirements), env=environment, log=CACHE / "pip.log")
    remove(CACHE / "apt")
    write_stamp(folder, stamp)
    say(f"virtual environment {folder.name} built in {time.monotonic() - started:.0f} s")


def prepare_collection_path(folder: Path) -> None:
    """Make the checkout importable and findable as ansible_collections.certfleet.acme."""
    link = folder / "ansible_collections" / "certfleet" / "acme"
    link.parent.mkdir(parents=True, exist_ok=True)
    target = os.path.relpath(ROOT, link.parent)
    if link.is_symlink() and os.readlink(link) == target:
        return
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    say("collection path is in place")


def digest(*parts: str) -> str:
    """One hash over everything that decides whether a folder must be rebuilt."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def is_current(folder: Path, stamp: str) -> bool:
    """Whether a folder was completed with this stamp."""
    try:
        return (folder / ".stamp").read_text(encoding="ascii") == stamp
    except OSError:
        return False


def write_stamp(folder: Path, stamp: str) -> None:
    """Mark a folder as complete; the last thing done to it."""
    (folder / ".stamp").write_text(stamp, encoding="ascii")


def remove(folder: Path) -> None:
    """Remove a folder of ours if it is there."""
    if folder.exists():
        shutil.rmtree(folder)


def run(*command: str, env: dict[str, str] | None = None, log: Path = CACHE / "setup.log") -> None:
    """Run a command whose failure ends the setup; what it says goes to a log, and to the user when it fails."""
    with open(log, "w", encoding="utf-8") as file:
        result = subprocess.run(command, check=False, env=env, stdout=file, stderr=subprocess.STDOUT)
    if result.returncode:
        print(log.read_text(encoding="utf-8", errors="replace"), file=sys.stderr)
        raise subprocess.CalledProcessError(result.returncode, command)


if __name__ == "__main__":
    sys.exit(main())
