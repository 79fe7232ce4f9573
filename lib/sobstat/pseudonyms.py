"""Keyed pseudonyms: what stands in the warehouse instead of a person's id.

A pseudonym is the first 64 bits of BLAKE2b over the id, keyed with a secret that stands outside the warehouse.
Without the key, ids cannot be tried out against it. Among ten million persons the chance that any two share a
pseudonym is about 3 in a million.

A key that was rotated has several parts, oldest first: what the first makes of an id is hashed anew with the next. Who
knows the older parts can try out nothing without the newest; and to add a part, no id needs to be known.
"""

import hashlib
import os
import secrets
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from sobstat.errors import SobstatError
from sobstat.warehouse import TEMPORARY, attach, session

Key = tuple[bytes, ...]

KEY_VARIABLE = "SOBSTAT_KEY"
KEY_BYTES = 32


def key_file(warehouse: Path) -> Path:
    """Where a warehouse's key stands unless the environment gives it: beside it, `sobstat.key`."""
    return warehouse.with_suffix(".key")


def read_key(warehouse: Path) -> Key:
    """The key from the environment, else from the key file; a new one, to be kept, if there is no warehouse yet.

    Raises SobstatError if the key is malformed, or if the file can be read by others than its owner.
    """
    where = f"the environment variable {KEY_VARIABLE}"
    text = os.environ.get(KEY_VARIABLE)
    if text is None:
        path = key_file(warehouse)
        where = str(path)
        if not path.exists():
            if warehouse.exists():
                raise SobstatError(
                    f"The warehouse's key {path} is missing: put it back, or give it in {KEY_VARIABLE}; with "
                    "another key the same person would count as two."
                )
            return (new_part(),)
        if path.stat().st_mode & 0o077:
            raise SobstatError(f"The key {path} can be read by others: make it yours alone with chmod 600.")
        text = path.read_text("ascii", errors="replace")
    try:
        key = tuple(bytes.fromhex(part) for part in text.split())
    except ValueError:
        key = ()
    if {len(part) for part in key} != {KEY_BYTES}:
        raise SobstatError(
            f"The key in {where} is not {KEY_BYTES} bytes written as {2 * KEY_BYTES} hex digits, or several such parts."
        )
    return key


def new_part() -> bytes:
    """A new key, or what an old one is rotated with."""
    return secrets.token_bytes(KEY_BYTES)


def key_of(warehouse: Path) -> Key:
    """The key that a warehouse is loaded with: the given one (`read_key`), or its older parts while those are what the
    warehouse was made with, since a rotation was killed or a backup from before it was restored.

    Raises SobstatError if it is neither.
    """
    key = read_key(warehouse)
    if not warehouse.exists():
        return key
    with session() as con:
        attach(con, warehouse, older=True)
        ((found,),) = con.execute("SELECT nyckel FROM lager.lager_version").fetchall()
    held = part_with(key, found)
    if held is None:
        raise SobstatError(
            f"The key is not the one that {warehouse} was loaded with: the same person would count as two. "
            "Give that key, or load the whole history into a new warehouse."
        )
    return held


def part_with(key: Key, found: str) -> Key | None:
    """The key or its older parts, whichever have a fingerprint; None if neither has."""
    return next((key[:parts] for parts in range(1, len(key) + 1) if fingerprint(key[:parts]) == found), None)


def keep_key(warehouse: Path, key: Key, *, instead: bool = False) -> None:
    """Write a new key to its file, readable by its owner alone; whole or not at all, and in place of another only if
    `instead`.
    """
    path = key_file(warehouse)
    if KEY_VARIABLE in os.environ or (path.exists() and not instead):
        return
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=TEMPORARY)  # made with mode 0600
    try:
        with open(handle, "w", encoding="ascii") as stream:
            stream.writelines(f"{secret.hex()}\n" for secret in key)
            stream.flush()
            os.fsync(handle)
        (os.replace if instead else os.link)(part, path)
    finally:
        Path(part).unlink(missing_ok=True)


def pseudonyms(ids: Iterable[str], kind: str, key: Key) -> np.ndarray:
    """One 64-bit pseudonym per id, in order; signed, since not every engine knows other numbers.

    `kind` is the column (`vardtagare_id`, `behandlare_id`): the same id gets different pseudonyms in each, so that
    a therapist who is a resident too cannot be told.
    """
    return renewed(_hashed(map(str.encode, ids), kind, key[0]), kind, key[1:])


def renewed(old: np.ndarray, kind: str, parts: Key) -> np.ndarray:
    """What pseudonyms become when further parts are added to their key."""
    for part in parts:
        raw = old.astype(">i8").tobytes()
        old = _hashed((raw[at : at + 8] for at in range(0, len(raw), 8)), kind, part)
    return old


def _hashed(values: Iterable[bytes], kind: str, part: bytes) -> np.ndarray:
    keyed = hashlib.blake2b(digest_size=8, key=part, person=kind.encode())
    digests = []
    for value in values:
        own = keyed.copy()
        own.update(value)
        digests.append(own.digest())
    return np.frombuffer(b"".join(digests), ">i8").astype(np.int64)


def fingerprint(key: Key) -> str:
    """Tells two keys apart without giving either away; the warehouse keeps its own key's."""
    told = b"sobstat key fingerprint"
    for part in key:
        told = hashlib.blake2b(told, digest_size=8, key=part).digest()
    return told.hex()
