# SPDX-License-Identifier: GPL-3.0-or-later
"""Administrators and monitoring are told how the certificates are doing (G29): a real CA, mail server and browser."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.browser import browser
from tests.lab import Lab
from tests.modules import Outcome, run_module
from tests.options import ca, responders, tsig_keys
from tests.playbooks import run_playbook

from .servers import PASSWORD, TOKEN, USER, Hook, MailBox, certify, mail_server, web_server

COMMON = {"key_types": ["ecdsa-p256"], "profile": "classic"}
WELL = {"name": "well", "domains": ["well.fleet.test"], **COMMON}
# the CA refuses it with a problem document of its own
BLOCKED = {"name": "blocked", "domains": ["a.blocked.test"], **COMMON}
TEAMS = {"name": "teams", "domains": ["b.blocked.test"], "admin": ["team@example.com"], **COMMON}
ALL = [WELL, BLOCKED, TEAMS]


class Site:
    """A store, a mail server and a webhook, and the modules that use them."""

    def __init__(self, lab: Lab, folder: Path, box: MailBox, hook: Hook, root: Path) -> None:
        self.lab, self.folder, self.box, self.hook = lab, folder, box, hook
        self.options = {**ca(lab), "store": str(folder / "store")}
        mail = {"host": "localhost", "port": box.port, "user": USER, "password": PASSWORD, "ca_bundle": str(root)}
        self.mail = {**mail, "sender": "certfleet@example.com", "to": ["ops@example.com"]}
        self.webhooks = [{"name": "chat", "url": hook.url, "token": TOKEN, "ca_bundle": str(root)}]
        assert run_module(lab, "account", {**self.options, "terms_agreed": True}).changed

    def keep(self, *certificates: dict[str, Any], **more: Any) -> Outcome:
        dns = {"responders": responders(self.lab), "tsig_keys": tsig_keys(self.lab), "wait": 60}
        return run_module(self.lab, "certificates", {**self.options, **dns, "certificates": certificates, **more})

    def report(self, *certificates: dict[str, Any], check: bool = False, **more: Any) -> Outcome:
        arguments = {**self.options, "mail": self.mail, "webhooks": self.webhooks, "label": "acme1", **more}
        return run_module(self.lab, "report", {**arguments, "certificates": certificates}, check=check)


@pytest.fixture
def site(lab: Lab, tmp_path: Path) -> Iterator[Site]:
    context, root = certify(tmp_path)
    with ExitStack() as stack:
        box, hook = stack.enter_context(mail_server(context)), stack.enter_context(web_server(context))
        yield Site(lab, tmp_path, box, hook, root)


def by_recipient(box: MailBox) -> dict[str, str]:
    return {str(message["To"]): message.get_content() for message in box.messages}


def test_each_administrator_is_told_once_until_something_changes(site: Site) -> None:
    assert site.keep(*ALL, fail_on="never")["counts"]["failed"] == 2
    expected = site.report(*ALL, check=True)
    everybody = ["mail to ops@example.com", "webhook chat", "mail to team@example.com"]
    assert expected["sent"] == everybody
    assert not site.box.messages
    told = site.report(*ALL)
    assert told.changed
    assert told["sent"] == everybody
    texts = by_recipient(site.box)
    assert set(texts) == {"ops@example.com", "team@example.com"}
    assert "a.blocked.test" in texts["ops@example.com"]
    assert "b.blocked.test" not in texts["ops@example.com"]
    assert "a.blocked.test" not in texts["team@example.com"]
    # the CA's document, whole
    assert '"type": "urn:ietf:params:acme:error:rejectedIdentifier"' in texts["team@example.com"]
    assert "Next attempt: 2" in texts["team@example.com"]
    assert site.box.messages[0]["Subject"] == "[certfleet] acme1: 1 failing"
    (body,) = site.hook.bodies
    assert site.hook.tokens == [f"Bearer {TOKEN}"]
    assert [each["name"] for each in body["problems"]] == ["blocked", "teams"]
    assert body["problems"][0]["failure"]["problem"]["type"].endswith(":rejectedIdentifier")
    assert (body["counts"]["failing"], body["counts"]["valid"]) == (2, 1)

    again = site.report(*ALL)
    assert not again.changed
    assert again["sent"] == []
    # one attempt more, which fails in the same way, is no news
    site.keep(*ALL, fail_on="never", retry=["all"])
    assert site.report(*ALL)["sent"] == []
    assert site.report(*ALL, always=True)["sent"] == everybody
    # it is well again, and only those are told who were told of it
    assert site.report(WELL, TEAMS)["sent"] == ["mail to ops@example.com", "webhook chat"]
    assert site.box.messages[-1]["Subject"] == "[certfleet] acme1: all certificates are well"


def test_nobody_is_told_that_all_is_well(site: Site) -> None:
    site.keep(WELL)
    assert site.report(WELL)["sent"] == []
    assert site.report(WELL, always=True)["sent"] == ["mail to ops@example.com", "webhook chat"]


def test_who_could_not_be_told_is_told_later_and_the_others_now(site: Site) -> None:
    site.keep(BLOCKED, TEAMS, fail_on="never")
    site.box.refused.add("team@example.com")
    site.hook.status = 302
    first = site.report(BLOCKED, TEAMS)
    assert first.failed
    assert first["sent"] == ["mail to ops@example.com"]
    assert "took no mail for team@example.com: 550 5.1.1 no such user here" in first["msg"]
    assert "Webhook chat answered with status 302" in first["msg"]
    site.box.refused.clear()
    site.hook.status = 200
    second = site.report(BLOCKED, TEAMS)
    assert second["sent"] == ["webhook chat", "mail to team@example.com"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"password": "wrong-fish"}, "refused the login of certfleet (535)"),
        ({"ca_bundle": None}, "certificate verify failed"),
        ({"security": "none"}, "mail.security: 'none' would show the password to everybody on the way"),
        ({"to": ["nobody"]}, "mail.to: 'nobody' is not a mail address"),
        ({"sender": "a@example.com\nBcc: b@example.com"}, "is not a mail address"),
        ({"port": 1}, "Connection refused"),
    ],
)
def test_what_is_wrong_with_mail_is_told(site: Site, change: dict[str, Any], sentence: str) -> None:
    mail = {key: value for key, value in {**site.mail, **change}.items() if value is not None}
    result = site.report(BLOCKED, always=True, mail=mail, webhooks=[])
    assert result.failed
    assert sentence in result["msg"]
    assert "wrong-fish" not in result.output
    assert not site.box.messages


def test_no_secret_is_shown(site: Site) -> None:
    site.keep(BLOCKED, fail_on="never")
    outputs = [site.report(BLOCKED).output]
    site.webhooks[0]["url"] = site.hook.url.replace("https", "http")
    outputs.append(site.report(BLOCKED).output)
    site.webhooks[0]["url"] = "https://localhost:1/hooks/very-secret-path"
    outputs.append(site.report(BLOCKED, always=True).output)
    for output in outputs:
        for secret in (PASSWORD, TOKEN, "very-secret-path"):
            assert secret not in output
    assert "webhooks[0].url: 'http://…' would show the token" in outputs[1]
    assert "Webhook chat could not be reached: no connection" in outputs[2]


def test_the_page_is_seen_in_a_browser(site: Site, tmp_path: Path) -> None:
    evil = {**COMMON, "name": "evil", "domains": ["c.blocked.test"], "admin": ["x@example.com"]}
    site.keep(*ALL, evil, fail_on="never")
    state = tmp_path / "store/certificates/evil/ecdsa-p256/state.json"
    content = json.loads(state.read_text())
    content["last_failure"]["msg"] = "<script>document.title='broken'</script><img src=x onerror=alert(1)>"
    state.write_text(json.dumps(content))
    path = tmp_path / "page.html"
    written = site.report(*ALL, evil, page=str(path), mail=None, webhooks=[])
    assert written["written"] == [str(path)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert not site.report(*ALL, evil, page=str(path), mail=None, webhooks=[]).changed
    with browser(tmp_path) as page:
        for width in (1280, 360):
            page.open(path, width, 800)
            # nothing but the plot is wider than the window
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate("document.title") == "Certificates on acme1"
            assert page.evaluate("document.querySelectorAll('tbody tr').length") == 4
            assert page.evaluate("document.querySelectorAll('svg rect').length") > 2
            heights = page.evaluate("[...document.querySelectorAll('button, input')].map(e => e.offsetHeight)")
            assert min(heights) >= 44
            page.screenshot(tmp_path / f"page-{width}.png")
        shown = "[...document.querySelectorAll('tbody tr')].filter(row => row.offsetHeight).map(row => row.querySelector('b').textContent)"
        assert page.evaluate(shown) == ["blocked", "evil", "teams", "well"]
        page.evaluate("search.value = 'TEAM@example'; search.dispatchEvent(new Event('input'))")
        assert page.evaluate(shown) == ["teams"]
        assert page.evaluate("document.querySelector('#shown').textContent") == "1 of 4"
        page.evaluate("search.value = ''; document.querySelector('[data-state=valid]').click()")
        assert page.evaluate(shown) == ["well"]
        assert page.evaluate("document.querySelectorAll('img').length") == 0
        assert page.messages == []
        assert {url for url in page.asked if not url.startswith("file:")} == set()


def test_the_page_of_an_empty_list_is_a_page(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    assert site.report(page=str(path), metrics=str(tmp_path / "x.prom")).changed
    assert "There are no certificates." in path.read_text()


def test_metrics_can_be_read_by_prometheus(site: Site, tmp_path: Path) -> None:
    site.keep(*ALL, fail_on="never")
    path = tmp_path / "certfleet.prom"
    options: dict[str, Any] = {"metrics": str(path), "mail": None, "webhooks": []}
    assert site.report(*ALL, **options)["written"] == [str(path)]
    assert not site.report(*ALL, **options).changed
    families = {family.name: family for family in text_string_to_metric_families(path.read_text())}
    samples = families["certfleet_certificates"].samples
    counts = {sample.labels["state"]: sample.value for sample in samples}
    assert (counts["failing"], counts["valid"], counts["human"]) == (2, 1, 0)
    (expiry,) = families["certfleet_certificate_not_after_seconds"].samples
    assert expiry.labels == {"name": "well", "key_type": "ecdsa-p256"}
    assert expiry.value > families["certfleet_report_timestamp_seconds"].samples[0].value
    refused = site.report(metrics=str(tmp_path / "x.txt"))
    assert refused["msg"].startswith("metrics: ")
    assert "has to end with .prom" in refused["msg"]
    nowhere = site.report(metrics=str(tmp_path / "no" / "x.prom"), mail=None, webhooks=[])
    assert f"metrics: there is no folder {tmp_path / 'no'} for x.prom" in nowhere["msg"]


def test_a_run_tells_its_administrators_by_itself(site: Site, lab: Lab, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    variables = {
        "certfleet_certificates": ALL,
        "certfleet_terms_agreed": True,
        "certfleet_store": site.options["store"],
        "certfleet_frontend_path": str(tmp_path / "{{ inventory_hostname }}"),
        "certfleet_fail_on": "never",
        "certfleet_report_mail": site.mail,
        "certfleet_report_webhooks": site.webhooks,
        "certfleet_report_page": str(page),
        "certfleet_report_label": "acme1",
    }
    played = run_playbook(lab, "certfleet.acme.renew", variables=variables)
    assert played.status == 0, played.output
    assert len(site.box.messages) == 2
    assert page.exists()
    copy = tmp_path / "copy.html"
    played = run_playbook(lab, "certfleet.acme.report", variables={**variables, "certfleet_report_fetch": str(copy)})
    assert played.status == 0, played.output
    assert "a.blocked.test" in played.output
    assert len(site.box.messages) == 2
    assert copy.read_bytes() == page.read_bytes()
    site.box.refused.add("ops@example.com")
    failed = run_playbook(lab, "certfleet.acme.renew", variables={**variables, "certfleet_certificates": [WELL, TEAMS]})
    assert failed.status != 0
    assert "took no mail for ops@example.com" in failed.output
