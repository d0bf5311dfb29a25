# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts, their keys, and where things are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.files import Files
from ansible_collections.certfleet.acme.plugins.module_utils._core.name import check_name
from ansible_collections.certfleet.acme.plugins.module_utils._store.accounts import AccountStore
from ansible_collections.certfleet.acme.plugins.module_utils._store.layout import authority_name

DIRECTORIES = {
    "https://acme-v02.api.letsencrypt.org/directory": "acme-v02.api.letsencrypt.org-directory",
    "https://acme-staging-v02.api.letsencrypt.org/directory": "acme-staging-v02.api.letsencrypt.org-directory",
    "https://localhost:14000/dir": "localhost_14000-dir",
    "https://[2001:db8::1]:14000/dir": "%5B2001_db8__1%5D_14000-dir",
    "https://ca.example/": "ca.example",
    "https://ca.example/../../etc": "ca.example-..-..-etc",
}


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(str(tmp_path / "store"))


@pytest.fixture
def account(files: Files) -> AccountStore:
    return AccountStore(files, "ca.example", "default")


def test_an_account_that_is_not_there_is_no_error(account: AccountStore, files: Files) -> None:
    assert account.key() is None
    assert account.next_key() is None
    assert account.record() is None
    account.remove()
    account.drop_next_key()
    assert not os.path.exists(files.root)


def test_a_rollover_has_both_keys_until_one_takes_the_place_of_the_other(account: AccountStore) -> None:
    account.set_key(b"old")
    account.set_next_key(b"new")
    assert (account.key(), account.next_key()) == (b"old", b"new")
    account.promote_next_key()
    assert (account.key(), account.next_key()) == (b"new", None)


def test_removing_leaves_nothing_of_the_account_and_all_of_the_others(account: AccountStore, files: Files) -> None:
    other = AccountStore(files, "ca.example", "other")
    for each in (account, other):
        each.set_key(b"key")
        each.set_next_key(b"next")
        each.set_record({"account_uri": "https://ca.example/1"})
    account.remove()
    assert files.names("accounts/ca.example") == ["other"]
    assert other.key() == b"key"


def test_what_was_cut_off_while_it_was_written_goes_with_the_account(account: AccountStore, files: Files) -> None:
    account.set_key(b"key")
    unfinished = Path(files.path("accounts/ca.example/default/.new-1"))
    unfinished.write_bytes(b"half a key")
    account.sweep()
    assert not unfinished.exists()
    unfinished.write_bytes(b"half a key")
    account.remove()
    assert not unfinished.parent.exists()


@pytest.mark.parametrize(("directory", "name"), DIRECTORIES.items())
def test_a_directory_has_one_folder_and_no_separator_in_it(directory: str, name: str) -> None:
    assert authority_name(directory) == name
    assert "/" not in name


def test_directories_that_differ_in_their_query_are_two_cas() -> None:
    url = "https://ca.example/acme/directory"
    names = {authority_name(url + query) for query in ("", "?profile=a", "?profile=b", "/?profile=a/b", "?profile=a-b")}
    assert len(names) == 5
    assert not any("/" in name for name in names)
    assert authority_name(f"{url}?") == authority_name(url) == "ca.example-acme-directory"


def test_names_of_certificates_can_not_lead_out_of_the_store(tmp_path: Path) -> None:
    for name in (*map(authority_name, DIRECTORIES), check_name("a.b-c_d")):
        path = os.path.normpath(tmp_path / "accounts" / name / "default")
        assert os.path.commonpath([path, tmp_path / "accounts"]) == str(tmp_path / "accounts")


def test_a_record_of_no_use_is_none_and_is_set_aside_by_the_next_one(account: AccountStore, files: Files) -> None:
    files.write("accounts/ca.example/default/account.json", b"{")
    assert account.record() is None
    account.set_record({"account_uri": "https://ca.example/1"})
    assert account.record() == {"account_uri": "https://ca.example/1"}
    assert files.read("accounts/ca.example/default/account.json.broken") == b"{"
