"""The key figures of an edition's month, from its published tables."""

import pandas as pd

from sobstat.declarations import measures
from sobstat.figures.cells import Cell, cells_of
from sobstat.months import Month
from sobstat.regions import Region
from sobstat.swedish import change, whole

# Measure → the report whose table holds it per month.
SOURCES = {
    "startade": "per-manad",
    "avslutade": "per-manad",
    "pagaende": "pagaende-over-tid",
    "behandlare": "per-manad",
}
COLUMNS = {name: measures()[name].title for name in ("startade", "avslutade", "pagaende")}
COMPARED = {"föregående månad": -1, "samma månad året före": -12}


def key_figures(tables: dict, region: Region, month: Month) -> list[dict]:
    """Each key figure of a region in a month, with its change where the tables show the month compared with."""
    figures = []
    for name in SOURCES:
        cell, now = _cell(tables, region, name, month), _value(tables, region, name, month)
        if cell.kind == "undefined":
            continue
        changes = []
        for words, months in COMPARED.items():
            before = _value(tables, region, name, month + months)
            if now is not None and before is not None:
                difference = f"{'+' if now > before else ''}{whole(now - before)}" if now != before else "oförändrat"
                share = f" ({percent})" if now != before and (percent := change(before, now)) else ""
                changes.append(f"{difference}{share} mot {words}")
        figures.append({"id": name, "title": measures()[name].title, "cell": cell, "changes": changes})
    return figures


def latest_cells(tables: dict, region: Region, month: Month) -> list[Cell]:
    """A region's figures of the month, for COLUMNS."""
    return [_cell(tables, region, name, month) for name in COLUMNS]


def _cell(tables: dict, region: Region, name: str, month: Month) -> Cell:
    row = _row(tables, region, name, month)
    return Cell("undefined") if row.empty else cells_of(row, measures()[name])[0]


def _value(tables: dict, region: Region, name: str, month: Month) -> int | None:
    """A figure that is shown."""
    row = _row(tables, region, name, month)
    return None if row.empty or row[name].isna().all() else int(row[name].iloc[0])


def _row(tables: dict, region: Region, name: str, month: Month) -> pd.DataFrame:
    """The month's row of the table that holds a key figure; none where the edition has no such table."""
    table = tables.get((region.slug, SOURCES[name]), pd.DataFrame({"manad": []}))
    return table[table["manad"].astype(str) == str(month)]
