# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole flow with everything written down that can be written down: no secret is in any of it."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._x509.key import key_to_pem, make_key

from tests.lab import Lab, Options
from tests.lab.model import TsigKey
from tests.modules import ROOT

from .stage import Shown, Stage

SHOP = {"name": "shop", "domains": ["shop.test", "*.shop.test"], "profile": "classic"}
MAIL = {"name": "mail", "domains": ["mail.fleet.test"], "key_types": ["ecdsa-p384"], "profile": "classic"}
# its key stays where it was made
OWN = {**MAIL, "name": "own", "domains": ["own.fleet.test"], "key": "frontend", "frontends": ["front1"]}

RENEW: list[dict[str, Any]] = [
    {"import_playbook": "certfleet.acme.renew"},
    {
        "hosts": "validation_hosts:frontends",
        "gather_facts": False,
        "tasks": [
            {
                "ansible.builtin.set_fact": {
                    "kept": [
                        "{{ certfleet_renewal | default({}) }}",
                        "{{ certfleet_frontend | default({}) }}",
                        "{{ certfleet_delivery | default({}) }}",
                    ],
                    "cacheable": True,
                }
            }
        ],
    },
]


HANDS = "vars(self), vars(self._means), vars(self._means.fleet), vars(self._authority), vars(session), vars(run), run.attempts"
DEFECT = f"raise RuntimeError([repr(each) for each in ({HANDS})])\n"
"""An error of our own making in the middle of a run, which shows all that was in hands."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One store, which the tests of this file go on with."""
    binding = secrets.token_urlsafe(48)
    with Lab(Options(external_accounts={"kid-1": binding}, require_external_account=True, frontends=1)) as lab:
        yield Stage(lab, tmp_path_factory.mktemp("secrets"), binding)


def check(stage: Stage, shown: Shown) -> None:
    """No secret anywhere but what a module is given, in its own file, while it runs, for nobody else to read."""
    known = list(stage.secrets.values())
    assert shown.evidence.search(known) == {}
    assert shown.processes.search(known) == {}
    passing = shown.passing()
    assert passing.search(secret for secret in known if secret.kind == "kept") == {}
    private = {str(glimpse.path) for glimpse in shown.glimpses if glimpse.private}
    assert set(passing.search(known)) <= private


def test_check_mode_shows_no_secret(stage: Stage) -> None:
    shown = stage.play(RENEW, "--check", "--diff", certfleet_certificates=[SHOP])
    assert shown.status == 0, shown.output
    check(stage, shown)


def test_issuing_and_deploying_show_no_secret(stage: Stage) -> None:
    shown = stage.play(RENEW, "--diff", certfleet_certificates=[SHOP, OWN])
    assert shown.status == 0, shown.output
    labels = " ".join(secret.label for secret in stage.secrets.values())
    for place in (
        "accounts/",
        "/shop/rsa-2048/",
        "/shop/ecdsa-p256/",
        "order.pem",
        "frontends/front1/recipient",
        "/own/ecdsa-p384/",
    ):
        assert place in labels
    assert any(b"AnsiballZ_certificates.py" in command for command in shown.watch.commands)
    check(stage, shown)


def call(module: str, **options: Any) -> dict[str, Any]:
    """A task that may fail."""
    return {f"certfleet.acme.{module}": options, "ignore_errors": True}


