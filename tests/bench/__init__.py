# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast the collection is: `script/bench` measures it on the lab, beside lego."""
