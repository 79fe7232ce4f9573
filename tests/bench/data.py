"""What several measurements are made from."""

from pathlib import Path

from sobstat.demo import write_demo
from sobstat.edition.plan import read_params
from sobstat.load import load_extract
from sobstat.months import Month

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
PARAMS = read_params(ROOT / "params" / "edition.yml")
MONTH = Month(2025, 10)


def synthetic_warehouse(folder: Path, arenden: int) -> Path:
    """A warehouse of synthetic ärenden to October 2025."""
    write_demo(folder / "in", arenden=arenden, to_month=str(MONTH))
    load_extract(folder / "in", folder / "bench.duckdb")
    return folder / "bench.duckdb"
