"""Item 4: extracts of 1, 10 and 100 million transactions loaded, and the tables of an edition counted from them."""

import shutil
from pathlib import Path

import pandas as pd

from bench.measuring import measured
from bench.transactions import write_extract
from sobstat.declarations import reports
from sobstat.load import load_extract
from sobstat.months import Month, Period
from sobstat.report import open_report

TEN_YEARS = Period(Month(2015, 10), Month(2025, 9))
SIZES = {"small": [100_000, 1_000_000], "whole": [1_000_000, 10_000_000, 100_000_000]}
# The extract, what is spilled, and the warehouse, on the disk at the same time.
ROOM_PER_TRANSACTION = 600


def load(extract: Path, warehouse: Path) -> int:
    """Load; returns how many transactions were read."""
    result = load_extract(extract, warehouse)
    return sum(count.read for name, count in result.per_file.items() if name.startswith("arenden"))


def all_tables(warehouse: Path, region: str, period: Period) -> int:
    """Count every report of a region, nothing hidden; returns how many rows they have."""
    report = open_report(region, str(period.first), str(period.last), warehouse, min_antal=0)
    try:
        return sum(len(report.table(name)) for name in reports())
    finally:
        report.close()


def measure(folder: Path, scale: str) -> list[pd.DataFrame]:
    """One table: a row per size and kind of ids."""
    rows = []
    for transactions in SIZES[scale]:
        for ids in ("number", "uuid"):
            size = f"{transactions // 1000} 000, ids {'running numbers' if ids == 'number' else 'UUIDs'}"
            if shutil.disk_usage(folder).free < transactions * ROOM_PER_TRANSACTION:
                rows.append({"transactions": size, "seconds": "no room on the disk"})
                continue
            extract = write_extract(folder / "in", transactions, TEN_YEARS, ids)
            warehouse = folder / "w" / "w.duckdb"
            loaded = measured(load, extract, warehouse)
            year = Period(TEN_YEARS.last + -11, TEN_YEARS.last)
            counted = {region: measured(all_tables, warehouse, region, year) for region in ("riket", "skane")}
            rows.append(
                {
                    "transactions": size,
                    "seconds": round(loaded.seconds, 1),
                    "transactions/s": round(loaded.result / loaded.seconds),
                    "processor seconds": round(loaded.processor, 1),
                    "peak memory, MiB": loaded.memory >> 20,
                    "bytes/transaction": round(warehouse.stat().st_size / loaded.result, 1),
                    "tables of Riket, 12 months, s": round(counted["riket"].seconds, 1),
                    "tables of Skåne, s": round(counted["skane"].seconds, 1),
                    "their peak memory, MiB": counted["riket"].memory >> 20,
                }
            )
            shutil.rmtree(folder / "in")
            shutil.rmtree(folder / "w")
    table = pd.DataFrame(rows)
    table.attrs["title"] = "Load of a new warehouse, and its tables, by the number of transactions"
    return [table]
