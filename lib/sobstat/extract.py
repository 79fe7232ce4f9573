"""An extract folder read into staging tables, every fault of its files reported at once.

Each source becomes a table `raw_<source>`: the contract's columns as text, with the file's number and the
row's number in it. What a row is worth is the load's business.
"""

import csv
import difflib
import gzip
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from sobstat.contract import Source, sources
from sobstat.errors import SobstatError

SUFFIXES = (".csv", ".csv.gz", ".parquet")
ROWS_AT_A_TIME = 100_000
csv.field_size_limit(16 * 1024 * 1024)


@dataclass(frozen=True)
class ExtractFile:
    """A file of an extract. `number` is its place in file order (sorted by name)."""

    number: int
    source: Source
    path: Path
    size: int
    sha256: str


class FileFault(Exception):
    """Why a file cannot be read as its source."""


def find_files(folder: Path) -> list[ExtractFile]:
    """The extract's files, sorted by name, hashed.

    Raises SobstatError if the folder does not exist, holds no file of any source, or one that is no file.
    """
    if not folder.is_dir():
        raise SobstatError(
            f"There is no extract folder {folder}: give the folder that holds arenden*.csv and the rest."
        )
    found = []
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        source = next((s for s in sources().values() if path.name.startswith(s.name)), None)
        if source and path.name.endswith(SUFFIXES):
            if not path.is_file():
                raise SobstatError(f"{path} is not a file that can be read (a folder, or a link that leads nowhere).")
            found.append((source, path))
    if not found:
        names = ", ".join(f"{name}*" for name in sources())
        raise SobstatError(f"{folder} holds no extract file: expected {names}, as {', '.join(SUFFIXES)}.")
    files = []
    for number, (source, path) in enumerate(found, 1):
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        files.append(ExtractFile(number, source, path, path.stat().st_size, digest))
    return files


def read_files(con: duckdb.DuckDBPyConnection, files: list[ExtractFile], progress=lambda done, total: None) -> None:
    """Read every file into the staging tables.

    Raises SobstatError that lists the fault of every file that cannot be read as its source.
    """
    for source in sources().values():
        columns = "".join(f", {name} VARCHAR" for name in source.columns)
        con.execute(f"CREATE TABLE raw_{source.name} (fil SMALLINT, rad BIGINT{columns})")
    con.execute("CREATE TABLE felaktig_rad (fil SMALLINT, rad BIGINT, skal VARCHAR)")
    con.execute("CREATE TABLE fil (fil SMALLINT, namn VARCHAR, kalla VARCHAR)")
    con.executemany("INSERT INTO fil VALUES (?, ?, ?)", [(f.number, f.path.name, f.source.name) for f in files])
    faults = []
    for done, file in enumerate(files):
        progress(done, len(files))
        read = _read_parquet if file.path.suffix == ".parquet" else _read_csv
        try:
            read(con, file)
        except FileFault as fault:
            faults.append(f"{file.path.name}: {fault}")
        if file.path.stat().st_size != file.size:
            faults.append(f"{file.path.name}: the file changed while it was read; load it when it is complete.")
    progress(len(files), len(files))
    if faults:
        listed = "\n".join(f"  {fault}" for fault in faults)
        raise SobstatError(f"{len(faults)} file(s) cannot be read; nothing was loaded.\n{listed}")


def _check_columns(source: Source, found: list[str]) -> None:
    """Raises FileFault unless every column of the contract is found once.

    A first line without any of them may hold data, even a person's id: it is never shown.
    """
    known = [name for name in found if name in source.columns]
    if not known:
        raise FileFault(f"no header: the first line names none of the columns {', '.join(source.columns)}.")
    if twice := sorted({name for name in known if known.count(name) > 1}):
        raise FileFault(f"column {', '.join(twice)} occurs twice in the header; expected once.")
    missing = [name for name in source.columns if name not in known]
    if missing:
        near = {name: difflib.get_close_matches(name, found, n=1) for name in missing}
        hints = [f"{name} (nearest found: {match[0]})" if (match := near[name]) else name for name in missing]
        raise FileFault(f"column {', '.join(hints)} is missing; found {', '.join(found)}.")


