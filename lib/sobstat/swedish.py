"""Numbers as Swedish readers write them: `12 345`, `45,6 %`, `−3`."""

from datetime import date

import vl_convert
from babel.dates import format_date

from sobstat.declarations import Measure

NO_BREAK = "\u00a0"
_SWEDISH = str.maketrans({",": NO_BREAK, ".": ",", "-": "−"})


def decimal(number: float, decimals: int) -> str:
    """`1 234,57`."""
    return f"{number:,.{decimals}f}".translate(_SWEDISH)


def whole(number: int) -> str:
    """`12 345`."""
    return decimal(number, 0)


def percent(share: float) -> str:
    """`45,6 %` of 0.456."""
    return f"{decimal(share * 100, 1)}{NO_BREAK}%"


def change(before: int, now: int) -> str:
    """The change in percent, with its sign.

    Empty where there was nothing before, and for more than a doubling: there the two numbers say more than `+44 650 %`.
    """
    if not before or now > 2 * before:
        return ""
    share = now / before - 1
    return f"{'+' if round(share, 3) > 0 else ''}{percent(round(share, 3) + 0.0)}"


def number(value, measure: Measure) -> str:
    """A measure's value in its own form: a count, a share in percent, or a rate with its decimals."""
    if measure.counted:
        return whole(int(value))
    if measure.scale == 1:
        return percent(float(value))
    return decimal(float(value), measure.decimals)


def day_in_words(day: date) -> str:
    """`5 december 2025`."""
    return format_date(day, "d MMMM y", locale="sv")


def enumerate_words(words: list[str]) -> str:
    """`a, b och c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} och {words[-1]}"


def vega_locale() -> dict:
    """The same for charts, as Vega's `number` and `time` locale: days and months in lower case."""
    number, time = vl_convert.get_format_locale("sv-SE"), vl_convert.get_time_format_locale("sv-SE")
    names = {key: [name.lower() for name in time[key]] for key in ("days", "shortDays", "months", "shortMonths")}
    return {"number": number | {"percent": f"{NO_BREAK}%"}, "time": time | names}
