"""Loads in processes of their own, made to be killed; a small module, since each of these processes imports it."""

import os
import resource
import signal
import time
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import duckdb

from sobstat import draft
from sobstat.errors import SobstatError
from sobstat.load import load_extract
from sobstat.pseudonyms import KEY_VARIABLE

KEY = "00" * 32
NOW = datetime(2026, 6, 1, tzinfo=UTC)
fork = get_context("forkserver")
fork.set_forkserver_preload(["sobstat.load"])


def started(extract: Path, warehouse: Path, **options):
    """A load that has just begun: see `_load` for the options."""
    process = fork.Process(target=_load, args=(extract, warehouse), kwargs=options)
    process.start()
    return process


def run(extract: Path, warehouse: Path, **options) -> int:
    """The exit code of a load: negative if a signal ended it."""
    process = started(extract, warehouse, **options)
    process.join()
    return process.exitcode


def _load(
    extract: Path, warehouse: Path, kill_at: tuple | None = None, most: int | None = None, says: Path | None = None
) -> None:
    """Load. Killed at a step, or before or after a call of `os`; able to write files of `most` bytes; exits with 2, and
    writes the message to the file `says`, if the load is refused.
    """
    os.environ[KEY_VARIABLE] = KEY
    if most:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    def stop_at(*point) -> None:
        if point == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def stopping(name: str):
        call = getattr(os, name)

        def called(*arguments):
            stop_at("before", name)
            done = call(*arguments)
            stop_at("after", name)
            return done

        return called

    draft.os = type("os", (), {**vars(os), "replace": stopping("replace"), "fsync": stopping("fsync")})
    try:
        load_extract(extract, warehouse, now=NOW, progress=lambda step, done, total: stop_at(step, done))
    except SobstatError as error:
        says.write_text(str(error), "utf-8")
        raise SystemExit(2) from None


def start_another_writer(warehouse: Path):
    """A program of somebody else's that has written to the warehouse and stays there."""
    process = fork.Process(target=_write_and_stay, args=(warehouse,))
    process.start()
    while not warehouse.with_name(f"{warehouse.name}.wal").exists():
        time.sleep(0.05)
    return process


def _write_and_stay(warehouse: Path) -> None:
    con = duckdb.connect(str(warehouse))
    con.execute("INSERT INTO anmarkning VALUES (1, 'x', 'y', 1)")
    time.sleep(600)
