# SPDX-License-Identifier: GPL-3.0-or-later
"""A bundle that somebody has kept does not bring an old key back."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.clock import format_instant
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import Error
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._frontend.installed import Frontend
from ansible_collections.certfleet.acme.plugins.module_utils._x509.bundle import pack, seal

from tests.unit.plugins.module_utils._x509.throwaway import Issued

from .conftest import Seal, SetClock, install, live, tree


def test_a_bundle_that_is_older_than_what_is_installed_is_refused_unless_forced(
    *, files: Files, frontend: Frontend, sealed: Seal, clock: SetClock, shop: Issued, newer: Issued, mail: Issued
) -> None:
    first = clock.now()
    kept = sealed(mail.entry("mail", "rsa-2048"), shop.entry("shop", "ecdsa-p256"))
    install(frontend, kept)
    clock.time += timedelta(minutes=1)
    install(frontend, sealed(newer.entry("shop", "ecdsa-p256")))
    before = tree(files)
    sentence = (
        f"The bundle was made at {format_instant(first)}, and shop (ecdsa-p256) is installed from one that was made at "
        f"{format_instant(clock.now())}; force: true installs the older one"
    )
    with pytest.raises(Error, match=f"^{re.escape(sentence)}$"):
        install(frontend, kept)
    assert tree(files) == before
    frontend.switch(frontend.plan(kept, force=True))
    assert live(files) == shop.files


def test_the_same_bundle_once_more_changes_nothing_and_a_later_one_may_bring_older_files(
    *, files: Files, frontend: Frontend, sealed: Seal, clock: SetClock, shop: Issued, newer: Issued
) -> None:
    bundle = sealed(newer.entry("shop", "ecdsa-p256"))
    assert install(frontend, bundle)
    assert install(frontend, bundle) == []
    # such as after the store was restored from its backup
    clock.time += timedelta(minutes=1)
    install(frontend, sealed(shop.entry("shop", "ecdsa-p256")))
    assert live(files) == shop.files


def test_a_certificate_that_came_before_times_were_noted_can_be_replaced(
    *, files: Files, frontend: Frontend, sealed: Seal, shop: Issued, newer: Issued
) -> None:
    install(frontend, sealed(shop.entry("shop", "ecdsa-p256")))
    path = "certificates/shop/ecdsa-p256/live/facts.json"
    files.write(path, re.sub(rb'"made_at": "[^"]+"', b'"made_at": null', files.read(path) or b""))
    install(frontend, sealed(newer.entry("shop", "ecdsa-p256")))
    assert live(files) == newer.files


def test_a_bundle_of_the_future_is_refused_since_all_later_ones_would_be_old(
    *, frontend: Frontend, sealed: Seal, clock: SetClock, shop: Issued
) -> None:
    clock.time += timedelta(days=2)
    bundle = sealed(shop.entry("shop", "ecdsa-p256"))
    clock.time -= timedelta(days=2)
    with pytest.raises(Error, match=r"^The bundle was made at .*, and here it is .*; force: true installs it all the"):
        install(frontend, bundle)
    assert frontend.plan(bundle, force=True)


def test_a_bundle_that_says_it_is_for_another_recipient_is_refused(
    frontend: Frontend, recipient_files: dict[str, bytes], clock: SetClock, shop: Issued
) -> None:
    packed = pack([shop.entry("shop", "ecdsa-p256")], b"another", clock.now())
    with pytest.raises(Error, match=r"^The bundle was made for another frontend"):
        install(frontend, seal(recipient_files["recipient/cert.pem"], packed))
