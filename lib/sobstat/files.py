"""A table as a file: CSV, JSON or text, with the same figures in the same order as on the page."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sobstat.declarations import measures
from sobstat.names import as_cell, from_cell, isolated

if TYPE_CHECKING:
    import pandas as pd


def _decimals(column: str) -> int | None:
    """The decimals of a ratio's or share's column; None for all others."""
    found = (m.decimals for m in measures().values() if m.column_name == column and not m.counted)
    return next(found, None)


def _written(table: pd.DataFrame) -> pd.DataFrame:
    """Every value as it is written: counts whole, ratios with their decimals, missing ones as None."""
    import pandas as pd  # here alone, since it takes long, and most who write files write no table

    written = table.astype(object)
    for column in table:
        decimals = _decimals(column)
        values = [None if pd.isna(value) else value for value in table[column]]
        if decimals is not None:
            values = [value if value is None else f"{value:.{decimals}f}" for value in values]
        written[column] = pd.Series(values, index=table.index, dtype=object)
    return written


def _with_names(written: pd.DataFrame, table: pd.DataFrame, as_written) -> pd.DataFrame:
    """The same with every name of a group as a form of file needs it; figures stay."""
    for column in table.select_dtypes("str"):
        written[column] = written[column].map(as_written)
    return written


def to_csv(table: pd.DataFrame) -> str:
    """UTF-8 text, comma, decimal point, header, a line feed per row; missing values are empty.

    A name that a spreadsheet would take for a formula has an apostrophe before it.
    """
    return _with_names(_written(table), table, as_cell).to_csv(index=False, lineterminator="\n")


def not_for_publication(text: str) -> str:
    """The CSV with a last column that says on every row that it is not for publication."""
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    marked = io.StringIO(newline="")
    writer = csv.writer(marked, lineterminator="\n")
    writer.writerows([[*header, "publicering"], *([*row, "ej för publicering"] for row in rows)])
    return marked.getvalue()


def read_rows(text: str) -> list[dict]:
    """The rows of a table's CSV: counts whole, ratios and shares as fractions, names as they are; None where empty."""
    reader = csv.DictReader(io.StringIO(text, newline=""))
    counts = {measure.column_name for measure in measures().values() if measure.counted}
    as_value = {
        column: int if column in counts else from_cell if _decimals(column) is None else float
        for column in reader.fieldnames or ()
    }
    return [{column: as_value[column](value) if value else None for column, value in row.items()} for row in reader]


def as_json(text: str) -> str:
    """A table's CSV as a list of rows, one a line, each an object with the table's columns; null where it is empty."""
    rows = ",\n".join(json.dumps(row, ensure_ascii=False) for row in read_rows(text))
    return f"[\n{rows}\n]\n"


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file that is either whole or not there; text as UTF-8."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def to_json(table: pd.DataFrame) -> str:
    """The same of a table."""
    return as_json(to_csv(table))


def to_text(table: pd.DataFrame) -> str:
    """Aligned columns for reading in a terminal."""
    return _with_names(_written(table).fillna(""), table, isolated).to_string(index=False) + "\n"


FORMATS = {"csv": to_csv, "json": to_json, "text": to_text}


@contextmanager
def _with_umask(umask: int) -> Iterator[None]:
    before = os.umask(umask)
    try:
        yield
    finally:
        os.umask(before)


def private_files() -> AbstractContextManager[None]:
    """Everything that is made meanwhile is readable by its owner alone."""
    return _with_umask(0o077)


def public_files() -> AbstractContextManager[None]:
    """Everything that is made meanwhile can be read by all, also where the umask would keep it private."""
    return _with_umask(0o022)
