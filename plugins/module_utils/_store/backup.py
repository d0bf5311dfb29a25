# Copyright (c) 2026 The certfleet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup of the store, and a store out of a backup.

The store is locked and read as its owner, so that no link in it leads root anywhere. What holds keys that the owner
must not have, such as the one that signs, is left to the user that began.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from typing import Any

from .._core.clock import SystemClock, format_instant
from .._core.errors import Error, InputError, StoreError
from .._core.files import Files
from .._core.lock import Lock
from .._core.owner import Owner
from .archive import Contents, pack, unpack
from .sealing import decrypting, encrypt, have_signer, kind_of, sign, verify

FEW = 20
UNSIGNED = "carries no signature, so anybody may have made it who has the recipient's certificate"


def back_up(
    store: str, path: str, *, recipient: str, signing_key: str, owner: Owner | None = None, lock_wait: float = 0.0
) -> dict[str, Any]:
    """Write the store to ``path``, encrypted for ``recipient`` and signed; what modules return.

    ``owner`` is whom the store is read as, if somebody else than the user of this process. ``path`` has the whole
    backup or is as it was.
    """
    if not os.path.isdir(store):
        raise InputError("store", store, "is no folder")
    signer = have_signer(signing_key)
    folder = os.path.dirname(os.path.abspath(path))
    try:
        with tempfile.TemporaryDirectory(prefix=".certfleet-backup.", dir=folder) as work:
            encrypted, signed = os.path.join(work, "encrypted.cms"), os.path.join(work, "signed.cms")
            contents = _encrypted(store, encrypted, recipient, owner, lock_wait)
            sign(encrypted, signing_key, signed)
            os.chmod(signed, 0o600)
            os.replace(signed, path)
    except OSError as error:
        raise StoreError(f"Can't write {path}: {error.strerror or error}") from error
    return {"signer": signer, **_told(contents)}


def restore(source: str, path: str, *, key: str, signer: str | None, check: bool = False) -> dict[str, Any]:
    """Make the folder ``path`` out of a backup; what modules return. With ``check`` only its signature is looked at.

    ``signer`` is the file of the certificate that it has to be signed with; None is for backups without a signature.
    The folder is there as a whole or not at all.
    """
    _check_kind(source, signer)
    path = os.path.abspath(path)
    if os.path.lexists(path):
        raise InputError("path", path, "is there already; it has to be a folder that is not there yet")
    try:
        with tempfile.TemporaryDirectory(prefix=".certfleet-restore.", dir=os.path.dirname(path)) as work:
            if signer is not None:
                encrypted = os.path.join(work, "encrypted.cms")
                verify(source, signer, encrypted)
                source = encrypted
            if check:
                return _told(Contents())
            Files(work).make_folder("store")
            with decrypting(source, key) as stream:
                contents = unpack(stream, os.path.join(work, "store"))
            os.rename(os.path.join(work, "store"), path)
    except OSError as error:
        raise StoreError(f"Can't make {path}: {error.strerror or error}") from error
    return _told(contents)


def _check_kind(source: str, signer: str | None) -> None:
    """Refuse what is no backup, and a backup whose signature is not the one that is asked for."""
    kind = kind_of(source)
    if kind == "unknown":
        raise InputError("src", source, "is no backup of a store")
    if kind == "encrypted" and signer is not None:
        raise InputError("src", source, f"{UNSIGNED}; for one from before backups were signed, ask for unsigned")
    if kind == "signed" and signer is None:
        raise InputError("src", source, "is signed; signer has to say with which certificate, in the place of unsigned")


def _told(contents: Contents) -> dict[str, Any]:
    return {"note": contents.note, "files": contents.files, "size": contents.size, "left_out": contents.left_out[:FEW]}


def _encrypted(store: str, path: str, recipient: str, owner: Owner | None, lock_wait: float) -> Contents:
    """Write the store to ``path``, encrypted; a process of its own reads it, as the owner."""
    reading, writing = os.pipe()
    telling, told = os.pipe()
    child = os.fork()
    if child == 0:
        # else it would wait for itself when nobody else reads on
        os.close(reading)
        _read_as(owner, store, lock_wait, writing, told)
    os.close(writing)
    os.close(told)
    failure: InputError | None = None
    with open(reading, "rb") as content, open(telling, "rb") as words:
        try:
            encrypt(content, recipient, path)
        except InputError as error:
            failure = error
        content.close()
        answer = json.loads(words.read() or b"{}")
    os.waitpid(child, 0)
    if "error" in answer:
        raise StoreError(answer["error"])
    if failure is not None:
        raise failure
    if "contents" not in answer:
        raise StoreError(f"{store} was not read to its end")
    return Contents(**answer["contents"])


def _read_as(owner: Owner | None, store: str, lock_wait: float, writing: int, told: int) -> None:
    """The child's part: become the owner, lock, write the archive, tell what came of it, and end."""
    answer: dict[str, Any] = {}
    try:
        if owner:
            owner.become()
        note = f"store made {format_instant(SystemClock().now())}"
        with open(writing, "wb") as stream, Lock(Files(store), lock_wait):
            answer = {"contents": vars(pack(store, stream, note))}
    except BrokenPipeError:
        pass
    except Error as error:
        answer = {"error": _as(owner, error.message)}
    except OSError as error:
        answer = {"error": _as(owner, f"Can't read {store}: {error.strerror or error}")}
    finally:
        with suppress(OSError), open(told, "wb") as words:
            words.write(json.dumps(answer).encode())
        # nothing that the parent has begun may end here, too
        os._exit(0)


def _as(owner: Owner | None, message: str) -> str:
    return f"{message} (as user {owner.label}, whom the store belongs to)" if owner else message
