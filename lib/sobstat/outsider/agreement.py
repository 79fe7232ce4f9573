"""Whether an edition's pages say what its files say, and nothing more: tables, drill-downs and charts.

So whoever has the files knows all figures of the pages. Faults name page, figure and group, never a value.
"""

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from bs4 import BeautifulSoup, Tag

from sobstat.declarations import Measure, dimensions, measures
from sobstat.outsider.counts import describe, names_of
from sobstat.outsider.reading import HIDDEN, Row, Table, lan_of, read_tables, thresholds

HIDDEN_TEXT, UNDEFINED_TEXT = "visas inte", "uppgift saknas"
MONTHS = (
    "januari", "februari", "mars", "april", "maj", "juni",
    "juli", "augusti", "september", "oktober", "november", "december",
)  # fmt: skip
# What a chart's data may hold beside figures: a row's level, and where the name of a line stands.
NO_FIGURES = {"niva", "hojd"}
TOTAL = "Totalt"
COLUMNS = {column: name for name, dimension in dimensions().items() for column in dimension.columns}
MEASURES = {measure.column_name for measure in measures().values()}


def disagreements(edition: Path, parameters: Mapping) -> list[str]:
    """Every fault of an edition's folder; `parameters` are those in its manifest."""
    tables = read_tables(edition, parameters)
    faults = [f"{table.name}: {fault}" for table in tables for fault in _file_faults(table)]
    for path in sorted(edition.glob("*/**/*.html")):
        here = {table.report: table for table in tables if table.folder == str(path.parent.relative_to(edition))}
        page = BeautifulSoup(path.read_text("utf-8"), "html.parser")
        name = path.relative_to(edition)
        faults += [f"{name}: {fault}" for fault in _page_faults(page, here, thresholds(parameters))]
    for table in tables:
        if "niva" in table.columns:
            rows = edition / table.folder / "data" / f"{table.report}.js"
            faults += [f"{rows.relative_to(edition)}: {fault}" for fault in _drilldown_faults(rows, table)]
    return faults


def _file_faults(table: Table) -> Iterator[str]:
    for measure in table.measures:
        column = measure.column_name
        hidden = [row for row in table.rows if row.hidden(column)]
        for row in table.rows:
            if row.shown.get(f"{column}_status", "") not in ("", HIDDEN):
                yield f"{column}_status of {describe((column, row.group))} is neither empty nor {HIDDEN}"
        yield from (f"{describe((column, row.group))} is hidden and has a value" for row in hidden if row.shown[column])
        if not measure.counted:
            for row in table.rows:
                if row.shown[column] and any(part.hidden(name) for part, name in _parts(row, measure, table)):
                    yield f"{describe((column, row.group))} has a value, computed from a hidden one"


def _parts(row: Row, measure: Measure, table: Table) -> list[tuple[Row, str]]:
    """The rows and columns that a computed value comes from."""
    numerator = measures()[measure.numerator].column_name
    if measure.kind == "share":
        return [(other, numerator) for other in table.rows]
    return [(row, numerator), (row, measures()[measure.denominator].column_name)]


def _page_faults(page: BeautifulSoup, tables: dict[str, Table], threshold: Mapping[str, int]) -> Iterator[str]:
    figures = {section["id"]: section for section in page.select("section.figure[id]")}
    yield from (f"{name} has no file" for name in figures.keys() - tables.keys())
    for name in figures.keys() & tables.keys():
        yield from (f"{name}: {fault}" for fault in _table_faults(figures[name], tables[name]))
    known = _Figures(tables.values(), threshold)
    for script in page.find_all("script", type="application/json"):
        section = script.find_parent("section")
        name = section["id"] if section and section.has_attr("id") else "the page"
        if "vega-spec" in script.get("class", ()):
            yield from (f"{name}: {fault}" for fault in dict.fromkeys(known.chart_faults(json.loads(script.string))))
        else:
            yield f"{name} holds data that nobody knows how to read"


