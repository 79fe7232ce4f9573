"""An extract folder into the warehouse, all or nothing.

The whole story is `load_extract`: read the files, turn ids into pseudonyms, check every row, let the last of
several rows with one key win, and merge with what the warehouse holds in a draft of it. Only the last step, in which
the draft takes the warehouse's place, touches the warehouse.
"""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import duckdb

from sobstat.contract import TIME_MACRO, Source, sources
from sobstat.draft import copy_warehouse, replace, workplace
from sobstat.errors import SobstatError
from sobstat.extract import ExtractFile, find_files, passed_over, read_files
from sobstat.pseudonyms import fingerprint, read_key
from sobstat.rows import check_rows, let_last_win, pseudonymise, refuse_too_many_set_aside
from sobstat.warehouse import (
    attach,
    create,
    person_columns,
    same_row,
    schema_version,
    session,
    stored_columns,
    stored_key,
    table_of,
)

# A load that sets aside more than this share of its rows fails unless told to go on.
MAX_SET_ASIDE = 0.01

# Errors of a disk or a quota that is full.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

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
    created   whether the warehouse is new
    changed   False where the extract brought nothing new; nothing was written then
    """

    per_file: dict[str, Count] = field(default_factory=dict)
    removed: int = 0
    reasons: list[tuple[str, str, int]] = field(default_factory=list)
    notices: list[tuple[str, str, int]] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    created: bool = False
    changed: bool = True

    @property
    def total(self) -> Count:
        return sum(self.per_file.values(), Count())


def load_extract(
    folder: Path,
    warehouse: Path,
    *,
    max_set_aside: float = MAX_SET_ASIDE,
    now: datetime | None = None,
    progress: Progress = lambda step, done, total: None,
) -> LoadResult:
    """Load an extract folder into the warehouse, which is created if it does not exist.

    `now` is the time of the load (default: the clock's); transactions after it are set aside.
    Raises SobstatError if a file cannot be read as its source, if more than `max_set_aside` of the rows would be
    set aside, if the key is not the one that the warehouse was loaded with, if the clock went back since the last
    load, if another load is at work or the disk full; the warehouse is then byte for byte as it was.
    """
    folder, warehouse = Path(folder), Path(warehouse)
    now = (now or datetime.now(UTC)).astimezone(UTC).replace(tzinfo=None)
    files = find_files(folder)
    result = LoadResult(ignored=passed_over(folder), created=not warehouse.exists())
    with _private_files(), _room_on_disk(warehouse), workplace(warehouse.resolve()) as own, session(own) as con:
        read_files(con, files, lambda done, total: progress("Reading files", done, total))
        brought = [source for source in sources().values() if any(file.source == source for file in files)]
        key = read_key(warehouse)
        con.execute("CREATE TABLE undantag (fil SMALLINT, rad BIGINT, skal VARCHAR)")
        con.execute("INSERT INTO undantag FROM felaktig_rad")
        con.execute(TIME_MACRO)
        for done, source in enumerate(brought):
            progress("Checking rows", done, len(brought))
            pseudonymise(con, source, key)
            check_rows(con, source, now)
            let_last_win(con, source)
        progress("Checking rows", len(brought), len(brought))
        refuse_too_many_set_aside(con, max_set_aside)

        if warehouse.exists() == result.created:
            raise SobstatError(f"The warehouse {warehouse} came or went while the extract was read: load it again.")
        draft = copy_warehouse(warehouse, own)
        attach(con, draft, write=True)
        con.begin()
        _prepare(con, warehouse, fingerprint(key))
        for done, source in enumerate(brought):
            progress("Merging", done, len(brought))
            result.removed += _merge(con, source)
        progress("Merging", len(brought), len(brought))
        _reconcile(con, files, brought, result)
        result.changed = _brings_something(con, files, result)
        if result.changed:
            _record(con, files, brought, result, now)
            con.commit()
            con.execute("CHECKPOINT lager")
            con.execute("DETACH lager")
            replace(warehouse.resolve(), draft)
        else:
            warehouse.chmod(0o600)
    return result


@contextmanager
def _room_on_disk(warehouse: Path) -> Iterator[None]:
    """Says it in one sentence if the load runs out of room."""
    try:
        yield
    except (OSError, duckdb.Error) as error:
        full = isinstance(error, duckdb.OutOfMemoryException) or getattr(error, "errno", None) in NO_ROOM
        if not full and not any(os.strerror(number) in str(error) for number in NO_ROOM):
            raise
        raise SobstatError(
            f"There is no room for the load: the disk that holds {warehouse.parent}, or the memory, is full. "
            "Nothing was loaded; make room for twice the warehouse and the unpacked extract."
        ) from error


@contextmanager
def _private_files() -> Iterator[None]:
    """Everything that the load creates is readable by its owner alone."""
    umask = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(umask)


def _prepare(con: duckdb.DuckDBPyConnection, warehouse: Path, key: str) -> None:
    """Create the schema in a new warehouse; refuse another key than an old one's."""
    if schema_version(con) is None:
        create(con, key)
    elif con.execute("SELECT nyckel FROM lager.lager_version").fetchone()[0] != key:
        raise SobstatError(
            f"The key is not the one that {warehouse} was loaded with: the same person would count as two. "
            "Give that key, or load the whole history into a new warehouse."
        )


def _merge(con: duckdb.DuckDBPyConnection, source: Source) -> int:
    """Write the rows that are new or changed, noted in `ny_<source>`.

    Returns how many rows of a replaced source the extract no longer holds; they are deleted.
    """
    key, name, table = stored_key(source), source.name, f"lager.{table_of(source)}"
    columns = ", ".join(stored_columns(source))
    con.execute(
        f"CREATE TEMP TABLE ny_{name} AS FROM sist_{name} AS s WHERE NOT EXISTS "
        f"(FROM {table} AS t WHERE {same_row(source, 's', 't')})"
    )
    removed = 0
    if source.replaced:
        (usable,) = con.execute(f"SELECT count(*) FROM sist_{name}").fetchone()
        (held,) = con.execute(f"SELECT count(*) FROM {table}").fetchone()
        if held and not usable:
            raise SobstatError(
                f"{name} holds no usable row, and would empty the {held} that are loaded: deliver it again."
            )
        (removed,) = con.execute(
            f"DELETE FROM {table} WHERE ({key}) NOT IN (SELECT ({key}) FROM sist_{name})"
        ).fetchone()
    con.execute(f"DELETE FROM {table} WHERE ({key}) IN (SELECT ({key}) FROM ny_{name})")
    con.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM ny_{name} ORDER BY fil, rad")
    return removed


def _reconcile(
    con: duckdb.DuckDBPyConnection, files: list[ExtractFile], brought: list[Source], result: LoadResult
) -> None:
    """Count what became of every row, and check that none disappeared."""
    for file in files:
        name = file.source.name
        counts = con.execute(
            f"""
            SELECT
                (SELECT count(*) FROM raw_{name} WHERE fil = $fil)
                + (SELECT count(*) FROM felaktig_rad WHERE fil = $fil),
                (SELECT count(*) FROM ny_{name} WHERE fil = $fil),
                (SELECT count(*) FROM rad_{name} AS r JOIN sist_{name} AS s USING ({stored_key(file.source)})
                 WHERE r.fil = $fil AND {same_row(file.source, "r", "s")} AND NOT EXISTS
                    (FROM ny_{name} AS n WHERE (n.fil, n.rad) = (r.fil, r.rad))),
                (SELECT count(*) FROM undantag WHERE fil = $fil)
            """,
            {"fil": file.number},
        ).fetchone()
        count = Count(*counts)
        if count.read != count.kept + count.repeats + count.set_aside:
            raise RuntimeError(f"{file.name} does not reconcile: {count}")
        result.per_file[file.name] = count
    result.reasons = con.execute(
        "SELECT kalla, skal, count(*) FROM undantag JOIN fil USING (fil) GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    for source in brought:
        result.notices += con.execute(
            f"SELECT '{source.name}', anmarkning, count(*) FROM (SELECT unnest(string_split(anmarkning, '; ')) "
            f"AS anmarkning FROM rad_{source.name} WHERE anmarkning <> '') GROUP BY ALL ORDER BY ALL"
        ).fetchall()


def _brings_something(con: duckdb.DuckDBPyConnection, files: list[ExtractFile], result: LoadResult) -> bool:
    """Whether anything is new: a row, a removal, or a file that was never loaded before."""
    known = {sha256 for (sha256,) in con.execute("SELECT sha256 FROM lager.laddad_fil").fetchall()}
    return bool(result.total.kept or result.removed or any(file.sha256 not in known for file in files))


def _record(
    con: duckdb.DuckDBPyConnection,
    files: list[ExtractFile],
    brought: list[Source],
    result: LoadResult,
    now: datetime,
) -> None:
    """Add the load to the history, and the rows set aside to the quarantine.

    Raises SobstatError if the clock stands before the last load: then one of the two was wrong, and with it what was
    in the future.
    """
    number, last = con.execute("SELECT coalesce(max(laddning), 0) + 1, max(tidpunkt) FROM lager.laddning").fetchone()
    if last and now < last:
        raise SobstatError(
            f"The clock says {now:%Y-%m-%d %H:%M:%S} UTC, but the last load was made at {last:%Y-%m-%d %H:%M:%S}: set "
            "the clock right; if it was wrong then, load the whole history into a new warehouse. Nothing was loaded."
        )
    con.execute(
        "INSERT INTO lager.laddning VALUES (?, ?, ?, ?, ?, ?, ?)",
        [number, now, version("sobstat"), *astuple(result.total)],
    )
    for file in files:
        count = result.per_file[file.name]
        con.execute(
            "INSERT INTO lager.laddad_fil VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [number, file.name, file.source.name, file.size, file.sha256, *astuple(count)],
        )
    for source, notice, rows in result.notices:
        con.execute("INSERT INTO lager.anmarkning VALUES (?, ?, ?, ?)", [number, source, notice, rows])
    for source in brought:
        persons = person_columns(source)
        pairs = ", ".join(
            f"'{name}', CAST(p_{name}.pseudonym AS VARCHAR)" if name in persons else f"'{name}', r.{name}"
            for name in source.columns
        )
        joins = "".join(f" LEFT JOIN pseudonym_{name} AS p_{name} ON p_{name}.id = r.{name}" for name in persons)
        con.execute(
            f"""
            INSERT INTO lager.karantan
            SELECT {number}, f.namn, u.rad, '{source.name}', u.skal,
                CASE WHEN r.fil IS NOT NULL THEN CAST(json_object({pairs}) AS VARCHAR) END
            FROM undantag AS u
            JOIN fil AS f ON f.fil = u.fil AND f.kalla = '{source.name}'
            LEFT JOIN raw_{source.name} AS r ON r.fil = u.fil AND r.rad = u.rad{joins}
            ORDER BY u.fil, u.rad
            """
        )
