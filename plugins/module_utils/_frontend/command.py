# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running the openssl command of the frontend."""

from __future__ import annotations

import os
import subprocess

from .._core.errors import Error


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
