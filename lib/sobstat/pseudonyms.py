"""Keyed pseudonyms: what stands in the warehouse instead of a person's id.

A pseudonym is the first 64 bits of BLAKE2b over the id, keyed with a secret that stands outside the warehouse.
Without the key, ids cannot be tried out against it. Among ten million persons the chance that any two share a
pseudonym is about 3 in a million.
"""

import hashlib
import os
import secrets
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from sobstat.errors import SobstatError

KEY_VARIABLE = "SOBSTAT_KEY"
KEY_BYTES = 32


def key_file(warehouse: Path) -> Path:
    """Where a warehouse's key stands unless the environment gives it: beside it, `sobstat.key`."""
    return warehouse.with_suffix(".key")


def read_key(warehouse: Path) -> bytes:
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
            return secrets.token_bytes(KEY_BYTES)
        if path.stat().st_mode & 0o077:
            raise SobstatError(f"The key {path} can be read by others: make it yours alone with chmod 600.")
        text = path.read_text("ascii", errors="replace")
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise SobstatError(f"The key in {where} is not {KEY_BYTES} bytes written as {2 * KEY_BYTES} hex digits.")
    return key


def keep_key(warehouse: Path, key: bytes) -> None:
    """Write a new key to its file, readable by its owner alone; whole or not at all, and never in place of another."""
    path = key_file(warehouse)
    if KEY_VARIABLE in os.environ or path.exists():
        return
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".sobstat-") as part:  # made with mode 0600
        part.write(key.hex() + "\n")
        part.flush()
        os.fsync(part.fileno())
        os.link(part.name, path)


def pseudonyms(ids: Iterable[str], kind: str, key: bytes) -> np.ndarray:
    """One 64-bit pseudonym per id, in order; signed, since not every engine knows other numbers.

    `kind` is the column (`vardtagare_id`, `behandlare_id`): the same id gets different pseudonyms in each, so that
    a therapist who is a resident too cannot be told.
    """
    keyed = hashlib.blake2b(digest_size=8, key=key, person=kind.encode())

    def digest(id_: str) -> bytes:
        own = keyed.copy()
        own.update(id_.encode("utf-8"))
        return own.digest()

    return np.frombuffer(b"".join(map(digest, ids)), ">i8").astype(np.int64)


def fingerprint(key: bytes) -> str:
    """Tells two keys apart without giving either away; the warehouse keeps its own key's."""
    return hashlib.blake2b(b"sobstat key fingerprint", digest_size=8, key=key).hexdigest()
