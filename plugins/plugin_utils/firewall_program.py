# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine of module firewall as a program of its own, for hosts whose rules are gone when a ruleset is loaded."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

ENGINE = (
    "_core/errors.py", "_core/plain.py", "_firewall/chain.py", "_firewall/iptables.py", "_firewall/kernel.py",
    "_firewall/nft_match.py", "_firewall/nftables.py", "_firewall/opening.py", "_firewall/packet.py",
    "_firewall/plan.py",
)  # fmt: skip
"""All that the part of the engine is made of that knows nftables and iptables; none of it needs Ansible."""

MAIN = '''"""Bring the rules back that a new ruleset does not have: those of openings.json, beside this file."""

import os
import sys

from engine._firewall.kernel import restore

try:
    print("\\n".join(restore(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "openings.json"))))
except Exception as error:
    sys.exit(str(error))
'''


def firewall_program(module_utils: Path) -> bytes:
    """A zip file that Python runs (PEP 441), the same for the same files wherever and whenever it is made."""
    buffer = io.BytesIO()
    files = {"__main__.py": MAIN.encode()}
    files |= {f"engine/{part}__init__.py": b"" for part in ("", "_core/", "_firewall/")}
    files |= {f"engine/{part}": (module_utils / part).read_bytes() for part in ENGINE}
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            # with the date that it has by default, 1980
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
