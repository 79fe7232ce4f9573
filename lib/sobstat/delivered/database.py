"""Tables of another system's database, as a mapping names them, written as files that the load reads.

The database is only read, in one transaction that may do nothing else, and never held in memory. Of a table whose
mapping tells what is new (`new_since`), only that is read: see marks.py.
"""

import csv
import os
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from sobstat.contract import Source, sources
from sobstat.delivered.mapping import Mapping, NewSince, SourceMapping
from sobstat.delivered.marks import Mark, keep_marks, read_marks
from sobstat.errors import SobstatError
from sobstat.extract import ExtractFile, FileFault
from sobstat.reading import check_columns

PASSWORD_VARIABLE = "SOBSTAT_DB_PASSWORD"
ROWS_AT_A_TIME = 10_000
# What in an address gives a password, besides its own place for it.
_SECRETS = re.compile(r"(^|;)\s*(ssl)?(password|passwd|pwd|pass|secret|token)\s*(=|$)", re.IGNORECASE)
# A server that is not there any more is given up after a minute, one that does not get ready with a block, after ten.
_PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
_BEFORE_READING = {
    "postgresql": "SET statement_timeout = '10min'",
    "sqlite": "PRAGMA query_only = ON",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "mariadb": "SET SESSION TRANSACTION READ ONLY",
}


@dataclass
class Database:
    """A database, and how its tables become sources. Its text is its address, without user, password and options.

    `marks` tell how far it was read.
    """

    url: sa.URL
    mapping: Mapping
    marks: dict[str, Mark] = field(default_factory=dict)

    def __str__(self) -> str:
        kind, url = self.url.get_backend_name(), self.url
        return sa.URL.create(kind, host=url.host, port=url.port, database=url.database).render_as_string()

    def read(self, folder: Path, warehouse: Path, now: datetime) -> list[ExtractFile]:
        """Write what is new in every mapped table to a file in the folder, which must be its owner's alone. `now` (UTC)
        is the latest that marks can be.

        Raises SobstatError if the database cannot be reached, lacks a table or column, or stops answering.
        """
        since = read_marks(str(self), self.mapping, warehouse)
        files, marks = _read_tables(self, folder, since)
        self.marks = {name: _not_after(mark, now) for name, mark in marks.items()}
        return files

    def keep_marks(self, warehouse: Path) -> None:
        """Remember how far it was read by the warehouse's latest load."""
        keep_marks(str(self), self.mapping, warehouse, self.marks)


def open_database(address: str, mapping: Mapping | None) -> Database:
    """A database by its address, such as `postgresql://user@host/name`; nothing is asked of it yet.

    Raises SobstatError if the address holds a password, which is not repeated, if nothing is installed that reaches
    such a database, or if a source is not mapped from a table.
    """
    try:
        url = sa.make_url(re.sub("^postgres(ql)?:", "postgresql+psycopg:", address))
        url.get_dialect().import_dbapi()
    except (SQLAlchemyError, ImportError, ValueError):
        raise SobstatError(
            f"A database cannot be reached as {address.split(':')[0]}://…: write kind://user@host/name, and install "
            "what SQLAlchemy needs for databases of that kind."
        ) from None
    is_file = url.get_backend_name() == "sqlite"
    if is_file and not Path(url.database or "").is_file():
        raise SobstatError(f"There is no database {url.database}.")  # SQLite would make an empty one
    given = None if is_file else os.environ.get(PASSWORD_VARIABLE)
    database = Database(url.set(password=given), mapping or {})
    options = [f"{name}={value}" for name, value in url.query.items()] + list(map(str, url.query.values()))
    if url.password or any(map(_SECRETS.search, options)):
        raise SobstatError(
            f"The address of {database} holds a password, which others on this machine can see: change it, and give "
            f"the new one in the environment variable {PASSWORD_VARIABLE}, or for PostgreSQL in a file .pgpass."
        )
    if not mapping:
        raise SobstatError(f"{database} needs a mapping to the contract's sources: give its file with --mapping.")
    if others := [name for name, source in mapping.items() if not source.in_database]:
        raise SobstatError(f"{', '.join(others)} is mapped from files: give a table or query to load from {database}.")
    return database


