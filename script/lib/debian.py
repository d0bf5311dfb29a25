# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian packages without root: apt over a private state folder, unpacked and never installed.

The mirror, proxies and certificates come from the machine's own apt configuration; only its Debian
entries are used. What is fetched depends on the release, not on what happens to be installed: apt is
shown a system that holds the base packages and nothing else.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
STATUS = Path("/var/lib/dpkg/status")
SOURCES = Path("/etc/apt/sources.list")
SOURCE_PARTS = Path("/etc/apt/sources.list.d")

BASE_PRIORITIES = frozenset({"required"})
BASE_PACKAGES = frozenset({"apt", "dpkg", "libc-bin"})

APT_CONFIGURATION = """\
Dir::State::Lists "{folder}/lists";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Dir::Etc::SourceList "{folder}/sources.list";
Dir::Etc::SourceParts "-";
// What the machine pins or prefers is for its own system.
Dir::Etc::Preferences "-";
Dir::Etc::PreferencesParts "-";
#clear APT::Default-Release;
#clear APT::Architectures;
APT::Architectures {{ "{architecture}"; }};
// Its hooks tidy up its own apt, which we do not touch.
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
// No root, so no lock that root would take and no other user to change to.
Debug::NoLocking "1";
APT::Sandbox::User "root";
APT::Install-Recommends "0";
APT::Install-Suggests "0";
Acquire::Languages "none";
Acquire::Retries "3";
// A snapshot or a slow mirror will do: these are tools for tests, and their signatures are still checked.
Acquire::Check-Valid-Until "false";
"""


class AptError(Exception):
    """Packages could not be found, fetched or unpacked."""


@dataclass(frozen=True)
class Release:
    """The Debian release of this machine, e.g. codename `bookworm`."""

    codename: str
    architecture: str


@dataclass(frozen=True)
class Source:
    """One line of a sources.list: an address, a suite, its components and what it is signed by."""

    uri: str
    suite: str
    components: tuple[str, ...]
    options: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        options = " ".join(f"{name}={value}" for name, value in self.options)
        return f"deb [{options}] {self.uri} {self.suite} {' '.join(self.components)}"


def release() -> Release:
    """Read which Debian this is; raises AptError elsewhere."""
    try:
        text = Path("/etc/os-release").read_text(encoding="utf-8")
        architecture = output("dpkg", "--print-architecture").strip()
    except OSError as error:
        raise AptError(f"this needs Debian 12 or 13: {error}") from error
    values = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', text, re.MULTILINE))
    if values.get("ID") != "debian" or "VERSION_CODENAME" not in values:
        raise AptError("this needs Debian 12 or 13; /etc/os-release names another system")
    return Release(values["VERSION_CODENAME"], architecture)


def unpack_with_dependencies(packages: Sequence[str], root: Path, state: Path) -> int:
    """Unpack packages of this release and all they need beyond the base system; returns how many."""
    apt = Apt.prepare(state, release_sources())
    return unpack(apt.download(apt.closure(packages)), root)


def unpack_from_unstable(packages: Sequence[str], root: Path, state: Path) -> int:
    """Unpack single packages of Debian unstable, without dependencies; returns how many."""
    apt = Apt.prepare(state, [unstable_source()])
    return unpack(apt.download(packages), root)


def fetch_pip_wheel(state: Path) -> Path:
    """Fetch Debian's own wheel of pip; it can be run by putting it on PYTHONPATH."""
    apt = Apt.prepare(state, release_sources())
    unpack(apt.download(["python3-pip-whl"]), state / "root")
    wheels = sorted((state / "root/usr/share/python-wheels").glob("pip-*.whl"))
    if not wheels:
        raise AptError("python3-pip-whl holds no pip wheel")
    return wheels[-1]


@dataclass(frozen=True)
class Apt:
    """An apt of our own: its lists, cache and idea of what is installed live in one folder."""

    folder: Path

    @classmethod
    def prepare(cls, folder: Path, sources: Iterable[Source]) -> Apt:
        """Lay out the folder and fetch the package lists."""
        for name in ("lists/partial", "cache/archives/partial", "download"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "sources.list").write_text("".join(f"{source}\n" for source in sources), encoding="utf-8")
        (folder / "status").write_text(base_status(STATUS.read_text(encoding="utf-8")), encoding="utf-8")
        configuration = APT_CONFIGURATION.format(folder=folder, architecture=release().architecture)
        (folder / "apt.conf").write_text(configuration, encoding="utf-8")
        apt = cls(folder)
        apt.run("update", "-qq", "-o", "APT::Update::Error-Mode=any")
        return apt

    def closure(self, packages: Sequence[str]) -> list[str]:
        """Name the packages together with everything they need that the base system lacks."""
        plan = self.run("install", "--simulate", "-qq", *packages)
        names = re.findall(r"^Inst (\S+)", plan, re.MULTILINE)
        # The C library must match the machine's loader: a newer point release of it is not for us.
        return [name for name in names if name not in ("libc6", "libc-bin", "libgcc-s1")]

    def download(self, packages: Sequence[str]) -> list[Path]:
        """Fetch the named packages, checked by apt against the signed lists."""
        folder = self.folder / "download"
        self.run("download", "-qq", *packages, cwd=folder)
        return sorted(folder.glob("*.deb"))

    def run(self, command: str, *arguments: str, cwd: Path | None = None) -> str:
        """Run apt-get over the private folder and return what it printed."""
        return output("apt-get", "-c", str(self.folder / "apt.conf"), command, *arguments, cwd=cwd)


