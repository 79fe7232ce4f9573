"""Hashes that tell whether two runs were made from the same things."""

import hashlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import sobstat

PACKAGE = Path(sobstat.__file__).parent
COUNTING = (".", "facts", "disclosure", "engines")


def sha256(path: Path) -> str:
    """A file's hash."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_all(files: Iterable[Path], root: Path) -> dict[str, str]:
    """Each file's hash, by its path from `root`, sorted."""
    return {str(path.relative_to(root)): sha256(path) for path in sorted(files)}


@cache
def code_hash() -> str:
    """One hash of the whole package: code, declarations, facts, templates and styles."""
    return _hash_of(path for path in PACKAGE.rglob("*"))


@cache
def counting_hash() -> str:
    """One hash of what counts and hides: modules and declarations in no package, facts, disclosure, engines."""
    return _hash_of(path for folder in COUNTING for path in (PACKAGE / folder).glob("*"))


def _hash_of(paths: Iterable[Path]) -> str:
    files = (path for path in paths if path.is_file() and path.suffix != ".pyc")
    return hashlib.sha256(json.dumps(hash_all(files, PACKAGE)).encode()).hexdigest()
