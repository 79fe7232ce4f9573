"""The choice of what is hidden in a period: made once for the whole country, then the same wherever figures are shown.

It takes seconds to minutes, so it is kept in a folder beside the warehouse, which only its owner can open: a file
for each period and thresholds, good for as long as data and program stay as they are. The files name cells, with the
reason why each is hidden, but hold no counts.
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
from sobstat.disclosure.cells import Key, collect, row_keys, tie
from sobstat.disclosure.choose import Progress, choose_complementary
from sobstat.disclosure.rule import Thresholds
from sobstat.fingerprints import code_hash
from sobstat.months import Period
from sobstat.regions import Region
from sobstat.warehouse import attach, load_history, session

PRIMARY, COMPLEMENTARY = "primär", "komplementär"


@dataclass(frozen=True)
class Mask:
    """What is hidden in a period: for each measure its cells with the reason, and how many cells there are."""

    period: Period
    cells: dict[str, int]
    hidden: dict[str, dict[Key, str]]

    def complementary(
        self, table: pd.DataFrame, by: list[str], counted: list[Measure], region: Region
    ) -> Mapping[str, pd.Series]:
        """For each measure, which rows of a table (`tables.count`) of a region are hidden besides the primary ones."""
        return {
            measure.id: pd.Series(
                [
                    self.hidden[measure.id].get(key) == COMPLEMENTARY
                    for key in row_keys(table, by, measure, region, self.period)
                ],
                index=table.index,
                dtype=bool,
            )
            for measure in counted
            if measure.id in self.hidden
        }

    def facts(self) -> dict[str, int]:
        """The summary of all measures together, for a run report."""
        total = self.summary()
        return {"cells": int(total["celler"].sum()), "primary": int(total[PRIMARY].sum())} | {
            "complementary": int(total[COMPLEMENTARY].sum())
        }

    def summary(self) -> pd.DataFrame:
        """For each measure: published cells, and how many are hidden for which reason."""
        rows = [
            (name, self.cells[name], *(list(reasons.values()).count(why) for why in (PRIMARY, COMPLEMENTARY)))
            for name, reasons in self.hidden.items()
        ]
        return pd.DataFrame(rows, columns=["matt", "celler", PRIMARY, COMPLEMENTARY])


def choose_mask(
    warehouse: Path,
    period: Period,
    thresholds: Thresholds,
    progress: Progress = lambda step, done, total: None,
) -> Mask:
    """The mask of a period; the one that is kept, or one made now and kept if the folder can be written.

    Raises SobstatError if the warehouse cannot be read.
    """
    if not any(thresholds.as_dict().values()):
        return Mask(period, {}, {})
    state = hashlib.sha256(f"{load_history(warehouse)} {code_hash()}".encode()).hexdigest()[:16]
    asked = hashlib.sha256(f"{period} {thresholds}".encode()).hexdigest()[:16]
    folder = warehouse.with_suffix(".mask")
    file = folder / f"{state}-{asked}.json"
    try:
        return _read(file, period)
    except FileNotFoundError:
        pass
    mask = _make(warehouse, period, thresholds, progress)
    with suppress(OSError):  # beside a warehouse on a read-only disk the mask is made anew each time
        _keep(mask, file, state)
    return mask


def _make(warehouse: Path, period: Period, thresholds: Thresholds, progress: Progress) -> Mask:
    with session() as con:
        attach(con, warehouse)
        cells = collect(con, period, thresholds, progress)
    system = tie(cells, thresholds)
    complementary = choose_complementary(system, progress)
    published: dict[str, int] = {}
    hidden: dict[str, dict[Key, str]] = {}
    for (measure, key), at in cells.number.items():
        published[measure] = published.get(measure, 0) + bool(system.published[at])
        reasons = hidden.setdefault(measure, {})
        if system.primary[at] or complementary[at]:
            reasons[key] = PRIMARY if system.primary[at] else COMPLEMENTARY
    return Mask(period, published, hidden)


def _read(file: Path, period: Period) -> Mask:
    kept = json.loads(file.read_text("utf-8"))
    hidden = {
        measure: {tuple(map(tuple, key)): why for why, keys in reasons.items() for key in keys}
        for measure, reasons in kept["hidden"].items()
    }
    return Mask(period, kept["cells"], hidden)


def _keep(mask: Mask, file: Path, state: str) -> None:
    """Write the mask whole, for its owner alone; those of earlier data or another program are removed."""
    file.parent.mkdir(mode=0o700, exist_ok=True)
    hidden = {
        measure: {why: [key for key, reason in reasons.items() if reason == why] for why in (PRIMARY, COMPLEMENTARY)}
        for measure, reasons in mask.hidden.items()
    }
    part = file.with_name(f".{file.name}.{os.getpid()}")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        json.dump({"cells": mask.cells, "hidden": hidden}, stream, ensure_ascii=False)
    os.replace(part, file)
    for other in file.parent.iterdir():
        if not other.name.startswith((state, ".")):
            other.unlink(missing_ok=True)
