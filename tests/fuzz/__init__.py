# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that others can hand to the collection, handed to it broken: see boundaries.py for the table."""
