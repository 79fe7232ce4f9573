"""An extract folder's files as views, every fault of theirs reported at once.

fil_<number>  a file: the contract's columns as text, with the file's number and the row's number in it
fil           the files that could be read, and how many rows each has
felaktig_rad  rows of CSV files that are not cut as the header is

What a row is worth is the load's business. Parquet files are read where they are, as they are used.
"""

import csv
import glob
import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import duckdb
import pandas as pd

from sobstat.contract import Source, quoted, sources
from sobstat.errors import SobstatError, nearest
from sobstat.names import shortened, visible
from sobstat.warehouse import no_room

SUFFIXES = (".csv", ".csv.gz", ".parquet")
# What is held in memory at a time, whatever a file unpacks to.
LONGEST_ROW = 1_000_000
ROWS_AT_A_TIME = 100_000
CHARACTERS_AT_A_TIME = 50_000_000
csv.field_size_limit(LONGEST_ROW)
# Said of the columns that were found, at most.
CHARACTERS_SAID = 300


@dataclass(frozen=True)
class ExtractFile:
    """A file of an extract. `number` is its place in file order (sorted by name), `name` is fit to be shown.

    `delivered` is the file that came, with its size and hash; `path` is what is read as the contract says: the same
    file, unless it was converted.
    """

    number: int
    source: Source
    path: Path
    name: str
    size: int
    sha256: str
    delivered: Path


class FileFault(Exception):
    """Why a file cannot be read as its source."""


def find_files(folder: Path) -> list[ExtractFile]:
    """The extract's files, sorted by name, hashed.

    Raises SobstatError if the folder does not exist, holds no file of any source, or one that cannot be read.
    """
    if not folder.is_dir():
        raise SobstatError(
            f"There is no extract folder {folder}: give the folder that holds arenden*.csv and the rest."
        )
    found = [(source, path) for source, path in _named_as_sources(folder) if path.name.lower().endswith(SUFFIXES)]
    if not found:
        names = ", ".join(f"{name}*" for name in sources())
        raise SobstatError(f"{folder} holds no extract file: expected {names}, as {', '.join(SUFFIXES)}.")
    files = []
    for number, (source, path) in enumerate(found, 1):
        name = visible(path.name)
        if not path.is_file():
            raise SobstatError(f"{folder / name} is not a file that can be read (a folder, or a link to nowhere).")
        if "\ufffd" in name:
            raise SobstatError(f"The name of {folder / name} is not UTF-8: rename the file.")
        files.append(ExtractFile(number, source, path, name, path.stat().st_size, _sha256(path), delivered=path))
    return files


def passed_over(folder: Path) -> list[str]:
    """The names of what is named as a source but is no kind of file that the load reads, such as `arenden.xlsx`."""
    return [visible(path.name) for _, path in _named_as_sources(folder) if not path.name.lower().endswith(SUFFIXES)]


def _named_as_sources(folder: Path) -> list[tuple[Source, Path]]:
    """What is named as a source, in either case, sorted by name."""
    paths = sorted(folder.iterdir(), key=lambda path: path.name)
    # The longest name: befolkning_totalt.csv is no file of befolkning.
    longest = sorted(sources().values(), key=lambda source: -len(source.name))
    named = [(next((s for s in longest if path.name.lower().startswith(s.name)), None), path) for path in paths]
    return [(source, path) for source, path in named if source]


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_files(
    con: duckdb.DuckDBPyConnection,
    files: list[ExtractFile],
    use: Callable[[ExtractFile], None],
    progress=lambda done, total: None,
) -> None:
    """Make a view `fil_<number>` of every file, and have `use` read it once.

    Raises SobstatError that lists the fault of every file that cannot be read as its source.
    """
    for source in sources().values():
        columns = "".join(f", {name} VARCHAR" for name in source.columns)
        con.execute(f"CREATE TABLE csv_{source.name} (fil SMALLINT, rad BIGINT{columns})")
    con.execute("CREATE TABLE felaktig_rad (fil SMALLINT, rad BIGINT, skal VARCHAR)")
    con.execute("CREATE TABLE fil (fil SMALLINT, namn VARCHAR, kalla VARCHAR, lasta BIGINT)")
    faults = []
    for done, file in enumerate(files):
        progress(done, len(files))
        read = _read_parquet if file.path.suffix.lower() == ".parquet" else _read_csv
        try:
            read(con, file, use)
            if _sha256(file.delivered) != file.sha256:
                raise FileFault("the file changed while it was read; load it when it is complete.")
        except FileFault as fault:
            faults.append(f"{file.name}: {fault}")
        except FileNotFoundError:
            faults.append(f"{file.name}: the file vanished while it was read; deliver it again.")
        else:
            con.execute(
                f"INSERT INTO fil SELECT $fil, $namn, $kalla, (SELECT count(*) FROM fil_{file.number})"
                " + (SELECT count(*) FROM felaktig_rad WHERE fil = $fil)",
                {"fil": file.number, "namn": file.name, "kalla": file.source.name},
            )
    progress(len(files), len(files))
    if faults:
        listed = "\n".join(f"  {fault}" for fault in faults)
        raise SobstatError(f"{len(faults)} file(s) cannot be read; nothing was loaded.\n{listed}")


