"""A table as readers see it: headings, and cells whose hidden and undefined values are told apart in words."""

from dataclasses import dataclass

import pandas as pd

from sobstat.declarations import Dimension, Measure, Report, dimensions, measures
from sobstat.disclosure.rule import HIDDEN
from sobstat.months import Month
from sobstat.swedish import number

# More groups than this do not go side by side.
MAX_ACROSS = 13


@dataclass(frozen=True)
class Cell:
    """One value: `kind` is `number`, `hidden` or `undefined`."""

    kind: str
    text: str = ""


@dataclass(frozen=True)
class Row:
    headings: list[str]
    cells: list[Cell]


@dataclass(frozen=True)
class View:
    """A table for a page: titles of the leading columns, of the columns of values, and the rows."""

    corner: list[str]
    columns: list[str]
    rows: list[Row]
    left_out: str = ""  # what does not stand in it, in Swedish

    @property
    def hidden(self) -> int:
        return sum(cell.kind == "hidden" for row in self.rows for cell in row.cells)


def dimensions_of(report: Report) -> list[Dimension]:
    return [dimensions()[name] for name in report.by]


def measures_of(report: Report) -> list[Measure]:
    return [measures()[name] for name in report.measures]


def known(value) -> bool:
    """Whether a cell holds a value, that is neither hidden nor undefined."""
    return not pd.isna(value)


def label(dimension: Dimension, name: str) -> str:
    """A group's name for readers; months in words."""
    return Month.parse(name).title if dimension.id == "manad" else name


def hidden_rows(table: pd.DataFrame, measure: Measure) -> pd.Series:
    """Where a measure's value is missing because a count is hidden: its own, or one that it is computed from."""
    status = f"{measure.column_name}_status"
    if measure.counted:
        return table[status] == HIDDEN if status in table else pd.Series(False, index=table.index)
    parts = [measures()[name] for name in (measure.numerator, measure.denominator) if name]
    hidden = pd.concat([hidden_rows(table, part) for part in parts], axis=1).any(axis=1)
    return hidden | hidden.any() if measure.kind == "share" else hidden


def cells_of(table: pd.DataFrame, measure: Measure) -> list[Cell]:
    """A measure's column."""
    return [
        Cell("number", number(value, measure)) if known(value) else Cell("hidden" if hidden else "undefined")
        for value, hidden in zip(table[measure.column_name], hidden_rows(table, measure), strict=True)
    ]


def make_view(table: pd.DataFrame, report: Report) -> View:
    """The table of a report: a row per group, or one dimension across where there are two and one measure."""
    by, shown = dimensions_of(report), measures_of(report)
    if len(by) == 2 and len(shown) == 1:
        across = _across(table, by)
        if across:
            down = by[1] if across is by[0] else by[0]
            return _crossed(table, down, across, shown[0])
    columns = [cells_of(table, measure) for measure in shown]
    labels = [[label(dimension, name) for name in table[dimension.name_column]] for dimension in by]
    rows = [
        Row(list(headings), list(cells))
        for headings, cells in zip(zip(*labels, strict=True), zip(*columns, strict=True), strict=True)
    ]
    return View([dimension.title for dimension in by], [measure.title for measure in shown], rows)


def _across(table: pd.DataFrame, by: list[Dimension]) -> Dimension | None:
    """The dimension with the fewest groups, if they fit side by side; else months, of which the last are shown."""
    groups = {dimension.id: table[dimension.name_column].nunique() for dimension in by}
    fewest = min(reversed(by), key=lambda dimension: groups[dimension.id])
    if groups[fewest.id] <= MAX_ACROSS:
        return fewest
    return next((dimension for dimension in by if dimension.id == "manad"), None)


def _crossed(table: pd.DataFrame, down: Dimension, across: Dimension, measure: Measure) -> View:
    groups = list(dict.fromkeys(table[across.name_column]))
    shown = groups[-MAX_ACROSS:]
    names = zip(table[down.name_column], table[across.name_column], strict=True)
    cells = dict(zip(names, cells_of(table, measure), strict=True))
    rows = [
        Row([label(down, name)], [cells.get((name, group), Cell("undefined")) for group in shown])
        for name in dict.fromkeys(table[down.name_column])
    ]
    left_out = f"Tabellen visar de senaste {len(shown)} månaderna; filen innehåller alla {len(groups)}."
    return View([down.title], [label(across, g) for g in shown], rows, left_out if len(shown) < len(groups) else "")
