# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be told of a message without reading all of it."""

from __future__ import annotations


def is_answer(query: bytes, reply: bytes) -> bool:
    """Whether a message with the right ID also is a response to this very question (RFC 5452 §4.2)."""
    if len(reply) < 12 or not reply[2] & 0x80 or (reply[2] ^ query[2]) & 0x78:
        return False
    if reply[4:6] == b"\0\0":
        # Servers may leave the question out of errors, and of every answer to an UPDATE.
        return bool(reply[3] & 0x0F) or (query[2] & 0x78) == 0x28
    end = query.index(b"\0", 12) + 5
    return reply[12:end].lower() == query[12:end].lower()