def _table_faults(section: Tag, table: Table) -> list[str]:
    """A figure's table against its file."""
    element = section.find("table")
    if element is None:
        return ["it has no table"]
    head = [_text(cell) for cell in element.thead.find_all("th")]
    body = [([_text(c) for c in row.find_all("th")], row.find_all("td")) for row in element.tbody.find_all("tr")]
    dims = table.dimensions
    titles = [measure.title for measure in table.measures]
    if "niva" in table.columns:
        rows = [row for row in table.rows if row.shown["niva"] in ("totalt", dims[0])]
        expected = [([_label(row, dims[0]) or TOTAL], row) for row in rows]
        width = 1
    else:
        expected = [([_label(row, name) for name in dims], row) for row in table.rows]
        width = len(dims)
    if head[width:] != titles:
        return _crossed_faults(head, body, table)
    if [names for names, _ in body] != [names for names, _ in expected]:
        return ["the rows of its table are not those of its file"]
    return [
        f"its table says otherwise than its file about {describe((measure.column_name, row.group))}"
        for (_, cells), (_, row) in zip(body, expected, strict=True)
        for cell, measure in zip(cells, table.measures, strict=True)
        if not _same(cell, row, measure, table)
    ]


def _crossed_faults(head: list[str], body: list, table: Table) -> list[str]:
    """A table with one dimension across; of months, it may show the last."""
    if len(table.dimensions) != 2 or len(table.measures) != 1:
        return ["the columns of its table are not those of its file"]
    measure = table.measures[0]
    for down, across in (table.dimensions, table.dimensions[::-1]):
        # Two names may look the same on a page, so rows and columns are told by their place.
        files = {(_name(row, down), _name(row, across)): row for row in table.rows}
        row_of = {_name(row, down): _label(row, down) for row in table.rows}
        column_of = {_name(row, across): _label(row, across) for row in table.rows}
        groups = list(dict.fromkeys(group for _, group in files))
        shown = groups[-len(head[1:]) :] if across == "manad" else groups
        names = list(dict.fromkeys(name for name, _ in files))
        if head[1:] == [column_of[g] for g in shown] and [row for row, _ in body] == [[row_of[n]] for n in names]:
            return [
                f"its table says otherwise than its file about {row_of[name]}, {column_of[group]}"
                for name, (_, cells) in zip(names, body, strict=True)
                for group, cell in zip(shown, cells, strict=True)
                if not (
                    _same(cell, files[name, group], measure, table)
                    if (name, group) in files
                    else _text(cell).endswith(UNDEFINED_TEXT)
                )
            ]
    return ["the rows or columns of its table are not those of its file"]


def _text(element: Tag) -> str:
    return " ".join(element.get_text().split())


def _name(row: Row, dimension: str) -> str:
    return row.shown[dimensions()[dimension].name_column]


def _label(row: Row, dimension: str) -> str:
    """A group's name as pages write it."""
    name = _name(row, dimension)
    if dimension == "manad" and name:
        year, month = name.split("-")
        name = f"{MONTHS[int(month) - 1]} {year}"
    return " ".join(name.split())


def _same(cell: Tag, row: Row, measure: Measure, table: Table) -> bool:
    """Whether a cell of a page says the same as the file: a number, that it is hidden, or undefined."""
    text, value = _text(cell), row.shown[measure.column_name]
    parts = [(row, measure.column_name)] if measure.counted else _parts(row, measure, table)
    hidden = any(part.hidden(column) for part, column in parts)
    if text == HIDDEN_TEXT or text.endswith(UNDEFINED_TEXT):
        return not value and hidden == (text == HIDDEN_TEXT)
    written = text.replace(" ", "").replace(",", ".").replace("−", "-")
    if not value or not re.fullmatch(r"-?\d+(\.\d+)?%?", written):
        return False
    percent = written.endswith("%")
    number, of_page = float(written.rstrip("%")), _half(written.rstrip("%"))
    if percent:
        number, of_page = number / 100, of_page / 100
    return _near(number, value, of_page)


def _near(number: float, value: str, half: float = 0) -> bool:
    """Whether a number is what a file says: the same count, or the same but for rounding (by `half` at most)."""
    return abs(number - float(value)) <= (half + _half(value) + 1e-9 if "." in value else 0)


def _half(number: str) -> float:
    """Half a unit of the last decimal."""
    return 0.5 * 10 ** -len(number.partition(".")[2])


