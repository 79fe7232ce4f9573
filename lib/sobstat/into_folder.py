"""A load's steps into a warehouse that is a folder, on Spark.

What grows with the service (transactions, therapists) is read and checked in Spark's tasks (pieces.py), and merged on
Spark (merge_on_spark.py). What is replaced whole by each load, the history and the quarantine are small, and go the way
of into_file.py, in a draft that has them alone. All is written beside the folder, and then made part of it at once.
"""

import os
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import duckdb
import pandas as pd

from sobstat.contract import Source, sources
from sobstat.draft import sync
from sobstat.engines.spark import Spark
from sobstat.extract import ExtractFile, FileFault
from sobstat.folder import EXPORT, MANIFEST, MONTHLY, clear, manifest, month_of, parquet, tables, write_table
from sobstat.into_file import IntoFile, Reading
from sobstat.merge import Merged
from sobstat.merge_on_spark import merge, set_aside_earlier
from sobstat.pieces import CHECKED, QUARANTINED, Work, as_arrow, check, pieces_of, quarantine
from sobstat.reading import VANISHED, read_files
from sobstat.rows import superseded
from sobstat.warehouse import attach, create, shared, table_names, table_of

HISTORY = {"laddning", "laddad_fil", "anmarkning"}
QUARANTINE = "karantan"


def _tables(source: Source) -> set[str]:
    return {table_of(source), f"ersatt_{table_of(source)}"}


