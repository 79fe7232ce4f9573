"""What a notebook works with: a report for one region and period, whose tables are ready to show.

    report = open_report(region, from_month, to_month, warehouse, min_antal)
    report.table("per-lan")                                       a table of the publication
    report.breakdown(["startade", "behandlare"], by=["process"])  any other

Both return pandas DataFrames in which small counts of residents are hidden already, and with them what would give
these away. What a table shows, of whom and when, stands in its `attrs`, which pandas hands on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pandas as pd

from sobstat.declarations import Measure, Report, dimensions, measures, reports
from sobstat.described import Names, about_table, show_captions
from sobstat.disclosure.thresholds import MIN_ANTAL, Thresholds
from sobstat.engines import DUCKDB, default_engine, open_warehouse
from sobstat.errors import SobstatError, no_such
from sobstat.files import not_for_publication, to_csv, write_whole
from sobstat.months import Period, this_month
from sobstat.regions import Region, parse_region
from sobstat.tables import build_facts, make_table
from sobstat.warehouse import SYNTHETIC

if TYPE_CHECKING:
    from sobstat.disclosure.choose import Progress
    from sobstat.disclosure.mask import Mask


class RegionReport:
    """The figures of one region and period; made by `open_report`.

    `measures`, `by` and `reports` hold the names that may be asked for: `report.measures.` and the Tab key list them.
    """

    def __init__(self, region: Region, period: Period, warehouse: Path, thresholds: Thresholds, engine: str):
        self.region = region
        self.period = period
        self.warehouse = warehouse
        self.thresholds = thresholds
        self.engine = engine
        self.progress: Progress = lambda step, done, total: None
        self.measures, self.by, self.reports = Names(measures()), Names(dimensions()), Names(reports())
        self._tables: dict[str, pd.DataFrame] = {}  # those of `table`: a chart and its figure ask for the same
        self._stack = ExitStack()
        self.con = self._stack.enter_context(open_warehouse(warehouse, engine))
        build_facts(self.con, period, region)

    def table(self, report_id: str) -> pd.DataFrame:
        """A table of the publication, by its id in reports.yml; columns as `make_table` says.

        Raises SobstatError for an unknown id.
        """
        report = find_report(report_id)
        if report_id not in self._tables:
            self._tables[report_id] = self._make(report.title, report.measures, report.by, report.drilldown)
        return self._tables[report_id].copy()

    def breakdown(self, measures: str | Sequence[str], by: str | Sequence[str]) -> pd.DataFrame:
        """Any measures of measures.yml, broken down by any dimensions of dimensions.yml.

        A breakdown that no report has is not protected against others: its hidden counts may be worked out.
        Raises SobstatError for unknown names, or a breakdown that a measure does not have.
        """
        names, groups = ([given] if isinstance(given, str) else list(given) for given in (measures, by))
        return self._make(None, names, groups, False)

    def save(self, table: pd.DataFrame, path: str | Path) -> Path:
        """Write a table as a CSV file like those of the publication, whole or not at all; returns its path.

        Each row says that it is not for publication: nothing has checked the table against what is published.
        Raises SobstatError for a path that does not end with .csv.
        """
        path = Path(path)
        if path.suffix != ".csv":
            raise SobstatError(f"{path} is no name for a CSV file: let it end with .csv.")
        write_whole(path, not_for_publication(to_csv(table)))
        return path

    def _make(self, title: str | None, names: list[str], by: list[str], drilldown: bool) -> pd.DataFrame:
        def complementary(table: pd.DataFrame, counted: list[Measure]) -> Mapping[str, pd.Series]:
            if not any(self.thresholds.of(measure) for measure in counted):
                return {}
            return self.mask.rows(table, by, counted, self.region, self.period)

        table = make_table(
            self.con, names, by, drilldown=drilldown, thresholds=self.thresholds, complementary=complementary
        )
        about = {"period": self.period.title, "region": self.region.namn, "synthetic": self.synthetic}
        table.attrs = about_table(title, names, by) | about
        return table

    @cached_property
    def log(self) -> duckdb.DuckDBPyConnection:
        """A session on DuckDB, whatever counts: for what the warehouse tells of itself, which is soon read."""
        if self.engine == DUCKDB:
            return self.con
        return self._stack.enter_context(open_warehouse(self.warehouse, DUCKDB))

    @cached_property
    def mask(self) -> Mask:
        """What is hidden in the period besides small counts, in all of the country."""
        from sobstat.disclosure.mask import choose_mask

        return choose_mask(self.warehouse, self.period, self.thresholds, self.progress, self.engine)

    def figure(self, report_id: str, chart=None):
        """The figure of a report for a notebook cell to show: finding, chart, table, definitions and file.

        `chart` is an Altair chart with a `description` in Swedish; raises SobstatError if it has none.
        """
        from sobstat.figures.figure import make_figure

        return make_figure(self, report_id, chart)

    @cached_property
    def synthetic(self) -> bool:
        """Whether the figures rest on made-up data (`sobstat demo` marks every transaction)."""
        return self.log.execute(SYNTHETIC).fetchall()[0][0]

    @cached_property
    def last_day(self) -> date | None:
        """The Stockholm date of the warehouse's last transaction; None if it holds none."""
        return self.log.execute("SELECT max(dag) FROM lager.transaktion").fetchall()[0][0]

    @cached_property
    def population_date(self) -> str | None:
        """The date of the population that rates use, such as `2024-12-31`; None without population."""
        (ar,) = self.con.execute("SELECT max(ar) FROM folkmangd").fetchall()[0]
        return ar and f"{ar}-12-31"

    def close(self) -> None:
        self._stack.close()


def find_report(report_id: str) -> Report:
    """A report's declaration; raises SobstatError, naming all, for an unknown id."""
    if report_id not in reports():
        raise no_such("report", report_id, reports())
    return reports()[report_id]


def open_report(
    region: str,
    from_month: str,
    to_month: str,
    warehouse: str | Path,
    min_antal: int = MIN_ANTAL,
    min_startade: int = 0,
    min_avslutade: int = 0,
    min_pagaende: int = 0,
    min_behandlare: int = 0,
    engine: str | None = None,
) -> RegionReport:
    """Open a report for a region (`riket`, or a län by code, slug or name) and whole months, both included.

    The warehouse is opened read-only. Counts of residents are shown when they exceed `min_antal`, other counts when
    they exceed their own threshold; 0 hides nothing. `engine` counts: `duckdb`, `spark`, or the address of a Spark
    Connect server; Spark reads a warehouse in a folder. Without one it is that of the edition, or `duckdb`.
    Raises SobstatError for an unknown region, a period before October 2015, reversed or not yet over, a negative
    or fractional threshold, or a warehouse that cannot be read.
    """
    period = Period.parse(from_month, to_month)
    if period.last >= this_month():
        raise SobstatError(
            f"The period ends in {period.last}, which is not over: the last whole month is {this_month() + -1}."
        )
    thresholds = Thresholds(min_antal, min_startade, min_avslutade, min_pagaende, min_behandlare)
    for name, value in thresholds.as_dict().items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise SobstatError(f"{name} is {value!r}: give a whole number, 0 or more.")
    show_captions()
    return RegionReport(parse_region(region), period, Path(warehouse), thresholds, engine or default_engine())