def _drilldown_faults(path: Path, table: Table) -> list[str]:
    """The rows that the page's script asks for and unfolds, against the table's."""
    text = path.read_text("utf-8") if path.is_file() else ""
    call = re.fullmatch(r'sobstat\.rows\("([\w-]+)", (\{.*\})\);\n', text)
    if not call or call[1] != table.report:
        return ["it is not one call that hands over the rows of its table"]
    try:
        data = json.loads(call[2])
    except ValueError:
        return ["what it hands over is no JSON"]
    levels = ["totalt", *table.dimensions]
    values = [re.findall(r"\d|x|\(\d+\)", column) for column in data["varden"]]
    if len(data["djup"]) != len(table.rows) or any(len(column) != len(table.rows) for column in values):
        return ["its rows are not those of its table"]
    faults, at = [], 0
    for number, row in enumerate(table.rows):
        depth = int(data["djup"][number])
        code = data["etikett"][at : (at := at + data["bredd"][depth])]
        name = data["namn"][depth][int(code, 36)]
        if levels[depth] != row.shown["niva"] or name not in _drilldown_names(row, levels[depth]):
            return [*faults, f"row {number + 1} is not that of its table"]
        for measure, column in zip(table.measures, values, strict=True):
            shown = "x" if row.hidden(measure.column_name) else row.shown[measure.column_name]
            if column[number].strip("()") != shown:
                what = describe((measure.column_name, row.group))
                faults.append(f"it says otherwise than its table about {what}")
    return faults


def _drilldown_names(row: Row, level: str) -> list[str]:
    """What a row of a drill-down may be called: its name, or that and its id."""
    if level == "totalt":
        return [TOTAL]
    dimension = dimensions()[level]
    name = row.shown[dimension.name_column]
    return [name, f"{name} ({row.shown[dimension.columns[0]]})"]


class _Figures:
    """The rows of a region's files, found by what a chart says about them."""

    def __init__(self, tables: Collection[Table], threshold: Mapping[str, int]):
        self.region = next((lan_of(table.region) for table in tables), frozenset())
        self.rows = defaultdict(list)
        for table in tables:
            for row in table.rows:
                self.rows[names_of(row.group)].append(row)
        self.found: dict[tuple, dict[tuple, list[Row]]] = {}
        # Measures that are hidden where they are small, or computed from such.
        self.sensitive = {
            measure.column_name
            for measure in measures().values()
            if any(threshold.get(name) for name in (measure.id, measure.numerator, measure.denominator) if name)
        }

    def chart_faults(self, specification: dict) -> Iterator[str]:
        """What a chart's data hold that the region's files don't."""
        titles = {measure.title: measure.column_name for measure in measures().values()}
        for data in _datasets(specification):
            about = {column: value for column, value in data.items() if column in COLUMNS}
            for column, value in data.items():
                if column == "antal" and "matt" in data:
                    column = titles.get(data["matt"], column)
                if column in MEASURES:
                    if value is not None:
                        yield from self._value_faults(about, column, value)
                elif column not in NO_FIGURES and isinstance(value, int | float) and column not in about:
                    yield f"its chart holds {column}, which stands in no file"

    def _value_faults(self, about: dict[str, str], column: str, value: float) -> Iterator[str]:
        rows = [row for row in self._lookup(about) if column in row.shown]
        what = f"{column} ({', '.join(map(str, about.values())) or 'all'})"
        if not rows and column in self.sensitive:
            yield f"its chart holds {what}, which stands in no file"
        for row in rows:
            if not row.shown[column]:
                yield f"its chart holds {what}, which the file hides"
            elif abs(float(value) - float(row.shown[column])) > (
                _half(row.shown[column]) + 1e-9 if "." in row.shown[column] else 0
            ):
                yield f"its chart says otherwise than the file about {what}"

    def _lookup(self, about: dict[str, str]) -> list[Row]:
        """The rows of exactly the group that some columns of a chart's data name."""
        columns = tuple(sorted(about))
        names = frozenset(COLUMNS[column] for column in columns) | names_of(self.region)
        if (names, columns) not in self.found:
            found = self.found[names, columns] = defaultdict(list)
            for row in self.rows[names]:
                if all(column in row.shown for column in columns):
                    found[tuple(_plain(row.shown[column]) for column in columns)].append(row)
        return self.found[names, columns].get(tuple(_plain(about[column]) for column in columns), [])


def _plain(name) -> str:
    """A name without the invisible character that charts set before one which JavaScript has taken."""
    return str(name).removeprefix("\u2060")


def _datasets(specification) -> Iterator[dict]:
    """Every row of data in a chart's specification, wherever it stands."""
    if isinstance(specification, dict):
        for key, value in specification.items():
            lists = value.values() if key == "datasets" else [value] if key == "values" else []
            for rows in lists:
                if isinstance(rows, list):
                    yield from (row for row in rows if isinstance(row, dict))
            if key != "datasets":
                yield from _datasets(value)
    elif isinstance(specification, list):
        for value in specification:
            yield from _datasets(value)
