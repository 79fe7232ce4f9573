"""Versions of an edition: what is kept when one is replaced, and what is left when one is withdrawn.

A replaced version stays readable at an address of its own, `2025-10-v1`, its pages marked. A withdrawn one may have
disclosed something: all its versions leave the site, every address of theirs says that it is withdrawn, and a copy is
kept in `withdrawn` beside the site, for its owner alone.
"""

import dataclasses
import hashlib
import json
import os
import shutil
from pathlib import Path

from sobstat.edition import site as published
from sobstat.edition.assets import write_assets
from sobstat.edition.front import make_front
from sobstat.edition.manifest import edition_id, hash_assets, pages_in, read_edition, read_manifest, sign
from sobstat.edition.notices import REPLACED, WITHDRAWN, make_notice
from sobstat.edition.overview import render_withdrawn
from sobstat.edition.pages import mark_as_former
from sobstat.edition.plan import Edition, Previous
from sobstat.errors import SobstatError
from sobstat.files import public_files, write_whole
from sobstat.months import Month
from sobstat.operation.log import event


def compared_with(site: Path, editions: dict[str, str], month: Month, standing: Edition | None) -> str | None:
    """The name of the edition that a month's tells changes since: the one that it tells already, or else the latest
    one before it that is not withdrawn.
    """
    if standing:
        return standing.earlier
    before = [other for other in published.months(editions) if other < month]
    return next((editions[str(m)] for m in before if not read_edition(site / str(m)).withdrawn), None)


def folder_of(site: Path, name: str) -> Path:
    """Where an edition's files stand, or those of the version that was kept when it was replaced.

    Raises SobstatError if it is withdrawn.
    """
    folder = published.edition_folder(site, name)
    kept = sorted(folder.parent.glob(f"{name}-v*"))
    if not folder.is_dir() and not kept:
        raise SobstatError(
            f"The edition {name} is withdrawn, so nothing can tell changes since it: "
            "`sobstat republish` makes an edition that was compared with it anew."
        )
    return folder if folder.is_dir() else kept[0]


def before(site: Path, edition: Edition) -> Previous | None:
    """The month before that an edition's pages lead back to; None without one, or if it is withdrawn."""
    name = edition.earlier
    try:
        while name and name.startswith(str(edition.month)):  # a replacement tells changes since the version before it
            name = read_manifest(folder_of(site, name))["earlier"]
        return name and Previous(Month.parse(name[:7]), frozenset(pages_in(read_manifest(folder_of(site, name)))))
    except SobstatError:
        return None


def as_replacement(edition: Edition, standing: Edition, name: str, reason: str) -> Edition:
    """The edition as one that takes the place of a standing one of that name, and tells changes since it."""
    if standing.withdrawn:
        notice = make_notice(REPLACED, reason, standing.loaded)
        return dataclasses.replace(edition, notices=(*standing.notices, notice))
    number = 1 + sum(notice.former is not None for notice in standing.notices)
    notice = make_notice(REPLACED, reason, standing.loaded, f"{edition.month}-v{number}")
    return dataclasses.replace(edition, notices=(*standing.notices, notice), earlier=name)


def keep_former(site: Path, edition: Edition, name: str) -> dict[str, str]:
    """Make the version that an edition replaces ready for an address of its own; returns address → name.

    Its files stay as they were; its pages say that and by what they are replaced.
    """
    notice = edition.notices[-1]
    if notice.former is None:
        return {}
    told = hashlib.sha256(json.dumps(dataclasses.asdict(notice)).encode()).hexdigest()[:8]
    former = f"{name}-{notice.former.rpartition('-')[2]}-{told}"
    if not published.edition_folder(site, former).is_dir():
        build = published.build_folder(site, former)
        shutil.copytree(published.edition_folder(site, name), build, dirs_exist_ok=True)
        for page in build.rglob("*.html"):
            root = "../" * len(page.relative_to(build).parts)
            write_whole(page, mark_as_former(page.read_text("utf-8"), notice, edition.month, root))
        sign(build, {**read_manifest(build), "replaced": dataclasses.asdict(notice)})
        published.keep(site, build, former)
    return {notice.former: former}


def withdraw(site: Path, month: Month, reason: str) -> list[Month]:
    """Withdraw a month's edition with all its versions; returns the months whose editions tell changes since it.

    Raises SobstatError if it is not published, is withdrawn already, or if no reason is given.
    """
    if not (site / published.NOW).is_symlink():
        raise SobstatError(f"There is no published site in {site}.")
    with public_files(), published.locked(site):
        published.settle(site)
        editions = published.addresses(site)
        if str(month) not in editions:
            raise SobstatError(f"{month} is not published in {site}, so it cannot be withdrawn.")
        standing = read_edition(site / str(month))
        if standing.withdrawn:
            published.tidy(site)  # a withdrawal that was killed after its switch left the figures where they stood
            raise SobstatError(f"{month} was withdrawn already, on {standing.notices[-1].day}.")
        notice = make_notice(WITHDRAWN, reason, standing.loaded)
        formers = {former.former for former in standing.notices if former.former}
        versions = {address: editions[address] for address in {str(month), *formers} if address in editions}
        for name in versions.values():
            _keep_privately(site, name)
        assets = write_assets(site / "assets")
        told = _notice_edition(
            site, dataclasses.replace(standing, notices=(*standing.notices, notice)), versions, assets
        )
        editions |= dict.fromkeys(versions, told)
        published.switch(site, editions, *make_front(site, editions, assets))
        event("edition withdrawn", month=month, versions=sorted(versions))
        others = {other: read_edition(site / str(other)) for other in published.months(editions)}
    names = {name.split("-v")[0] for name in versions.values()}
    return [other for other, edition in others.items() if edition.earlier in names and not edition.withdrawn]


def _keep_privately(site: Path, name: str) -> None:
    folder = published.withdrawn_folder(site)
    folder.mkdir(mode=0o700, exist_ok=True)
    if not (folder / name).is_dir():
        part = folder / f".{name}"
        shutil.copytree(published.edition_folder(site, name), part, dirs_exist_ok=True)
        os.replace(part, folder / name)


def _notice_edition(site: Path, edition: Edition, versions: dict[str, str], assets: dict[str, str]) -> str:
    """What stands at the addresses of withdrawn versions: the notice, at each page of theirs; returns its name."""
    name = edition_id(edition, {"withdrawn": sorted(versions.values())})
    if not published.edition_folder(site, name).is_dir():
        build = published.build_folder(site, name)
        folders = [published.edition_folder(site, version) for version in versions.values()]
        pages = {str(path.relative_to(folder)) for folder in folders for path in folder.rglob("*.html")}
        for page in sorted(pages):
            root = "../" * len(Path(page).parts)
            write_whole(build / page, render_withdrawn(edition, assets, root=root, address=page))
        changed = {
            "notices": [dataclasses.asdict(notice) for notice in edition.notices],
            "assets": hash_assets(site / "assets" / asset for asset in assets.values()),
        }
        sign(build, {**read_manifest(site / str(edition.month)), **changed})
        published.keep(site, build, name)
    return name
