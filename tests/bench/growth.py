"""Item 3: one more month loaded, and its edition's tables counted, at more and more years of history."""

import shutil
from pathlib import Path
from statistics import median

import pandas as pd

from bench.measuring import measured
from bench.size import all_tables, load
from bench.transactions import write_extract
from sobstat.months import Month, Period

LAST = Month(2025, 9)
YEARS = [1, 3, 10, 30]
PER_MONTH = {"small": 5_000, "whole": 50_000}
TIMES = 3


def measure(folder: Path, scale: str) -> list[pd.DataFrame]:
    """One table: a row per length of history, the median of three."""
    rows = []
    for years in YEARS:
        period = Period(LAST + (1 - 12 * years), LAST)
        transactions = PER_MONTH[scale] * len(period.months)
        history = write_extract(folder / "history", transactions, period, part=Period(period.first, LAST + -1))
        month = write_extract(folder / "month", transactions, period, part=Period(LAST, LAST))
        load(history, folder / "before.duckdb")
        loads, tables = [], []
        for _ in range(TIMES):
            for suffix in (".duckdb", ".key"):
                shutil.copy((folder / "before").with_suffix(suffix), (folder / "w").with_suffix(suffix))
            loads.append(measured(load, month, folder / "w.duckdb").seconds)
            tables.append(measured(all_tables, folder / "w.duckdb", "riket", Period(LAST + -11, LAST)).seconds)
        rows.append((years, round(transactions), median(loads), median(tables)))
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    table = pd.DataFrame(rows, columns=["years", "transactions", "load of a month, s", "tables of 12 months, s"])
    for name in list(table.columns[2:]):
        table[f"{name.removesuffix(', s')}, times 1 year"] = (table[name] / table[name].iloc[0]).round(2)
        table[name] = table[name].round(2)
    table.attrs["title"] = f"History that grows, at {PER_MONTH[scale]} transactions a month"
    return [table]
