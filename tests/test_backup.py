"""Backups, made while others work, checked, and restored: what is published from them has the same bytes."""

import os
import shutil
import signal
import stat
import time
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from extracts import NOW, make_extract, write_extract
from months import NOVEMBER, OKTOBER, load_month, quick_notebooks
from mortal import fork
from older import ONE, TWO
from small import readable
from sobstat.cli import upkeep
from sobstat.edition import site as published
from sobstat.edition import versions
from sobstat.edition.plan import EditionParams
from sobstat.edition.publish import publish
from sobstat.errors import SobstatError
from sobstat.load import load_extract
from sobstat.months import Month
from sobstat.operation import backup as backing_up
from sobstat.operation.backup import MANIFEST, about_key, backup, check, restore
from sobstat.operation.rotation import rotate_key
from sobstat.pseudonyms import KEY_VARIABLE
from test_upgrade import contents

PARAMS = EditionParams(months=2, regions=["riket"], notebooks={"invanare": {"title": "Invånare"}})


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Path:
    """A publication that has published November: w.duckdb with its key, output/site, notebooks."""
    base = tmp_path_factory.mktemp("running")
    quick_notebooks(base / "notebooks")
    for month in (OKTOBER, NOVEMBER):
        warehouse = load_month(base, month)
    publish_month(base, warehouse, base / "output" / "site", NOVEMBER)
    return base


def publish_month(base: Path, warehouse: Path, site: Path, month: Month) -> None:
    publish(warehouse, site, PARAMS, month=month, notebooks=base / "notebooks")


@pytest.fixture(scope="module")
def copied(running) -> Path:
    """A backup of it."""
    upkeep.backup(running / "backup" / "one", running / "w.duckdb", running / "output" / "site")
    return running / "backup" / "one"


def give_key(running: Path, folder: Path) -> Path:
    """The path of a warehouse in a new folder that has the key only."""
    folder.mkdir()
    shutil.copy2(running / "w.key", folder / "w.key")
    return folder / "w.duckdb"


def everything(folder: Path) -> dict[str, bytes | str]:
    """All files of a folder but locks, with their bytes, and where links lead."""
    return {
        str(path.relative_to(folder)): os.readlink(path) if path.is_symlink() else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_symlink() or (path.is_file() and path.name != "lock")
    }


def test_what_is_restored_publishes_the_same_bytes_also_after_the_key_was_rotated(running, copied, tmp_path):
    """What is hidden is chosen anew too."""
    warehouse, site = give_key(running, tmp_path / "data"), tmp_path / "output" / "site"
    assert restore(copied, warehouse, site) == "The key is the one that it was made with."
    assert contents(warehouse) == contents(running / "w.duckdb")
    made = readable(site)
    assert made == readable(running / "output" / "site")
    assert "2025-11/riket/invanare.html" in made
    assert [stat.S_IMODE(path.stat().st_mode) for path in (warehouse, site, site / "assets")] == [0o600, 0o755, 0o755]
    rotate_key(warehouse)
    publish_month(running, warehouse, site, NOVEMBER)
    assert readable(site) == made
    shutil.rmtree(warehouse.with_suffix(".mask"))
    publish_month(running, warehouse, tmp_path / "another" / "site", NOVEMBER)
    assert readable(tmp_path / "another" / "site") == made


def test_a_backup_is_its_owners_alone_has_no_key_and_no_build(running, copied):
    assert stat.S_IMODE(copied.stat().st_mode) == 0o700
    key = (running / "w.key").read_text().strip()
    assert not any(key.encode() in held for held in everything(copied).values() if isinstance(held, bytes))
    names = {path.name for path in copied.iterdir()}
    assert names == {MANIFEST, "sobstat.duckdb", "sobstat.mask", "site", "runs"}
    assert not list((copied / "site" / ".build").iterdir())
    with pytest.raises(SobstatError, match="is there already"):
        backup(running / "w.duckdb", running / "output" / "site", copied)


