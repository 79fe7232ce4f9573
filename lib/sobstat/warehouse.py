"""The warehouse: one DuckDB file that its owner alone can read.

It holds the contract's sources with ids turned into pseudonyms, the load history and the quarantine.
Nothing that a load replaces is lost: every row names the load that brought it, and moves to the table `ersatt_…` with
the load that replaced or removed it, so that a source can be read as it was after any load.
Everything but the load opens it read-only.
"""

import errno
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import duckdb

from sobstat.contract import COLUMN_TYPES, Source, quoted, sources
from sobstat.errors import SobstatError
from sobstat.folder import attach_folder, refuse_folder
from sobstat.months import Month, this_month

# How many threads a session may use; by default, one for each core.
THREADS_VARIABLE = "SOBSTAT_THREADS"
# Errors of a disk or a quota that is full.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# What is there only while a program works begins so.
TEMPORARY = ".sobstat-"
DEFAULT_WAREHOUSE = Path("data/sobstat.duckdb")
SCHEMA_VERSION = 5
# How much memory a session may use, and what it may without the variable.
MEMORY_VARIABLE = "SOBSTAT_MEMORY"
MEMORY = "50%"

SQL_TYPES = {
    "time": "TIMESTAMP",
    "person_id": "BIGINT",
    "age": "SMALLINT",
    "number": "INTEGER",
} | dict.fromkeys(["text", "name", "hsa_id", "lan_kod", "kon"], "VARCHAR")
assert SQL_TYPES.keys() == COLUMN_TYPES.keys()

# `dag` is the Stockholm date of `tidpunkt` (UTC): months and weekdays follow it, in any session time zone.
DERIVED = {"arenden": {"dag": "CAST(timezone('Europe/Stockholm', make_timestamptz(epoch_us(tidpunkt))) AS DATE)"}}
# What the load keeps beside a source's columns, computed from other rows: see facts/foljd.sql.
FOLLOWING = {"arenden": {"nasta_start_dag": "DATE", "nasta_avslut_dag": "DATE", "senaste_orsak": "VARCHAR"}}
TABLES = {"arenden": "transaktion"}

HISTORY = """
CREATE TABLE lager.lager_version (version INTEGER, nyckel VARCHAR);
CREATE TABLE lager.laddning (
    laddning INTEGER,
    tidpunkt TIMESTAMP,  -- UTC
    program VARCHAR,     -- version of sobstat
    lasta BIGINT,        -- rows read = kept + repeats + set aside
    behallna BIGINT,
    upprepade BIGINT,
    undantagna BIGINT,
    syntetisk BOOLEAN    -- whether it brought made-up transactions, which `sobstat demo` marks
);
CREATE TABLE lager.laddad_fil (
    laddning INTEGER, fil VARCHAR, kalla VARCHAR, storlek BIGINT, sha256 VARCHAR,
    lasta BIGINT, behallna BIGINT, upprepade BIGINT, undantagna BIGINT
);
CREATE TABLE lager.anmarkning (laddning INTEGER, kalla VARCHAR, anmarkning VARCHAR, antal BIGINT);
CREATE TABLE lager.karantan (laddning INTEGER, fil VARCHAR, rad BIGINT, kalla VARCHAR, skal VARCHAR, innehall VARCHAR);
"""


def table_of(source: Source) -> str:
    """The warehouse table that holds a source."""
    return TABLES.get(source.name, source.name)


def stored_name(source: Source, column: str) -> str:
    """A column's name in the warehouse; `vardtagare_id` becomes `vardtagare`, since it is no longer an id."""
    return column.removesuffix("_id") if source.columns[column].type == "person_id" else column


def person_columns(source: Source) -> list[str]:
    """The columns of a source that hold persons' ids."""
    return [name for name, column in source.columns.items() if column.type == "person_id"]


def stored_columns(source: Source) -> list[str]:
    """The columns of a source as the warehouse holds them, derived ones included."""
    return [stored_name(source, name) for name in source.columns] + list(DERIVED.get(source.name, {}))


def column_definitions(source: Source) -> list[str]:
    """The same with their types, in SQL."""
    columns = [f"{stored_name(source, name)} {SQL_TYPES[column.type]}" for name, column in source.columns.items()]
    return columns + [f"{name} DATE" for name in DERIVED.get(source.name, {})]


