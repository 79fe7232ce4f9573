"""Loads that are killed, run out of room, or lose what they work on: the old warehouse or the new, never a third."""

import os
import signal
import stat
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from extracts import NOW, make_extract, write_extract
from mortal import KEY, run, start_another_writer, started
from sobstat import cli, draft
from sobstat.demo import write_demo
from sobstat.edition.plan import read_params
from sobstat.edition.publish import rerun
from sobstat.errors import SobstatError
from sobstat.load import load_extract
from sobstat.months import Period
from sobstat.pseudonyms import KEY_VARIABLE
from sobstat.regions import parse_region

ROOT = Path(__file__).parent.parent
TABLES = ["transaktion", "behandlare", "hsa_vardgivare", "hsa_vardenhet", "befolkning", "laddad_fil", "karantan"]


def contents(warehouse: Path) -> list | None:
    """Everything that a reader of the warehouse meets; None if there is none."""
    if not warehouse.exists():
        return None
    with duckdb.connect(str(warehouse), read_only=True) as con:
        return [con.execute(f"FROM {table} ORDER BY ALL").fetchall() for table in TABLES]


@pytest.fixture(scope="module")
def extracts(tmp_path_factory) -> tuple[Path, Path]:
    """Two extracts; the second brings a month more."""
    folder = tmp_path_factory.mktemp("extracts")
    write_demo(folder / "one", arenden=300, to_month="2025-09")
    write_demo(folder / "two", arenden=500, to_month="2025-10")
    return folder / "one", folder / "two"


@pytest.fixture(scope="module")
def states(extracts, tmp_path_factory) -> dict:
    """What a warehouse holds: before any load, after the first extract, after both."""
    folder = tmp_path_factory.mktemp("states")
    os.environ[KEY_VARIABLE] = KEY
    held = {"none": None}
    for name, extract in zip(("one", "two"), extracts, strict=True):
        load_extract(extract, folder / "w.duckdb", now=NOW)
        held[name] = contents(folder / "w.duckdb")
        held[f"{name} in bytes"] = (folder / "w.duckdb").read_bytes()
    del os.environ[KEY_VARIABLE]
    return held


def check_and_load_again(warehouse: Path, extract: Path, states: dict, before: str, after: str) -> str:
    """The warehouse is as it was before or after the load, and loading again makes it as after; returns which."""
    found = next(name for name in (before, after) if contents(warehouse) == states[name])
    assert run(extract, warehouse) == 0
    assert contents(warehouse) == states[after]
    assert [path.name for path in warehouse.parent.iterdir()] == [warehouse.name]
    return found


POINTS = {
    ("Reading files", 0): "old",
    ("Checking rows", 2): "old",
    ("Merging", 0): "old",
    ("Merging", 5): "old",
    ("before", "fsync"): "old",
    ("before", "replace"): "old",
    ("after", "replace"): "new",
}


@pytest.mark.parametrize("before", ["none", "one"])
@pytest.mark.parametrize(("point", "found"), POINTS.items(), ids=[" ".join(map(str, point)) for point in POINTS])
def test_a_load_killed_at_a_step_leaves_the_old_warehouse_or_the_new(tmp_path, extracts, states, before, point, found):
    warehouse = tmp_path / "w.duckdb"
    extract, after = (extracts[0], "one") if before == "none" else (extracts[1], "two")
    if before == "one":
        warehouse.write_bytes(states["one in bytes"])
    assert run(extract, warehouse, kill_at=point) == -signal.SIGKILL
    assert check_and_load_again(warehouse, extract, states, before, after) == (before if found == "old" else after)


