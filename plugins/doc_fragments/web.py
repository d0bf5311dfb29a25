# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules say that look at the web servers of http-01 as a CA does."""

from __future__ import annotations


class ModuleDocFragment:
    """The documentation of the options in ``plugins/module_utils/_http/verification.py``."""

    DOCUMENTATION = r"""
options:
  allowed_networks:
    description:
      - Networks that redirects may lead to although not everybody on the Internet can reach them, such as V(10.0.0.0/8).
      - Whoever controls a web server, or a name, could otherwise have this host read what only this host can reach. So after a redirect it asks
        no address that is not public (loopback, link-local, private, shared, multicast, reserved), and of its own addresses only the path of the
        challenge itself; a name's own addresses are asked wherever they are, for the path of the challenge.
      - What a web server answers is shown only when it comes without a redirect, and from an address that is public or listed here.
    type: list
    elements: str
    default: []
"""
