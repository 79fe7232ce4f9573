"""The log of loads beside the warehouse, a line of JSON each: what was tried, and what came of it.

A load that failed left the warehouse as it was, and so cannot stand in it. The log holds no row and no cell of an
extract.
"""

import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from sobstat.errors import in_a_line
from sobstat.fingerprints import sha256
from sobstat.operation.log import event

FAILED = "failed"


@dataclass
class LoadLog:
    """One load: when (UTC), by which version, its files with size and SHA-256, its outcome, what became of its rows and
    of a delivered HSA catalogue, and why it failed.
    """

    time: str
    program: str
    folder: str
    outcome: str = FAILED
    rows: dict[str, int] = field(default_factory=dict)
    why: str = ""
    files: list[dict] = field(default_factory=list)
    hsa: dict | None = None


def log_file(warehouse: Path) -> Path:
    """Where a warehouse's log of loads stands: beside it, `sobstat.loads.jsonl`."""
    return warehouse.with_suffix(".loads.jsonl")


@contextmanager
def logged(source: object, warehouse: Path, warn: Callable[[str], None]) -> Iterator[LoadLog]:
    """Add a line to the log when the load ends, also if it fails; `warn` is told if the line cannot be written.

    `source` is a folder, or shows what else was loaded from. A load that is killed leaves no line.
    """
    log = LoadLog(datetime.now(UTC).isoformat(timespec="seconds"), version("sobstat"), str(source))
    event("load started", folder=log.folder, warehouse=warehouse)
    try:
        yield log
    except BaseException as error:
        log.why = in_a_line(error)
        raise
    finally:
        if warehouse.parent.is_dir():
            _append(log_file(warehouse), log, warn)
        level = logging.ERROR if log.outcome == FAILED else logging.INFO
        event("load ended", level, outcome=log.outcome, rows=log.rows, why=log.why)


def _append(path: Path, log: LoadLog, warn: Callable[[str], None]) -> None:
    try:
        folder = Path(log.folder)
        inside = folder.iterdir() if folder.is_dir() else [folder]
        files = sorted(file for file in inside if file.is_file())
        log.files = [{"file": file.name, "size": file.stat().st_size, "sha256": sha256(file)} for file in files]
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, (json.dumps(asdict(log)) + "\n").encode())
        finally:
            os.close(handle)
    except OSError as error:
        warn(f"The log of loads {path} could not be written: {error.strerror or error}.")
