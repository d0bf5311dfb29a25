# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the images that molecule's containers are started from, one for each Debian release; needs root and podman.

The base comes from a registry where one can be reached, and is built from Debian's packages where none can.
Standard library only.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import debian

CONTAINERFILE = Path(__file__).resolve().parents[2] / "extensions" / "molecule" / "image" / "Containerfile"
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
RELEASES = ("bookworm", "trixie")
# as in extensions/molecule/shared/create.yml
LIMITS = ("--runtime", "runc", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096")


def main() -> int:
    """Make what is missing or was made from something else; returns the exit status."""
    try:
        for release in RELEASES:
            prepare(release)
    except (debian.AptError, subprocess.CalledProcessError, OSError) as error:
        print(f"images: failed: {error}", file=sys.stderr)
        return 1
    return 0


def prepare(release: str) -> None:
    """Make the image of a release unless it is there."""
    image = f"localhost/certfleet-molecule:{release}"
    stamp = hashlib.sha256(CONTAINERFILE.read_bytes() + BUNDLE.read_bytes()).hexdigest()
    if stamp_of(image) == stamp:
        return
    print(f"images: making {image}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        shutil.copy(BUNDLE, Path(name) / BUNDLE.name)
        podman(
            "build", *LIMITS, "--quiet", "--file", str(CONTAINERFILE), "--build-arg", f"base={base(release)}",
            "--label", f"certfleet.stamp={stamp}", "--tag", image, name,
        )  # fmt: skip


def base(release: str) -> str:
    """The name of a minimal image of the release."""
    if not podman("pull", "--quiet", f"debian:{release}-slim", check=False).returncode:
        return f"debian:{release}-slim"
    image = f"localhost/certfleet-base:{release}"
    if not podman("image", "exists", image, check=False).returncode:
        return image
    print(f"images: no registry can be reached; building {image} from packages", flush=True)
    with tempfile.TemporaryDirectory() as name:
        archive = str(Path(name) / "root.tar")
        subprocess.run(
            ["mmdebstrap", "--quiet", "--variant=minbase", "--include=ca-certificates", release, archive, "-"],
            input="".join(f"{source}\n" for source in debian.sources_of(release)),
            text=True,
            check=True,
        )
        podman("import", "--quiet", archive, image)
    return image


def stamp_of(image: str) -> str:
    """What an image was made from; empty when there is none."""
    return podman(
        "image", "inspect", "--format", '{{index .Labels "certfleet.stamp"}}', image, check=False
    ).stdout.strip()


def podman(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run podman; what it says is shown only when it fails and should not."""
    result = subprocess.run(["podman", *arguments], capture_output=True, text=True, check=False)
    if check and result.returncode:
        print(result.stdout + result.stderr, file=sys.stderr)
        result.check_returncode()
    return result


if __name__ == "__main__":
    sys.exit(main())
