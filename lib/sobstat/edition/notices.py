"""What has been done to a published edition: replaced by another version, or withdrawn; told with date and reason.

A notice is part of the edition that stands at the month's address afterwards, and so of its manifest: pages, start
page and feed take its date from there, not from the clock.
"""

from dataclasses import dataclass
from datetime import date, datetime

from sobstat.errors import SobstatError
from sobstat.months import STOCKHOLM
from sobstat.swedish import day_in_words

REPLACED, WITHDRAWN = "ersatt", "indragen"


@dataclass(frozen=True)
class Notice:
    """What was done to a version of an edition, on which day (in Stockholm) and why.

    `loaded` is the date of the data of that version, `former` the address where readers find it, such as `2025-10-v1`;
    None where they do not.
    """

    kind: str
    day: str
    reason: str
    loaded: str
    former: str | None = None

    @property
    def date(self) -> str:
        """The day in Swedish: `3 december 2025`."""
        return day_in_words(date.fromisoformat(self.day))


def make_notice(kind: str, reason: str, loaded: str, former: str | None = None) -> Notice:
    """A notice of today. Raises SobstatError unless the reason is a line of text that readers can read."""
    reason = " ".join(reason.split())
    if not reason or not reason.isprintable():
        raise SobstatError("Give a --reason, a line of text that tells readers why.")
    return Notice(kind, datetime.now(STOCKHOLM).date().isoformat(), reason, loaded, former)
