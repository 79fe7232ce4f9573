"""The choice of what is hidden in a period: made once for the whole country, then the same wherever figures are shown.

Periods that are published together are chosen for together. That takes seconds to minutes, so it is kept in a folder
beside the warehouse, which only its owner can open: a file for each family of periods and thresholds, good for as long
as the data and what counts them stay as they are. A file names the cells that are hidden besides those that the
primary rule hides, and tells how many cells there are; it holds no counts of anything else.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sobstat.declarations import Measure
from sobstat.disclosure.cells import Cells, Group, collect, row_groups, tie
from sobstat.disclosure.choose import Progress, choose_complementary
from sobstat.disclosure.thresholds import Thresholds
from sobstat.fingerprints import counting_hash
from sobstat.months import Period
from sobstat.periods import published_with
from sobstat.regions import Region
from sobstat.warehouse import load_history


@dataclass(frozen=True)
class Mask:
    """What is hidden in some periods besides what the primary rule hides, for each measure.

    `summary` tells for each measure how many published cells there are, and how many are hidden by which rule.
    """

    complementary: dict[str, set[Group]]
    summary: dict[str, dict[str, int]]

    def rows(
        self, table: pd.DataFrame, by: list[str], counted: list[Measure], region: Region, period: Period
    ) -> Mapping[str, pd.Series]:
        """For each measure, which rows of a table (`tables.count`) of a region and period are hidden so."""
        return {
            measure.id: pd.Series(
                [group in hidden for group in row_groups(table, by, measure, region, period)],
                index=table.index,
                dtype=bool,
            )
            for measure in counted
            if (hidden := self.complementary.get(measure.id))
        }

    def facts(self) -> dict[str, int]:
        """The summary of all measures together, for a run report."""
        return {
            name: sum(counts[name] for counts in self.summary.values())
            for name in ("cells", "primary", "complementary")
        }


def choose_mask(
    warehouse: Path,
    period: Period,
    thresholds: Thresholds,
    progress: Progress = lambda step, done, total: None,
    engine: str | None = None,
) -> Mask:
    """The mask of a period and those that are published with it; the one that is kept, or one made now and kept if
    the folder can be written.

    Raises SobstatError if the warehouse cannot be read.
    """
    if not any(thresholds.as_dict().values()):
        return Mask({}, {})
    periods = published_with(period)
    state = hashlib.sha256(f"{load_history(warehouse)} {counting_hash()}".encode()).hexdigest()[:16]
    asked = hashlib.sha256(f"{periods} {thresholds}".encode()).hexdigest()[:16]
    file = warehouse.with_suffix(".mask") / f"{state}-{asked}.json"
    try:
        return _read(file)
    except FileNotFoundError:
        pass
    mask = _make(collect(warehouse, periods, thresholds, progress, engine), thresholds, progress)
    with suppress(OSError):  # beside a warehouse on a read-only disk the mask is made anew each time
        _keep(mask, file, state)
    return mask


def _make(cells: Cells, thresholds: Thresholds, progress: Progress) -> Mask:
    system = tie(cells, thresholds)
    chosen = choose_complementary(system, progress)
    mask = Mask({}, {})
    for (measure, group), at in cells.number.items():
        counts = mask.summary.setdefault(measure, {"cells": 0, "primary": 0, "complementary": 0})
        counts["cells"] += int(system.published[at])
        counts["primary"] += int(system.primary[at])
        counts["complementary"] += int(chosen[at])
        if chosen[at]:
            mask.complementary.setdefault(measure, set()).add(group)
    return mask


def _read(file: Path) -> Mask:
    kept = json.loads(file.read_text("utf-8"))
    groups = {name: {tuple(map(tuple, group)) for group in hidden} for name, hidden in kept["complementary"].items()}
    return Mask(groups, kept["summary"])


def _keep(mask: Mask, file: Path, state: str) -> None:
    """Write the mask whole, for its owner alone; those of earlier data or another program are removed."""
    file.parent.mkdir(mode=0o700, exist_ok=True)
    kept = {"summary": mask.summary, "complementary": {name: sorted(g) for name, g in mask.complementary.items()}}
    part = file.with_name(f".{file.name}.{os.getpid()}")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        json.dump(kept, stream, ensure_ascii=False)
    os.replace(part, file)
    for other in file.parent.iterdir():
        if not other.name.startswith((state, ".")):
            other.unlink(missing_ok=True)
