"""An extract's files as views, every fault of theirs reported at once.

fil_<number>     a file: the contract's columns as text, with the file's number and the row's number in it
inlast_<number>  the file's own columns as they were read, k0, k1, …
fil              the files that could be read, how many rows each has, and how many its mapping passes over
felaktig_rad     rows of CSV files that are not cut as the header is

What a row is worth is the load's business. Parquet files are read where they are, as they are used.
"""

import csv
import glob
import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import TextIO

import duckdb
import pandas as pd

from sobstat.contract import quoted
from sobstat.delivered.mapped import mapped_columns
from sobstat.delivered.mapping import UTF_8
from sobstat.errors import SobstatError, nearest
from sobstat.extract import CHARACTERS_SAID, ExtractFile, FileFault
from sobstat.fingerprints import sha256
from sobstat.names import shortened, visible
from sobstat.warehouse import no_room

VANISHED = "the file vanished while it was read; deliver it again."
# What is held in memory at a time, whatever a file unpacks to.
LONGEST_ROW = 1_000_000
ROWS_AT_A_TIME = 100_000
CHARACTERS_AT_A_TIME = 50_000_000
csv.field_size_limit(LONGEST_ROW)


def make_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Create the tables that tell of files, empty."""
    con.execute("CREATE TABLE felaktig_rad (fil SMALLINT, rad BIGINT, skal VARCHAR)")
    con.execute("CREATE TABLE fil (fil SMALLINT, namn VARCHAR, kalla VARCHAR, lasta BIGINT, forbigangna BIGINT)")


def read_files(
    con: duckdb.DuckDBPyConnection,
    files: list[ExtractFile],
    read: Callable[[ExtractFile], tuple[int, int]],
    progress=lambda done, total: None,
    faults: Iterable[str] = (),
) -> None:
    """Have `read` read every file, and note what it returns: see `read_file`.

    `faults` are those of delivered files that could not be converted. Raises SobstatError that lists them, and the
    fault of every file that cannot be read as its source.
    """
    faults = list(faults)
    for done, file in enumerate(files):
        progress(done, len(files))
        try:
            rows, passed_over = read(file)
            if sha256(file.delivered) != file.sha256:
                raise FileFault("the file changed while it was read; load it when it is complete.")
        except FileFault as fault:
            faults.append(f"{file.name}: {fault}")
        except FileNotFoundError:
            faults.append(f"{file.name}: {VANISHED}")
        else:
            con.execute(
                "INSERT INTO fil VALUES (?, ?, ?, ?, ?)",
                [file.number, file.name, file.source.name, rows, passed_over],
            )
    progress(len(files), len(files))
    if faults:
        listed = "\n".join(f"  {fault}" for fault in faults)
        raise SobstatError(f"{len(faults)} file(s) cannot be read; nothing was loaded.\n{listed}")


def is_parquet(file: ExtractFile) -> bool:
    return file.path.suffix.lower() == ".parquet"


def read_file(con: duckdb.DuckDBPyConnection, file: ExtractFile, use: Callable[[ExtractFile], None]) -> tuple[int, int]:
    """Make a view `fil_<number>` of the file, and have `use` read it once; returns how many rows it has, and how many
    more its mapping passes over. Raises FileFault if it cannot be read as its source.
    """
    (_read_parquet if is_parquet(file) else _read_csv)(con, file, use)
    return con.execute(
        f"SELECT hela + (SELECT count(*) FROM felaktig_rad WHERE fil = {file.number}), "
        f"(SELECT count(*) FROM inlast_{file.number}) - hela FROM (SELECT count(*) AS hela FROM fil_{file.number})"
    ).fetchall()[0]


def _check_header(columns: list[str], found: list[str], delimiter: str) -> None:
    """As `check_columns`; but a first line with few of them may hold data, even a person's id: it is not shown."""
    named = len({name.lower() for name in columns} & {name.lower() for name in found})
    if 2 * named < len(columns):
        raise FileFault(
            f"no header: the first line names {named or 'none'} of the columns {', '.join(columns)}; expected "
            f"all of them, separated by {delimiter}."
        )
    check_columns(columns, found)


