# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller half of M(certfleet.acme.report): it keeps secrets from callbacks."""

from __future__ import annotations

from ..plugin_utils.discreet import DiscreetAction


class ActionModule(DiscreetAction):
    """The password of a mail account and the address of a webhook are options of this module."""
