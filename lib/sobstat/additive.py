"""Columns that refuse to be added: distinct persons, ratios and shares, and stocks of several months.

The same person stands in several groups, and the same ärende is under way in several months, so such sums are wrong.
pandas hands such a column back as integers that can be filtered, sorted, compared and drawn, but not summed or
averaged.
"""

import pandas as pd
from pandas.arrays import FloatingArray, IntegerArray

from sobstat.errors import SobstatError

_SUMS = ("sum", "mean", "prod")


def _refuse(what: str) -> None:
    raise SobstatError(
        f"A {what} of distinct counts, ratios, shares, or of a stock over months is wrong: a person in two groups "
        "would count twice. Ask the report for a table at the level that you need."
    )


class _NotAdditive:
    def _reduce(self, name, **kwargs):
        if name in _SUMS:
            _refuse(name)
        return super()._reduce(name, **kwargs)

    def _groupby_op(self, *, how, **kwargs):
        if how in _SUMS:
            _refuse(how)
        return super()._groupby_op(how=how, **kwargs)

    def _accumulate(self, name, **kwargs):
        _refuse(name)


class NotAdditiveInteger(_NotAdditive, IntegerArray):
    """`Int64`, without sums."""


class NotAdditiveFloat(_NotAdditive, FloatingArray):
    """`Float64`, without sums."""


def refuse_sums(column: pd.Series) -> pd.Series:
    """The same `Int64` or `Float64` column, which raises SobstatError when it is summed or averaged."""
    array = column.array
    kind = NotAdditiveInteger if isinstance(array, IntegerArray) else NotAdditiveFloat
    return pd.Series(kind(array._data, array._mask), index=column.index, name=column.name)


def allow_sums(column: pd.Series) -> pd.Series:
    """The same column as plain integers, for a caller that has picked one month of a stock, whose groups add up."""
    array = column.array
    plain = IntegerArray(array._data, array._mask) if isinstance(array, NotAdditiveInteger) else array
    return pd.Series(plain, index=column.index, name=column.name)
