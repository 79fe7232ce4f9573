"""Item 5: every report's table on DuckDB and on a local Spark, the same data; and loads on both."""

import os
import time
from datetime import datetime
from functools import partial
from pathlib import Path
from statistics import median

import pandas as pd

from bench.data import MONTH, synthetic_warehouse
from bench.measuring import measured_with_children
from bench.transactions import write_extract
from sobstat.declarations import reports
from sobstat.folder import export, tables
from sobstat.load import load_extract
from sobstat.months import Period
from sobstat.pseudonyms import KEY_VARIABLE
from sobstat.report import open_report
from sobstat.warehouse import attach, session

ARENDEN = {"small": 3_000, "whole": 300_000}
TRANSACTIONS = {"small": 100_000, "whole": 1_000_000}
TIMES = 3


def measure(folder: Path, scale: str) -> list[pd.DataFrame]:
    """Two tables: seconds for the facts of 12 months and for each report, the first time, and the median of more; and
    what loads take.
    """
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
    return [table, _loads(folder, TRANSACTIONS[scale])]


def _loads(folder: Path, transactions: int) -> pd.DataFrame:
    """What a load of ten years takes on both engines, and then one of a month more; all rows must be equal."""
    history, month = Period(MONTH + -119, MONTH + -1), Period(MONTH, MONTH)
    whole = Period(history.first, MONTH)
    extracts = {
        "ten years": write_extract(folder / "ten", transactions, whole, "uuid", part=history),
        "a month more": write_extract(folder / "month", transactions, whole, "uuid", part=month),
    }
    os.environ[KEY_VARIABLE] = "00" * 32
    now, rows = datetime.fromisoformat("2026-06-01T00:00Z"), []
    for name, extract in extracts.items():
        for engine, warehouse in (("duckdb", folder / "load.duckdb"), ("spark", folder / "load")):
            taken = measured_with_children(partial(load_extract, now=now, engine=engine), extract, warehouse)
            rows.append(
                {
                    "load of": name,
                    "on": engine,
                    "rows": taken.result.total.read,
                    "seconds": round(taken.seconds, 1),
                    "processor seconds": round(taken.processor, 1),
                    "peak memory, MiB": taken.memory >> 20,
                }
            )
    with session() as con:
        attach(con, folder / "load.duckdb")
        export(con, folder / "exported")
    assert _sums(folder / "exported") == _sums(folder / "load")
    table = pd.DataFrame(rows)
    table.attrs["title"] = f"Loads on two engines: about {transactions} transactions; all tables were equal"
    return table


def _sums(folder: Path) -> dict[str, list[tuple]]:
    """How many rows each table has, and a hash of all."""
    with session() as con:
        attach(con, folder)
        return {
            name: con.execute(f"SELECT count(*), sum(CAST(hash(t) AS HUGEINT)) FROM lager.{name} AS t").fetchall()
            for name in tables(folder)
        }


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
