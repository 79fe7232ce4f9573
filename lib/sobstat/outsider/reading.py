"""The files of an edition, read back as an outsider reads them: every row with the group that it is about.

A group is a set of (dimension, value) pairs: `{("lan", "12"), ("moment", "KBT")}` is that moment in that län. The same
group may stand in several tables and on several pages; on a län's page, everything is about that län. A count is about
a group at a time: a single month, or one of the periods that the edition's pages are about.
"""

import csv
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sobstat.declarations import Measure, dimensions, measures
from sobstat.names import from_cell
from sobstat.regions import parse_region

Group = frozenset[tuple[str, str]]
Cell = tuple[str, Group]  # a counted measure, and a group and time that it counts
# A period is named by its first month: all end with the same.
TIMES = ("manad", "period")
HIDDEN = "dold"  # what a status column says of a hidden value


@dataclass(frozen=True)
class Row:
    """A row of a file. `shown` tells what a measure's column says: a number as text, or empty."""

    group: Group
    shown: Mapping[str, str]

    def hidden(self, column: str) -> bool:
        """Whether the file says that the value is hidden."""
        return self.shown.get(f"{column}_status") == HIDDEN

    def number(self, column: str) -> float | None:
        """The value; None where it is hidden or undefined, or the table has no such column."""
        return float(self.shown[column]) if self.shown.get(column) else None


@dataclass(frozen=True)
class Table:
    """A file of the edition: `folder` is that of its pages, `first` and `last` are the months that it is about."""

    folder: str
    first: str
    last: str
    report: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def name(self) -> str:
        return f"{self.folder}/data/{self.report}.csv"

    @property
    def region(self) -> str:
        """The first part of its folder's name."""
        return self.folder.split("/")[0]

    def cell(self, measure: Measure, group: Group) -> Cell:
        """The cell of a row's group; a stock is counted at the end, everything else in a month or in the period."""
        if any(name == "manad" for name, _ in group):
            return measure.id, group
        single = measure.kind == "stock" or self.first == self.last
        return measure.id, group | {("manad", self.last) if single else ("period", self.first)}

    @cached_property
    def dimensions(self) -> list[str]:
        """The dimensions that it is broken down by, outermost first."""
        return dimensions_of(self.columns)

    @cached_property
    def measures(self) -> list[Measure]:
        """Its measures, in the order of the columns."""
        found = [
            measure
            for measure in measures().values()
            if measure.column_name in self.columns and (measure.counted or measure.numerator in self.columns)
        ]
        return sorted(found, key=lambda measure: self.columns.index(measure.column_name))


def lan_of(region: str) -> Group:
    """What every figure of a region's pages is about: its län; nothing more for Riket."""
    lan_kod = parse_region(region).lan_kod
    return frozenset([("lan", lan_kod)] if lan_kod else [])


def read_tables(edition: Path, parameters: Mapping) -> list[Table]:
    """Every file of an edition's folder, `<region>/data/…` or `<region>/<period>/data/…`; `parameters` are those in its
    manifest.
    """
    tables = []
    for path in sorted(edition.glob("*/**/data/*.csv")):
        folder = path.parent.parent.relative_to(edition)
        first = parameters["periods"][folder.name] if len(folder.parts) > 1 else parameters["from"]
        tables.append(_read_table(path, str(folder), first, parameters["to"]))
    return tables


def _read_table(path: Path, folder: str, first: str, last: str) -> Table:
    region = folder.split("/")[0]
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        columns = tuple(reader.fieldnames or ())
        about = [(name, dimensions()[name].columns[0]) for name in dimensions_of(columns)]
        read = [{column: from_cell(text or "") for column, text in row.items() if column} for row in reader]
    rows = tuple(Row(lan_of(region) | frozenset(_group(row, about)), row) for row in read)
    return Table(folder, first, last, path.stem, columns, rows)


def dimensions_of(columns: Collection[str]) -> list[str]:
    """The dimensions that identify a row with these columns, in the columns' order."""
    order = list(columns)
    found = [name for name, dimension in dimensions().items() if dimension.columns[0] in order]
    return sorted(found, key=lambda name: order.index(dimensions()[name].columns[0]))


def _group(row: Mapping[str, str], about: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The dimensions of a row; in a drill-down, down to its own level."""
    if row.get("niva") == "totalt":
        return
    for name, column in about:
        yield name, row[column]
        if row.get("niva") == name:
            return


def read_parameters(edition: Path) -> dict:
    """The parameters of an edition, as its manifest publishes them."""
    return json.loads((edition / "manifest.json").read_text("utf-8"))


def thresholds(parameters: Mapping) -> dict[str, int]:
    """What each counted measure must exceed to be shown, by the parameters of the edition; 0 where all are shown.

    `min_antal` is that of residents, `min_startade` that of startade, and so on.
    """
    return {
        name: int(parameters["min_antal"] if measure.persons else parameters.get(f"min_{name}", 0))
        for name, measure in measures().items()
        if measure.counted
    }