def take_out_options(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Have the options of tasks in a list of variables, since Ansible shows everybody what a play says itself."""
    given = []
    for number, task in enumerate(tasks):
        module = next(iter(task))
        given.append(task[module])
        task[module] = {option: f"{{{{ given[{number}]['{option}'] }}}}" for option in task[module]}
    return given


def test_tasks_that_fail_show_no_secret(stage: Stage) -> None:
    """Whatever is wrong with the options, or with what the servers say to them."""
    wrong = stage.know("the wrong TSIG secret", TsigKey.make("acme", "hmac-sha256").secret)
    binding = stage.know("the wrong binding key", secrets.token_urlsafe(48))
    pem = key_to_pem(make_key("ecdsa-p256"))
    stage.know_key("the key in a task", pem, "given")
    key = {"name": "acme", "algorithm": "hmac-sha256", "secret": wrong}
    ca = {"directory": stage.lab.directory, "ca_bundle": str(stage.lab.ca_bundle), "store": str(stage.folder / "store")}
    dns = {"responders": "{{ certfleet_dns_responders }}", "tsig_keys": "{{ certfleet_tsig_keys }}", "wait": 1}
    job = {**ca, **dns, "certificates": [MAIL], "retry": ["all"]}
    record = {"name": "_acme-challenge.mail.fleet.test", "values": ["x" * 43]}
    new = {**ca, "account": "other", "terms_agreed": True}
    password = stage.know("the mail password", "Sw0rdf1sh-7")
    url = stage.know("the address of a webhook", "https://127.0.0.1:9/hooks/T0ken-of-a-hook")
    token = stage.know("the token of a webhook", "b3arer-t0ken")
    report = {"directory": ca["directory"], "store": ca["store"], "certificates": [MAIL], "always": True}
    mail = {"host": "127.0.0.1", "port": 9, "user": "x", "password": password, "sender": "a@b.test", "to": ["c@d.test"]}
    tasks = [
        call("report", **report, mail=mail, webhooks=[{"url": url, "token": token}]),
        call("report", **report, mail={**mail, "to": "nobody"}, webhooks=[{"name": "x", "url": url[1:]}]),
        call("report", **report, mail={**mail, "passwort": password}, webhooks=[url]),
        call("report", **report, mail=f"smtp://x:{password}@127.0.0.1", webhooks=url),
        call("report", **report, webhook={"url": url, "bearer_token": token}),
        call("report", **report, webhooks=[{"url": url.replace("https", "http"), "token": token}]),
        call("certificates", **{**job, "tsig_keys": [key]}),
        call("certificates", **{**job, "certificates": [{**MAIL, "domains": ["www.blocked.test"]}]}),
        call("certificates", **{**job, "directory": "https://127.0.0.1:9/dir"}),
        call("certificates", **{**job, "tsig_keys": key}),
        call("certificates", **{**job, "tsig_keys": [[key]]}),
        call("certificates", **{**job, "tsig_keys": f"acme:{wrong}"}),
        call("certificates", **{**job, "tsig_keys": [{"name": "acme", "sekret": wrong}]}),
        call("certificates", **{**job, "tsig_keys": [{**key, "algorithm": "hmac-md5"}], "wait": "long"}),
        call("certificates", **{**job, "tsig_key": [key]}),
        call("certificates", **{**job, "responders": [{"name": "knot", "address": "127.0.0.1", "tsig_secret": wrong}]}),
        call("certificates", **{**job, "responders": [{"name": "knot", "address": "127.0.0.1", "tsig_key": key}]}),
        call("certificates", **{**job, "responders": [{"name": "knot", "address": "127.0.0.1", "tsig_key": wrong}]}),
        call("dns01", **{**dns, "store": ca["store"], "records": [record], "tsig_keys": [key]}),
        call("dns01", **{**dns, "store": ca["store"], "records": record["name"], "tsig_keys": [key, key]}),
        call("account", **new, external_binding={"key_id": "kid-1", "key": binding}),
        call("account", **new, external_binding={"key_id": "kid-1", "hmac_key": binding}),
        call("account", **new, external_binding=f"kid-1:{binding}"),
        call("account", **new, external_binding={"key_id": "kid-1", "key": f"!{binding}", "algorithm": "none"}),
        call("account", **new, external_account_binding={"key_id": "kid-1", "key": binding}),
        call("account", **new, key_file=pem.decode()),
        call("account", **new, key_type=pem.decode()),
        # given a second time, as Ansible repeats a task
        call("certificates", **{**job, "tsig_keys": [key]}) | {"retries": 1, "delay": 0, "until": "again is success"},
        # what is left behind for the next run has its key in the store
        call("order", **ca, certificates=[{**MAIL, "name": "web", "challenge": "http-01"}], retry=["all"]),
        # a new key for the account; then the secret itself is right, and the task, too
        call("account", **ca, key_label="2026-11"),
        call("certificates", **{**job, "wait": 20}) | {"async": 60, "poll": 1},
    ]
    given = take_out_options(tasks)
    for number, task in enumerate(tasks):
        task["register"] = "again" if "until" in task else f"result{number}"
    shown = stage.play(
        [{"hosts": "validator", "gather_facts": False, "tasks": tasks}],
        "--diff",
        settings={"ANSIBLE_STDOUT_CALLBACK": "minimal"},
        given=given,
    )
    assert shown.status == 0, shown.output
    assert (shown.output.count("| FAILED!"), shown.output.count("| CHANGED")) == (28, 3), shown.output
    assert "BADSIG" in shown.output or "NOTAUTH" in shown.output
    check(stage, shown)


def test_a_defect_in_the_middle_of_a_run_shows_no_secret(stage: Stage) -> None:
    """An exception that nobody expected; at this verbosity Ansible tells it with its traceback."""
    collection = stage.folder / "defective/ansible_collections/certfleet/acme"
    for part in ("plugins", "playbooks", "meta"):
        shutil.copytree(ROOT / part, collection / part)
    shutil.copy(ROOT / "galaxy.yml", collection)
    upkeep = collection / "plugins/module_utils/_workflow/upkeep.py"
    lines = upkeep.read_text(encoding="utf-8").splitlines(keepends=True)
    (at,) = (number for number, line in enumerate(lines) if line.lstrip().startswith("carry_out(run,"))
    upkeep.write_text(
        "".join([*lines[:at], lines[at].partition("carry_out(run,")[0], DEFECT, *lines[at:]]), encoding="utf-8"
    )
    shown = stage.play(
        RENEW,
        settings={"ANSIBLE_COLLECTIONS_PATH": str(stage.folder / "defective")},
        certfleet_certificates=[{**MAIL, "name": "new", "domains": ["new.fleet.test"]}],
    )
    assert shown.status != 0
    assert "RuntimeError" in shown.output
    assert "TsigKey(name=" in shown.output
    check(stage, shown)


def test_what_is_left_for_debugging_holds_no_key_of_a_certificate_or_account(stage: Stage) -> None:
    """Asked to keep a module's files, Ansible leaves the options with them."""
    shown = stage.play(RENEW, certfleet_certificates=[SHOP], settings={"ANSIBLE_KEEP_REMOTE_FILES": "1"})
    assert shown.status == 0, shown.output
    found = shown.evidence.search(stage.secrets.values())
    assert found
    assert {source.rpartition("/")[2] for source in found} <= {"AnsiballZ_account.py", "AnsiballZ_certificates.py"}
    assert shown.evidence.search(secret for secret in stage.secrets.values() if secret.kind == "kept") == {}


def test_with_pipelining_no_secret_is_in_a_temporary_file_at_any_time(stage: Stage) -> None:
    certificate = {**MAIL, "name": "piped", "domains": ["piped.fleet.test"]}
    shown = stage.play(RENEW, certfleet_certificates=[certificate], settings={"ANSIBLE_PIPELINING": "1"})
    assert shown.status == 0, shown.output
    check(stage, shown)
    assert shown.passing().search(stage.secrets.values()) == {}


def test_the_watch_sees_what_a_process_shows_and_what_lies_about_for_a_moment(stage: Stage) -> None:
    """A play that does what the collection must not do."""
    code = "import os, time; open(os.environ['TMPDIR'] + '/moment', 'w').write(os.environ['A']); time.sleep(0.5)"
    command = {"argv": ["python3", "-c", f"{code}; os.remove(os.environ['TMPDIR'] + '/moment')", stage.binding]}
    secret = next(iter(stage.lab.tsig_keys.values())).secret
    task = {"ansible.builtin.command": command, "environment": {"A": secret}, "no_log": True}
    shown = stage.play([{"hosts": "validator", "gather_facts": False, "tasks": [task]}])
    seen = shown.processes.search(stage.secrets.values())
    assert seen == {"command": {"the binding key"} | seen["command"], "environment": {"the TSIG key acme"}}
    moments = {
        path: found for path, found in shown.passing().search(stage.secrets.values()).items() if "moment" in path
    }
    assert list(moments.values()) == [{"the TSIG key acme"}]
    assert not all(glimpse.private for glimpse in shown.glimpses if "moment" in glimpse.path.name)