def unpack(archives: Sequence[Path], root: Path) -> int:
    """Unpack package files below a folder; their maintainer scripts are never run."""
    root.mkdir(parents=True, exist_ok=True)
    for archive in archives:
        output("dpkg-deb", "--extract", str(archive), str(root))
    return len(archives)


def output(*command: str, cwd: Path | None = None) -> str:
    """Run a command; its own words make the error when it fails."""
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if result.returncode:
        raise AptError(f"{' '.join(command[:6])} …: {(result.stderr or result.stdout).strip()}")
    return result.stdout


# What apt shall take for installed


def base_status(status: str) -> str:
    """Reduce a dpkg status file to the base system: required packages and what those need.

    A developer's machine then yields the same closure as a minimal one.
    """
    architectures = (release().architecture, "all")
    stanzas = [text for text in re.split(r"\n\n+", status) if text.strip()]
    installed = {
        field(text, "Package"): text
        for text in stanzas
        if field(text, "Status").endswith(" installed") and field(text, "Architecture") in architectures
    }
    providers = provided(installed)
    wanted = [name for name, text in installed.items() if is_base(name, text)]
    kept: dict[str, str] = {}
    while wanted:
        name = wanted.pop()
        if name in kept:
            continue
        kept[name] = installed[name]
        for needed in dependencies(installed[name]):
            wanted.extend(providers.get(needed, ()))
    return "".join(f"{text.strip()}\n\n" for text in kept.values())


def is_base(name: str, stanza: str) -> bool:
    """Whether every Debian that can run this script has the package."""
    return field(stanza, "Essential") == "yes" or field(stanza, "Priority") in BASE_PRIORITIES or name in BASE_PACKAGES


def provided(stanzas: dict[str, str]) -> dict[str, list[str]]:
    """Map each real or virtual package name to the installed packages that satisfy it."""
    providers: dict[str, list[str]] = {}
    for name, text in stanzas.items():
        for provides in {name, *package_names(field(text, "Provides"))}:
            providers.setdefault(provides, []).append(name)
    return providers


def dependencies(stanza: str) -> set[str]:
    """Name all packages in Depends and Pre-Depends, every alternative included."""
    return package_names(field(stanza, "Depends")) | package_names(field(stanza, "Pre-Depends"))


def package_names(relation: str) -> set[str]:
    """Strip versions and architectures from a relation field."""
    return {part.split()[0].split(":")[0] for part in re.split(r"[,|]", relation) if part.strip()}


def field(stanza: str, name: str) -> str:
    """Read one field of a deb822 stanza, continuation lines joined; empty when it is not there."""
    found = re.search(rf"^{name}:((?:.*)(?:\n[ \t].*)*)", stanza, re.MULTILINE | re.IGNORECASE)
    return " ".join(line.strip() for line in found.group(1).splitlines()).strip() if found else ""


# Where packages come from


def release_sources() -> list[Source]:
    """List the machine's own Debian entries for its release; raises AptError when there is none."""
    codename = release().codename
    found = [source for source in machine_sources() if is_debian(source, codename)]
    if not any(source.suite in (codename, "stable", "oldstable") for source in found):
        raise AptError(f"no Debian entry for {codename} in {SOURCES} or {SOURCE_PARTS}")
    return found


def sources_of(codename: str) -> list[Source]:
    """The entries of another release, at the mirrors of this machine's."""
    own = release().codename
    return [replace(source, suite=source.suite.replace(own, codename)) for source in release_sources()]


def unstable_source() -> Source:
    """Derive the entry for unstable from the machine's Debian mirror, signed by the Debian keyring."""
    main = next(source for source in release_sources() if "-" not in source.suite)
    return replace(main, suite="sid", components=("main",), options=(("signed-by", KEYRING),))


def is_debian(source: Source, codename: str) -> bool:
    """Whether an entry is Debian's: its suites, its component main, and no other signer."""
    names = (codename, "stable", "oldstable")
    suites = {name + suffix for name in names for suffix in ("", "-updates", "-security")}
    signer = dict(source.options).get("signed-by", KEYRING)
    named = "debian" in source.uri or "signed-by" in dict(source.options)
    return source.suite in suites and "main" in source.components and "debian-archive" in signer and named


def machine_sources() -> Iterator[Source]:
    """Read every enabled binary entry of the machine, in both formats."""
    files = [SOURCES, *sorted(SOURCE_PARTS.glob("*"))]
    for path in files:
        if path.suffix == ".list" and path.is_file():
            yield from read_one_line_style(path.read_text(encoding="utf-8"))
        elif path.suffix == ".sources" and path.is_file():
            yield from read_deb822_style(path.read_text(encoding="utf-8"))


def read_one_line_style(text: str) -> Iterator[Source]:
    """Read the `deb [options] uri suite component…` format."""
    for line in text.splitlines():
        found = re.match(r"\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]+)", line)
        if found:
            options = dict(part.split("=", 1) for part in (found[1] or "").split() if "=" in part)
            yield Source(found[2], found[3], tuple(found[4].split()), signer(options.get("signed-by", "")))


def read_deb822_style(text: str) -> Iterator[Source]:
    """Read the stanza format of .sources files."""
    uncommented = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", uncommented):
        if "deb" not in field(stanza, "Types").split() or field(stanza, "Enabled").lower() == "no":
            continue
        options = signer(field(stanza, "Signed-By"))
        for uri in field(stanza, "URIs").split():
            for suite in field(stanza, "Suites").split():
                yield Source(uri, suite, tuple(field(stanza, "Components").split()), options)


def signer(value: str) -> tuple[tuple[str, str], ...]:
    """Keep a key file as an option; without one apt's own trusted keys decide, as they do for the machine."""
    return (("signed-by", value),) if value else ()
