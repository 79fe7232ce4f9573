"""Whether an edition's other files say what its CSV files say, and nothing more: JSON, spreadsheets, package and zip.

Faults name file, sheet, row and column, never a value.
"""

import csv
import hashlib
import json
import re
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from python_calamine import CalamineWorkbook

from sobstat.declarations import measures
from sobstat.names import from_cell
from sobstat.outsider.reading import HIDDEN

# What a spreadsheet's file may consist of: nothing that holds a formula, a comment, a link out, a program or a cache.
PARTS = re.compile(
    r"\[Content_Types\]\.xml|_rels/\.rels|docProps/(app|core)\.xml|xl/workbook\.xml|xl/_rels/workbook\.xml\.rels"
    r"|xl/(styles|sharedStrings)\.xml|xl/theme/theme1\.xml|xl/worksheets/sheet\d+\.xml"
)
SHEET_NAME, CELL = 31, 32767  # the name of a sheet, and a cell, hold so many characters
HIDDEN_SIGN, UNDEFINED_SIGN = "..", "."
MEASURES = {measure.column_name: measure for measure in measures().values()}


def differing_copies(edition: Path) -> list[str]:
    """Every fault of an edition's folder."""
    faults, columns = [], {}
    for folder in sorted({path.parent for path in edition.rglob("*.csv")}):  # one at a time: all may not fit in memory
        tables = {path: _read(path) for path in sorted(folder.glob("*.csv"))}
        columns |= {str(path.relative_to(edition)): names for path, (names, _) in tables.items()}
        if folder == edition:  # what has changed since the edition before has no copies
            continue
        sheets = {path.stem[:SHEET_NAME]: table for path, table in tables.items()}
        copies = [
            (path.with_suffix(".json"), _json_faults(path.with_suffix(".json"), *tables[path])) for path in tables
        ]
        copies += [(path, _workbook_faults(path, sheets)) for path in sorted(folder.glob("*.xlsx"))]
        faults += [f"{path.relative_to(edition)}: {fault}" for path, found in copies for fault in found]
    faults += [f"datapackage.json: {fault}" for fault in _package_faults(edition, columns)]
    for path in sorted(edition.glob("*.zip")):
        faults += [f"{path.name}: {fault}" for fault in _zip_faults(edition, path)]
    return faults


def _read(path: Path) -> tuple[list[str], list[list[str]]]:
    with path.open(encoding="utf-8", newline="") as file:
        columns, *rows = csv.reader(file)
    return columns, rows


def _json_faults(path: Path, columns: list[str], rows: list[list[str]]) -> Iterator[str]:
    told = json.loads(path.read_text("utf-8")) if path.is_file() else None
    if not isinstance(told, list) or len(told) != len(rows):
        yield "its rows are not those of the CSV file"
        return
    for number, (row, cells) in enumerate(zip(told, rows, strict=True), 1):
        if list(row) != columns:
            yield f"row {number}: its columns are not those of the CSV file"
        else:
            yield from (
                f"row {number}: says otherwise than the CSV file about {column}"
                for column, cell in zip(columns, cells, strict=True)
                if not _same_value(row[column], column, cell)
            )


def _same_value(value, column: str, cell: str) -> bool:
    if not cell:
        return value is None
    if column not in MEASURES:
        return value == from_cell(cell)
    return not isinstance(value, bool | str | None) and value == float(cell)


def _workbook_faults(path: Path, tables: dict[str, tuple[list[str], list[list[str]]]]) -> Iterator[str]:
    with zipfile.ZipFile(path) as parts:
        yield from (f"holds {part}" for part in parts.namelist() if not PARTS.fullmatch(part))
        sheets = [part for part in parts.namelist() if part.startswith("xl/worksheets/")]
        yield from (f"{part} holds a formula" for part in sheets if re.search(rb"<f[ >/]", parts.read(part)))
    book = CalamineWorkbook.from_path(path)
    contents, *names = book.sheet_names
    for number, row in enumerate(book.get_sheet_by_name(contents).to_python(), 1):
        if not all(isinstance(cell, str) for cell in row):
            yield f"{contents}, row {number}: holds a number"
    for name in names:
        if name not in tables:
            yield f"{name}: it has no CSV file"
        else:
            cells = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
            yield from (f"{name}: {fault}" for fault in _sheet_faults(cells, *tables[name]))


