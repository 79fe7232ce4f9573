"""An extract folder into the warehouse, all or nothing.

The whole story is `load_extract`: convert what is delivered in another form, read the files, turn ids into pseudonyms,
check every row, let the last of several rows with one key win, and merge with what the warehouse holds in a draft of
it. Only the last step, in which the draft takes the warehouse's place, touches the warehouse. The steps are those of
into_file.py, or where the warehouse is a folder those of into_folder.py, on Spark.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from sobstat.contract import sources
from sobstat.delivered.hsa import CatalogueReport, convert, find_catalogue
from sobstat.delivered.mapping import Mapping
from sobstat.draft import workplace
from sobstat.engines import DUCKDB, start_spark
from sobstat.errors import SobstatError
from sobstat.extract import ExtractFile, FileFault, find_files, passed_over
from sobstat.files import private_files
from sobstat.folder import refuse_folder
from sobstat.into_file import IntoFile, Reading
from sobstat.merge import Merged
from sobstat.pseudonyms import fingerprint, keep_key, key_of
from sobstat.rows import refuse_too_many_set_aside
from sobstat.warehouse import no_room, session

if TYPE_CHECKING:  # SQLAlchemy is imported by those who load from a database
    from sobstat.delivered.database import Database

# A load that sets aside more than this share of its rows fails unless told to go on.
MAX_SET_ASIDE = 0.01

Progress = Callable[[str, int, int], None]


@dataclass
class Count:
    """What became of rows: `read == kept + repeats + set_aside`."""

    read: int = 0
    kept: int = 0
    repeats: int = 0
    set_aside: int = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(
            self.read + other.read,
            self.kept + other.kept,
            self.repeats + other.repeats,
            self.set_aside + other.set_aside,
        )


@dataclass
class LoadResult:
    """What a load did.

    per_file  what became of each file's rows
    removed   rows of replaced sources that the extract no longer holds
    reasons   why rows were set aside: (source, reason, rows)
    notices   values that count as unknown: (source, notice, rows)
    ignored   names of files that are named as a source but of no kind that the load reads
    hsa       what became of a delivered HSA catalogue, if the extract holds one
    created   whether the warehouse is new
    upgraded  where the warehouse is kept as it was, if it had an older schema
    changed   False where the extract brought nothing new; nothing was written then
    """

    per_file: dict[str, Count] = field(default_factory=dict)
    removed: int = 0
    reasons: list[tuple[str, str, int]] = field(default_factory=list)
    notices: list[tuple[str, str, int]] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    hsa: CatalogueReport | None = None
    created: bool = False
    upgraded: Path | None = None
    changed: bool = True

    @property
    def total(self) -> Count:
        return sum(self.per_file.values(), Count())


def load_extract(
    folder: "Path | Database",
    warehouse: Path,
    *,
    mapping: Mapping | None = None,
    max_set_aside: float = MAX_SET_ASIDE,
    now: datetime | None = None,
    progress: Progress = lambda step, done, total: None,
    engine: str = DUCKDB,
) -> LoadResult:
    """Load an extract folder, one file, or what is new in a database, into the warehouse, which is made if it is new.

    `mapping` says which files of the folder are not as the contract says; a database has its own.
    `now` is the time of the load (default: the clock's); transactions after it are set aside.
    `engine`: on `duckdb` the warehouse is a file, on Spark (see engines/) a folder, and a database is not loaded.
    Raises SobstatError if a file or table cannot be read as its source, if more than `max_set_aside` of the rows would
    be set aside, if the key is not the one that the warehouse was loaded with, if the clock went back since the last
    load, if another load is at work or the disk full; the warehouse is then byte for byte as it was.
    """
    database = None if isinstance(folder, str | Path) else folder
    warehouse = Path(warehouse)
    now = (now or datetime.now(UTC)).astimezone(UTC).replace(tzinfo=None)
    catalogue = None if database else find_catalogue(Path(folder))
    files = [] if database else find_files(Path(folder), mapping or {}, others=catalogue is not None)
    ignored = [] if database else passed_over(Path(folder), files)
    result = LoadResult(ignored=ignored, created=not warehouse.exists())
    with (
        private_files(),
        _room_on_disk(warehouse),
        workplace(warehouse.resolve()) as own,
        session(own) as con,
        _steps(engine, con, own, warehouse.resolve()) as steps,
    ):
        faults = []
        if catalogue:
            try:
                show = partial(progress, "Reading the HSA catalogue")
                converted, result.hsa = convert(catalogue, own, warehouse, now, len(files) + 1, show)
                files += converted
            except FileFault as fault:
                faults.append(f"{catalogue.name}: {fault}")
        key = key_of(warehouse)
        if database:
            progress("Reading tables", 0, 1)
            files = database.read(own, warehouse, now)
            progress("Reading tables", 1, 1)

        steps.read(files, Reading(key, now), lambda done, total: progress("Reading files", done, total), faults)
        keep_key(warehouse, key)
        con.execute("INSERT INTO undantag FROM felaktig_rad")
        brought = [source for source in sources().values() if any(file.source == source for file in files)]
        for done, source in enumerate(brought):
            progress("Checking rows", done, len(brought))
            steps.set_aside(source)
        progress("Checking rows", len(brought), len(brought))
        refuse_too_many_set_aside(con, max_set_aside)

        if warehouse.exists() == result.created:
            raise SobstatError(f"The warehouse {warehouse} came or went while the extract was read: load it again.")
        steps.open_draft(fingerprint(key), new=result.created)
        con.begin()
        (number,) = con.execute("SELECT coalesce(max(laddning), 0) + 1 FROM lager.laddning").fetchone()
        synthetic = False
        for done, source in enumerate(brought):
            progress("Merging", done, len(brought))
            merged = steps.merge(source, number)
            result.removed += merged.removed
            synthetic |= merged.synthetic
            _reconcile(con, [file for file in files if file.source == source], merged, result)
        progress("Merging", len(brought), len(brought))
        result.changed = _brings_something(con, files, result)
        if result.changed:
            _record(con, files, result, number, now, synthetic)
            steps.quarantine([file for file in files if result.per_file[file.name].set_aside], number)
        if result.changed or steps.older:
            con.commit()
            result.upgraded = steps.finish()
        else:
            warehouse.chmod(0o700 if warehouse.is_dir() else 0o600)
        if database:
            database.keep_marks(warehouse)
    return result


@contextmanager
def _steps(engine: str, con: duckdb.DuckDBPyConnection, own: Path, warehouse: Path) -> Iterator[IntoFile]:
    if engine == DUCKDB:
        refuse_folder(warehouse)
        yield IntoFile(con, own, warehouse)
        return
    from sobstat.into_folder import IntoFolder  # here alone, since few have Spark

    with start_spark(engine) as spark:
        yield IntoFolder(con, own, warehouse, spark)


@contextmanager
def _room_on_disk(warehouse: Path) -> Iterator[None]:
    """Says it in one sentence if the load runs out of room."""
    try:
        yield
    except (OSError, duckdb.Error) as error:
        if not no_room(error):
            raise
        raise SobstatError(
            f"There is no room for the load: the disk that holds {warehouse.parent}, or the memory, is full. "
            "Nothing was loaded; make room for twice the warehouse and the unpacked extract."
        ) from error


def _reconcile(con: duckdb.DuckDBPyConnection, files: list[ExtractFile], merged: Merged, result: LoadResult) -> None:
    """Count what became of every row of a source's files, and check that none disappeared."""
    for file in files:
        read, aside = con.execute(
            "SELECT (SELECT lasta FROM fil WHERE fil = $fil), (SELECT count(*) FROM undantag WHERE fil = $fil)",
            {"fil": file.number},
        ).fetchone()
        count = Count(read, merged.kept.get(file.number, 0), merged.repeats.get(file.number, 0), aside)
        if count.read != count.kept + count.repeats + count.set_aside:
            raise RuntimeError(f"{file.name} does not reconcile: {count}")
        result.per_file[file.name] = count
    (name,) = {file.source.name for file in files}
    result.reasons += con.execute(
        "SELECT kalla, skal, count(*) FROM undantag JOIN fil USING (fil) WHERE kalla = $name GROUP BY ALL ORDER BY ALL",
        {"name": name},
    ).fetchall()
    (passed_over,) = con.execute("SELECT sum(forbigangna) FROM fil WHERE kalla = $name", {"name": name}).fetchone()
    if passed_over:
        result.notices.append((name, "passed over, since a column that must be given is empty", int(passed_over)))
    result.notices += con.execute(
        f"SELECT '{name}', anmarkning, count(*) FROM (SELECT unnest(string_split(anmarkning, '; ')) AS anmarkning "
        f"FROM provad_{name} WHERE skal IS NULL AND anmarkning IS NOT NULL) GROUP BY ALL ORDER BY ALL"
    ).fetchall()


def _brings_something(con: duckdb.DuckDBPyConnection, files: list[ExtractFile], result: LoadResult) -> bool:
    """Whether anything is new: a row, a removal, or a file that was never loaded before."""
    known = {sha256 for (sha256,) in con.execute("SELECT sha256 FROM lager.laddad_fil").fetchall()}
    return bool(result.total.kept or result.removed or any(file.sha256 not in known for file in files))


def _record(
    con: duckdb.DuckDBPyConnection,
    files: list[ExtractFile],
    result: LoadResult,
    number: int,
    now: datetime,
    synthetic: bool,
) -> None:
    """Add the load to the history.

    Raises SobstatError if the clock stands before the last load: then one of the two was wrong, and with it what was
    in the future.
    """
    (last,) = con.execute("SELECT max(tidpunkt) FROM lager.laddning").fetchone()
    if last and now < last:
        raise SobstatError(
            f"The clock says {now:%Y-%m-%d %H:%M:%S} UTC, but the last load was made at {last:%Y-%m-%d %H:%M:%S}: set "
            "the clock right; if it was wrong then, load the whole history into a new warehouse. Nothing was loaded."
        )
    con.execute(
        "INSERT INTO lager.laddning VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [number, now, version("sobstat"), *astuple(result.total), synthetic],
    )
    for file in files:
        count = result.per_file[file.name]
        con.execute(
            "INSERT INTO lager.laddad_fil VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [number, file.name, file.source.name, file.size, file.sha256, *astuple(count)],
        )
    for source, notice, rows in result.notices:
        con.execute("INSERT INTO lager.anmarkning VALUES (?, ?, ?, ?)", [number, source, notice, rows])