def _check_columns(source: Source, found: list[str]) -> None:
    """Raises FileFault unless every column of the contract is found once.

    A first line with few of them may hold data, even a person's id: it is not shown.
    """
    known = [name for name in found if name in source.columns]
    lowered = {name.lower(): name for name in found}
    named = len(source.columns.keys() & lowered.keys())
    if 2 * named < len(source.columns):
        raise FileFault(
            f"no header: the first line names {named or 'none'} of the columns {', '.join(source.columns)}; expected "
            "all of them, separated by comma or semicolon."
        )
    if twice := sorted({name for name in known if known.count(name) > 1}):
        raise FileFault(f"column {', '.join(twice)} occurs twice in the header; expected once.")
    missing = [name for name in source.columns if name not in known]
    if missing:
        near = {name: nearest(name, lowered) for name in missing}
        hints = [f"{name} (nearest found: {lowered[at]})" if (at := near[name]) else name for name in missing]
        listed = shortened(", ".join(found), CHARACTERS_SAID)
        raise FileFault(visible(f"column {', '.join(hints)} is missing; found {listed}."))


def _read_parquet(con: duckdb.DuckDBPyConnection, file: ExtractFile, use: Callable[[ExtractFile], None]) -> None:
    path = glob.escape(str(file.path))  # a name such as arenden*.parquet is that file alone
    scan = f"read_parquet({quoted(path)})"
    try:
        described = con.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()
    except duckdb.Error as error:
        raise FileFault("not a readable Parquet file (truncated, or of another format).") from error
    types = {name: str(kind) for name, kind, *_ in described}
    _check_columns(file.source, list(types))
    for name in file.source.columns:
        if "(" in types[name].removeprefix("DECIMAL(") or types[name].endswith("]") or types[name] == "BLOB":
            raise FileFault(f"column {name} holds {types[name]}; expected text, a number or a time.")
    as_text = ", ".join(f"{_as_text(name, types[name])} AS {name}" for name in file.source.columns)
    # A column of the file's own may have that name; counting takes longer.
    rad = "row_number() OVER ()" if "file_row_number" in types else "file_row_number + 1"
    con.execute(
        f"CREATE VIEW fil_{file.number} AS SELECT {file.number}::SMALLINT AS fil, {rad} AS rad, {as_text} FROM {scan}"
    )
    try:
        use(file)
    except duckdb.Error as error:
        if no_room(error):
            raise  # no fault of the file's
        raise FileFault("its contents cannot be read (damaged Parquet file, or text that is not UTF-8).") from error


def _as_text(name: str, kind: str) -> str:
    """A Parquet column as text. Whole numbers are written so also where pandas or a database made them 17.0."""
    if kind not in ("DOUBLE", "FLOAT") and not kind.startswith("DECIMAL"):
        return f'CAST("{name}" AS VARCHAR)'
    return f'''CASE WHEN isnan(CAST("{name}" AS DOUBLE)) THEN NULL
        WHEN "{name}" = try_cast("{name}" AS HUGEINT) THEN CAST(try_cast("{name}" AS HUGEINT) AS VARCHAR)
        ELSE CAST("{name}" AS VARCHAR) END'''


class _Lines:
    """The lines of a text file. Raises FileFault before a row of them is longer than LONGEST_ROW.

    row  how many characters of the row under way were given; who reads the rows sets it to 0 after each
    """

    def __init__(self, stream: TextIO):
        self.stream, self.number, self.row = stream, 0, 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self.stream.readline(LONGEST_ROW + 1)
        if not line:
            raise StopIteration
        self.number += 1
        self.row += len(line)
        if self.row > LONGEST_ROW:
            raise FileFault(f"line {self.number} belongs to a row of more than {LONGEST_ROW} characters.")
        return line


def _read_csv(con: duckdb.DuckDBPyConnection, file: ExtractFile, use: Callable[[ExtractFile], None]) -> None:
    open_text = gzip.open if file.path.suffix.lower() == ".gz" else open
    try:
        with open_text(file.path, "rt", encoding="utf-8-sig", newline="") as stream:
            lines = _Lines(stream)
            header, delimiter = _header(next(lines, ""))
            _check_columns(file.source, header)
            places = [header.index(name) for name in file.source.columns]
            for first, block in _blocks(lines, delimiter):
                _insert(con, file, first, block, places, len(header))
    except UnicodeDecodeError as error:
        raise FileFault(f"not UTF-8: byte {error.object[error.start]:#04x} found; save the file as UTF-8.") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise FileFault("not a whole gzip file (truncated or damaged); deliver it again.") from error
    con.execute(f"CREATE VIEW fil_{file.number} AS FROM csv_{file.source.name} WHERE fil = {file.number}")
    use(file)


def _header(line: str) -> tuple[list[str], str]:
    """The names in the first line, and what separates them."""
    if not line:
        raise FileFault("empty file; expected a header line and rows.")
    if "\0" in line:
        raise FileFault("not UTF-8: NUL bytes found, as in UTF-16; save the file as UTF-8.")
    if not line.strip():
        raise FileFault("no header: the first line is blank.")
    delimiter = ";" if line.count(";") > line.count(",") else ","
    names = next(csv.reader([line.lstrip("\ufeff")], delimiter=delimiter))
    return [name.strip() for name in names], delimiter


def _blocks(lines: _Lines, delimiter: str) -> Iterator[tuple[int, list[list[str]]]]:
    """The rows in blocks, with the number of each block's first; blank lines are no rows."""
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    first, block, size, lines.row = 1, [], 0, 0
    try:
        for row in rows:
            size, lines.row = size + lines.row, 0
            if row:
                block.append(row)
            if len(block) == ROWS_AT_A_TIME or size > CHARACTERS_AT_A_TIME:
                yield first, block
                first, block, size = first + len(block), [], 0
    except csv.Error as error:
        raise FileFault(f"not a CSV file: line {lines.number}: {error}.") from error
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
        con.append("felaktig_rad", pd.DataFrame(broken, columns=["fil", "rad", "skal"]))
    if whole:
        frame = pd.DataFrame([[row[place] for place in places] for _, row in whole], dtype=object)
        frame.insert(0, "rad", [number for number, _ in whole])
        con.execute(f"INSERT INTO csv_{file.source.name} SELECT {file.number}, * FROM frame")
