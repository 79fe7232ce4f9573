"""The published site: editions that are whole or not there.

    site/.editions/2025-10-3f9a…/   an edition's files, never changed once they stand here
    site/.states/7/                 the site as readers see it: a link per month, `senaste`, the start page
    site/.now                       a link to the state that holds; replacing it is the one step that publishes
    site/2025-10, senaste, …        the addresses: links through `.now`
    site/assets/                    scripts and styles, named by their contents
    site/.build/                    what is being made, for its owner alone

Everything that readers see changes in that one step, so they never meet a start page of one edition beside the pages
of another. A publisher that is killed before it leaves the site as it was; what it left over goes at the next switch.
"""

import fcntl
import os
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from sobstat.draft import sync
from sobstat.errors import SobstatError
from sobstat.files import write_whole
from sobstat.months import Month

EDITIONS, STATES, NOW, BUILD = ".editions", ".states", ".now", ".build"
GONE = ".gone"
LATEST, START = "senaste", "index.html"


def runs_folder(site: Path) -> Path:
    """Where the reports of runs stand, unless another folder is named: beside the site."""
    return site.parent / "runs"


def withdrawn_folder(site: Path) -> Path:
    """Where what is withdrawn is kept, for its owner alone: beside the site."""
    return site.parent / "withdrawn"


def prepare(site: Path) -> None:
    """Make the site's folder; raises SobstatError if something else than a site stands there, or it is read-only."""
    if site.is_dir():
        ours = {START, "assets", EDITIONS, STATES, BUILD}
        others = [path.name for path in site.iterdir() if path.name not in ours and not path.is_symlink()]
        if others:
            raise SobstatError(f"{site} holds {others[0]}, which is no part of a published site: give another --site.")
    elif site.exists():
        raise SobstatError(f"{site} is a file: give a folder for the site.")
    for name in ("assets", EDITIONS, STATES, BUILD):
        (site / name).mkdir(parents=True, exist_ok=True)
    for folder in (site, site / "assets", site / EDITIONS, site / STATES):
        if not os.access(folder, os.W_OK):
            raise SobstatError(f"{folder} cannot be written to: make it writable, or give another --site.")
    # What is built has not passed the gates yet: a web server that shows hidden folders must not show it.
    (site / BUILD).chmod(0o700)


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
            holder = lock.read() or "another process"
            raise SobstatError(f"{site} is being published by {holder}: wait until it is done.") from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {socket.gethostname()} since {datetime.now():%Y-%m-%d %H:%M:%S}")
        lock.flush()
        yield


def addresses(site: Path) -> dict[str, str]:
    """The editions that readers reach: address, such as `2025-10` → the edition's name."""
    state = site / NOW
    if not state.is_symlink() and (site / START).is_file():
        state = site  # a site of an earlier version of this program, whose addresses were links without a state
    links = [path for path in state.iterdir() if path.is_symlink()] if state.is_dir() else []
    targets = {path.name: Path(os.readlink(path)) for path in links}
    return {name: target.name for name, target in sorted(targets.items()) if EDITIONS in target.parts}


def months(names: dict[str, str]) -> list[Month]:
    """The months among addresses, latest first."""
    return sorted((Month.parse(name) for name in names if _is_month(name)), reverse=True)


def _is_month(name: str) -> bool:
    return re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", name) is not None


def edition_folder(site: Path, edition_id: str) -> Path:
    """Where an edition's files stand, once it is whole."""
    return site / EDITIONS / edition_id


def build_folder(site: Path, name: str) -> Path:
    """Where an edition is built; what an earlier, interrupted run finished is still there.

    The folder around it is for what is noted meanwhile.
    """
    folder = site / BUILD / name / "edition"
    folder.mkdir(parents=True, exist_ok=True)
    for half in folder.parent.rglob(".*.part"):
        half.unlink()
    return folder


def keep(site: Path, build: Path, edition_id: str) -> None:
    """Move a built edition, every byte of it on the disk, to where editions stand. Readers do not see it yet."""
    _to_disk(build)
    os.replace(build, edition_folder(site, edition_id))
    sync(site / EDITIONS)


def switch(site: Path, editions: dict[str, str], files: dict[str, str], latest: Month) -> None:
    """Let the site hold these editions at these addresses, `latest` at `senaste`, and these files.

    `files` are the start page and whatever else stands at the top of the site, name → text; a name in `senaste/` is a
    page that `latest` lacks. All of it appears at once; then what nothing leads to any more is removed.
    """
    state = _new_state(site)
    for name, edition_id in editions.items():
        (state / name).symlink_to(f"../../{EDITIONS}/{edition_id}")
    for name, text in files.items():
        write_whole(state / name, text)
    _link_latest(state, latest)
    _to_disk(state)
    sync(site / STATES)
    # An address leads somewhere from its first moment: a new month's to its edition, which nothing names yet.
    for name in sorted(os.listdir(state)):
        if not os.path.lexists(site / name):
            _link(site, name, f"{EDITIONS}/{editions[name]}" if name in editions else f"{NOW}/{name}")
    sync(site)
    _link(site, NOW, f"{STATES}/{state.name}")
    settle(site)
    tidy(site)


def _link_latest(state: Path, month: Month) -> None:
    """Let `senaste` be the month's edition; where files stand in it already, a folder that links to all of it else."""
    latest = state / LATEST
    if not latest.is_dir():
        latest.symlink_to(str(month))
        return
    for folder in [latest, *(path for path in sorted(latest.rglob("*")) if path.is_dir())]:
        edition = (state / str(month)).resolve() / folder.relative_to(latest)
        for path in sorted(edition.iterdir()) if edition.is_dir() else []:
            if not (folder / path.name).exists():
                (folder / path.name).symlink_to(os.path.relpath(path, folder.resolve()))


def settle(site: Path) -> None:
    """Let every address lead through the state that holds: a publisher killed after its switch left that undone."""
    if (site / NOW).is_symlink():
        for name in sorted(os.listdir(site / NOW)):
            path = site / name
            if not path.is_symlink() or os.readlink(path) != f"{NOW}/{name}":
                _link(site, name, f"{NOW}/{name}")
        sync(site)


def _new_state(site: Path) -> Path:
    number = 1 + max((int(path.name) for path in (site / STATES).iterdir()), default=0)
    state = site / STATES / str(number)
    state.mkdir()
    return state


def tidy(site: Path) -> None:
    """Remove what nothing leads to: former states, replaced editions, builds of months that are published."""
    for path in (site / BUILD).glob(f"*{GONE}"):
        shutil.rmtree(path, ignore_errors=True)
    reached = {path.resolve() for folder in (site, site / NOW) for path in folder.iterdir() if path.is_symlink()}
    old = [path for name in (STATES, EDITIONS) for path in (site / name).iterdir() if path.resolve() not in reached]
    for name in addresses(site):
        old += (site / BUILD).glob(f"{name}-*")
    for path in old:
        # Out of its place whole: half an edition must never be taken for one that stands.
        gone = site / BUILD / f"{path.name}{GONE}"
        os.replace(path, gone)
        shutil.rmtree(gone, ignore_errors=True)


def _link(site: Path, name: str, target: str) -> None:
    """Point a link at its new target in one step."""
    part = site / BUILD / f"{name}.link"
    part.unlink(missing_ok=True)
    part.symlink_to(target)
    os.replace(part, site / name)


def _to_disk(folder: Path) -> None:
    """Wait until a folder is on the disk with all that it holds, so that a power cut cannot empty what is published."""
    for path in [*folder.rglob("*"), folder]:
        if not path.is_symlink():
            sync(path)
