# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller half of M(certfleet.acme.http01): it drops facts."""

from __future__ import annotations

from ..plugin_utils.factless import FactlessAction


class ActionModule(FactlessAction):
    """The host of the task may be ruled by somebody else."""