class IntoFolder(IntoFile):
    """The same steps; those of sources that grow are Spark's."""

    def __init__(self, con: duckdb.DuckDBPyConnection, own: Path, warehouse: Path, spark: Spark):
        super().__init__(con, own, warehouse)
        self.spark = spark
        self.held = tables(warehouse) if warehouse.exists() else {}
        self.new = Path(tempfile.mkdtemp(prefix=EXPORT, dir=own))
        self.rewritten, self.gone = set(HISTORY), set()
        self.pieces: dict[int, list[ExtractFile]] = {}  # of each file's number
        self.checked: dict[str, list[Path]] = {}  # files of checked rows, of each source
        self.equal: dict[int, int] = {}  # how many of a file's rows are equal to a later one

    def read(
        self, files: list[ExtractFile], reading: Reading, progress: Callable[[int, int], None], faults: Iterable[str]
    ) -> None:
        self.work = Work(self.own, reading, shared(os.cpu_count() or 1))
        self.pieces = {file.number: pieces_of(self.con, file) for file in files if not file.source.replaced}
        pieces = [piece for of_file in self.pieces.values() for piece in of_file]
        found = self.spark.in_tasks(partial(check, self.work), as_arrow(pieces), CHECKED).to_pylist() if pieces else []

        def read(file: ExtractFile) -> tuple[int, int]:
            if file.source.replaced:
                return reading.check(self.con, file)
            of_file = [piece for piece in found if piece["fil"] == file.number]
            for fault in filter(None, (piece["fel"] for piece in of_file)):
                there = fault == VANISHED and file.path.exists()
                raise FileFault("Spark's tasks do not find it: it must have the same path there." if there else fault)
            broken = [(file.number, row["rad"], row["skal"]) for piece in of_file for row in piece["felaktiga"]]
            if broken:
                self.con.append("felaktig_rad", pd.DataFrame(broken, columns=["fil", "rad", "skal"]))
            self.checked.setdefault(file.source.name, []).extend(Path(piece["provad"]) for piece in of_file)
            return sum(piece["lasta"] for piece in of_file), sum(piece["forbigangna"] for piece in of_file)

        read_files(self.con, files, read, progress, faults)

    def set_aside(self, source: Source) -> None:
        if source.replaced:
            return super().set_aside(source)
        checked = self.checked[source.name]
        # Nothing but reasons and notices is read of it here, which few rows have.
        self.con.execute(f"DROP TABLE provad_{source.name}")
        self.con.execute(f"CREATE VIEW provad_{source.name} AS FROM {parquet(checked)}")
        self.con.execute(f"INSERT INTO undantag SELECT fil, rad, skal FROM provad_{source.name} WHERE skal IS NOT NULL")
        earlier, equal = set_aside_earlier(self.spark, source, checked)
        self.equal |= equal
        if earlier:
            self.con.append("undantag", pd.DataFrame(earlier, columns=["fil", "rad"]).assign(skal=superseded(source)))

    def open_draft(self, fingerprint: str, *, new: bool) -> None:
        attach(self.con, self.own / "draft.duckdb", write=True)
        create(self.con, fingerprint)
        grown = set().union(*(_tables(source) for source in sources().values() if not source.replaced))
        for name in self.held.keys() - grown - {"lager_version", QUARANTINE}:
            self.con.execute(f"INSERT INTO lager.{name} BY NAME FROM {parquet(self.held[name])}")

    def merge(self, source: Source, number: int) -> Merged:
        if source.replaced:
            self.rewritten |= _tables(source)
            return super().merge(source, number)
        table = table_of(source)
        merged, gone = merge(self.spark, source, number, self.held.get(table, []), self.new)
        self.gone |= set(gone)
        for file, rows in self.equal.items():
            merged.repeats[file] = merged.repeats.get(file, 0) + rows
        return merged

    def quarantine(self, files: list[ExtractFile], number: int) -> None:
        super().quarantine([file for file in files if file.source.replaced], number)
        pieces, aside = [], []
        for file in files:
            query = "SELECT rad, skal FROM undantag WHERE fil = ? AND rad BETWEEN ? AND ? ORDER BY rad"
            for piece in self.pieces.get(file.number, []):
                rows = self.con.execute(query, [file.number, *(piece.rows or (1, 2**62))]).fetchall()
                if rows:
                    pieces.append(piece)
                    aside.append([{"rad": rad, "skal": reason} for rad, reason in rows])
        if pieces:
            rows = self.spark.in_tasks(partial(quarantine, self.work), as_arrow(pieces, aside), QUARANTINED)
            self.con.from_arrow(rows).query("r", f"SELECT {number}, * FROM r").insert_into(f"lager.{QUARANTINE}")

    def finish(self) -> None:
        """Make what was written part of the folder, or the folder itself if it is new."""
        held = {name: self._files(name) for name in table_names(self.con)}
        (self.own / MANIFEST).write_text(manifest(self.warehouse, held), "utf-8")
        known, folder = self.warehouse.exists(), self.warehouse
        if known:
            clear(folder)
        else:
            folder = self.own / "ny"
            folder.mkdir()
        self._make_private([self.own / MANIFEST, self.new, *self.new.rglob("*")])
        os.rename(self.new, folder / self.new.name)
        sync(folder)
        os.replace(self.own / MANIFEST, folder / MANIFEST)
        sync(folder)
        if not known:
            os.rename(folder, self.warehouse)
        sync(self.warehouse.parent)

    def _files(self, name: str) -> list[Path]:
        """Of which files a table consists now, by their places in the folder; those of small tables are written."""
        kept = [file for file in self.held.get(name, []) if file not in self.gone and name not in self.rewritten]
        new = sorted((self.new / name).rglob("*.parquet"))
        (rows,) = self.con.execute(f"SELECT count(*) FROM lager.{name}").fetchone()
        if not kept + new or (name == QUARANTINE and rows):
            new = write_table(self.con, name, self.new / name)
        files = kept + [self.warehouse / file.relative_to(self.own) for file in new]
        months = [file for file in files if month_of(file)]
        return months if name == MONTHLY and months else files

    def _make_private(self, paths: list[Path]) -> None:
        """Leave nothing but Parquet files, safe on the disk and in the hands of the folder's owner alone."""
        owner = (self.warehouse if self.warehouse.exists() else self.warehouse.parent).stat()
        for path in paths:
            if path.is_file() and path.suffix not in (".parquet", ".json"):
                path.unlink()  # what Spark notes for itself
                continue
            path.chmod(0o700 if path.is_dir() else 0o600)
            os.chown(path, owner.st_uid, owner.st_gid)
            sync(path)
