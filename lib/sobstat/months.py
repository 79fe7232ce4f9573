"""Whole months and periods of them, in Europe/Stockholm local time."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from babel.dates import format_date

from sobstat.errors import SobstatError

STOCKHOLM = ZoneInfo("Europe/Stockholm")


@dataclass(frozen=True, order=True)
class Month:
    """A calendar month, written `2025-10`."""

    year: int
    month: int

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    def __add__(self, months: int) -> "Month":
        year, month0 = divmod(self.year * 12 + self.month - 1 + months, 12)
        return Month(year, month0 + 1)

    def __sub__(self, other: "Month") -> int:
        return (self.year - other.year) * 12 + self.month - other.month

    @property
    def first_day(self) -> date:
        return date(self.year, self.month, 1)

    @property
    def title(self) -> str:
        """The month in Swedish: `oktober 2025`."""
        return format_date(self.first_day, "LLLL y", locale="sv")

    @classmethod
    def of(cls, day: date) -> "Month":
        return cls(day.year, day.month)

    @classmethod
    def parse(cls, text: "str | Month") -> "Month":
        """Read `YYYY-MM`; raises SobstatError for anything else."""
        match = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", str(text).strip())
        if not match or match[1] == "0000":
            raise SobstatError(f"{str(text)!r} is not a month: write YYYY-MM, for example 2025-10.")
        return cls(int(match[1]), int(match[2]))


# Data are shown from October 2015, and avslutningsorsak exists from March 2022: the service's own dates.
FIRST_MONTH = Month(2015, 10)
AVSLUTNINGSORSAK_FROM = Month(2022, 3)


@dataclass(frozen=True, order=True)
class Period:
    """Whole months `first` to `last`, both included."""

    first: Month
    last: Month

    @property
    def months(self) -> list[Month]:
        return [self.first + n for n in range(self.last - self.first + 1)]

    @property
    def end(self) -> date:
        """The first day after the period."""
        return (self.last + 1).first_day

    @property
    def last_day(self) -> date:
        return self.end - timedelta(days=1)

    @property
    def title(self) -> str:
        """The period in Swedish: `oktober 2025`, or `november 2024–oktober 2025`."""
        return self.last.title if self.first == self.last else f"{self.first.title}–{self.last.title}"

    @classmethod
    def parse(cls, first: str | Month, last: str | Month) -> "Period":
        """Read a period; raises SobstatError if it is reversed or starts before October 2015."""
        period = cls(Month.parse(first), Month.parse(last))
        if period.first < FIRST_MONTH:
            raise SobstatError(f"The period starts in {period.first}, but data are shown from {FIRST_MONTH}.")
        if period.last < period.first:
            raise SobstatError(f"The period ends in {period.last}, before it starts in {period.first}.")
        return period


def this_month(now: datetime | None = None) -> Month:
    """The month it is in Stockholm, which isn't over yet."""
    return Month.of((now or datetime.now(STOCKHOLM)).astimezone(STOCKHOLM).date())