def test_a_load_killed_at_any_time_leaves_the_old_warehouse_or_the_new(tmp_path, extracts, states):
    warehouse = tmp_path / "w.duckdb"
    warehouse.write_bytes(states["one in bytes"])
    begun = time.monotonic()
    assert run(extracts[1], warehouse) == 0
    whole = time.monotonic() - begun
    for part in range(1, 12):
        warehouse.write_bytes(states["one in bytes"])
        killed = started(extracts[1], warehouse)
        killed.join(whole * part / 10)
        killed.kill()
        killed.join()
        assert contents(warehouse) in (states["one"], states["two"])
    check_and_load_again(warehouse, extracts[1], states, "one", "two")


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.99])
def test_a_full_disk_is_told_and_leaves_the_warehouse(tmp_path, extracts, states, share):
    """Files can't grow beyond a share of what the warehouse needs."""
    folder = tmp_path / "w"
    folder.mkdir()
    (folder / "w.duckdb").write_bytes(states["one in bytes"])
    most = int(share * len(states["two in bytes"]))
    assert run(extracts[1], folder / "w.duckdb", most=most, says=tmp_path / "said") == 2
    assert f"There is no room for the load: the disk that holds {folder}" in (tmp_path / "said").read_text("utf-8")
    assert (folder / "w.duckdb").read_bytes() == states["one in bytes"]
    assert [path.name for path in folder.iterdir()] == ["w.duckdb"]


@pytest.fixture
def warehouse(tmp_path, extracts):
    load_extract(extracts[0], tmp_path / "w" / "w.duckdb", now=NOW)
    return tmp_path / "w" / "w.duckdb"


def when(step: str, action):
    """A progress callback that does something as a step begins."""
    return lambda at, done, total: action() if (at, done) == (step, 0) else None


def one_row(folder: Path, **values: str) -> Path:
    row = {"arende_id": "A1", "status": "Inprogress", "tidpunkt": "2025-10-01T08:00:00Z", "moment": "KBT"}
    extract = make_extract([row | values])
    return write_extract({"arenden": extract["arenden"]}, folder)


def rewrite(file: Path):
    """As long as before, in the same file, with another moment."""
    return lambda: file.write_text(file.read_text("utf-8").replace("KBT", "ACT"), "utf-8")


CHANGES = {
    "changes": (rewrite, r"arenden\.csv: the file changed while it was read"),
    "vanishes": (lambda file: file.unlink, r"arenden\.csv: the file vanished while it was read"),
    "is cut": (lambda file: lambda: file.write_bytes(b""), r"arenden\.csv: empty file"),
}


@pytest.mark.parametrize(("change", "message"), CHANGES.values(), ids=CHANGES.keys())
def test_a_file_that_does_not_stay_as_it_is_stops_the_load(tmp_path, warehouse, change, message):
    before = warehouse.read_bytes()
    folder = one_row(tmp_path / "in")
    with pytest.raises(SobstatError, match=message):
        load_extract(folder, warehouse, now=NOW, progress=when("Reading files", change(folder / "arenden.csv")))
    assert warehouse.read_bytes() == before


def test_a_warehouse_that_vanishes_is_not_made_anew(tmp_path, warehouse):
    moved = tmp_path / "moved.duckdb"
    folder = one_row(tmp_path / "in")
    with pytest.raises(SobstatError, match=r"w\.duckdb came or went while the extract was read"):
        load_extract(folder, warehouse, now=NOW, progress=when("Checking rows", lambda: warehouse.rename(moved)))
    assert not warehouse.exists()


def test_a_clock_that_went_back_is_told(tmp_path, warehouse):
    before = warehouse.read_bytes()
    with pytest.raises(SobstatError, match=r"clock says 2026-05-31 00:00:00 UTC, but the last load .* 2026-06-01"):
        load_extract(one_row(tmp_path / "in"), warehouse, now=NOW - timedelta(days=1))
    assert warehouse.read_bytes() == before


def test_of_two_loads_at_once_the_second_is_told(tmp_path, warehouse):
    before = warehouse.read_bytes()
    with draft.workplace(warehouse), pytest.raises(SobstatError, match="Another load is at work in"):
        load_extract(one_row(tmp_path / "in"), warehouse, now=NOW)
    assert warehouse.read_bytes() == before


