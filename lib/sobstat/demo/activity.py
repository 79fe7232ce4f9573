"""How much happens on which day, and at which hour: the only clock of the synthetic extract.

Days are whole numbers counted from 1 October 2015 (day 0) in Europe/Stockholm local time; times of day
are whole seconds after local midnight.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np

from sobstat.months import FIRST_MONTH

DAY_ZERO = FIRST_MONTH.first_day

# Volume of one programme at one unit over time; the growth of the first years comes from units and programmes
# that join. Invented, but together they give the shape that is public: a few thousand starts a year in the
# first years, a jump in spring 2020 that partly stays.
TREND = [
    ("2015-10-01", 1.10),
    ("2017-01-01", 0.95),
    ("2018-07-01", 0.85),
    ("2020-03-10", 0.80),
    ("2020-04-10", 1.45),
    ("2020-06-15", 1.40),
    ("2020-12-01", 1.02),
    ("2022-01-01", 0.92),
    ("2025-12-31", 1.00),
]

# Relative activity, 1 = the busiest; invented, but in the order that any Swedish clinic will recognise.
STAFF_WEEKDAYS = [1.00, 0.99, 0.96, 0.93, 0.74, 0.04, 0.05]  # Monday first
PATIENT_WEEKDAYS = [1.00, 0.93, 0.90, 0.84, 0.68, 0.62, 0.85]
STAFF_MONTHS = [0.92, 0.94, 0.96, 0.90, 0.88, 0.66, 0.28, 0.70, 0.98, 1.00, 1.00, 0.82]  # January first
PATIENT_MONTHS = [1.00, 0.95, 0.93, 0.88, 0.84, 0.70, 0.50, 0.75, 0.93, 0.97, 1.00, 0.85]
CHRISTMAS_FACTOR = 0.30  # 22 December to 6 January
HOLIDAYS = [(1, 1), (1, 6), (5, 1), (6, 6), (12, 24), (12, 25), (12, 26), (12, 31)]  # as quiet as a Sunday

# Share of events per hour of the day, 00 first: office hours with a lunch dip; evenings at home.
STAFF_HOURS = [0, 0, 0, 0, 0, 0, 0.5, 4, 13, 16, 15, 11, 6, 12, 11, 8, 3, 0.7, 0.3, 0.2, 0.2, 0.1, 0, 0]
PATIENT_HOURS = [1, 0.5, 0.2, 0.2, 0.2, 0.4, 1, 2, 3, 4, 4, 4, 4, 4, 4, 4, 5, 6, 8, 11, 13, 12, 7, 2.5]


@dataclass(frozen=True)
class Activity:
    """Activity per day in arrays of length `days`, relative to the busiest day; `patient` is a 0/1 index."""

    days: int
    quiet: np.ndarray  # (2, days): 0 = staff, 1 = patients; share of events that may stay on the day
    cumulative: np.ndarray  # (2, days + 1): share of all starts before the day

    def draw_start(self, rng, patient, first, last):
        """Start days between the days `first` and `last` (last excluded), by trend and activity."""
        day = np.empty(len(patient), np.int64)
        for who in (0, 1):
            rows = np.flatnonzero(patient == who)
            share = self.cumulative[who]
            low, high = share[first[rows]], share[last[rows]]
            day[rows] = np.searchsorted(share, rng.uniform(low, high), side="right") - 1
        return np.clip(day, first, last - 1)

    def postpone(self, rng, day, patient):
        """Move events off quiet days: a day keeps its share of the busiest day's events, the rest wait."""
        day = day.copy()
        for _ in range(6):  # six tries leave next to nothing behind but what the day's share allows
            within = np.minimum(day, self.days - 1)
            waits = rng.random(len(day)) > self.quiet[patient, within]
            day += np.where(waits, rng.integers(1, 7, len(day)), 0)
        return day


def day_number(day: date) -> int:
    """Days from 1 October 2015."""
    return (day - DAY_ZERO).days


def build_activity(days: int) -> Activity:
    """Activity for the first `days` days from 1 October 2015."""
    dates = np.datetime64(DAY_ZERO) + np.arange(days)
    months = dates.astype("M8[M]")
    month = months.astype(int) % 12
    of_month = (dates - months).astype(int) + 1
    weekday = (DAY_ZERO.weekday() + np.arange(days)) % 7
    for holiday_month, holiday in HOLIDAYS:
        weekday[(month == holiday_month - 1) & (of_month == holiday)] = 6
    christmas = ((month == 11) & (of_month >= 22)) | ((month == 0) & (of_month <= 6))
    quiet = np.stack(
        [
            np.array(by_weekday)[weekday] * np.array(by_month)[month]
            for by_weekday, by_month in [(STAFF_WEEKDAYS, STAFF_MONTHS), (PATIENT_WEEKDAYS, PATIENT_MONTHS)]
        ]
    )
    quiet = quiet * np.where(christmas, CHRISTMAS_FACTOR, 1)
    at = [day_number(date.fromisoformat(text)) for text, _ in TREND]
    trend = np.interp(np.arange(days), at, [level for _, level in TREND])
    starts = quiet * trend
    # Both curves get the same total, so that a unit's size does not depend on who starts its programmes.
    starts = starts / starts.sum(axis=1, keepdims=True)
    cumulative = np.concatenate([np.zeros((2, 1)), np.cumsum(starts, axis=1)], axis=1)
    return Activity(days, quiet / quiet.max(axis=1, keepdims=True), cumulative)


def draw_second_of_day(rng, patient):
    """Seconds after local midnight, by the hours of staff (0) and patients (1)."""
    hour = np.empty(len(patient), np.int64)
    for who, shares in enumerate([STAFF_HOURS, PATIENT_HOURS]):
        rows = np.flatnonzero(patient == who)
        hour[rows] = draw_by_weight(rng, shares, len(rows))
    return hour * 3600 + rng.integers(0, 3600, len(patient))


def draw_by_weight(rng, weights, size):
    """`size` indexes into `weights`, with chances proportional to them."""
    upper = np.cumsum(np.asarray(weights, float))
    return np.searchsorted(upper, rng.random(size) * upper[-1], side="right")
