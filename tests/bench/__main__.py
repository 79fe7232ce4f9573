"""python -m bench [item …] [--whole]: measure, print the tables, and write them to results.md beside this file."""

import argparse
import os
import platform
import tempfile
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
ITEMS = sorted(path.stem for path in HERE.glob("*.py") if "\ndef measure(" in path.read_text("utf-8"))


def machine() -> str:
    """The machine in a few words."""
    found = Path("/proc/cpuinfo")
    models = [line.split(":")[1].strip() for line in found.read_text().splitlines() if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores ({models[0] if models else platform.machine()}), {memory:.0f} GiB, "
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f} at the start"
    )


def as_markdown(table: pd.DataFrame) -> str:
    """A table with its title above it, as Markdown."""
    rows = [list(map(str, table.columns)), ["---"] * len(table.columns)]
    rows += [["" if pd.isna(value) else str(value) for value in row] for row in table.itertuples(index=False)]
    return f"**{table.attrs['title']}**\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure, and write results.md.")
    parser.add_argument(
        "items", nargs="*", metavar="item", choices=[*ITEMS, []], help=f"of {', '.join(ITEMS)}; all by default"
    )
    parser.add_argument("--whole", action="store_true", help="at full scale, which takes hours; small by default")
    asked = parser.parse_args()
    scale = "whole" if asked.whole else "small"
    results = HERE / "results.md"
    parts = [f"Measured {datetime.now(UTC):%Y-%m-%d %H:%M} UTC at {scale} scale: {machine()}.\n"]
    for item in asked.items or ITEMS:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            for table in import_module(f"bench.{item}").measure(Path(folder), scale):
                parts.append(as_markdown(table))
                print(parts[-1], flush=True)
        results.write_text("\n".join(["# What was measured\n", *parts]), "utf-8")


if __name__ == "__main__":
    main()
