# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place where an error of the engine becomes the failure of a task."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from .._core.errors import Error


@contextmanager
def reporting(module: AnsibleModule) -> Iterator[None]:
    """Run the engine (and import it: only validation hosts have its libraries) inside this."""
    try:
        yield
    except ImportError as error:
        # what the engine's own files lack is a defect, a library is something to install
        if error.name is None or error.name.startswith("ansible_collections"):
            raise
        module.fail_json(msg=missing_required_lib(error.name.partition(".")[0]))
    except Error as error:
        module.fail_json(**error.result())
