# SPDX-License-Identifier: GPL-3.0-or-later
"""The last line of script/test: how many tests and parts passed and failed.

Usage: tally.py PARTS_PASSED PARTS_FAILED FOLDER, where the folder holds pytest's JUnit reports.
A report is called after its part; what its name has besides stands behind a hyphen. A part without any report (lint,
package, sanity) counts as one test.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree


def main(parts_passed: int, parts_failed: int, folder: Path) -> None:
    """Print the sums."""
    tests = skipped = 0
    bad: Counter[str] = Counter()
    for report in folder.glob("*.xml"):
        part = report.stem.partition("-")[0]
        # pytest wrote it a moment ago
        for suite in ElementTree.parse(report).getroot().iter("testsuite"):  # noqa: S314
            bad[part] += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            tests += int(suite.get("tests", 0))
            skipped += int(suite.get("skipped", 0))
    failed = bad.total()
    parts_failed -= sum(number > 0 for number in bad.values())
    parts_passed -= sum(number == 0 for number in bad.values())
    print(f"{tests - failed - skipped + parts_passed} passed, {failed + parts_failed} failed, {skipped} skipped")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
