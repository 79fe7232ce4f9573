"""Hashes that tell whether two runs were made from the same things."""

import hashlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import sobstat


def sha256(path: Path) -> str:
    """A file's hash."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def hash_all(files: Iterable[Path], root: Path) -> dict[str, str]:
    """Each file's hash, by its path from `root`, sorted."""
    return {str(path.relative_to(root)): sha256(path) for path in sorted(files)}


@cache
def code_hash() -> str:
    """One hash of the whole package: code, declarations, facts, templates and styles."""
    package = Path(sobstat.__file__).parent
    files = (path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return hashlib.sha256(json.dumps(hash_all(files, package)).encode()).hexdigest()