def check_columns(columns: list[str], found: list[str]) -> None:
    """Raises FileFault unless every column is found once; it tells what was found."""
    known = [name for name in found if name in columns]
    lowered = {name.lower(): name for name in found}
    if twice := sorted({name for name in known if known.count(name) > 1}):
        raise FileFault(f"column {', '.join(twice)} occurs twice in the header; expected once.")
    missing = [name for name in columns if name not in known]
    if missing:
        near = {name: nearest(name.lower(), lowered) for name in missing}
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
    _check_header(file.columns, list(types), "comma or semicolon")
    for name in file.columns:
        if "(" in types[name].removeprefix("DECIMAL(") or types[name].endswith("]") or types[name] == "BLOB":
            raise FileFault(f"column {name} holds {types[name]}; expected text, a number or a time.")
    as_text = ", ".join(f"{_as_text(name, types[name])} AS k{at}" for at, name in enumerate(file.columns))
    # A column of the file's own may have that name; counting takes longer.
    rad = "row_number() OVER ()" if "file_row_number" in types else "file_row_number + 1"
    which = f"rad BETWEEN {file.rows[0]} AND {file.rows[1]}" if file.rows else "true"
    con.execute(f"CREATE VIEW inlast_{file.number} AS FROM (SELECT {rad} AS rad, {as_text} FROM {scan}) WHERE {which}")
    try:
        _create_view(con, file)
        use(file)
    except duckdb.Error as error:
        if no_room(error):
            raise  # no fault of the file's
        raise FileFault("its contents cannot be read (damaged Parquet file, or text that is not UTF-8).") from error


def _create_view(con: duckdb.DuckDBPyConnection, file: ExtractFile) -> None:
    """The contract's columns of `inlast_<number>`, which holds the file's as they were read, k0, k1, …"""
    columns, which = [f"k{at} AS {name}" for at, name in enumerate(file.source.columns)], "true"
    if file.mapping:
        columns, which = mapped_columns(file.source, file.mapping)
    con.execute(
        f"CREATE VIEW fil_{file.number} AS SELECT {file.number}::SMALLINT AS fil, rad, {', '.join(columns)} "
        f"FROM inlast_{file.number} WHERE {which}"
    )


def _as_text(name: str, kind: str) -> str:
    """A Parquet column as text. Whole numbers are written so also where pandas or a database made them 17.0."""
    column = '"' + name.replace('"', '""') + '"'
    if kind not in ("DOUBLE", "FLOAT") and not kind.startswith("DECIMAL"):
        return f"CAST({column} AS VARCHAR)"
    return f"""CASE WHEN isnan(CAST({column} AS DOUBLE)) THEN NULL
        WHEN {column} = try_cast({column} AS HUGEINT) THEN CAST(try_cast({column} AS HUGEINT) AS VARCHAR)
        ELSE CAST({column} AS VARCHAR) END"""


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
    encoding, delimiter = (file.mapping.encoding, file.mapping.delimiter) if file.mapping else (UTF_8, None)
    columns = "".join(f", k{at} VARCHAR" for at in range(len(file.columns)))
    con.execute(f"CREATE TABLE inlast_{file.number} (rad BIGINT{columns})")
    try:
        with open_text(file.path, "rt", encoding=encoding, newline="") as stream:
            lines = _Lines(stream)
            header, delimiter = _header(next(lines, ""), delimiter)
            _check_header(file.columns, header, repr(delimiter) if file.mapping else "comma or semicolon")
            places = [header.index(name) for name in file.columns]
            for first, block in _blocks(lines, delimiter):
                _insert(con, file, first, block, places, len(header))
    except UnicodeDecodeError as error:
        name = encoding.removesuffix("-sig").upper()
        mend = "or give its encoding in the mapping" if file.mapping else f"save the file as {name}"
        raise FileFault(f"not {name}: byte {error.object[error.start]:#04x} found; {mend}.") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise FileFault("not a whole gzip file (truncated or damaged); deliver it again.") from error
    _create_view(con, file)
    use(file)


def _header(line: str, delimiter: str | None) -> tuple[list[str], str]:
    """The names in the first line, and what separates them, if it is not known: commas or semicolons."""
    if not line:
        raise FileFault("empty file; expected a header line and rows.")
    if "\0" in line:
        raise FileFault("not UTF-8: NUL bytes found, as in UTF-16; save the file as UTF-8.")
    if not line.strip():
        raise FileFault("no header: the first line is blank.")
    delimiter = delimiter or (";" if line.count(";") > line.count(",") else ",")
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
        con.execute(f"INSERT INTO inlast_{file.number} FROM frame")
