# SPDX-License-Identifier: GPL-3.0-or-later
"""A play in which everything is written down, and the secrets that must not be found there."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.lab import Lab
from tests.modules import environment

from .search import Evidence, Kind, Secret, private_keys
from .watch import Glimpse, Watch

CALLBACKS = Path(__file__).parent / "callbacks"


@dataclass
class Shown:
    """What a play let be seen: its exit status, and where a secret may be.

    `evidence` is what stays: output, log, facts, records, and the temporary folders after the play. `processes` and
    `glimpses` are what could be seen for a moment meanwhile.
    """

    status: int
    output: str
    evidence: Evidence
    watch: Watch
    glimpses: list[Glimpse]

    @property
    def processes(self) -> Evidence:
        """Command lines and environments."""
        evidence = Evidence()
        for source, samples in (("command", self.watch.commands), ("environment", self.watch.environments)):
            for sample in samples:
                evidence.add(source, sample)
        return evidence

    def passing(self) -> Evidence:
        """The temporary files as they were while the play ran, by their paths."""
        evidence = Evidence()
        for glimpse in self.glimpses:
            evidence.add(str(glimpse.path), glimpse.content)
        return evidence


@dataclass
class Stage:
    """A store and frontends in a folder, the plays on them, and their secrets."""

    lab: Lab
    folder: Path
    binding: str
    secrets: dict[str, Secret] = field(default_factory=dict)
    plays: int = 0

    def __post_init__(self) -> None:
        """Begin with the secrets that come from the inventory."""
        self.know("the binding key", self.binding)
        for key in self.lab.tsig_keys.values():
            self.know(f"the TSIG key {key.name}", key.secret)

    @property
    def variables(self) -> dict[str, Any]:
        """What the collection's playbooks need beyond the inventory."""
        return {
            "certfleet_terms_agreed": True,
            "certfleet_contact": ["hostmaster@fleet.test"],
            "certfleet_store": str(self.folder / "store"),
            "certfleet_external_binding": {"key_id": "kid-1", "key": self.binding},
            "certfleet_dns_wait": 20,
            "certfleet_frontend_path": f"{self.folder}/frontends/{{{{ inventory_hostname }}}}",
            "certfleet_frontend_test_command": "true",
            "certfleet_frontend_reload_command": "true",
        }

    def know(self, label: str, text: str) -> str:
        """Take a shared key into the search; returns it."""
        self.secrets[label] = Secret.of_text(label, text)
        return text

    def know_key(self, label: str, pem: bytes, kind: Kind = "kept") -> None:
        """Take a private key into the search."""
        self.secrets.setdefault(str(hash(pem)), Secret.of_key(label, pem, kind))

    def play(
        self, plays: list[dict[str, Any]], *arguments: str, settings: Mapping[str, str] | None = None, **more: Any
    ) -> Shown:
        """Run a playbook with everything written down; `more` are variables, `settings` Ansible's in the environment."""
        self.plays += 1
        place = self.folder / f"play{self.plays}"
        temporary = place / "temporary"
        temporary.mkdir(parents=True)
        for name, content in (
            ("play.yml", yaml.safe_dump(plays)),
            ("variables.json", json.dumps({**self.variables, **more})),
        ):
            (place / name).write_text(content, encoding="utf-8")
        command = ["ansible-playbook", "-vvvv", "-i", str(self.lab.inventory), str(place / "play.yml")]
        command += ["-e", f"@{place}/variables.json", *arguments]
        mark = secrets.token_hex(16)
        recorded = _settings(place, temporary) | {"CERTFLEET_MARK": mark} | dict(settings or {})
        homes = [self.folder / "store", self.folder / "frontends"]
        with Watch(mark, [temporary, *homes]) as watch:
            done = subprocess.run(
                command, capture_output=True, env=environment() | recorded, check=False, timeout=240, cwd=place
            )
            watch.wait_for_processes()
        self._learn_keys([glimpse for glimpse in watch.glimpses if not glimpse.path.is_relative_to(place)])
        evidence = Evidence()
        evidence.add("standard output", done.stdout)
        evidence.add("standard error", done.stderr)
        evidence.add_folder("written", place / "written")
        evidence.add_folder("left in", temporary)
        passing = [glimpse for glimpse in watch.glimpses if glimpse.path.is_relative_to(temporary)]
        return Shown(done.returncode, (done.stdout + done.stderr).decode(), evidence, watch, passing)

    def _learn_keys(self, glimpses: list[Glimpse]) -> None:
        """Every private key that there is or was: of certificates, orders, the account, and frontends."""
        for glimpse in glimpses:
            for pem in private_keys(glimpse.content):
                self.know_key(f"the key in {glimpse.path.relative_to(self.folder)}", pem)
        for path in (path for home in ("store", "frontends") for path in sorted((self.folder / home).rglob("*.pem"))):
            for pem in private_keys(path.read_bytes()):
                self.know_key(f"the key in {path.relative_to(self.folder)}", pem)


def _settings(place: Path, temporary: Path) -> dict[str, str]:
    """Have Ansible write down all it can, and everything temporary where it is watched."""
    written = place / "written"
    written.mkdir()
    return {
        "ANSIBLE_HOME": str(place / "home"),
        "ANSIBLE_LOCAL_TEMP": str(temporary / "local"),
        "ANSIBLE_REMOTE_TEMP": str(temporary / "remote"),
        "ANSIBLE_ASYNC_DIR": str(temporary / "async"),
        "TMPDIR": str(temporary),
        "ANSIBLE_LOG_PATH": str(written / "log"),
        "ANSIBLE_CACHE_PLUGIN": "jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(written / "facts"),
        "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
        "ANSIBLE_CALLBACKS_ENABLED": "everything, junit, tree",
        "CERTFLEET_RECORD": str(written / "events"),
        "ANSIBLE_CALLBACK_TREE_DIR": str(written / "tree"),
        "JUNIT_OUTPUT_DIR": str(written / "junit"),
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
        "ANSIBLE_DEPRECATION_WARNINGS": "0",
        "ANSIBLE_DISPLAY_TRACEBACK": "always",
        "ANSIBLE_DISPLAY_ARGS_TO_STDOUT": "1",
    }