def _read_tables(database: Database, folder: Path, since: dict[str, Mark]) -> tuple[list[ExtractFile], dict[str, Mark]]:
    """The files, and the mark that each reaches."""
    files, marks = [], {}
    is_postgresql = database.url.get_backend_name() == "postgresql"
    patience = _PATIENCE if is_postgresql else {}
    options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True} if is_postgresql else {}
    engine = sa.create_engine(database.url, poolclass=sa.NullPool, connect_args=patience, hide_parameters=True)
    reading = None
    try:
        with engine.connect().execution_options(**options) as con:
            con.execute(sa.text(_BEFORE_READING.get(con.dialect.name, "SELECT 1")))
            _check_tables(con, database)
            for number, (name, mapping) in enumerate(database.mapping.items(), 1):
                path, reading = folder / f"{number}-{name}.csv", name
                mark = _write(con, sources()[name], mapping, since.get(name), path)
                if mark is not None:
                    marks[name] = mark
                files.append(ExtractFile.of(path, number, sources()[name], _shown(name, mapping), mapping))
    except SQLAlchemyError as error:
        # Only what is said before the first row is repeated: later it may hold values. No cause: it would tell them.
        cause = getattr(error, "orig", None) or error
        said = type(cause).__name__ if reading else str(cause).splitlines()[0]
        if password := database.url.password:
            said = said.replace(password, "…")
        what = f"failed while {reading} was read" if reading else "cannot be read"
        raise SobstatError(f"The database {database} {what}; nothing was loaded.\n  {said}") from None
    except FileFault as fault:
        raise SobstatError(f"{reading} cannot be read from {database}; nothing was loaded.\n  {fault}") from None
    finally:
        engine.dispose()
    return files, marks


def _shown(name: str, mapping: SourceMapping) -> str:
    return f"{mapping.table or 'query'}: {name}"


def _rows(mapping: SourceMapping) -> sa.FromClause:
    if mapping.query:
        return sa.text(mapping.query.strip().rstrip(";")).columns().subquery("kalla")
    schema, _, name = mapping.table.rpartition(".")
    return sa.table(name, schema=schema or None)


def _check_tables(con: sa.Connection, database: Database) -> None:
    """Raises SobstatError that lists every column of the mapping that a table lacks."""
    faults = []
    for name, mapping in database.mapping.items():
        found = con.execute(sa.select(sa.literal_column("*")).select_from(_rows(mapping)).where(sa.false())).keys()
        try:
            check_columns(mapping.columns_read, list(found))
        except FileFault as fault:
            faults.append(f"  {_shown(name, mapping)}: {fault}")
    if faults:
        listed = "\n".join(faults)
        raise SobstatError(f"{database} is not as its mapping says; nothing was loaded.\n{listed}")


def _write(con: sa.Connection, source: Source, mapping: SourceMapping, since: Mark | None, path: Path) -> Mark | None:
    """Write a table's new rows as CSV; returns the mark that they reach. Of rows with one key, the newest come last."""
    columns = mapping.columns_read
    key = [mapping.columns[name].column[0] for name in source.key if mapping.columns[name].column]
    new = sa.column(mapping.new_since.column) if mapping.new_since else None
    query = sa.select(*map(sa.column, columns)).select_from(_rows(mapping))
    if since is not None:
        query = query.where(sa.or_(new >= _less_overlap(since, mapping.new_since), new.is_(None)))
    query = query.order_by(*([] if new is None else [new]), *map(sa.column, key))
    mark, at = since, columns.index(new.name) if new is not None else None
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for block in con.execute(query, execution_options={"yield_per": ROWS_AT_A_TIME}).partitions():
            writer.writerows([map(_text, row) for row in block])
            if at is not None:
                mark = max((row[at] for row in block if row[at] is not None), default=mark)
    if mark is not None:
        _less_overlap(mark, mapping.new_since)
    return mark


def _less_overlap(mark: Mark, new_since: NewSince) -> Mark:
    """From where to read again; raises FileFault if the column does not hold what the overlap is an amount of."""
    try:
        return mark - new_since.span
    except TypeError:
        raise FileFault(
            f"column {new_since.column} holds {type(mark).__name__}, of which overlap {new_since.overlap} is no amount."
        ) from None


def _text(value: object) -> str:
    """A value as it would stand in a file. Whole numbers are written so also where they are kept as 17.0."""
    if value is None or value != value:
        return ""
    if isinstance(value, float | Decimal):
        return re.sub(r"\.0*$|(\.\d*[1-9])0+$", r"\1", f"{value:f}")
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str | int | date | time | timedelta | UUID):
        return str(value)
    raise FileFault(f"a column holds {type(value).__name__}; expected text, numbers and times.")


def _not_after(mark: Mark, now: datetime) -> Mark:
    """The mark, but no time after now: a row with a mistaken one would hide all that comes before it."""
    if isinstance(mark, datetime):
        return min(mark, now.replace(tzinfo=UTC) if mark.tzinfo else now)
    return min(mark, now.date()) if isinstance(mark, date) else mark
