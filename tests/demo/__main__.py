# SPDX-License-Identifier: GPL-3.0-or-later
"""What the demo shows at its end: `python -m tests.demo LAB_FOLDER` shakes hands with every site on every frontend."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.lab.lab import Lab

from .proof import prove
from .table import print_table


def main(arguments: list[str]) -> int:
    """Prove and print; 1 when a handshake failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description=__doc__)
    parser.add_argument("folder", type=Path, help="the lab's folder")
    proofs = prove(Lab.attach(parser.parse_args(arguments).folder))
    print_table(proofs)
    failures = [failure for proof in proofs for failure in proof.failures]
    for failure in failures:
        print(f"FAILED: {failure}")
    handshakes = sum(proof.handshakes for proof in proofs)
    print(f"\n{handshakes} handshakes, verified against the CA's root; {len(failures)} failed.")
    return 1 if failures or not proofs else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
