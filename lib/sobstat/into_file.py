"""A load's steps into a warehouse file, on DuckDB. `load.py` tells their order; into_folder.py has them on Spark."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from sobstat.contract import TIME_MACRO, Source, quoted
from sobstat.draft import copy_warehouse, replace
from sobstat.extract import ExtractFile
from sobstat.merge import Merged, merge
from sobstat.operation.upgrade import keep_older, upgrade_schema
from sobstat.pseudonyms import Key
from sobstat.reading import make_tables, read_file, read_files
from sobstat.rows import check_rows, make_room, pseudonymise, set_aside
from sobstat.warehouse import attach, create, person_columns


@dataclass(frozen=True)
class Reading:
    """What the rows of an extract are read with: the key, and the time of the load (UTC)."""

    key: Key
    now: datetime

    def check(self, con: duckdb.DuckDBPyConnection, file: ExtractFile) -> tuple[int, int]:
        """Read a file and check its rows; returns how many it has, and how many its mapping passes over."""

        def use(file: ExtractFile) -> None:
            pseudonymise(con, file, self.key)
            check_rows(con, file, self.now)

        return read_file(con, file, use)


class IntoFile:
    """The steps, on a session in which the tables of reading.py and rows.py are made, and the draft attached.

    older  the schema that the warehouse had, if it was an older one
    """

    older: int | None = None

    def __init__(self, con: duckdb.DuckDBPyConnection, own: Path, warehouse: Path):
        self.con, self.own, self.warehouse = con, own, warehouse
        prepare(con)

    def read(
        self, files: list[ExtractFile], reading: Reading, progress: Callable[[int, int], None], faults: Iterable[str]
    ) -> None:
        """Read all files, and check their rows; raises SobstatError as `read_files` does."""
        read_files(self.con, files, lambda file: reading.check(self.con, file), progress, faults)

    def set_aside(self, source: Source) -> None:
        """Set aside the rows that cannot be used, see rows.py."""
        set_aside(self.con, source)

    def open_draft(self, fingerprint: str, *, new: bool) -> None:
        """Attach a draft of the warehouse as `lager`; `fingerprint` is that of a new one's key."""
        self.draft = self.own / "draft.duckdb"
        if new:
            attach(self.con, self.draft, write=True)
            create(self.con, fingerprint)
        else:
            copy_warehouse(self.warehouse, self.draft)
            self.older = upgrade_schema(self.con, self.draft)

    def merge(self, source: Source, number: int) -> Merged:
        """Merge a source's usable rows with what the warehouse holds, as those of load `number`."""
        return merge(self.con, source, number)

    def quarantine(self, files: list[ExtractFile], number: int) -> None:
        """Add the rows of files that were set aside to the quarantine."""
        for file in files:
            self.con.execute(f"INSERT INTO lager.karantan SELECT {number}, * FROM ({rows_set_aside(file)})")

    def finish(self) -> Path | None:
        """Put the draft, committed, in the warehouse's place; returns where that is kept if it had an older schema."""
        self.con.execute("CHECKPOINT lager")
        self.con.execute("DETACH lager")
        kept = keep_older(self.warehouse, self.older) if self.older else None
        replace(self.warehouse, self.draft)
        return kept


def prepare(con: duckdb.DuckDBPyConnection) -> None:
    """Make what the reading of an extract needs in a session."""
    con.execute(TIME_MACRO)
    make_tables(con)
    make_room(con)


def rows_set_aside(file: ExtractFile) -> str:
    """SQL: a file's rows that are set aside as the quarantine holds them, ids turned into pseudonyms."""
    source, persons = file.source, person_columns(file.source)
    pairs = ", ".join(
        f"'{name}', CAST(p_{name}.pseudonym AS VARCHAR)" if name in persons else f"'{name}', r.{name}"
        for name in source.columns
    )
    joins = "".join(f" LEFT JOIN pseudonym_{name} AS p_{name} ON p_{name}.id = r.{name}" for name in persons)
    return f"""
        SELECT {quoted(file.name)} AS fil, u.rad, '{source.name}' AS kalla, u.skal,
            CASE WHEN r.fil IS NOT NULL THEN CAST(json_object({pairs}) AS VARCHAR) END AS innehall
        FROM undantag AS u LEFT JOIN fil_{file.number} AS r ON r.rad = u.rad{joins}
        WHERE u.fil = {file.number}
        ORDER BY u.rad
    """
