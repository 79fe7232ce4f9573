"""The published site: editions that are whole or not there.

    site/.editions/2025-10-3f9a…/   an edition's files, never changed once they stand here
    site/2025-10                    a link to it
    site/senaste                    a link to the latest month
    site/index.html                 the latest edition's start page
    site/assets/                    scripts and styles, named by their contents

An edition is built in `site/.build/`, and one replaced link makes it appear.
"""

import os
import re
import shutil
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


def months(site: Path) -> list[Month]:
    """The months published on the site, latest first."""
    found = (_month(path.name) for path in site.iterdir()) if site.is_dir() else ()
    return sorted((month for month in found if month), reverse=True)


def _month(name: str) -> Month | None:
    return Month.parse(name) if re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", name) else None


def build_folder(site: Path, edition_id: str) -> Path:
    """Where an edition is built; what an earlier, interrupted run finished is still there."""
    folder = site / BUILD / edition_id
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def appear(site: Path, month: Month, edition_id: str) -> None:
    """Let a finished build appear at its month, and at `senaste` if it is the latest."""
    former = site / str(month)
    replaced = former.resolve() if former.is_symlink() else None
    os.replace(site / BUILD / edition_id, site / EDITIONS / edition_id)
    _link(site, str(month), f"{EDITIONS}/{edition_id}")
    _link(site, "senaste", str(months(site)[0]))
    if replaced and replaced.name != edition_id:
        shutil.rmtree(replaced, ignore_errors=True)


def write_start(site: Path, html: str) -> None:
    """Replace the site's start page."""
    write_whole(site / "index.html", html)


def _link(site: Path, name: str, target: str) -> None:
    """Point a link at its new target in one step."""
    part = site / BUILD / f"{name}.link"
    part.unlink(missing_ok=True)
    part.symlink_to(target)
    os.replace(part, site / name)
