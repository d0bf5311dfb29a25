# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong in years of unattended work, made to go wrong on the lab."""
