"""A copy of what cannot be made again, taken while loads and publications go on; and the way back.

    DIR/sobstat.duckdb, sobstat.loads.jsonl, sobstat.mask    the warehouse, the log of loads, what is hidden
    DIR/site, withdrawn, runs                                the published site, and what stands beside it
    DIR/sobstat-backup.json                                  the rows of each table and the hash of each file; made last

The key is not in it: whoever has both can try out ids against the pseudonyms, so the two are kept apart. Neither are
code, parameters and notebooks, which have a version control of their own.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from sobstat.draft import copy_warehouse, sync, workplace
from sobstat.edition import site as published
from sobstat.errors import SobstatError
from sobstat.files import private_files, public_files, write_whole
from sobstat.fingerprints import sha256
from sobstat.load_log import log_file
from sobstat.pseudonyms import KEY_VARIABLE, key_file, part_with, read_key
from sobstat.warehouse import TEMPORARY, attach, session, table_names

MANIFEST, WAREHOUSE, SITE = "sobstat-backup.json", "sobstat.duckdb", "site"
# How often a folder is copied anew when something went away under the copy.
ATTEMPTS = 5
Progress = Callable[[str, int, int], None]


def _places(warehouse: Path, site: Path) -> dict[str, Path]:
    """Where each part of a backup stands in use, in the order in which they are copied: the site first, so that the
    warehouse of a backup has every load that a page was made from.
    """
    return {
        SITE: site,
        "withdrawn": published.withdrawn_folder(site),
        "runs": published.runs_folder(site),
        "sobstat.loads.jsonl": log_file(warehouse),
        "sobstat.mask": warehouse.with_suffix(".mask"),
        WAREHOUSE: warehouse,
    }


def backup(warehouse: Path, site: Path, out: Path, progress: Progress = lambda step, done, total: None) -> dict:
    """Copy warehouse and site to a new folder, its owner's alone; returns the backup's manifest.

    Raises SobstatError if the folder is there already, or if warehouse or site is none; the folder is not there then.
    """
    if out.exists():
        raise SobstatError(f"{out} is there already: a backup is made in a folder of its own.")
    if site.is_dir() and not (site / published.NOW).is_symlink():
        raise SobstatError(f"{site} is no published site: name the one that is with --site.")
    with private_files():
        out.mkdir(parents=True)
        try:
            places = _places(warehouse, site)
            for done, (name, place) in enumerate(places.items()):
                progress("Copying", done, len(places))
                if place.exists() or name == WAREHOUSE:
                    _copy(name, place, out / name)
            progress("Copying", len(places), len(places))
            made = {"made": datetime.now(UTC).isoformat(timespec="seconds"), "program": version("sobstat")}
            manifest = {**made, **_held(out / WAREHOUSE), "files": _files(out)}
            os.sync()
            write_whole(out / MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1) + "\n")
        except BaseException:
            shutil.rmtree(out)
            raise
    return manifest


def _copy(name: str, place: Path, to: Path) -> None:
    """Copy a part. What changes in a folder meanwhile does so in steps that each leave it whole, so that a copy under
    which something went away is made anew.
    """
    for left in reversed(range(ATTEMPTS)):
        try:
            if name == WAREHOUSE:
                copy_warehouse(place, to)
            elif name == SITE:
                _copy_site(place, to)
            elif place.is_dir():
                shutil.copytree(place, to, symlinks=True, ignore=shutil.ignore_patterns(".*"))
            else:
                shutil.copy2(place, to)
            return
        except (FileNotFoundError, shutil.Error) as error:
            if not left:
                raise SobstatError(f"{place} cannot be copied: {str(error)[:200]}") from error
            shutil.rmtree(to, ignore_errors=True)


def _copy_site(site: Path, to: Path) -> None:
    """Copy the site as readers see it at one moment: its state, and the editions that it names."""
    with public_files():
        published.prepare(to)
        state = os.readlink(site / published.NOW)
        shutil.copytree(site / state, to / state, symlinks=True)
        (to / published.NOW).symlink_to(state)
        for name in set(published.addresses(to).values()):
            shutil.copytree(published.edition_folder(site, name), published.edition_folder(to, name))
        shutil.copytree(site / "assets", to / "assets", ignore=shutil.ignore_patterns(".*"), dirs_exist_ok=True)
        published.settle(to)


def _held(warehouse: Path) -> dict:
    """What a warehouse holds: the version of its schema, the fingerprint of its key, and the rows of each table."""
    with session() as con:
        attach(con, warehouse, older=True)
        ((schema, key),) = con.execute("SELECT version, nyckel FROM lager.lager_version").fetchall()
        rows = {name: con.execute(f"SELECT count(*) FROM lager.{name}").fetchall()[0][0] for name in table_names(con)}
    return {"schema": schema, "key": key, "rows": rows}


def _files(folder: Path) -> dict[str, str]:
    """The hash of each file but the manifest, and where each link leads, by path."""
    return {
        str(path.relative_to(folder)): f"-> {os.readlink(path)}" if path.is_symlink() else sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or (path.is_file() and path != folder / MANIFEST)
    }


def check(backup: Path) -> dict:
    """Read a whole backup; returns its manifest.

    Raises SobstatError if it was not finished, if a file is missing, changed or added, or if the warehouse cannot be
    opened or holds other than the manifest says.
    """
    try:
        manifest = json.loads((backup / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SobstatError(f"{backup} is no whole backup: it has no {MANIFEST}, which is written last.") from error
    found, told = _files(backup), manifest["files"]
    if wrong := sorted(name for name in found | told if found.get(name) != told.get(name)):
        raise SobstatError(
            f"{backup} is not as it was made: {len(wrong)} of {len(told)} files are missing, changed or added, the "
            f"first is {wrong[0]}. Take another backup."
        )
    held = _held(backup / WAREHOUSE)
    if any(held[name] != manifest[name] for name in held):
        raise SobstatError(f"The warehouse of {backup} holds other than {MANIFEST} says: take another backup.")
    return manifest


def about_key(manifest: dict, warehouse: Path) -> str:
    """What is to be said of the key of a backup beside that of a warehouse.

    Raises SobstatError if there is a key, and it is another.
    """
    if KEY_VARIABLE not in os.environ and not key_file(warehouse).exists():
        return f"The key is not in the backup: put it in {key_file(warehouse)}, or the next load is refused."
    key = read_key(warehouse)
    part = part_with(key, manifest["key"])
    if part is None:
        raise SobstatError(
            f"The backup was not made with the key in {KEY_VARIABLE} or {key_file(warehouse)}, so the next load would "
            f"be refused: put the key there whose fingerprint is {manifest['key']}, or none."
        )
    if part != key:
        return "The key was rotated since the backup was made: run `sobstat rotate-key` once it is restored."
    return "The key is the one that it was made with."


def restore(backup: Path, warehouse: Path, site: Path, *, replace: bool = False) -> str:
    """Put a backup in the place of warehouse and site, all or nothing; returns what is to be said of the key. What
    stands there goes only if `replace`. A restore that is killed is made again so.

    Raises SobstatError if the backup is not whole (`check`), if something stands there, or if a load or a publication
    is at work.
    """
    said = about_key(check(backup), warehouse)
    warehouse, site = warehouse.resolve(), site.resolve()
    places = _places(warehouse, site)
    standing = [str(place) for place in places.values() if os.path.lexists(place)]
    if standing and not replace:
        raise SobstatError(f"{standing[0]} is there already: give other places, or --replace to lose what is there.")
    with public_files():
        site.parent.mkdir(parents=True, exist_ok=True)
    with private_files(), ExitStack() as stack:
        rooms = dict.fromkeys(places, stack.enter_context(workplace(warehouse)))
        if (site / published.BUILD).is_dir():
            stack.enter_context(published.locked(site))
        beside = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=site.parent)))
        rooms |= {name: beside for name, place in places.items() if place.parent == site.parent}
        for name in places:
            if (backup / name).exists():
                _copy(name, backup / name, rooms[name] / name)
        os.sync()
        moved = []
        try:
            for name, place in places.items():
                for source, target in ((place, rooms[name] / f"former-{name}"), (rooms[name] / name, place)):
                    if os.path.lexists(source):
                        os.rename(source, target)
                        moved.append((source, target))
        except BaseException:
            for source, target in reversed(moved):
                os.rename(target, source)
            raise
        for folder in {site.parent, warehouse.parent}:
            sync(folder)
    return said
