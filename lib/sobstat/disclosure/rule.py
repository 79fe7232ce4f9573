"""The rule that every table passes on its way out."""

from collections.abc import Mapping

import pandas as pd

from sobstat.declarations import Measure
from sobstat.disclosure.thresholds import Thresholds

HIDDEN = "dold"


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
