# SPDX-License-Identifier: GPL-3.0-or-later
"""What is a mail address."""

from __future__ import annotations

import pytest
from ansible_collections.certfleet.acme.plugins.module_utils._core.errors import InputError
from ansible_collections.certfleet.acme.plugins.module_utils._core.mailbox import check_mailbox


@pytest.mark.parametrize("text", ["ops@example.com", "a.b+c@sub.example.com", "x@localhost"])
def test_addresses(text: str) -> None:
    assert check_mailbox(text, "mail.to") == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ops",
        "@example.com",
        "ops@",
        "a b@example.com",
        "a@b\r\nBcc: c@d",
        "A <a@example.com>",
        "a@b, c@d",
        "ä@x.de",
    ],
)
def test_what_is_none_is_told(text: str) -> None:
    with pytest.raises(InputError, match=r"mail\.to: .* is not a mail address"):
        check_mailbox(text, "mail.to")
