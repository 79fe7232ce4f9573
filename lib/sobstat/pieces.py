"""A piece of an extract, read and checked in one of Spark's tasks, by the code that reads whole files elsewhere.

Tasks run on machines that have this package, and the same paths. What goes through Spark is where a piece is, and what
was found; the rows themselves are written to the load's own folder as Parquet files.
"""

import os
import pickle
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa

from sobstat.contract import quoted
from sobstat.extract import ExtractFile, FileFault
from sobstat.files import private_files
from sobstat.folder import listed
from sobstat.into_file import Reading, prepare, rows_set_aside
from sobstat.reading import VANISHED, is_parquet, read_file
from sobstat.rows import pseudonymise
from sobstat.warehouse import session

ROWS_OF_A_PIECE = 250_000
_ASIDE = pa.list_(pa.struct([("rad", pa.int64()), ("skal", pa.string())]))
_PIECE = pa.schema([("fil", pa.binary()), ("undantag", _ASIDE)])
# What `check` finds of a piece: how many rows it has and its mapping passes over, those that are not cut as the header
# is, and in which file the others are, typed and with reasons; or the fault of the file.
CHECKED = pa.schema(
    [
        *(("fil", pa.int32()), ("lasta", pa.int64()), ("forbigangna", pa.int64())),
        *(("felaktiga", _ASIDE), ("provad", pa.string()), ("fel", pa.string())),
    ]
)
# Rows as the quarantine holds them.
QUARANTINED = pa.schema(
    [("fil", pa.string()), ("rad", pa.int64()), *((name, pa.string()) for name in ("kalla", "skal", "innehall"))]
)


@dataclass(frozen=True)
class Work:
    """What tasks need: the load's own folder, what rows are read with, and the environment that a task works in.

    The key is in it, and so goes to the tasks with the code, through Spark's memory: never as SQL, a row or a name.
    """

    folder: Path
    reading: Reading
    environment: dict[str, str]


def pieces_of(con: duckdb.DuckDBPyConnection, file: ExtractFile) -> list[ExtractFile]:
    """A file's pieces: those of CSV files cannot be found, and a mapping may number a file's rows."""
    if not is_parquet(file) or file.mapping:
        return [file]
    try:
        query = f"SELECT num_rows FROM parquet_file_metadata({listed([file.path])})"
        ((rows,),) = con.execute(query).fetchall()
    except duckdb.Error:
        return [file]  # the task tells the fault
    firsts = range(1, max(rows, 1) + 1, ROWS_OF_A_PIECE)
    return [replace(file, rows=(first, first + ROWS_OF_A_PIECE - 1)) for first in firsts]


def as_arrow(pieces: list[ExtractFile], aside: list[list[dict]] | None = None) -> pa.Table:
    """Pieces as rows for tasks, with which of their rows are set aside."""
    columns = {"fil": [pickle.dumps(piece) for piece in pieces], "undantag": aside or [[] for _ in pieces]}
    return pa.table(columns, _PIECE)


def check(work: Work, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Read and check pieces: their rows go to files, and what was found is given for each."""
    for file, _ in _given(batches):
        found = {"fil": file.number, "felaktiga": []}
        with _at_work(work) as con:
            try:
                found["lasta"], found["forbigangna"] = work.reading.check(con, file)
                handle, found["provad"] = tempfile.mkstemp(".parquet", dir=work.folder)
                os.close(handle)
                con.execute(f"COPY provad_{file.source.name} TO {quoted(found['provad'])} (FORMAT parquet)")
                broken = con.execute("SELECT rad, skal FROM felaktig_rad").fetchall()
                found["felaktiga"] = [{"rad": rad, "skal": skal} for rad, skal in broken]
            except FileFault as fault:
                found["fel"] = str(fault)
            except FileNotFoundError:
                found["fel"] = VANISHED
        yield pa.RecordBatch.from_pylist([found], CHECKED)


def quarantine(work: Work, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The rows of pieces that are set aside, as the quarantine holds them."""
    for file, aside in _given(batches):
        with _at_work(work) as con:
            read_file(con, file, partial(pseudonymise, con, key=work.reading.key))
            con.append("undantag", pd.DataFrame(aside).assign(fil=file.number)[["fil", "rad", "skal"]])
            yield from con.sql(rows_set_aside(file)).to_arrow_table().cast(QUARANTINED).to_batches()


def _given(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[ExtractFile, list[dict]]]:
    for batch in batches:
        for row in batch.to_pylist():
            yield pickle.loads(row["fil"]), row["undantag"]


@contextmanager
def _at_work(work: Work) -> Iterator[duckdb.DuckDBPyConnection]:
    os.environ.update(work.environment)
    with private_files(), session(work.folder) as con:
        prepare(con)
        yield con
