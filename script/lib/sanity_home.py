# SPDX-License-Identifier: GPL-3.0-or-later
"""Prepare the home folder that ansible-test gets, so that its own virtual environments can be made.

Usage: sanity_home.py FOLDER, with the Python of the virtual environment.

ansible-test passes no PIP_* variables on and would not find the user's pip.conf in another home, so what
pip goes by here is written there. It also downloads a get-pip.py from a host of its own; in its
place stands a script of ours that installs the same version of pip by the pip that is already here.
"""

from __future__ import annotations

import ast
import configparser
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

from ansible_test._internal.python_requirements import get_venv_packages  # type: ignore[import-untyped]

BOOTSTRAP = '''\
"""Installs pip into the virtual environment it is run in; stands in for get-pip.py."""

import subprocess
import sys
import sysconfig

packages = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
sys.exit(subprocess.call([
    {python!r}, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:",
    "--python-version", "%d.%d" % sys.version_info[:2], "--target", sysconfig.get_path("purelib"),
] + packages))
'''


def main(home: Path) -> None:
    """Write pip's configuration and the bootstrap script."""
    configuration = home / ".config" / "pip" / "pip.conf"
    configuration.parent.mkdir(parents=True, exist_ok=True)
    configuration.touch(mode=0o600)  # an index may want a password
    with configuration.open("w", encoding="utf-8") as file:
        pip_configuration().write(file)
    version = wanted_pip().replace(".", "_")
    script = home / ".ansible" / "test" / "cache" / f"get_pip_{version}.py"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(BOOTSTRAP.format(python=sys.executable), encoding="utf-8")


def pip_configuration() -> configparser.RawConfigParser:
    """What pip goes by in this shell: files and PIP_* variables, the latter first."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True
    ).stdout
    result = configparser.RawConfigParser()
    result.add_section("global")
    result.set("global", "quiet", "2")  # errors only
    for line in sorted(listed.splitlines(), key=lambda line: line.startswith(":env:.")):
        option, value = line.split("=", 1)
        section, name = option.split(".", 1)
        if section == ":env:":
            section = "global"
        if name == "config-file":
            continue
        if not result.has_section(section):
            result.add_section(section)
        result.set(section, name, ast.literal_eval(value))
    return result


def wanted_pip() -> str:
    """The version of pip that this ansible-test puts into its virtual environments."""
    return str(get_venv_packages(SimpleNamespace(version="{}.{}".format(*sys.version_info)))["pip"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