def stored_key(source: Source) -> str:
    """A source's key as the warehouse names it, separated by commas."""
    return ", ".join(stored_name(source, name) for name in source.key)


def fact_sql(name: str) -> str:
    """The SQL of a fact."""
    return files("sobstat").joinpath("facts", f"{name}.sql").read_text("utf-8")


def with_following(rows: str) -> str:
    """SQL: transactions with what follows them in their ärenden (FOLLOWING), computed from these rows alone."""
    return fact_sql("foljd").format(rader=rows)


def as_loaded(source: Source, load: int | None = None) -> str:
    """SQL: the rows of a source as the warehouse holds them, or as it held them after an earlier load."""
    columns, table = ", ".join([*stored_columns(source), "laddning"]), table_of(source)
    if load is None:
        return f"SELECT {columns} FROM lager.{table}"
    return (
        f"SELECT {columns} FROM lager.{table} WHERE laddning <= {load} UNION ALL "
        f"SELECT {columns} FROM lager.ersatt_{table} WHERE laddning <= {load} AND ersatt > {load}"
    )


def same_row(source: Source, left: str, right: str) -> str:
    """SQL: two rows of a source are equal in every column."""
    return " AND ".join(f"{left}.{c} IS NOT DISTINCT FROM {right}.{c}" for c in stored_columns(source))


def create(con: duckdb.DuckDBPyConnection, key_fingerprint: str) -> None:
    """Create the schema in the attached, empty warehouse."""
    con.execute(HISTORY)
    con.execute("INSERT INTO lager.lager_version VALUES (?, ?)", [SCHEMA_VERSION, key_fingerprint])
    create_tables(con)


def create_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Create the tables of the sources that have none in the attached warehouse."""
    for source in sources().values():
        columns = ", ".join([*column_definitions(source), "laddning INTEGER"])
        following = "".join(f", {name} {kind}" for name, kind in FOLLOWING.get(source.name, {}).items())
        con.execute(f"CREATE TABLE IF NOT EXISTS lager.{table_of(source)} ({columns}{following})")
        con.execute(f"CREATE TABLE IF NOT EXISTS lager.ersatt_{table_of(source)} ({columns}, ersatt INTEGER)")


def shared(count: int) -> dict[str, str]:
    """The environment in which `count` sessions use together what one alone may: cores and memory."""
    threads = os.environ.get(THREADS_VARIABLE) or os.cpu_count() or 1
    memory = re.sub(r"^\s*(\d+(\.\d+)?)", lambda amount: f"{float(amount[1]) / count:g}", _memory())
    return {THREADS_VARIABLE: str(max(1, int(threads) // count)), MEMORY_VARIABLE: memory}


def _memory() -> str:
    return os.environ.get(MEMORY_VARIABLE, MEMORY)


@contextmanager
def session(spill_in: Path | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory session in Stockholm time.

    It uses as much memory as the environment variable SOBSTAT_MEMORY says (default: half of the machine's). What does
    not fit is spilled to a folder that only its owner can read, removed at the end.
    Raises SobstatError if the variable holds no amount.
    """
    with (
        tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=spill_in) as spill,
        duckdb.connect(config={"temp_directory": spill}) as con,
    ):
        if threads := os.environ.get(THREADS_VARIABLE):
            con.execute(f"SET threads = {int(threads)}")
        try:
            con.execute(f"SET memory_limit = {quoted(_memory())}")
        except duckdb.Error as error:
            raise SobstatError(f"{MEMORY_VARIABLE} is {_memory()!r}: give an amount such as 4GB or 25%.") from error
        con.execute("SET TimeZone = 'Europe/Stockholm'")
        # DuckDB takes a forked process for a person's; in an ordinary kernel it refuses, and draws nothing anyway.
        with suppress(duckdb.InvalidInputException):
            con.execute("SET enable_progress_bar = false")
        yield con


def no_room(error: Exception) -> bool:
    """Whether memory or a disk is full."""
    full = isinstance(error, duckdb.OutOfMemoryException) or getattr(error, "errno", None) in FULL
    return full or any(os.strerror(number) in str(error) for number in FULL)


