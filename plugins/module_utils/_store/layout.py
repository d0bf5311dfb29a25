# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things are in the store."""

from __future__ import annotations

from urllib.parse import quote, urlsplit


def authority_name(directory: str) -> str:
    """The folder for the accounts at a CA: one for each directory URL."""
    parts = urlsplit(directory)
    name = quote(f"{parts.netloc}{parts.path.rstrip('/')}", safe="").replace("%2F", "-").replace("%3A", "_")
    return name + quote(f"?{parts.query}", safe="") if parts.query else name


def account_folder(authority: str, name: str) -> str:
    """Where the key and the record of an account are."""
    return f"accounts/{authority}/{name}"


def memory_folder(authority: str, name: str) -> str:
    """Where it is remembered what an account has done and been refused."""
    return f"memory/{authority}/{name}"


def certificate_folder(name: str, key_type: str) -> str:
    """Where the generations of a certificate are."""
    return f"certificates/{name}/{key_type}"