def _sheet_faults(cells: list[list], columns: list[str], rows: list[list[str]]) -> Iterator[str]:
    """A sheet against its file: lines of text, an empty row, headings, the rows, an empty row, lines of text."""
    above = next((number for number, row in enumerate(cells) if not any(row)), len(cells))
    first = above + 2
    body, below = cells[first : first + len(rows)], cells[first + len(rows) :]
    if len(cells) < first or len(cells[above + 1]) < len(columns) or len(body) != len(rows):
        yield "its rows are not those of the CSV file"
        return
    for number, row in [*enumerate(cells[:above], 1), *enumerate(below, first + len(rows) + 1)]:
        if not isinstance(row[0], str) or any(row[1:]):
            yield f"row {number}: holds something else than a line of text"
    for number, (row, expected) in enumerate(zip(body, rows, strict=True), first + 1):
        hidden = _hidden_columns(dict(zip(columns, expected, strict=True)), rows, columns)
        if any(row[len(columns) :]):
            yield f"row {number}: has a column that the CSV file lacks"
        yield from (
            f"row {number}: says otherwise than the CSV file about {column}"
            for column, value, cell in zip(columns, row, expected, strict=False)
            if not _same_cell(value, column, cell, column in hidden)
        )


def _hidden_columns(row: dict[str, str], rows: list[list[str]], columns: list[str]) -> set[str]:
    """The measures of a row that are hidden, or computed from what is."""
    hidden = {column for column in columns if row.get(f"{column}_status") == HIDDEN}
    for column in columns:
        measure = MEASURES.get(column)
        if measure and not measure.counted and not row[column]:
            parts = {measures()[name].column_name for name in (measure.numerator, measure.denominator) if name}
            somewhere = measure.kind == "share" and any(HIDDEN in other for other in rows)
            if parts & hidden or somewhere:
                hidden |= {column}
    return hidden


def _same_cell(value, column: str, cell: str, hidden: bool) -> bool:
    if column in MEASURES:
        if not cell:
            return value == (HIDDEN_SIGN if hidden else UNDEFINED_SIGN)
        return isinstance(value, float) and value == float(cell)
    if column == "manad":
        return isinstance(value, date) and f"{value:%Y-%m-%d}" == f"{cell}-01"
    name = from_cell(cell)
    return value == (name if len(name) <= CELL else f"{name[: CELL - 1]}…")


def _package_faults(edition: Path, columns: dict[str, list[str]]) -> Iterator[str]:
    """`columns` are those of each CSV file."""
    path = edition / "datapackage.json"
    package = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    resources = {resource["path"]: resource for resource in package.get("resources", [])}
    for name in sorted(resources.keys() ^ columns.keys()):
        yield f"{name} is {'no file' if name in resources else 'not in it'}"
    for name, resource in resources.items():
        if name not in columns:
            continue
        content = (edition / name).read_bytes()
        if resource["bytes"] != len(content) or resource["hash"] != f"sha256:{hashlib.sha256(content).hexdigest()}":
            yield f"{name} is another file than it describes"
        schema = edition / resource["schema"]
        fields = json.loads(schema.read_text("utf-8"))["fields"] if schema.is_file() else []
        if [field["name"] for field in fields] != columns[name]:
            yield f"{name} has other columns than it describes"


def _zip_faults(edition: Path, path: Path) -> Iterator[str]:
    expected = {
        str(file.relative_to(edition)): file
        for file in edition.rglob("*")
        if file.is_file() and file.suffix not in (".html", ".js", ".zip") and file != edition / "manifest.json"
    }
    with zipfile.ZipFile(path) as archive:
        held = archive.namelist()
        for name in sorted(set(held) ^ expected.keys()):
            yield f"{name} is {'no file of the edition' if name in held else 'not in it'}"
        for name in sorted(set(held) & expected.keys()):
            if archive.read(name) != expected[name].read_bytes():
                yield f"{name} is another in it"
