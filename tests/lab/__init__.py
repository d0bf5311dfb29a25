# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate authority, name servers and web servers on loopback addresses, for tests and demonstrations.

`with Lab() as lab:` starts everything in a folder of its own and leaves nothing behind.
"""

from __future__ import annotations

from .lab import Lab
from .model import ROOM, Frontend, LabError, Options, Responder, TsigKey

__all__ = ["ROOM", "Frontend", "Lab", "LabError", "Options", "Responder", "TsigKey"]
