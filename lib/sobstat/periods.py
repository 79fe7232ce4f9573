"""The periods that statistics are published for. All end with the edition's month, so each holds the shorter ones.

What is hidden is chosen for all of them together, whichever an edition holds: a figure of one could otherwise give
away what another hides.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sobstat.months import FIRST_MONTH, Month, Period

MAIN_MONTHS = 12


def months_ending(last: Month, count: int) -> Period:
    """So many months to and including one, from October 2015 at the earliest."""
    return Period.parse(max(last + (1 - count), min(last, FIRST_MONTH)), last)


@dataclass(frozen=True)
class PublishedPeriod:
    """`first` tells the first month, given the last; `title` is for readers."""

    title: str
    first: Callable[[Month], Month]

    def ending(self, last: Month) -> Period:
        """The period that ends with a month, from October 2015 at the earliest."""
        return Period.parse(max(self.first(last), FIRST_MONTH), last)


# The first is that of a page's own address; the others' names are part of theirs.
MAIN = "12-manader"
PERIODS = {
    MAIN: PublishedPeriod("Senaste 12 månaderna", lambda last: months_ending(last, MAIN_MONTHS).first),
    "manad": PublishedPeriod("Senaste månaden", lambda last: last),
    "ar": PublishedPeriod("Hittills i år", lambda last: Month(last.year, 1)),
    "alla": PublishedPeriod("Sedan oktober 2015", lambda last: FIRST_MONTH),
}


def published_with(period: Period) -> list[Period]:
    """The periods that are published together with one, itself among them, shortest first; no others if it is none."""
    together = {published.ending(period.last) for published in PERIODS.values()}
    return sorted(together, key=lambda other: len(other.months)) if period in together else [period]