def _read_parquet(con: duckdb.DuckDBPyConnection, file: ExtractFile) -> None:
    path = str(file.path)
    try:
        described = con.execute("DESCRIBE SELECT * FROM read_parquet($path)", {"path": path}).fetchall()
    except duckdb.Error as error:
        raise FileFault("not a readable Parquet file (truncated, or of another format).") from error
    types = {name: str(kind) for name, kind, *_ in described}
    _check_columns(file.source, list(types))
    for name in file.source.columns:
        if "(" in types[name].removeprefix("DECIMAL(") or types[name].endswith("]") or types[name] == "BLOB":
            raise FileFault(f"column {name} holds {types[name]}; expected text, a number or a time.")
    # pandas writes whole numbers as floating point, with NaN, where one is missing.
    as_text = [
        f'''CASE WHEN isnan("{name}") THEN NULL WHEN "{name}" = CAST(try_cast("{name}" AS BIGINT) AS DOUBLE)
            THEN CAST(CAST("{name}" AS BIGINT) AS VARCHAR) ELSE CAST("{name}" AS VARCHAR) END'''
        if types[name] in ("DOUBLE", "FLOAT")
        else f'CAST("{name}" AS VARCHAR)'
        for name in file.source.columns
    ]
    try:
        con.execute(
            f"INSERT INTO raw_{file.source.name} SELECT {file.number}, file_row_number + 1, {', '.join(as_text)} "
            "FROM read_parquet($path, file_row_number = true)",
            {"path": path},
        )
    except duckdb.Error as error:
        raise FileFault("its contents cannot be read (damaged Parquet file, or text that is not UTF-8).") from error


def _read_csv(con: duckdb.DuckDBPyConnection, file: ExtractFile) -> None:
    open_text = gzip.open if file.path.suffix == ".gz" else open
    try:
        with open_text(file.path, "rt", encoding="utf-8-sig", newline="") as stream:
            header_line = stream.readline()
            if not header_line.strip():
                raise FileFault("empty file; expected a header line and rows.")
            delimiter = ";" if header_line.count(";") > header_line.count(",") else ","
            header = [name.strip() for name in next(csv.reader([header_line], delimiter=delimiter))]
            _check_columns(file.source, header)
            places = [header.index(name) for name in file.source.columns]
            rows = csv.reader(stream, delimiter=delimiter, strict=True)
            for first, block in _blocks(rows):
                _insert(con, file, first, block, places, len(header))
    except UnicodeDecodeError as error:
        raise FileFault(f"not UTF-8: byte {error.object[error.start]:#04x} found; save the file as UTF-8.") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise FileFault("not a whole gzip file (truncated or damaged); deliver it again.") from error
    except csv.Error as error:
        raise FileFault(f"not a CSV file: line {rows.line_num + 1}: {error}.") from error


def _blocks(rows: Iterator[list[str]]) -> Iterator[tuple[int, list[list[str]]]]:
    """The rows in blocks, with the number of each block's first; blank lines are no rows."""
    first, block = 1, []
    for row in rows:
        if row:
            block.append(row)
        if len(block) == ROWS_AT_A_TIME:
            yield first, block
            first, block = first + len(block), []
    yield first, block


def _insert(con, file: ExtractFile, first: int, block: list[list[str]], places: list[int], width: int) -> None:
    """Add a block to the staging table; rows with more or fewer fields than the header are noted instead.

    The text of such a row is not kept: any of its fields could be a person's id.
    """
    numbered = list(enumerate(block, first))
    whole = [(number, row) for number, row in numbered if len(row) == width]
    broken = [
        (file.number, number, f"{len(row)} fields, the header has {width}")
        for number, row in numbered
        if len(row) != width
    ]
    if broken:
        con.executemany("INSERT INTO felaktig_rad VALUES (?, ?, ?)", broken)
    if whole:
        frame = pd.DataFrame([[row[place] for place in places] for _, row in whole], dtype=object)
        frame.insert(0, "rad", [number for number, _ in whole])
        con.execute(f"INSERT INTO raw_{file.source.name} SELECT {file.number}, * FROM frame")