def attach(con: duckdb.DuckDBPyConnection, warehouse: Path, *, write: bool = False, older: bool = False) -> None:
    """Attach the warehouse to a session as `lager`, read-only unless `write`; with an older schema only if `older`.

    Raises SobstatError if it does not exist, is no warehouse, is of another version, or is in use.
    """
    if warehouse.is_dir():
        if write:
            refuse_folder(warehouse)
        return attach_folder(con, warehouse)
    if not write and not warehouse.is_file():
        raise SobstatError(f"There is no warehouse {warehouse}: make one with `sobstat load DIR`.")
    try:
        con.execute(f"ATTACH {quoted(warehouse)} AS lager ({'READ_WRITE' if write else 'READ_ONLY'})")
    except duckdb.Error as error:
        if "Could not set lock" in str(error):
            raise SobstatError(f"The warehouse {warehouse} is in use by another process: try again later.") from error
        raise SobstatError(f"{warehouse} is not a warehouse made by `sobstat load`.") from error
    version = schema_version(con)
    if version is None and not write:
        raise SobstatError(
            f"{warehouse} is not a warehouse: it is empty, or another database. Remove it, and run `sobstat load DIR`."
        )
    if version is not None and (version > SCHEMA_VERSION or (version < SCHEMA_VERSION and not older)):
        what = "use the newer program that wrote it" if version > SCHEMA_VERSION else "run `sobstat upgrade`"
        raise SobstatError(
            f"{warehouse} has schema version {version}, and this program reads {SCHEMA_VERSION}: {what}."
        )


def schema_version(con: duckdb.DuckDBPyConnection) -> int | None:
    """The attached warehouse's schema version; None if nothing was ever loaded into it."""
    try:
        return con.execute("SELECT version FROM lager.lager_version").fetchall()[0][0]
    except duckdb.CatalogException:
        return None


def table_names(con: duckdb.DuckDBPyConnection) -> list[str]:
    """The tables of the attached warehouse file."""
    query = "SELECT table_name FROM duckdb_tables() WHERE database_name = 'lager' ORDER BY ALL"
    return [name for (name,) in con.execute(query).fetchall()]


@dataclass(frozen=True)
class Holdings:
    """What a warehouse holds: the month of its first transaction, the latest month that is over and loaded, the
    Stockholm date of the latest load, and whether its transactions are made up.
    """

    first_month: Month
    latest_whole_month: Month
    loaded: str
    synthetic: bool


SYNTHETIC = "SELECT coalesce(bool_or(syntetisk), false) FROM lager.laddning"


def holdings(warehouse: Path) -> Holdings:
    """What the warehouse holds; raises SobstatError if it holds no transaction (or cannot be read, see `attach`)."""
    with session() as con:
        attach(con, warehouse)
        first_day, last_day, loaded, synthetic = con.execute(
            f"""
            SELECT
                (SELECT min(dag) FROM lager.transaktion),
                (SELECT max(dag) FROM lager.transaktion),
                (SELECT CAST(max(timezone('Europe/Stockholm', timezone('UTC', tidpunkt))) AS DATE)
                 FROM lager.laddning JOIN lager.laddad_fil USING (laddning) WHERE kalla = 'arenden'),
                ({SYNTHETIC})
            """
        ).fetchall()[0]
    if last_day is None:
        raise SobstatError(f"The warehouse {warehouse} holds no transaction: load an extract with arenden files.")
    # A month that was not over when its last transactions came in may lack some.
    latest = min(Month.of(last_day), Month.of(loaded) + -1, this_month() + -1)
    return Holdings(Month.of(first_day), latest, str(loaded), synthetic)


def load_history(warehouse: Path) -> list[dict]:
    """Every file that was loaded: load, time (UTC), program's version, file, source, size in bytes, sha256, rows read;
    oldest first.
    """
    with session() as con:
        attach(con, warehouse)
        rows = con.execute(
            "SELECT laddning, CAST(tidpunkt AS VARCHAR), program, fil, kalla, storlek, sha256, f.lasta "
            "FROM lager.laddad_fil AS f JOIN lager.laddning USING (laddning) ORDER BY laddning, fil"
        ).fetchall()
    names = ("load", "time", "program", "file", "source", "size", "sha256", "rows")
    return [dict(zip(names, row, strict=True)) for row in rows]
