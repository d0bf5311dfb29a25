# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running commands of the frontend: openssl, and the test of the web server's configuration."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from .._core.errors import Error, InputError
from .._core.plain import plain

TEST_SECONDS = 120
LONGEST_OUTPUT = 4000
# where the programs of servers are, which not every user's path has
PATH = f"{os.environ.get('PATH') or os.defpath}:/usr/sbin:/sbin"


@dataclass(frozen=True)
class Verdict:
    """What a test said: whether it passed, and the end of its output."""

    passed: bool
    output: str


Try = Callable[[Sequence[str]], Verdict]
"""Runs the command of a test."""


def run_openssl(arguments: list[str], stdin: bytes) -> tuple[int, bytes, bytes]:
    """Run ``openssl`` with these arguments and this input: exit code, output and messages."""
    try:
        done = subprocess.run(
            ["openssl", *arguments],
            input=stdin,
            capture_output=True,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
            # without a terminal it can't stop and ask for a passphrase
            start_new_session=True,
        )
    except OSError as error:
        raise Error(f"The openssl command can't be run on this host: {error.strerror}") from error
    return done.returncode, done.stdout, done.stderr


def parse_command(option: str, value: object) -> list[str]:
    """The words of a command given as a text, which no shell gets, or as a list; InputError names the option."""
    if value is None:
        return []
    if isinstance(value, str):
        try:
            return shlex.split(value)
        except ValueError as error:
            raise InputError(option, value, f"can't be split into words: {error}") from error
    if isinstance(value, (list, tuple)) and all(isinstance(word, (str, int)) for word in value):
        return [str(word) for word in value]
    raise InputError(option, value, "is neither a text nor a list of words")


def check_command(option: str, words: Sequence[str]) -> None:
    """InputError when the command's program is not on this host."""
    if words and shutil.which(words[0], path=PATH) is None:
        raise InputError(option, shlex.join(words), f"can't be run: there is no program {words[0]} on this host")


def run_test(words: Sequence[str], seconds: float = TEST_SECONDS) -> Verdict:
    """Run the test of a configuration; one that takes longer has not passed."""
    # a file, since a pipe stays open for as long as something that the command has started
    with tempfile.TemporaryFile() as output:
        code: int | None = None
        try:
            process = subprocess.Popen(
                list(words),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "LC_ALL": "C", "PATH": PATH},
                start_new_session=True,
            )
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            # what runs as another user can't be ended by us
            with suppress(OSError, subprocess.TimeoutExpired):
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(seconds)
        except OSError as error:
            return Verdict(False, f"It can't be run: {error.strerror}")
        said = _end_of(output.seek(0, os.SEEK_END), output.fileno())
    return Verdict(code == 0, said if code is not None else f"It took longer than {seconds:g} seconds. {said}".strip())


def _end_of(size: int, handle: int) -> str:
    text = os.pread(handle, LONGEST_OUTPUT, max(0, size - LONGEST_OUTPUT)).decode("utf-8", "replace").strip()
    # no test prints one, and if one did, it would be the last to know who reads on
    return "(not shown: there is a private key in it)" if "PRIVATE KEY" in text else plain(text)
