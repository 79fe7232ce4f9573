"""The published site: editions that are whole or not there.

    site/.editions/2025-10-3f9a…/   an edition's files, never changed once they stand here
    site/2025-10                    a link to it
    site/senaste                    a link to the latest month
    site/index.html                 the latest edition's start page
    site/assets/                    scripts and styles, named by their contents

An edition is built in `site/.build/`, and one replaced link makes it appear.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from sobstat.edition.run import write_whole
from sobstat.errors import SobstatError
from sobstat.months import Month

EDITIONS = ".editions"
BUILD = ".build"


def prepare(site: Path) -> None:
    """Make the site's folder; raises SobstatError if something else than a site stands there."""
    ours = {"index.html", "senaste", "assets", EDITIONS, BUILD}
    if site.is_dir():
        others = [path.name for path in site.iterdir() if path.name not in ours and not _month(path.name)]
        if others:
            raise SobstatError(f"{site} holds {others[0]}, which is no part of a published site: give another --site.")
    elif site.exists():
        raise SobstatError(f"{site} is a file: give a folder for the site.")
    for name in ("assets", EDITIONS, BUILD):
        (site / name).mkdir(parents=True, exist_ok=True)


@contextmanager
def locked(site: Path) -> Iterator[None]:
    """Keep two publishers apart; the lock goes with the process that holds it, however that ends.

    Raises SobstatError that says who holds it.
    """
    with (site / BUILD / "lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise SobstatError(f"{site} is being published by {lock.read()}: wait until it is done.") from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()} since {datetime.now():%Y-%m-%d %H:%M:%S}")
        lock.flush()
        yield


def months(site: Path) -> list[Month]:
    """The months published on the site, latest first."""
    found = (_month(path.name) for path in site.iterdir()) if site.is_dir() else ()
    return sorted((month for month in found if month), reverse=True)


def _month(name: str) -> Month | None:
    return Month.parse(name) if re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", name) else None


def stands(site: Path, edition_id: str) -> bool:
    """Whether the very same edition is on the site already."""
    return (site / EDITIONS / edition_id).is_dir()


def build_folder(site: Path, edition_id: str) -> Path:
    """Where an edition is built; what an earlier, interrupted run finished is still there."""
    folder = site / BUILD / edition_id
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def appear(site: Path, month: Month, edition_id: str) -> None:
    """Let an edition that is built, or stands already, appear at its month, and at `senaste` if it is the latest.

    What it replaces, and what other builds of the month left, is removed.
    """
    former = site / str(month)
    replaced = former.resolve() if former.is_symlink() else None
    if not stands(site, edition_id):
        os.replace(site / BUILD / edition_id, site / EDITIONS / edition_id)
    _link(site, str(month), f"{EDITIONS}/{edition_id}")
    _link(site, "senaste", str(months(site)[0]))
    for old in [*([replaced] if replaced and replaced.name != edition_id else []), *(site / BUILD).glob(f"{month}-*")]:
        shutil.rmtree(old, ignore_errors=True)


def write_start(site: Path, html: str) -> None:
    """Replace the site's start page."""
    write_whole(site / "index.html", html)


def _link(site: Path, name: str, target: str) -> None:
    """Point a link at its new target in one step."""
    part = site / BUILD / f"{name}.link"
    part.unlink(missing_ok=True)
    part.symlink_to(target)
    os.replace(part, site / name)
