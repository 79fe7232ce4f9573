"""A drill-down for a page: its first levels as rows, and all of it as compact data that the page's script unfolds.

The data stand in a file beside the page, and weigh nothing until they are needed. It is a script that makes one call,
since browsers let a page that was opened from a file load scripts, but no data.

The data are columns, in the table's order, a group before its parts. Per row: its level, one digit; the number of
its name in the level's list, in base 36 with as many digits as the level needs; each measure, a digit or a number in
parentheses, `x` where it is hidden. 26 000 rows of five measures weigh about 250 kB.
"""

from dataclasses import dataclass

import pandas as pd
from numpy import base_repr

from sobstat.declarations import Dimension, Measure, Report
from sobstat.errors import SobstatError
from sobstat.figures.cells import Cell, cells_of, dimensions_of, measures_of
from sobstat.names import isolated
from sobstat.templating import script_json

TOTAL = "Totalt"


@dataclass(frozen=True)
class Branch:
    """A row that stands in the page itself."""

    label: str
    cells: list[Cell]


def first_rows(table: pd.DataFrame, report: Report) -> list[Branch]:
    """The total and the top level."""
    by, shown = dimensions_of(report), measures_of(report)
    top = table[table["niva"].isin(["totalt", by[0].id])]
    labels = [name or TOTAL for name in top[by[0].name_column]]
    columns = zip(*[cells_of(top, measure) for measure in shown], strict=True)
    return [Branch(name, list(cells)) for name, cells in zip(labels, columns, strict=True)]


def all_rows(table: pd.DataFrame, report: Report) -> dict:
    """Every row, for the page's script. Raises SobstatError for a measure that is not counted."""
    by, shown = dimensions_of(report), measures_of(report)
    if computed := [measure.id for measure in shown if not measure.counted]:
        raise SobstatError(f"The drill-down {report.id} cannot show {', '.join(computed)}: only counts.")
    depths = table["niva"].map({name: depth for depth, name in enumerate(["totalt", *report.by])})
    names = _labels(table, by)
    lists = [list(dict.fromkeys(names[depths == depth])) for depth in range(len(by) + 1)]
    widths = [len(base_repr(max(len(level) - 1, 0), 36)) for level in lists]
    codes = [
        {name: base_repr(number, 36).rjust(width, "0") for number, name in enumerate(level)}
        for level, width in zip(lists, widths, strict=True)
    ]
    return {
        "nivaer": [TOTAL, *[dimension.title for dimension in by]],
        "namn": lists,
        "djup": "".join(map(str, depths)),
        "bredd": widths,
        "etikett": "".join(codes[depth][name] for depth, name in zip(depths, names, strict=True)),
        "varden": [_values(table, measure) for measure in shown],
    }


def as_script(report_id: str, data: dict) -> str:
    """The text of the file that hands `data` to the page's script, and does nothing else."""
    return f"sobstat.rows({script_json(report_id)}, {script_json(data)});\n"


def as_data(report_id: str, script: str) -> str:
    """The data of such a file as JSON, for a page that holds them itself."""
    return script.removeprefix(f"sobstat.rows({script_json(report_id)}, ").removesuffix(");\n")


def _labels(table: pd.DataFrame, by: list[Dimension]) -> pd.Series:
    """Each row's own name; with its id where siblings share a name."""
    names = pd.Series(TOTAL, index=table.index, dtype=object)
    for depth, dimension in enumerate(by):
        here = table["niva"] == dimension.id
        names[here] = table.loc[here, dimension.name_column]
        if len(dimension.columns) > 1:
            above = [column for parent in by[:depth] for column in parent.columns]
            shared = table[here].duplicated([*above, dimension.name_column], keep=False)
            twins = shared[shared].index
            names[twins] = (
                names[twins].map(isolated) + " (" + table.loc[twins, dimension.columns[0]].map(isolated) + ")"
            )
    return names


def _values(table: pd.DataFrame, measure: Measure) -> str:
    values = table[measure.column_name].fillna(-1).astype(int)
    return "".join("x" if value < 0 else str(value) if value < 10 else f"({value})" for value in values)
