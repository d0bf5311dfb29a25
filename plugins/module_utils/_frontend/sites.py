# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hostnames that a web server is configured for (G30), asked of the server's own program where it tells them."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from glob import glob
from typing import Any

from .._core.address import short_address
from .._core.errors import Error, InputError
from .._core.hostnames import Choice, parse_choice
from .command import PATH

SECONDS = 60
AUTO = "auto"


@dataclass(frozen=True)
class Server:
    """A make of web server: its program, what it is asked (nothing: its files are read), and how that is read."""

    program: str
    question: tuple[str, ...]
    read: Callable[[str], Iterator[str]]


def find_sites(params: Mapping[str, Any]) -> dict[str, Any]:
    """What the module sites_info returns for its options; Error when a server can't tell."""
    choice = parse_choice(params["include"], params["exclude"], wildcards=params["wildcards"])
    found = {name: _names_of(SERVERS[name], params["haproxy_files"], choice) for name in _chosen(params["server"])}
    return {
        "changed": False,
        "hostnames": sorted({name for names in found.values() for name in names}),
        "servers": [{"server": name, "hostnames": len(names)} for name, names in found.items()],
    }


def _chosen(server: str) -> list[str]:
    """The makes to ask; all that are there when it is left to us."""
    there = [name for name, each in SERVERS.items() if shutil.which(each.program, path=PATH)]
    if server == AUTO:
        return there
    if server not in there:
        raise InputError("server", server, "is not on this host")
    return [server]


def _names_of(server: Server, files: Sequence[str], choice: Choice) -> list[str]:
    text = _ask(server) if server.question else _read(files)
    return sorted({name for name in map(_normal, server.read(text)) if choice.takes(name)})


def _ask(server: Server) -> str:
    program = shutil.which(server.program, path=PATH) or server.program
    try:
        done = subprocess.run(
            [program, *server.question],
            capture_output=True,
            check=False,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=SECONDS,
            env={"PATH": PATH, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Error(f"{server.program} can't be asked for its sites: {error}") from error
    if done.returncode:
        # the configuration itself is on the other stream
        said = done.stderr.strip().splitlines()
        raise Error(f"{server.program} can't tell its sites: {said[-1] if said else done.returncode}")
    return done.stdout


def _read(patterns: Sequence[str]) -> str:
    texts = []
    for path in (path for pattern in patterns for path in sorted(glob(pattern))):
        try:
            with open(path, encoding="utf-8", errors="replace") as stream:
                texts.append(stream.read())
        except OSError as error:
            raise Error(f"{path} can't be read: {error.strerror}") from error
    return "\n".join(texts)


def _normal(name: str) -> str:
    return name.lower().rstrip(".")


def read_nginx(text: str) -> Iterator[str]:
    """The names in what ``nginx -T`` prints; a name that begins with a dot stands for a wildcard as well."""
    for match in re.finditer(r"(?:^|[\s;{}])server_name\s+([^;{}]+);", re.sub(r"(?m)(^|\s)#.*$", "", text)):
        for word in match[1].split():
            name = word.strip("\"'")
            if name.startswith("."):
                yield from (name[1:], f"*{name}")
            elif not short_address(name.strip("[]")):
                yield name


def read_apache(text: str) -> Iterator[str]:
    """The names in what ``apache2ctl -t -D DUMP_VHOSTS`` prints."""
    for line in text.splitlines():
        match = re.match(
            r"\s+port \d+ namevhost (\S+) \(|\s+(?:wild )?alias (\S+)|(?!\s)\S+:\S+\s+(\S+) \(", line
        ) or re.match(r"\s+default server (\S+) \(", line)
        name = next(filter(None, match.groups()), "") if match else ""
        if name and not short_address(name.strip("[]")):
            yield name


def read_haproxy(text: str) -> Iterator[str]:
    """The names that HAProxy's files compare with the host of a request or the server name of a handshake.

    Ends of names stand for wildcards. Names in files that it reads besides are not found.
    """
    for line in filter(_HOST.search, text.splitlines()):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise Error(f"The configuration of haproxy has a line that can't be read: {line.strip()}") from error
        at = next((at for at, word in enumerate(words) if _HOST.search(word)), None)
        if at is not None:
            yield from _compared(words[at], words[at + 1 :])


_HOST = re.compile(r"\bhdr(_end|_str)?\(host\)|\b(ssl_fc_sni|req[._]ssl_sni)(_end)?\b")


def _compared(fetch: str, words: Sequence[str]) -> Iterator[str]:
    method = "end" if "_end" in fetch.partition("(")[0] or fetch.endswith("_end") else "str"
    rest = iter(words)
    for word in rest:
        if word == "-m":
            method = next(rest, "")
        elif word == "-f" or word in ("{", "}", "if", "unless", "or"):
            return
        elif word not in ("-i", "-n", "--"):
            if method == "str" and not short_address(word.strip("[]")):
                yield word
            elif method == "end" and word.startswith("."):
                yield f"*{word}"


SERVERS = {
    "nginx": Server("nginx", ("-T", "-q"), read_nginx),
    "apache": Server("apache2ctl", ("-t", "-D", "DUMP_VHOSTS"), read_apache),
    "haproxy": Server("haproxy", (), read_haproxy),
}
"""What can be asked, in this order."""
