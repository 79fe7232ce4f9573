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
            loads.append(measured(load, month, folder / "w.duckdb"))
            tables.append(measured(all_tables, folder / "w.duckdb", "riket", Period(LAST + -11, LAST)))
        row = {"years": years, "transactions": transactions}
        for name, taken in {"load of a month": loads, "tables of 12 months": tables}.items():
            row[f"{name}, s"] = median(one.seconds for one in taken)
            row[f"{name}, processor s"] = median(one.processor for one in taken)
        rows.append(row)
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    table = pd.DataFrame(rows)
    for name in list(table.columns[2:]):
        table[f"{name}, times 1 year"] = (table[name] / table[name].iloc[0]).round(2)
        table[name] = table[name].round(2)
    table.attrs["title"] = f"History that grows, at {PER_MONTH[scale]} transactions a month"
    return [table]
