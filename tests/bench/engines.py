"""Item 5: every report's table on DuckDB and on a local Spark, the same data."""

import time
from pathlib import Path
from statistics import median

import pandas as pd

from bench.data import MONTH, synthetic_warehouse
from sobstat.declarations import reports
from sobstat.folder import export
from sobstat.report import open_report
from sobstat.warehouse import attach, session

ARENDEN = {"small": 3_000, "whole": 300_000}
TIMES = 3


def measure(folder: Path, scale: str) -> list[pd.DataFrame]:
    """One table: seconds for the facts of 12 months and for each report; the first time, and the median of more."""
    file = synthetic_warehouse(folder, ARENDEN[scale])
    with session() as con:
        attach(con, file)
        export(con, folder / "lager")
    runs = {
        "DuckDB, file": (file, "duckdb"),
        "DuckDB, folder": (folder / "lager", "duckdb"),
        "Spark": (folder / "lager", "spark"),
    }
    taken, tables = {}, {}
    for name, (warehouse, engine) in runs.items():
        (first, tables[name]), *again = [_seconds(warehouse, engine) for _ in range(1 + TIMES)]
        taken |= {
            f"{name}, first": first,
            name: {step: median(seconds[step] for seconds, _ in again) for step in first},
        }
    for found in tables.values():
        for report, expected in tables["DuckDB, file"].items():
            pd.testing.assert_frame_equal(found[report], expected)
    table = pd.DataFrame(taken)
    table.loc["all"] = table.sum()
    table["Spark / DuckDB, folder"] = table["Spark"] / table["DuckDB, folder"]
    table = table.round(2).rename_axis("seconds for").reset_index()
    table.attrs["title"] = f"Two engines: {ARENDEN[scale]} ärenden, Riket over 12 months; the tables were equal"
    return [table]


def _seconds(warehouse: Path, engine: str) -> tuple[dict[str, float], dict[str, pd.DataFrame]]:
    """The seconds of each step, and the tables."""
    clock = time.perf_counter()
    report = open_report("riket", str(MONTH + -11), str(MONTH), warehouse, min_antal=0, engine=engine)
    report.con.execute("SELECT count(*) FROM statusbyte").fetchall()
    seconds, tables = {"facts": time.perf_counter() - clock}, {}
    for name in reports():
        clock = time.perf_counter()
        tables[name] = report.table(name)
        seconds[name] = time.perf_counter() - clock
    report.close()
    return seconds, tables
