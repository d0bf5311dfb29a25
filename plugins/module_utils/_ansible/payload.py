# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The archive in which Ansible has sent a module, with all that it may import.

It lies in a folder that only the user can enter who began the task, and is removed when the task ends. A process that
becomes another user could do neither of both.
"""

from __future__ import annotations

import os
import re
import zipfile
from contextlib import suppress
from importlib import import_module
from zipimport import zipimporter

_OURS = "ansible_collections/"
_FOLDER = re.compile(r"ansible_.+_payload_.+")


def leave_payload() -> None:
    """Import all that was sent and remove the archive; ImportError when a library that it needs is missing."""
    archive = _archive()
    if archive is None:
        return
    with zipfile.ZipFile(archive) as content:
        files = [name for name in content.namelist() if "/module_utils/" in name and name.endswith(".py")]
    for file in files:
        module = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        if file.startswith(_OURS):
            import_module(module)
        else:
            # of Ansible's own, some are only for other versions of Python
            with suppress(ImportError):
                import_module(module)
    os.unlink(archive)
    os.rmdir(os.path.dirname(archive))


def _archive() -> str | None:
    """The path of the archive that this file was imported from, or None when it comes from a folder."""
    loader = globals()["__loader__"]
    if not isinstance(loader, zipimporter):
        return None
    folder = os.path.basename(os.path.dirname(loader.archive))
    return loader.archive if _FOLDER.fullmatch(folder) else None
