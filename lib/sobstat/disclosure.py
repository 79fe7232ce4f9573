"""Disclosure control: which counts of residents are shown. Every table passes it on its way out."""

import pandas as pd

from sobstat.declarations import Measure

MIN_ANTAL = 10
HIDDEN = "dold"


def protect(table: pd.DataFrame, measures: list[Measure], min_antal: int = MIN_ANTAL) -> pd.DataFrame:
    """Hide every count of residents that does not exceed `min_antal`; 0 hides nothing.

    `table` has one column per counted measure. A hidden count becomes missing; the column `<measure>_status` after
    it says `dold` there and is empty elsewhere. Ratios and shares are computed after this, from what is left.
    """
    protected = table.copy()
    for measure in measures:
        if measure.counted and measure.persons:
            name = measure.column_name
            hidden = protected[name] <= min_antal if min_antal > 0 else protected[name] < 0
            protected[name] = protected[name].mask(hidden)
            protected.insert(
                protected.columns.get_loc(name) + 1,
                f"{name}_status",
                hidden.map({True: HIDDEN, False: ""}).astype("str"),
            )
    return protected
