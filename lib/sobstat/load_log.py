"""The log of loads beside the warehouse, a line of JSON each: what was tried, and what came of it.

A load that failed left the warehouse as it was, and so cannot stand in it. The log holds no row and no cell of an
extract.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from sobstat.errors import SobstatError


@dataclass
class LoadLog:
    """One load: when (UTC), by which version, its files with size and SHA-256, its outcome, and why it failed."""

    time: str
    program: str
    folder: str
    outcome: str = "failed"
    why: str = ""
    files: list[dict] = field(default_factory=list)


@contextmanager
def logged(folder: Path, warehouse: Path, warn: Callable[[str], None]) -> Iterator[LoadLog]:
    """Add a line to the log when the load ends, also if it fails; `warn` is told if the line cannot be written.

    A load that is killed leaves no line.
    """
    log = LoadLog(datetime.now(UTC).isoformat(timespec="seconds"), version("sobstat"), str(folder))
    try:
        yield log
    except BaseException as error:
        log.why = str(error).splitlines()[0] if isinstance(error, SobstatError) else type(error).__name__
        raise
    finally:
        if warehouse.parent.is_dir():
            _append(warehouse.with_suffix(".loads.jsonl"), log, folder, warn)


def _append(path: Path, log: LoadLog, folder: Path, warn: Callable[[str], None]) -> None:
    try:
        files = sorted(file for file in folder.iterdir() if file.is_file()) if folder.is_dir() else []
        log.files = [{"file": file.name, "size": file.stat().st_size, "sha256": _sha256(file)} for file in files]
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, (json.dumps(asdict(log)) + "\n").encode())
        finally:
            os.close(handle)
    except OSError as error:
        warn(f"The log of loads {path} could not be written: {error.strerror or error}.")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
