"""Which months are due: those that are over and that the site lacks."""

from datetime import date, datetime
from pathlib import Path

from sobstat.edition import site as published
from sobstat.edition.plan import EditionParams
from sobstat.errors import SobstatError
from sobstat.months import FIRST_MONTH, STOCKHOLM, Month, Period
from sobstat.warehouse import Holdings, holdings


def due_months(warehouse: Path, site: Path, params: EditionParams) -> list[Month]:
    """The months that the warehouse holds and the site lacks, oldest first.

    They count from `first_month` of the params file, or else from the site's earliest edition; on an empty site
    only the latest month is due.
    """
    held = holdings(warehouse)
    refuse_a_clock_that_is_behind(held)
    return lacking_months(held, site, params, held.latest_whole_month)


def lacking_months(held: Holdings, site: Path, params: EditionParams, last: Month) -> list[Month]:
    """The same, but to `last`, whatever the warehouse holds."""
    there = published.months(published.addresses(site))
    first = Month.parse(params.first_month) if params.first_month else min(there, default=held.latest_whole_month)
    first = max(first, held.first_month, FIRST_MONTH)
    return [month for month in Period(first, last).months if month not in there]


def planned_day(month: Month, params: EditionParams) -> date:
    """The day on which a month's edition is to be out."""
    return (month + 1).first_day.replace(day=params.publication_day)


def refuse_a_clock_that_is_behind(held: Holdings) -> None:
    """What is due and what is over follow the clock, so a clock that is plainly wrong decides nothing.

    Raises SobstatError if it stands before the latest load.
    """
    today = datetime.now(STOCKHOLM).date().isoformat()
    if today < held.loaded:
        raise SobstatError(
            f"The clock says {today}, but the latest load is of {held.loaded}: set this machine's clock right first."
        )