DAMAGES = {
    "a changed byte": lambda copy: (copy / "sobstat.duckdb").open("r+b").write(b"x"),
    "a lost file": lambda copy: next((copy / "runs").iterdir()).unlink(),
    "a lost link": lambda copy: (copy / "site" / "senaste").unlink(),
    "a file too many": lambda copy: (copy / "site" / "more.html").write_text("x"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_backup_is_told_and_not_restored(name, copied, tmp_path):
    copy = Path(shutil.copytree(copied, tmp_path / "copy", symlinks=True))
    assert check(copy) == check(copied)
    DAMAGES[name](copy)
    with pytest.raises(SobstatError, match=r"not as it was made: 1 of \d+ files are missing, changed or added"):
        restore(copy, tmp_path / "data" / "w.duckdb", tmp_path / "site")
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


def test_a_backup_that_was_not_finished_is_none(copied, tmp_path, monkeypatch):
    (tmp_path / "copy").mkdir()
    with pytest.raises(SobstatError, match="is no whole backup"):
        check(tmp_path / "copy")
    monkeypatch.setattr(backing_up, "copy_warehouse", lambda *_: (tmp_path / "never").unlink())
    with pytest.raises(SobstatError, match=r"w\.duckdb cannot be copied"):
        backup(tmp_path / "w.duckdb", tmp_path / "site", tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_what_is_told_of_the_key(copied, tmp_path, monkeypatch):
    manifest, warehouse = check(copied), tmp_path / "w.duckdb"
    assert "not in the backup: put it in" in about_key(manifest, warehouse)
    monkeypatch.setenv(KEY_VARIABLE, "ab" * 32)
    with pytest.raises(SobstatError, match=f"put the key there whose fingerprint is {manifest['key']}"):
        restore(copied, warehouse, tmp_path / "site")
    assert not list(tmp_path.iterdir())


def test_a_backup_from_before_the_rotation_is_restored_and_rotated(running, copied, tmp_path):
    warehouse = give_key(running, tmp_path / "data")
    restore(copied, warehouse, tmp_path / "site")
    rotate_key(warehouse)
    key = warehouse.with_suffix(".key").read_text()
    assert "run `sobstat rotate-key`" in restore(copied, warehouse, tmp_path / "site", replace=True)
    rotate_key(warehouse)
    assert warehouse.with_suffix(".key").read_text() == key


def test_a_restore_overwrites_only_if_told_and_all_or_nothing(running, copied, tmp_path, monkeypatch):
    warehouse, site = give_key(running, tmp_path / "data"), tmp_path / "output" / "site"
    restore(copied, warehouse, site)
    whole = everything(tmp_path)
    (site / "2025-11").unlink()
    warehouse.with_suffix(".loads.jsonl").write_text("{}\n")
    was = everything(tmp_path)
    with pytest.raises(SobstatError, match="site is there already: give other places, or --replace"):
        restore(copied, warehouse, site)
    rename, left = os.rename, [5]

    def failing(source, target):
        left[0] -= 1
        if left[0] == 0:
            raise PermissionError(13, "Permission denied", str(target))
        rename(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", failing)
        with pytest.raises(PermissionError):
            restore(copied, warehouse, site, replace=True)
    assert everything(tmp_path) == was
    restore(copied, warehouse, site, replace=True)
    assert everything(tmp_path) == whole


def load_and_wait(extract: Path, warehouse: Path) -> None:
    """Load, and be stopped when all is merged until somebody lets it go on."""
    load_extract(
        extract,
        warehouse,
        now=NOW + timedelta(days=1),
        max_set_aside=1,
        progress=lambda step, done, total: step == "Merging" and done == total and os.kill(os.getpid(), signal.SIGSTOP),
    )


def test_a_backup_while_a_load_is_at_work_has_the_warehouse_before_it(tmp_path):
    warehouse = tmp_path / "w.duckdb"
    load_extract(write_extract(make_extract(ONE), tmp_path / "one"), warehouse, now=NOW)
    before = contents(warehouse)
    extract = write_extract(make_extract(TWO), tmp_path / "two")
    process = fork.Process(target=load_and_wait, args=(extract, warehouse))
    process.start()
    while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
        assert process.is_alive()
        time.sleep(0.02)
    backup(warehouse, tmp_path / "site", tmp_path / "during")
    os.kill(process.pid, signal.SIGCONT)
    process.join()
    assert process.exitcode == 0
    backup(warehouse, tmp_path / "site", tmp_path / "after")
    check(tmp_path / "during")
    check(tmp_path / "after")
    assert contents(tmp_path / "during" / "sobstat.duckdb") == before
    assert contents(tmp_path / "after" / "sobstat.duckdb") == contents(warehouse) != before


def test_the_site_is_copied_as_it_was_before_or_after_a_change_at_every_step_of_it(running, tmp_path, monkeypatch):
    """While another process publishes, and whenever a withdrawal has moved a link."""
    site = Path(shutil.copytree(running / "output" / "site", tmp_path / "site", symlinks=True))
    copies, states = [], []

    def copy() -> None:
        copies.append(tmp_path / f"copy-{len(copies)}")
        backing_up._copy("site", site, copies[-1])

    def check_copies() -> None:
        states.append(readable(site))
        assert all(readable(copy) in states for copy in copies)

    check_copies()
    process = fork.Process(target=publish_month, args=(running, running / "w.duckdb", site, OKTOBER))
    process.start()
    while process.is_alive():
        copy()
        time.sleep(0.5)
    process.join()
    assert process.exitcode == 0
    check_copies()
    link = published._link

    def linked(place: Path, *rest) -> None:
        link(place, *rest)
        if place == site:
            copy()

    monkeypatch.setattr(published, "_link", linked)
    first = len(copies)
    versions.withdraw(site, OKTOBER, "Fel")
    check_copies()
    assert [readable(copy) for copy in copies[first:]] == [states[2]] * (len(copies) - first)
