"""Item 2: the twelve reports for Riket over 12 months, against the same in pandas and in polars; results equal."""

from pathlib import Path

import pandas as pd

from bench import in_pandas, in_polars
from bench.measuring import measured
from bench.size import load
from bench.transactions import TRANSACTIONS_PER_ARENDE, write_extract
from sobstat.declarations import Report, dimensions, measures, reports
from sobstat.months import Month, Period
from sobstat.report import open_report

TEN_YEARS = Period(Month(2015, 10), Month(2025, 9))
YEAR = Period(Month(2024, 10), Month(2025, 9))
ARENDEN = {"small": 100_000, "whole": 10_000_000}
TWELVE = [report for report in reports().values() if "befolkning" not in report.measures]


def count_reports(warehouse: Path, reports: list[Report], period: Period) -> dict[str, pd.DataFrame]:
    """The reports' tables of Riket, nothing hidden."""
    opened = open_report("riket", str(period.first), str(period.last), warehouse, min_antal=0)
    try:
        return {report.id: opened.table(report.id) for report in reports}
    finally:
        opened.close()


def counts(table: pd.DataFrame, report: Report) -> pd.DataFrame:
    """A table in the form that all are compared in: counts by group, without groups that hold nothing."""
    keys = ["niva", *[dimensions()[name].columns[0] for name in report.by]]
    names = [name for name in report.measures if measures()[name].counted]
    table = table if "niva" in table else table.assign(niva=report.by[-1])
    form = table[keys].astype("str").where(table[keys].notna(), "").join(table[names].fillna(0).astype("int64"))
    return form[(form[names] > 0).any(axis=1)].sort_values(keys, ignore_index=True)


def measure(folder: Path, scale: str) -> list[pd.DataFrame]:
    """One table: a row per program."""
    extract = write_extract(folder / "in", round(ARENDEN[scale] * TRANSACTIONS_PER_ARENDE), TEN_YEARS)
    loading = measured(load, extract, folder / "w.duckdb").seconds
    programs = {
        "sobstat": (count_reports, folder / "w.duckdb"),
        "polars": (in_polars.count_reports, extract),
        "pandas": (in_pandas.count_reports, extract),
    }
    rows, ours = [], {}
    for name, (work, source) in programs.items():
        taken = measured(work, source, TWELVE, YEAR)
        for report in TWELVE:
            found = counts(taken.result[report.id], report)
            pd.testing.assert_frame_equal(found, ours.setdefault(report.id, found), obj=f"{report.id} of {name}")
        rows.append((name, taken.seconds, round(taken.processor, 1), taken.memory >> 20))
    table = pd.DataFrame(rows, columns=["program", "seconds", "processor seconds", "peak memory, MiB"])
    table["times sobstat"] = (table["seconds"] / table["seconds"].iloc[0]).round(1)
    table["seconds"] = table["seconds"].round(2)
    table.attrs["title"] = (
        f"Twelve reports for Riket, 12 months, {ARENDEN[scale]} ärenden over ten years: equal results; polars and "
        f"pandas from Parquet files, sobstat from its warehouse, whose load took {loading:.0f} s"
    )
    return [table]
