"""A draft of the warehouse: a load works on a copy, which replaces the warehouse whole when it is done.

So a reader meets the old warehouse or the new one, whatever happens to the load: a fault in the extract, a full disk,
a kill, a power cut.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sobstat.errors import SobstatError
from sobstat.folder import refuse_folder
from sobstat.warehouse import TEMPORARY, attach, no_room, session


@contextmanager
def workplace(warehouse: Path) -> Iterator[Path]:
    """A folder beside the warehouse, its owner's alone, for one load at a time; removed at the end.

    What a killed load left there is removed first. Raises SobstatError if another load is at work, or if nothing can
    be written there.
    """
    warehouse.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(warehouse.parent, os.W_OK):
        raise SobstatError(f"The folder {warehouse.parent} is read-only: nothing was loaded.")
    if warehouse.exists() and not os.access(warehouse, os.W_OK):
        raise SobstatError(f"The warehouse {warehouse} is read-only: nothing was loaded.")
    beside = os.open(warehouse.parent, os.O_RDONLY)
    try:
        try:
            fcntl.flock(beside, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SobstatError(f"Another load is at work in {warehouse.parent}: wait until it is done.") from None
        for left in warehouse.parent.glob(f"{TEMPORARY}*"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        with tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=warehouse.parent) as folder:
            yield Path(folder)
    finally:
        os.close(beside)


def copy_warehouse(warehouse: Path, to: Path) -> None:
    """Copy the warehouse, of this schema or an older, whole and as it is at one moment, whatever others do to it.

    Raises SobstatError if it is none, or is being written by another program.
    """
    refuse_folder(warehouse)
    with session(spill_in=to.parent) as con:
        if warehouse.with_name(f"{warehouse.name}.wal").exists():  # another program was killed while it wrote
            attach(con, warehouse, write=True, older=True)
            con.execute("DETACH lager")
        attach(con, warehouse, older=True)
        _copy(warehouse, to)


def _copy(file: Path, to: Path) -> None:
    """Copy a file within a file system: in no time where that can share blocks (btrfs, XFS), else inside the kernel."""
    try:
        with file.open("rb") as source, to.open("wb") as target:
            left = os.fstat(source.fileno()).st_size
            while left:
                left -= os.copy_file_range(source.fileno(), target.fileno(), left)
    except (AttributeError, OSError) as error:  # neither every system nor every file system has the call
        if no_room(error):
            raise
        shutil.copyfile(file, to)


def replace(warehouse: Path, draft: Path) -> None:
    """Put the draft, closed and safe on the disk, in the warehouse's place and in its owner's hands."""
    if warehouse.exists():
        was = warehouse.stat()
        os.chown(draft, was.st_uid, was.st_gid)
    sync(draft)
    os.replace(draft, warehouse)
    sync(warehouse.parent)


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