def test_a_reader_keeps_what_it_opened_while_a_load_goes_on(tmp_path, warehouse):
    with duckdb.connect(str(warehouse), read_only=True) as reader:
        count = "SELECT count(*) FROM transaktion"
        before = reader.execute(count).fetchone()
        load_extract(one_row(tmp_path / "in"), warehouse, now=NOW)
        assert reader.execute(count).fetchone() == before
    with duckdb.connect(str(warehouse), read_only=True) as reader:
        assert reader.execute(count).fetchone() == (before[0] + 1,)


def test_another_program_that_writes_is_told(tmp_path, warehouse):
    before = warehouse.read_bytes()
    writer = start_another_writer(warehouse)
    with pytest.raises(SobstatError, match="is in use by another process"):
        load_extract(one_row(tmp_path / "in"), warehouse, now=NOW)
    assert warehouse.read_bytes() == before
    writer.kill()
    writer.join()
    # What the killed program had written stands in a log beside the warehouse, and is not lost.
    assert load_extract(one_row(tmp_path / "in2"), warehouse, now=NOW).changed
    assert not warehouse.with_name("w.duckdb.wal").exists()
    with duckdb.connect(str(warehouse), read_only=True) as con:
        assert con.execute("SELECT count(*) FROM anmarkning WHERE kalla = 'x'").fetchone() == (1,)


def test_a_link_to_the_warehouse_stays_a_link(tmp_path, warehouse):
    link = tmp_path / "link.duckdb"
    link.symlink_to(warehouse)
    (tmp_path / "link.key").symlink_to(warehouse.with_suffix(".key"))
    load_extract(one_row(tmp_path / "in"), link, now=NOW)
    assert link.is_symlink()
    assert contents(link) == contents(warehouse)


# ---------- Everything that is there while a program works is its owner's alone ----------


def open_to_others(folder: Path) -> list[str]:
    """What somebody else could read: a path without a folder above it that keeps them out."""
    found = []
    for path in folder.iterdir():
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            continue
        if stat.S_IMODE(mode) & 0o077 and not stat.S_ISLNK(mode):
            found.append(f"{path.name} {stat.filemode(mode)}")
    return found


@pytest.fixture
def permissive():
    umask = os.umask(0)
    yield
    os.umask(umask)


def test_a_load_shows_nothing_to_others(tmp_path, extracts, permissive):
    warehouse = tmp_path / "w" / "w.duckdb"
    seen, found = set(), []

    def look(step: str, done: int, total: int) -> None:
        seen.update(path.name.split("-")[0] for path in warehouse.parent.iterdir())
        found.extend(open_to_others(warehouse.parent))

    for extract in extracts:
        load_extract(extract, warehouse, now=NOW, progress=look)
    assert found + open_to_others(warehouse.parent) == []
    assert seen == {".sobstat", "w.key", "w.duckdb"}


def test_reading_is_private(tmp_path, warehouse, permissive, monkeypatch, capsysbinary):
    """A table, and an ad-hoc report with its kernel: all that is in the folder for temporary files meanwhile."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    seen, found, done = set(), set(), threading.Event()

    def watch() -> None:
        while not done.wait(0.01):
            seen.update(path.name for path in temporary.iterdir())
            found.update(open_to_others(temporary))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        period = ["--from", "2025-09", "--to", "2025-09", "--warehouse", str(warehouse)]
        assert cli.run(cli.app, ["table", "per-lan", "--format", "csv", *period]) == 0
        tables = set(seen)
        rerun(
            warehouse,
            tmp_path / "out",
            read_params(ROOT / "params" / "edition.yml"),
            Period.parse("2025-09", "2025-09"),
            [parse_region("gotland")],
            only=["invanare"],
            notebooks=ROOT / "notebooks",
        )
    finally:
        done.set()
        watcher.join()
    assert found == set()
    assert tables
    assert len(seen) > len(tables)
