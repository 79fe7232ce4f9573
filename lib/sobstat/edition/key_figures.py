"""The key figures of an edition's month, from its published tables."""

import pandas as pd

from sobstat.declarations import measures
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
    """Each key figure of a region in a month, with its change where the tables hold the month compared with."""
    figures = []
    for name in SOURCES:
        now = _value(tables, region, name, month)
        if now is None:
            continue
        changes = []
        for words, months in COMPARED.items():
            before = _value(tables, region, name, month + months)
            if before is not None:
                difference = f"{'+' if now > before else ''}{whole(now - before)}" if now != before else "oförändrat"
                share = f" ({change(before, now)})" if before and now != before else ""
                changes.append(f"{difference}{share} mot {words}")
        figures.append({"id": name, "title": measures()[name].title, "value": whole(now), "changes": changes})
    return figures


def latest_values(tables: dict, region: Region, month: Month) -> list[str]:
    """A region's figures of the month as text, for COLUMNS; empty where the edition has none."""
    values = [_value(tables, region, name, month) for name in COLUMNS]
    return ["" if value is None else whole(value) for value in values]


def _value(tables: dict, region: Region, name: str, month: Month) -> int | None:
    table: pd.DataFrame | None = tables.get((region.slug, SOURCES[name]))
    if table is None:
        return None
    found = table.loc[table["manad"].astype(str) == str(month), name].dropna()
    return int(found.iloc[0]) if len(found) else None
