# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers are read whole, and are only so long."""

from __future__ import annotations

import io
from typing import Any

import pytest
import requests
from ansible_collections.certfleet.acme.plugins.module_utils._acme.connections import LONGEST_ANSWER, read_whole
from ansible_collections.certfleet.acme.plugins.module_utils._acme.problem import UnusableAnswerError
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse


class Endless(io.RawIOBase):
    """A body that goes on and on; ``given`` counts its bytes."""

    given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.given += len(buffer)
        return len(buffer)


def answered(body: Any) -> requests.Response:
    request = requests.Request("GET", "https://ca.test/dir").prepare()
    return HTTPAdapter().build_response(request, HTTPResponse(body, status=200, preload_content=False))


@pytest.mark.parametrize("size", [0, 1, 20_000, LONGEST_ANSWER])
def test_an_answer_is_read(size: int) -> None:
    response = answered(io.BytesIO(b"x" * size))
    assert read_whole(response) is response
    assert len(response.content) == size


def test_an_answer_is_not_read_for_ever() -> None:
    body = Endless()
    with pytest.raises(UnusableAnswerError, match=r"ca\.test sends more than 1048576 bytes") as raised:
        read_whole(answered(body))
    assert raised.value.uncertain
    assert body.given <= 2 * LONGEST_ANSWER
