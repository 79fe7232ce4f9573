"""The thresholds, and the rule that every table passes on its way out."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import pandas as pd

from sobstat.declarations import Measure

MIN_ANTAL = 10
HIDDEN = "dold"


@dataclass(frozen=True)
class Thresholds:
    """Counts at or below these are hidden; 0 hides nothing. `min_antal` is for counts of residents."""

    min_antal: int = MIN_ANTAL
    min_startade: int = 0
    min_avslutade: int = 0
    min_pagaende: int = 0
    min_behandlare: int = 0

    def of(self, measure: Measure) -> int:
        """A measure's threshold; 0 where it has none."""
        return self.min_antal if measure.persons else getattr(self, f"min_{measure.id}", 0)

    def as_dict(self) -> dict[str, int]:
        """The parameters by name."""
        return asdict(self)


def protect(
    table: pd.DataFrame,
    measures: list[Measure],
    thresholds: Thresholds,
    complementary: Mapping[str, pd.Series] | None = None,
) -> pd.DataFrame:
    """Hide every count that does not exceed its threshold, and the complementary ones.

    `table` has one column per counted measure; `complementary` says for a measure which rows are hidden besides.
    A hidden count becomes missing; the column `<measure>_status` after it says `dold` there and is empty elsewhere.
    Counts of residents always have that column, others where they have a threshold. Ratios and shares are computed
    after this, from what is left.
    """
    protected = table.copy()
    for measure in measures:
        threshold, name = thresholds.of(measure), measure.column_name
        if not (measure.counted and (threshold or measure.persons)):
            continue
        hidden = protected[name] <= (threshold or -1)
        if complementary and measure.id in complementary:
            hidden |= complementary[measure.id]
        protected[name] = protected[name].mask(hidden)
        status = hidden.map({True: HIDDEN, False: ""}).astype("str")
        protected.insert(protected.columns.get_loc(name) + 1, f"{name}_status", status)
    return protected
