# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab begins, ends and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.lab import Lab, LabError, Options, query
from tests.lab.keeper import Record
from tests.lab.programs import ROOT
from tests.lab.waiting import wait_until


def test_nothing_is_left_after_stop() -> None:
    with Lab() as lab:
        records = processes(lab.folder)
        assert len(records) == 11
        assert all(record.is_alive() for record in records)
    assert not any(record.is_alive() for record in records)
    assert not lab.folder.exists()


def test_an_exception_inside_stops_the_lab() -> None:
    with pytest.raises(ZeroDivisionError), Lab() as lab:  # noqa: PT012  # the lab is only there inside
        records = processes(lab.folder)
        raise ZeroDivisionError
    assert not any(record.is_alive() for record in records)
    assert not lab.folder.exists()


def test_a_server_that_does_not_start_shows_its_log(tmp_path: Path) -> None:
    lab = Lab(folder=tmp_path / "lab")
    knot = lab.responders[0]
    with socket.socket() as squatter:
        squatter.bind((knot.address, knot.port))
        squatter.listen()
        with pytest.raises(LabError, match=r"(?s)knot .*address already in use"):
            lab.start()
    assert not lab.folder.exists()


def test_a_killed_owner_leaves_nothing(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from tests.lab import Lab\n"
        "with Lab(folder=Path(sys.argv[1])): print('up', flush=True); time.sleep(60)\n"
    )
    folder = tmp_path / "lab"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "up\n"
        records = processes(folder)
        owner.send_signal(signal.SIGKILL)
    wait_until(lambda: not any(record.is_alive() for record in records))
    wait_until(lambda: not folder.exists())


def test_two_labs_run_side_by_side_without_mixing() -> None:
    owner = "_acme-challenge.www.fleet.test"
    with Lab(Options(frontends=0)) as one, Lab(Options(frontends=0)) as two:
        for lab in (one, two):
            for responder in lab.primaries:
                lab.add_txt(responder.name, owner, lab.folder.name)
        for lab in (one, two):
            for responder in lab.responders:
                wait_until(partial(holds, lab, responder.name, owner, lab.folder.name))


def test_the_zones_can_be_chosen() -> None:
    with Lab(Options(zones=("one.test", "deep.below.one.test"), aliases={}, frontends=0)) as lab:
        for responder in lab.responders:
            for zone in ("one.test", "deep.below.one.test"):
                assert query.soa_serial(responder.address, responder.port, zone) == 1
            assert query.soa_serial(responder.address, responder.port, "fleet.test") is None


def test_the_ca_starts_afresh_with_other_options() -> None:
    with Lab(Options(frontends=0, secondary=False)) as lab:
        directory, roots = lab.directory, lab.issuer_roots
        lab.restart_ca(profiles={"brief": 3600}, require_external_account=True,
                       external_accounts={"kid": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"})  # fmt: skip
        assert lab.directory == directory
        assert not set(roots) & set(lab.issuer_roots)
        meta = json.loads(lab._pebble.get(lab._pebble.directory))["meta"]
        assert list(meta["profiles"]) == ["brief"]
        assert meta["externalAccountRequired"] is True


def test_the_command_starts_a_lab_that_others_can_use(tmp_path: Path) -> None:
    folder = tmp_path / "a folder far too long for the path of a socket, which has some hundred letters at most"
    started = command("start", "--folder", str(folder))
    assert str(folder) in started
    records = processes(folder)
    try:
        assert "knot       running" in command("status", str(folder))
        command("down", str(folder), "bind")
        command("lag", str(folder), "nsd")
        command("tsig", str(folder), "knot")
        status = command("status", str(folder))
        assert "bind       down" in status
        assert "nsd        running, lagging" in status
        assert "knot       running, other TSIG keys" in status
        command("heal", str(folder))
        assert "down" not in command("status", str(folder))
        assert "validation_hosts" in command("inventory", str(folder))
        assert json.loads(command("describe", str(folder)))["folder"] == str(folder)
    finally:
        command("stop", str(folder))
    assert not any(record.is_alive() for record in records)
    assert not folder.exists()


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failure:
        command("status", str(tmp_path))
    assert failure.value.stderr == f"lab: no lab in {tmp_path}\n"


def holds(lab: Lab, name: str, owner: str, value: str) -> bool:
    """Whether a responder has exactly this one value for a name."""
    return lab.txt(name, owner) == {value}


def command(*arguments: str) -> str:
    """Run the lab's command and return what it printed."""
    return subprocess.run(
        [sys.executable, "-m", "tests.lab", *arguments],
        cwd=ROOT, check=True, capture_output=True, text=True, timeout=60, env=os.environ,
    ).stdout  # fmt: skip


def processes(folder: Path) -> list[Record]:
    """The processes that a lab has started."""
    return [Record(**json.loads(path.read_text(encoding="ascii"))) for path in (folder / "processes").glob("*.json")]
