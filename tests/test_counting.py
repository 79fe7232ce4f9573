"""Every counting rule on a handful of transactions, small enough to count on one's fingers.

Each case runs on the reference and on the library, which DuckDB counts for. What they ask is then asked of Spark, which
must count the same; with `--spark` each case runs there by itself too, which takes minutes. Columns a case leaves out
are everyday values (`extracts.TRANSACTION`); expected tables leave out rows of zeros unless they say otherwise.
"""

from itertools import count, groupby

import pandas as pd
import pytest

from absent import go_without
from engines import as_folder, need_spark
from extracts import COLUMNS, SLUG, Figures, check, check_all, load, make_extract, shown, together
from sobstat.errors import SobstatError
from sobstat.report import open_report

DRILL_DOWN = "per-region-vardgivare-moment-orsak"
MOMENT_DRILL_DOWN = "per-moment-region-vardgivare-vardenhet"


@pytest.fixture(scope="module")
def cases() -> list[Figures]:
    """All that was counted by DuckDB until now."""
    return []


@pytest.fixture
def figures(reader, cases, tmp_path):
    number = count(1)

    def read(*tables, **named) -> Figures:
        made = Figures(reader, make_extract(*tables, **named), tmp_path / str(next(number)))
        if reader == "duckdb":
            cases.append(made)
        return made

    return read


def stock(report) -> dict:
    return {row["manad"]: row["pagaende"] for row in report.table("pagaende-over-tid")}


def flows(report) -> tuple:
    total = report.table(MOMENT_DRILL_DOWN)[0]
    assert total["niva"] == "totalt"
    return total["startade"], total["avslutade"]


# Local time


def test_a_month_ends_at_midnight_in_stockholm(figures):
    report = figures(
        """
        | arende_id | status     | tidpunkt             |
        | A1        | Inprogress | 2025-10-31T22:30:00Z |
        | A2        | Inprogress | 2025-10-31T23:30:00Z |
        """
    ).open("2025-10", "2025-11")
    check(report.table("per-manad"), "| manad | startade |\n| 2025-10 | 1 |\n| 2025-11 | 1 |")
    check(report.table("per-veckodag"), "| veckodag | startade |\n| fredag | 1 |\n| lördag | 1 |")
    assert stock(report) == {"2025-10": 1, "2025-11": 2}


def test_month_of_a_time(figures):
    """Each ärende's moment is named after its only time."""
    months = {
        "2021-10": ["2021-10-31T22:59:59Z"],  # the month ends on the day that winter time starts
        "2021-11": ["2021-10-31T23:00:00Z"],
        "2024-03": ["2024-03-31T21:59:59Z"],  # and on the day that summer time starts
        "2024-04": ["2024-03-31T22:00:00Z"],
        "2024-12": ["2024-12-31T22:59:59Z"],
        "2025-01": ["2024-12-31T23:00:00Z"],
        "2025-09": ["2025-09-30T23:59:59.999999", "2025-09-30T21:59:59Z", "2025-10-01T03:29:59+05:30"],
        "2025-10": ["2025-10-01T00:00:00", "2025-09-30T22:00:00Z", "2025-10-01T03:30:00+05:30"],
    }
    times = [time for month in months.values() for time in month]
    log = figures([{"arende_id": time, "status": "Inprogress", "tidpunkt": time, "moment": time} for time in times])
    report = log.open("2021-10", "2025-10")
    under_way = [row for row in report.table("pagaende-per-moment") if row["pagaende"]]
    assert {row["moment"]: row["manad"] for row in reversed(under_way)} == {
        time: month for month, times in months.items() for time in times
    }
    started = {row["manad"]: row["startade"] for row in report.table("per-manad") if row["startade"]}
    assert started == {month: len(times) for month, times in months.items()}
    assert [row["pagaende"] for row in report.table("pagaende-over-tid")][-3:] == [6, 9, 12]
    for month in ("2025-09", "2025-10"):
        rows = log.open(month, month).table(MOMENT_DRILL_DOWN)
        assert sorted(row["moment"] for row in rows if row["niva"] == "moment") == sorted(months[month])


@pytest.mark.parametrize(
    ("tidpunkt", "veckodag"),
    [
        ("2025-10-26T02:30:00", "söndag"),
        ("2025-10-25T22:30:00Z", "söndag"),  # 00:30 in summer time
        ("2025-10-26T22:30:00Z", "söndag"),  # 23:30 in winter time
        ("2025-10-26T23:00:00Z", "måndag"),
        ("2025-03-30T02:30:00", "söndag"),  # an hour that never was
        ("2025-03-29T23:00:00Z", "söndag"),
        ("2025-03-30T22:00:00Z", "måndag"),
    ],
)
def test_weekday_on_the_days_of_24_and_25_hours(figures, tidpunkt, veckodag):
    log = [{"arende_id": "A1", "status": "Inprogress", "tidpunkt": tidpunkt}]
    rows = figures(log).open("2025-03", "2025-10").table("per-veckodag")
    assert [row["veckodag"] for row in rows if row["startade"]] == [veckodag]


@pytest.mark.parametrize(
    ("start", "done", "pagaende"),
    [
        ("2025-10-26T02:30:00+01:00", "2025-10-26T02:40:00+02:00", 1),  # done in the first 02:40
        ("2025-10-26T02:40:00+02:00", "2025-10-26T02:30:00+01:00", 0),  # started in the first 02:40
        ("2025-10-26T02:30:00", "2025-10-26T00:29:00Z", 1),  # without offset: the first 02:30, 00:30Z
        ("2025-10-26T02:30:00", "2025-10-26T00:31:00Z", 0),
        ("2025-10-26T03:00:00", "2025-10-26T01:59:00Z", 1),
        ("2025-03-30T02:30:00", "2025-03-30T01:29:00Z", 1),  # never was: counted with the winter's offset
        ("2025-03-30T02:30:00", "2025-03-30T01:31:00Z", 0),
        ("2025-03-30T03:00:00", "2025-03-30T00:59:00Z", 1),
    ],
)
def test_order_of_events_in_the_odd_hours(figures, start, done, pagaende):
    report = figures(
        f"""
        | arende_id | status     | tidpunkt |
        | A1        | Inprogress | {start}  |
        | A1        | Done       | {done}   |
        """
    ).open("2025-03", "2025-10")
    assert flows(report) == (1, 1)
    assert stock(report)["2025-10"] == pagaende


# The counted event


def test_at_equal_times_a_start_comes_before_a_completion(figures):
    report = figures(
        """
        | transaktion_id | arende_id | status     | tidpunkt                  |
        | T1             | A1        | Done       | 2025-10-10T12:00:00       |
        | T2             | A1        | Inprogress | 2025-10-10T12:00:00       |
        | T3             | A2        | Done       | 2025-10-10T12:00:00       |
        | T4             | A2        | Inprogress | 2025-10-10T10:00:00Z      |
        | T5             | A3        | Done       | 2025-10-10T12:00:00       |
        | T6             | A3        | Inprogress | 2025-10-10T12:00:00.000001 |
        """
    ).open("2025-10", "2025-10")
    assert flows(report) == (3, 3)
    assert stock(report) == {"2025-10": 1}


def test_of_two_starts_on_a_day_the_later_instant_counts(figures):
    """Neither the transaktion_id nor the text of the time says which one is later."""
    report = figures(
        """
        | transaktion_id | arende_id | status     | tidpunkt                   | moment | alder |
        | T9             | A1        | Inprogress | 2025-10-10T12:00:00        | First  | 20    |
        | T2             | A1        | Inprogress | 2025-10-10T12:00:00.000001 | Second | 30    |
        | T8             | A2        | Inprogress | 2025-10-10T12:30:00+02:00  | Third  | 50    |
        | T1             | A2        | Inprogress | 2025-10-10T11:00:00Z       | Fourth | 60    |
        """
    ).open("2025-10", "2025-10")
    check(report.table("pagaende-per-moment"), "| moment | pagaende |\n| Second | 1 |\n| Fourth | 1 |")
    check(
        [row for row in report.table(MOMENT_DRILL_DOWN) if row["niva"] == "moment"],
        "| moment | startade |\n| Second | 1 |\n| Fourth | 1 |",
    )
    check(  # all four have one person, whose latest event is the last row's
        report.table("vardtagare-per-kon-och-alder"), "| aldersgrupp | vardtagare |\n| 55–64 | 1 |"
    )


def test_at_equal_times_and_status_the_last_transaktion_id_counts(figures):
    report = figures(
        """
        | transaktion_id | arende_id | status     | tidpunkt            | moment | avslutningsorsak |
        | T9             | A1        | Inprogress | 2025-10-10T12:00:00 | Nine   |                  |
        | T10            | A1        | Inprogress | 2025-10-10T12:00:00 | Ten    |                  |
        | T7             | A2        | Done       | 2025-10-10T12:00:00 | Seven  | Genomfört        |
        | T8             | A2        | Done       | 2025-10-10T12:00:00 | Eight  | Avbrutet         |
        """
    ).open("2025-10", "2025-10")  # ids are text, so T9 comes after T10
    check(report.table("pagaende-per-moment"), "| moment | pagaende |\n| Nine | 1 |")
    check(report.table("per-avslutningsorsak"), "| avslutningsorsak | avslutade |\n| Avbrutet | 1 |")
    check(
        [row for row in report.table(MOMENT_DRILL_DOWN) if row["niva"] == "moment"],
        """
        | moment | startade | avslutade |
        | Nine   | 1        | 0         |
        | Eight  | 0        | 1         |
        """,
    )


REPEATED_STARTS = """
    | arende_id | status     | tidpunkt            |
    | A1        | Inprogress | 2025-10-15T08:00:00 |
    | A1        | Inprogress | 2025-09-10T08:00:00 |
    | A1        | Inprogress | 2025-09-11T08:00:00 |
"""


def test_of_repeated_starts_the_latest_counts(figures):
    report = figures(REPEATED_STARTS).open("2025-09", "2025-10")
    check(report.table("per-manad"), "| manad | startade |\n| 2025-10 | 1 |")
    assert stock(report) == {"2025-09": 1, "2025-10": 1}


def test_a_later_start_does_not_exist_for_an_earlier_period(figures):
    report = figures(REPEATED_STARTS).open("2025-09", "2025-09")
    check(report.table("per-veckodag"), "| veckodag | startade |\n| torsdag | 1 |")  # the 11th


def test_of_repeated_completions_the_latest_counts(figures):
    report = figures(
        """
        | arende_id | status     | tidpunkt            | avslutningsorsak |
        | A1        | Inprogress | 2025-09-01T08:00:00 |                  |
        | A1        | Done       | 2025-09-10T08:00:00 | Avbrutet         |
        | A1        | Done       | 2025-10-10T08:00:00 | Genomfört        |
        """
    ).open("2025-09", "2025-10")
    check(
        report.table("per-manad"),
        """
        | manad   | startade | avslutade |
        | 2025-09 | 1        | 0         |
        | 2025-10 | 0        | 1         |
        """,
    )
    check(report.table("per-avslutningsorsak"), "| avslutningsorsak | andel |\n| Genomfört | 1.0000 |")
    assert stock(report) == {"2025-09": 0, "2025-10": 0}


REOPENED = """
    | arende_id | status     | tidpunkt            | avslutningsorsak |
    | A1        | Inprogress | 2025-08-20T08:00:00 |                  |
    | A1        | Done       | 2025-09-15T08:00:00 | Avbrutet         |
    | A1        | Inprogress | 2025-10-03T08:00:00 |                  |
"""


def test_reopening_gives_a_start_after_the_completion(figures):
    report = figures(REOPENED).open("2025-08", "2025-10")
    check(
        report.table("per-manad"),
        """
        | manad   | startade | avslutade |
        | 2025-09 | 0        | 1         |
        | 2025-10 | 1        | 0         |
        """,
    )
    assert stock(report) == {"2025-08": 1, "2025-09": 0, "2025-10": 1}


def test_a_reopened_arende_keeps_the_reason_of_its_completion(figures):
    rows = figures(REOPENED).open("2025-10", "2025-10").table(DRILL_DOWN)
    check(
        [row for row in rows if row["niva"] == "avslutningsorsak"],
        """
        | avslutningsorsak | startade | pagaende | avslutade |
        | Avbrutet         | 1        | 1        | 0         |
        """,
    )


def test_started_and_completed_within_a_month_is_never_pagaende(figures):
    report = figures(
        """
        | arende_id | status     | tidpunkt            | moment |
        | A1        | Inprogress | 2025-10-01T00:00:00 | Brief  |
        | A1        | Done       | 2025-10-31T23:59:59 | Brief  |
        | A2        | Inprogress | 2025-10-31T23:00:00 | Longer |
        | A2        | Done       | 2025-11-01T00:00:00 | Longer |
        """
    ).open("2025-09", "2025-11")
    assert stock(report) == {"2025-09": 0, "2025-10": 1, "2025-11": 0}
    check_all(
        report.table("pagaende-per-moment"),
        """
        | manad   | moment | pagaende |
        | 2025-09 | Longer | 0        |
        | 2025-10 | Longer | 1        |
        | 2025-11 | Longer | 0        |
        """,
    )


def test_a_completion_without_a_start_is_a_completion(figures):
    report = figures("| arende_id | status | tidpunkt |\n| A1 | Done | 2025-10-02T08:00:00 |")
    report = report.open("2025-10", "2025-10")
    assert flows(report) == (0, 1)
    assert stock(report) == {"2025-10": 0}


def test_a_pause_changes_nothing(figures):
    report = figures(
        """
        | arende_id | status     | tidpunkt            |
        | A1        | Inprogress | 2025-10-01T08:00:00 |
        | A1        | Paused     | 2025-10-02T08:00:00 |
        | A2        | Inprogress | 2025-10-01T08:00:00 |
        | A2        | Done       | 2025-10-02T08:00:00 |
        | A2        | Paused     | 2025-10-03T08:00:00 |
        | A3        | Paused     | 2025-10-03T08:00:00 |
        | A4        | inprogress | 2025-10-03T08:00:00 |
        """
    ).open("2025-10", "2025-10")
    assert flows(report) == (2, 1)
    assert stock(report) == {"2025-10": 1}


def test_only_type_process_counts_in_every_report(figures):
    report = figures(
        """
        | arende_id | arendetyp | status     | tidpunkt            |
        | A1        | Aktivitet | Inprogress | 2025-09-01T08:00:00 |
        | A1        | Aktivitet | Done       | 2025-10-01T08:00:00 |
        | A2        | process   | Inprogress | 2025-10-01T08:00:00 |
        """,
        "| arende_id | behandlare_id |\n| A1 | b1 |",
    ).open("2025-09", "2025-10")
    assert {name: shown(report.table(name)) for name in COLUMNS} == {name: [] for name in COLUMNS}


# As of the end of the period


def test_later_transactions_change_no_figure(figures):
    log = """
        | transaktion_id | arende_id | status     | tidpunkt            | kon    | vardgivare_id |
        | T1             | A1        | Inprogress | 2025-09-10T08:00:00 | Kvinna | SE01-A        |
        | T2             | A2        | Inprogress | 2025-10-10T08:00:00 | Man    | SE12-B        |
    """
    later = """
        | T3             | A1        | Done       | 2025-11-01T00:00:00 | Man    | SE12-B        |
        | T4             | A2        | Inprogress | 2025-11-02T08:00:00 | Kvinna | SE01-A        |
        | T5             | A3        | Inprogress | 2025-11-03T08:00:00 | Man    | SE01-A        |
    """
    before = figures(log).open("2025-09", "2025-10")
    after = figures(log.rstrip() + later).open("2025-09", "2025-10")
    assert {name: shown(after.table(name)) for name in COLUMNS} == {name: shown(before.table(name)) for name in COLUMNS}
    assert {row["avslutningsorsak"] for row in after.table(DRILL_DOWN)} == {"", "Ej avslutat"}


@pytest.mark.parametrize(
    ("status", "tidpunkt", "to_month", "orsak"),
    [
        ("Done", "2025-10-31T23:59:59", "2025-10", "Genomfört"),
        ("Done", "2025-11-01T00:00:00", "2025-10", "Ej avslutat"),
        ("Done", "2025-11-01T00:00:00", "2025-11", "Genomfört"),
        ("Paused", "2025-10-02T00:00:00", "2025-10", "Ej avslutat"),
    ],
)
def test_reason_as_of_the_end_of_the_period(figures, status, tidpunkt, to_month, orsak):
    rows = (
        figures(
            f"""
            | arende_id | status     | tidpunkt            | avslutningsorsak |
            | A1        | Inprogress | 2025-10-01T08:00:00 | Felaktigt        |
            | A1        | {status}   | {tidpunkt}          | Genomfört        |
            """
        )
        .open("2025-10", to_month)
        .table(DRILL_DOWN)
    )
    assert [row["avslutningsorsak"] for row in rows if row["niva"] == "avslutningsorsak"] == [orsak]


def test_shares_of_reasons(figures):
    report = figures(
        """
        | arende_id | status | tidpunkt            | avslutningsorsak |
        | A1        | Done   | 2025-10-01T08:00:00 | Genomfört        |
        | A2        | Done   | 2025-10-01T08:00:00 | Genomfört        |
        | A3        | Done   | 2025-10-01T08:00:00 |                  |
        | A4        | Done   | 2025-09-01T08:00:00 | Avbrutet         |
        | A5        | Done   | 2025-10-01T08:00:00 | ' '              |
        | A6        | Done   | 2025-10-01T08:00:00 | genomfört        |
        | A7        | Done   | 2025-10-01T08:00:00 | NA               |
        """
    ).open("2025-10", "2025-10")
    check(
        report.table("per-avslutningsorsak"),
        """
        | avslutningsorsak | avslutade | andel  |
        | Genomfört        | 2         | 0.3333 |
        | Okänt            | 2         | 0.3333 |
        | genomfört        | 1         | 0.1667 |
        | NA               | 1         | 0.1667 |
        """,
    )


# Who and where: the attributes of the counted transaction


HANDOVER = """
    | arende_id | status     | tidpunkt            | vardgivare_id | vardenhet_id | moment | process |
    | A1        | Inprogress | 2025-09-01T08:00:00 | SE01-A        | SE01-A1      | M1     | P1      |
    | A1        | Inprogress | 2025-10-01T08:00:00 | SE01-A        | SE01-A2      | M2     | P2      |
    | A1        | Done       | 2025-11-01T08:00:00 | SE12-B        | SE12-B1      | M3     | P3      |
    | A2        | Inprogress | 2025-10-01T08:00:00 | SE01-A        | SE01-A1      | M1     | P1      |
    | A2        | Inprogress | 2025-10-05T08:00:00 | SE12-B        | SE12-B1      | M1     | P1      |
"""


def test_handover_between_lan(figures):
    log = figures(HANDOVER, "| arende_id | behandlare_id |\n| A1 | b1 |\n| A2 | b2 |")
    check(
        log.open("2025-09", "2025-11").table("per-lan"),
        """
        | lan            | startade | avslutade | behandlare |
        | Stockholms län | 1        | 0         | 1          |
        | Skåne län      | 1        | 1         | 2          |
        """,
    )
    assert stock(log.open("2025-09", "2025-11")) == {"2025-09": 1, "2025-10": 2, "2025-11": 1}
    assert stock(log.open("2025-09", "2025-11", region="01")) == {"2025-09": 1, "2025-10": 1, "2025-11": 0}
    assert stock(log.open("2025-09", "2025-11", region="12")) == {"2025-09": 0, "2025-10": 1, "2025-11": 1}


def test_the_counted_start_is_chosen_before_the_region(figures):
    """A2 was handed over to Skåne within October: its start in Stockholm isn't Stockholm's latest."""
    log = figures(HANDOVER)
    assert flows(log.open("2025-10", "2025-10", region="01")) == (1, 0)
    assert flows(log.open("2025-10", "2025-10", region="12")) == (1, 0)


def test_handover_between_units_moments_and_processes(figures):
    report = figures(HANDOVER).open("2025-09", "2025-11")
    check(
        report.table("pagaende-per-moment"),
        """
        | manad   | moment | pagaende |
        | 2025-09 | M1     | 1        |
        | 2025-10 | M1     | 1        |
        | 2025-10 | M2     | 1        |
        | 2025-11 | M1     | 1        |
        """,
    )
    check(
        report.table("per-process"),
        """
        | process | startade | avslutade | andel_avslutade |
        | P1      | 1        | 0         | 0.0000          |
        | P2      | 1        | 0         | 0.0000          |
        | P3      | 0        | 1         |                 |
        """,
    )
    check(
        [row for row in report.table(DRILL_DOWN) if row["niva"] == "avslutningsorsak"],
        """
        | vardenhet | moment | avslutningsorsak | startade | pagaende | avslutade |
        | Unit A2   | M2     | Okänt            | 1        | 0        | 0         |
        | Unit B1   | M3     | Okänt            | 0        | 0        | 1         |
        | Unit B1   | M1     | Ej avslutat      | 1        | 1        | 0         |
        """,
    )


def test_pagaende_at_a_month_end_has_that_month_ends_attributes(figures):
    """Who holds an ärende at the end of September is not changed by the handover in October."""
    log = figures(HANDOVER)
    check(
        log.open("2025-09", "2025-09").table(DRILL_DOWN),
        """
        | niva             | vardgivare | vardenhet | moment | avslutningsorsak | pagaende |
        | totalt           |            |           |        |                  | 1        |
        | lan              |            |           |        |                  | 1        |
        | vardgivare       | Giver A    |           |        |                  | 1        |
        | vardenhet        | Giver A    | Unit A1   |        |                  | 1        |
        | moment           | Giver A    | Unit A1   | M1     |                  | 1        |
        | avslutningsorsak | Giver A    | Unit A1   | M1     | Ej avslutat      | 1        |
        """,
    )


def test_everything_unknown(figures):
    report = figures(
        """
        | arende_id | status     | tidpunkt            | vardgivare_id | vardenhet_id | process | moment | kon     | alder | vardtagare_id |
        | A1        | Inprogress | 2025-10-01T08:00:00 |               |              |         |        |         |       |               |
        | A2        | Inprogress | 2025-10-01T08:00:00 | ' '           | ' '          | ' '     | ' '    | kvinna  | 121   | p1            |
        | A2        | Done       | 2025-10-02T08:00:00 | SE00-X        | SE00-X1      |         |        | Annat   | -1    | p2            |
        | A3        | Inprogress | 2025-10-03T08:00:00 | SE00-N        | SE12-B1      |         |        |         | ' '   | ' '           |
        | A4        | Inprogress | 2025-10-04T08:00:00 | SE99-Z        |              |         |        |         |       | p3            |
        """  # noqa: E501
    ).open("2025-10", "2025-10")
    check(
        report.table(DRILL_DOWN),
        """
        | niva             | lan       | vardgivare_id | vardgivare        | vardenhet_id | vardenhet       | moment | avslutningsorsak | startade | pagaende | avslutade | invanare |
        | totalt           |           |               |                   |              |                 |        |                  | 4        | 3        | 1         | 2        |
        | lan              | Okänt län |               |                   |              |                 |        |                  | 4        | 3        | 1         | 2        |
        | vardgivare       | Okänt län |               | Okänd vårdgivare  |              |                 |        |                  | 2        | 1        | 0         | 1        |
        | vardgivare       | Okänt län | SE00-N        | Giver N           |              |                 |        |                  | 1        | 1        | 0         | 0        |
        | vardgivare       | Okänt län | SE00-X        | SE00-X            |              |                 |        |                  | 0        | 0        | 1         | 0        |
        | vardgivare       | Okänt län | SE99-Z        | Giver Z           |              |                 |        |                  | 1        | 1        | 0         | 1        |
        | vardenhet        | Okänt län |               | Okänd vårdgivare  |              | Okänd vårdenhet |        |                  | 2        | 1        | 0         | 1        |
        | vardenhet        | Okänt län | SE00-N        | Giver N           | SE12-B1      | Unit B1         |        |                  | 1        | 1        | 0         | 0        |
        | vardenhet        | Okänt län | SE00-X        | SE00-X            | SE00-X1      | SE00-X1         |        |                  | 0        | 0        | 1         | 0        |
        | vardenhet        | Okänt län | SE99-Z        | Giver Z           |              | Okänd vårdenhet |        |                  | 1        | 1        | 0         | 1        |
        | moment           | Okänt län |               | Okänd vårdgivare  |              | Okänd vårdenhet | Okänt  |                  | 2        | 1        | 0         | 1        |
        | moment           | Okänt län | SE00-N        | Giver N           | SE12-B1      | Unit B1         | Okänt  |                  | 1        | 1        | 0         | 0        |
        | moment           | Okänt län | SE00-X        | SE00-X            | SE00-X1      | SE00-X1         | Okänt  |                  | 0        | 0        | 1         | 0        |
        | moment           | Okänt län | SE99-Z        | Giver Z           |              | Okänd vårdenhet | Okänt  |                  | 1        | 1        | 0         | 1        |
        | avslutningsorsak | Okänt län |               | Okänd vårdgivare  |              | Okänd vårdenhet | Okänt  | Ej avslutat      | 1        | 1        | 0         | 0        |
        | avslutningsorsak | Okänt län |               | Okänd vårdgivare  |              | Okänd vårdenhet | Okänt  | Okänt            | 1        | 0        | 0         | 1        |
        | avslutningsorsak | Okänt län | SE00-N        | Giver N           | SE12-B1      | Unit B1         | Okänt  | Ej avslutat      | 1        | 1        | 0         | 0        |
        | avslutningsorsak | Okänt län | SE00-X        | SE00-X            | SE00-X1      | SE00-X1         | Okänt  | Okänt            | 0        | 0        | 1         | 0        |
        | avslutningsorsak | Okänt län | SE99-Z        | Giver Z           |              | Okänd vårdenhet | Okänt  | Ej avslutat      | 1        | 1        | 0         | 1        |
        """,  # noqa: E501
    )
    check(report.table("per-process"), "| process | startade | avslutade |\n| Okänt | 4 | 1 |")
    check(report.table("pagaende-per-moment"), "| moment | pagaende |\n| Okänt | 3 |")
    check(
        report.table("vardtagare-per-kon-och-alder"),
        "| kon | aldersgrupp | vardtagare |\n| Okänt | Okänd | 3 |",
    )
    check(report.table("vardtagare-per-kon"), "| kon | vardtagare | andel |\n| Okänt | 3 | 1.0000 |")
    assert report.table("per-lan")[-1] == {
        "lan_kod": "", "lan": "Okänt län", "startade": 4, "avslutade": 1, "behandlare": 0,
    }  # fmt: skip


def test_hsa_ids_compare_in_upper_case_without_blanks(figures):
    report = figures(
        """
        | arende_id | status     | tidpunkt            | vardgivare_id | vardenhet_id |
        | A1        | Inprogress | 2025-10-01T08:00:00 | SE12-B        | SE12-B1      |
        | A2        | Inprogress | 2025-10-01T08:00:00 | ' se12-b '    | se12-B1      |
        | A3        | Inprogress | 2025-10-01T08:00:00 | ' se00-x'     | 'Se00-x1 '   |
        | A4        | Inprogress | 2025-10-01T08:00:00 | SE00-X        | SE00-X1      |
        """
    ).open("2025-10", "2025-10")
    check(
        [row for row in report.table(DRILL_DOWN) if row["niva"] == "vardenhet"],
        """
        | lan_kod | vardgivare_id | vardgivare | vardenhet_id | vardenhet | startade |
        | 12      | SE12-B        | Giver B    | SE12-B1      | Unit B1   | 2        |
        |         | SE00-X        | SE00-X     | SE00-X1      | SE00-X1   | 2        |
        """,
    )


def test_a_unit_without_a_name_in_the_catalogue_goes_by_its_id(figures):
    report = figures(
        "| arende_id | status | tidpunkt |\n| A1 | Inprogress | 2025-10-01T08:00:00 |",
        hsa_vardgivare="| hsa_id | namn | lan_kod |\n| SE01-A | | 12 |",
        hsa_vardenhet=(
            "| hsa_id | namn | vardgivare_id | lan_kod | kommun_kod |\n| SE01-A1 | ' ' | SE01-A | 01 | 0180 |"
        ),
    ).open("2025-10", "2025-10")
    check(
        [row for row in report.table(DRILL_DOWN) if row["niva"] == "vardenhet"],
        "| lan_kod | vardgivare | vardenhet | startade |\n| 12 | SE01-A | SE01-A1 | 1 |",
    )


def test_the_county_is_the_vardgivares_not_the_units(figures):
    """Unit A2 lies in Uppsala län and unit B1 belongs to Giver B; both ärenden are Giver A's."""
    report = figures(
        """
        | arende_id | status     | tidpunkt            | vardgivare_id | vardenhet_id |
        | A1        | Inprogress | 2025-10-01T08:00:00 | SE01-A        | SE01-A2      |
        | A2        | Inprogress | 2025-10-01T08:00:00 | SE01-A        | SE12-B1      |
        | A3        | Inprogress | 2025-10-01T08:00:00 | SE12-B        | SE12-B1      |
        """
    ).open("2025-10", "2025-10")
    check(report.table("per-lan"), "| lan | startade |\n| Stockholms län | 2 |\n| Skåne län | 1 |")
    check(
        [row for row in report.table(DRILL_DOWN) if row["niva"] == "vardenhet"],
        """
        | vardgivare | vardenhet | startade |
        | Giver A    | Unit A2   | 1        |
        | Giver A    | Unit B1   | 1        |
        | Giver B    | Unit B1   | 1        |
        """,
    )


def test_the_county_is_the_one_of_the_latest_catalogue(tmp_path):
    extract = make_extract("| arende_id | status | tidpunkt |\n| A1 | Inprogress | 2025-10-01T08:00:00 |")
    moved = {**extract, "hsa_vardgivare": [{"hsa_id": "SE01-A", "namn": "New name", "lan_kod": "12"}]}
    load(extract, tmp_path / "1", tmp_path / "w.duckdb")
    load(moved, tmp_path / "2", tmp_path / "w.duckdb")
    report = open_report("skane", "2025-10", "2025-10", warehouse=str(tmp_path / "w.duckdb"), min_antal=0)
    rows = report.table(DRILL_DOWN).to_dict("records")
    assert {row["vardgivare"] for row in rows if row["niva"] == "vardgivare"} == {"New name"}


def test_ids_that_look_like_missing_values(figures):
    report = figures(
        """
        | transaktion_id | arende_id | status     | tidpunkt            | vardtagare_id | moment | process | vardgivare_id |
        | NA             | NA        | Inprogress | 2025-10-01T08:00:00 | NA            | NA     | NULL    | NA            |
        | null           | null      | Inprogress | 2025-10-01T08:00:00 | null          | None   | NULL    | SE01-A        |
        | nan            | nan       | Inprogress | 2025-10-01T08:00:00 | nan           | nan    | NULL    | SE01-A        |
        | N/A            | NA        | Done       | 2025-10-02T08:00:00 | NA            | NA     | NULL    | NA            |
        """,  # noqa: E501
        "| arende_id | behandlare_id |\n| NA | NA |\n| null | null |\n| nan | NA |",
    ).open("2025-10", "2025-10")
    check(
        report.table(MOMENT_DRILL_DOWN)[:1],
        """
        | startade | avslutade | invanare | behandlare |
        | 3        | 1         | 3        | 2          |
        """,
    )
    check(report.table("pagaende-per-moment"), "| moment | pagaende |\n| None | 1 |\n| nan | 1 |")
    check(report.table("per-process"), "| process | andel_avslutade |\n| NULL | 0.3333 |")
    check(
        [row for row in report.table(DRILL_DOWN) if row["niva"] == "vardgivare"],
        "| vardgivare_id | vardgivare | startade |\n| NA | NA | 1 |\n| SE01-A | Giver A | 2 |",
    )


# Persons


TWO_LAN = """
    | arende_id | status     | tidpunkt            | vardtagare_id | vardgivare_id | kon    | alder |
    | A1        | Inprogress | 2025-09-01T08:00:00 | p1            | SE01-A        | Kvinna | 34    |
    | A2        | Inprogress | 2025-10-01T08:00:00 | p1            | SE12-B        | Man    | 35    |
    | A3        | Inprogress | 2025-10-02T08:00:00 | p2            | SE12-B        | Kvinna | 17    |
    | A4        | Done       | 2025-10-03T08:00:00 | p3            | SE12-B        | Kvinna | 85    |
"""


def test_a_person_in_two_lan_is_one_person_of_riket(figures):
    rows = figures(TWO_LAN).open("2025-09", "2025-10").table(DRILL_DOWN)
    check(
        [row for row in rows if row["niva"] in ("totalt", "lan")],
        """
        | niva   | lan            | startade | invanare |
        | totalt |                | 3        | 2        |
        | lan    | Stockholms län | 1        | 1        |
        | lan    | Skåne län      | 2        | 2        |
        """,
    )


def test_a_person_stands_where_the_latest_event_of_the_window_puts_them(figures):
    log = figures(TWO_LAN)
    riket, stockholm = log.open("2025-09", "2025-10"), log.open("2025-09", "2025-10", region="01")
    check(
        riket.table("vardtagare-per-kon-och-alder"),
        """
        | kon    | aldersgrupp | vardtagare |
        | Man    | 35–44       | 1          |
        | Kvinna | 13–17       | 1          |
        | Kvinna | 85+         | 1          |
        """,
    )
    check(
        riket.table("vardtagare-per-kon-och-manad"),
        """
        | manad   | kon    | vardtagare |
        | 2025-09 | Kvinna | 1          |
        | 2025-10 | Kvinna | 2          |
        | 2025-10 | Man    | 1          |
        """,
    )
    check(
        riket.table("vardtagare-per-kon"),
        "| kon | vardtagare | andel |\n| Kvinna | 2 | 0.6667 |\n| Man | 1 | 0.3333 |",
    )
    check(
        stockholm.table("vardtagare-per-kon-och-alder"),
        "| kon | aldersgrupp | vardtagare |\n| Kvinna | 25–34 | 1 |",
    )


def test_a_persons_latest_event_at_equal_times(figures):
    """A start stands before a completion, then transaktion_id decides, also between ärenden."""
    report = figures(
        """
        | transaktion_id | arende_id | status     | tidpunkt            | vardtagare_id | alder |
        | T1             | A1        | Done       | 2025-10-01T08:00:00 | p1            | 20    |
        | T2             | A2        | Inprogress | 2025-10-01T08:00:00 | p1            | 30    |
        | T4             | A3        | Inprogress | 2025-10-01T08:00:00 | p2            | 40    |
        | T3             | A4        | Inprogress | 2025-10-01T08:00:00 | p2            | 50    |
        """
    ).open("2025-10", "2025-10")
    check(
        report.table("vardtagare-per-kon-och-alder"),
        "| aldersgrupp | vardtagare |\n| 18–24 | 1 |\n| 35–44 | 1 |",
    )


def test_a_start_that_is_not_counted_brings_no_person(figures):
    """The ärende passed from p1 to p2 by a new start; p1's start is no counted event."""
    report = figures(
        """
        | arende_id | status     | tidpunkt            | vardtagare_id | kon    |
        | A1        | Inprogress | 2025-10-01T08:00:00 | p1            | Kvinna |
        | A1        | Inprogress | 2025-10-02T08:00:00 | p2            | Man    |
        """
    ).open("2025-10", "2025-10")
    check(report.table("vardtagare-per-kon"), "| kon | vardtagare |\n| Man | 1 |")
    check(report.table(MOMENT_DRILL_DOWN)[:1], "| startade | invanare |\n| 1 | 1 |")


def test_age_groups(figures):
    """Kvinnor at each group's lowest age, Män at its highest, so that every boundary shows."""
    ages = {
        "Kvinna": ["0", "13", "18", "25", "35", "45", "55", "65", "75", "85"],
        "Man": ["12", "17", "24", "34", "44", "54", "64", "74", "84", "120"],
        "": ["-1", "121", "200", ""],
    }
    log = [
        {"arende_id": f"A{kon}{alder}", "vardtagare_id": f"p{kon}{alder}", "kon": kon, "alder": alder}
        | {"status": "Done", "tidpunkt": "2025-10-01T08:00:00"}
        for kon in ages
        for alder in ages[kon]
    ]
    rows = figures(log).open("2025-10", "2025-10").table("vardtagare-per-kon-och-alder")
    counts = {(row["kon"], row["aldersgrupp"]): row["vardtagare"] for row in rows}
    groups = ["0–12", "13–17", "18–24", "25–34", "35–44", "45–54", "55–64", "65–74", "75–84", "85+"]
    expected = {(kon, group): int(kon != "Okänt") for kon in ("Kvinna", "Man", "Okänt") for group in groups}
    assert counts == expected | {("Kvinna", "Okänd"): 0, ("Man", "Okänd"): 0, ("Okänt", "Okänd"): 4}


def people(kon, antal):
    return [
        {"arende_id": f"{kon}{n}", "status": "Inprogress", "tidpunkt": "2025-10-01T08:00:00",
         "vardtagare_id": f"{kon}{n}", "kon": kon}
        for n in range(antal)
    ]  # fmt: skip


def test_a_resident_count_of_ten_is_hidden_and_eleven_is_shown(figures):
    # Of two hidden counts neither is the total minus the shown one.
    report = figures(people("Kvinna", 11) + people("Man", 10) + people("", 10)).open("2025-09", "2025-10", min_antal=10)
    check(
        report.table("vardtagare-per-kon"),
        """
        | kon    | vardtagare | vardtagare_status | andel |
        | Kvinna | 11         |                   |       |
        | Man    |            | dold              |       |
        | Okänt  |            | dold              |       |
        """,
    )
    check(
        report.table("vardtagare-per-kon-och-manad"),
        """
        | manad   | kon    | vardtagare | vardtagare_status |
        | 2025-09 | Kvinna |            | dold              |
        | 2025-09 | Man    |            | dold              |
        | 2025-09 | Okänt  |            | dold              |
        | 2025-10 | Kvinna | 11         |                   |
        | 2025-10 | Man    |            | dold              |
        | 2025-10 | Okänt  |            | dold              |
        """,
    )


def test_shares_of_persons_are_shown_when_every_count_is(figures):
    report = figures(people("Kvinna", 11) + people("Man", 11)).open("2025-09", "2025-10", min_antal=10)
    check(
        report.table("vardtagare-per-kon"),
        "| kon | vardtagare | andel |\n| Kvinna | 11 | 0.5000 |\n| Man | 11 | 0.5000 |",
    )


def test_only_resident_counts_are_hidden(figures):
    report = figures(people("Kvinna", 2), "| arende_id | behandlare_id |\n| Kvinna1 | b1 |")
    rows = report.open("2025-10", "2025-10", min_antal=2).table(MOMENT_DRILL_DOWN)
    check(
        rows[:1],
        """
        | startade | avslutade | invanare | invanare_status | behandlare |
        | 2        | 0         |          | dold            | 1          |
        """,
    )


def test_no_persons_at_all(figures):
    report = figures(people("Kvinna", 1))
    check(
        report.open("2025-09", "2025-09").table("vardtagare-per-kon"),
        """
        | kon    | vardtagare | vardtagare_status | andel |
        | Kvinna | 0          |                   |       |
        | Man    | 0          |                   |       |
        """,
        zeros=True,
    )
    check(
        report.open("2025-09", "2025-09", min_antal=10).table("vardtagare-per-kon"),
        """
        | kon    | vardtagare | vardtagare_status | andel |
        | Kvinna |            | dold              |       |
        | Man    |            | dold              |       |
        """,
    )


# Shares and staff


def test_share_of_completions(figures):
    report = figures(
        """
        | arende_id | status     | tidpunkt            | process |
        | A1        | Inprogress | 2025-10-01T08:00:00 | More    |
        | A1        | Done       | 2025-10-02T08:00:00 | More    |
        | A2        | Inprogress | 2025-09-01T08:00:00 | More    |
        | A2        | Done       | 2025-10-02T08:00:00 | More    |
        | A3        | Done       | 2025-10-02T08:00:00 | None    |
        | A4        | Inprogress | 2025-10-02T08:00:00 | Zero    |
        | A5        | Inprogress | 2025-09-02T08:00:00 | Before  |
        """
    ).open("2025-10", "2025-10")
    check(
        report.table("per-process"),
        """
        | process | startade | avslutade | andel_avslutade |
        | More    | 1        | 2         | 2.0000          |
        | None    | 0        | 1         |                 |
        | Zero    | 1        | 0         | 0.0000          |
        """,
        zeros=True,
    )


def test_behandlare_are_distinct_at_every_level(figures):
    """b1 works in two län and in both months; b3's ärende has no counted event in the period."""
    report = figures(
        """
        | arende_id | status     | tidpunkt            | vardgivare_id | vardenhet_id |
        | A1        | Inprogress | 2025-09-01T08:00:00 | SE01-A        | SE01-A1      |
        | A1        | Done       | 2025-10-01T08:00:00 | SE01-A        | SE01-A2      |
        | A2        | Inprogress | 2025-10-01T08:00:00 | SE12-B        | SE12-B1      |
        | A3        | Inprogress | 2025-08-01T08:00:00 | SE12-B        | SE12-B1      |
        | A4        | Inprogress | 2025-10-01T08:00:00 | SE12-B        | SE12-B1      |
        """,
        """
        | arende_id | behandlare_id |
        | A1        | b1            |
        | A1        | b2            |
        | A1        | b2            |
        | A2        | b1            |
        | A3        | b3            |
        | A9        | b4            |
        """,
    ).open("2025-09", "2025-10")
    check(
        report.table("per-lan"),
        "| lan | behandlare |\n| Stockholms län | 2 |\n| Skåne län | 1 |",
    )
    check(report.table("per-manad"), "| manad | behandlare |\n| 2025-09 | 2 |\n| 2025-10 | 2 |")
    check(
        [row for row in report.table(DRILL_DOWN) if row["niva"] in ("totalt", "vardgivare", "vardenhet")],
        """
        | niva       | vardgivare | vardenhet | behandlare |
        | totalt     |            |           | 2          |
        | vardgivare | Giver A    |           | 2          |
        | vardgivare | Giver B    |           | 1          |
        | vardenhet  | Giver A    | Unit A1   | 2          |
        | vardenhet  | Giver A    | Unit A2   | 2          |
        | vardenhet  | Giver B    | Unit B1   | 1          |
        """,
    )


def test_self_help_without_behandlare(figures):
    log = "| arende_id | status | tidpunkt |\n| A1 | Inprogress | 2025-10-01T08:00:00 |"
    rows = figures(log).open("2025-10", "2025-10").table("per-lan")
    check(rows, "| lan | startade | behandlare |\n| Stockholms län | 1 | 0 |")


# Periods and regions


def test_period_over_new_year(figures):
    report = figures(
        """
        | arende_id | status     | tidpunkt            |
        | A1        | Inprogress | 2023-11-05T08:00:00 |
        | A2        | Inprogress | 2024-12-31T23:59:59 |
        | A3        | Inprogress | 2025-01-01T00:00:00 |
        | A3        | Done       | 2025-02-01T00:00:00 |
        """
    ).open("2024-11", "2025-02")
    check(
        report.table("per-manad"),
        """
        | manad   | startade | avslutade |
        | 2024-11 | 0        | 0         |
        | 2024-12 | 1        | 0         |
        | 2025-01 | 1        | 0         |
        | 2025-02 | 0        | 1         |
        """,
        zeros=True,
    )
    assert stock(report) == {"2024-11": 1, "2024-12": 2, "2025-01": 3, "2025-02": 2}


def test_period_from_long_before_the_data(figures):
    report = figures("| arende_id | status | tidpunkt |\n| A1 | Inprogress | 2025-10-01T08:00:00 |")
    report = report.open("2015-10", "2025-10")
    months = [row["manad"] for row in report.table("per-manad")]
    assert (len(months), months[0], months[3], months[-1]) == (121, "2015-10", "2016-01", "2025-10")
    assert [month for month, pagaende in stock(report).items() if pagaende] == ["2025-10"]
    assert flows(report) == (1, 0)


def test_a_start_before_october_2015_is_pagaende_but_in_no_period(figures):
    report = figures("| arende_id | status | tidpunkt |\n| A1 | Inprogress | 2015-09-30T23:59:00 |")
    report = report.open("2015-10", "2015-11")
    assert flows(report) == (0, 0)
    assert stock(report) == {"2015-10": 1, "2015-11": 1}


def test_period_after_the_data(figures):
    report = figures("| arende_id | status | tidpunkt |\n| A1 | Inprogress | 2025-01-01T08:00:00 |")
    report = report.open("2025-09", "2025-10")
    assert flows(report) == (0, 0)
    assert stock(report) == {"2025-09": 1, "2025-10": 1}
    assert report.table("per-process") == []
    assert report.table("per-avslutningsorsak") == []
    check(
        [row for row in report.table(DRILL_DOWN) if row["niva"] == "avslutningsorsak"],
        """
        | vardenhet | moment | avslutningsorsak | startade | pagaende | avslutade |
        | Unit A1   | KBT    | Ej avslutat      | 0        | 1        | 0         |
        """,
    )


@pytest.mark.parametrize(
    ("from_month", "to_month", "said"),
    [
        ("2015-09", "2025-10", "2015-10"),
        ("2025-11", "2025-10", "before"),
        ("2025-13", "2025-10", "2025-13"),
    ],
)
def test_refused_periods(tmp_path, from_month, to_month, said):
    extract = make_extract("| arende_id | status | tidpunkt |\n| A1 | Done | 2025-10-01T08:00:00 |")
    warehouse = load(extract, tmp_path / "in", tmp_path / "w.duckdb")
    with pytest.raises(SobstatError, match=said):
        open_report("riket", from_month, to_month, warehouse=str(warehouse))


def test_one_lan_counts_only_its_own(figures):
    report = figures(
        """
        | arende_id | status     | tidpunkt            | vardgivare_id | vardtagare_id | kon | moment |
        | A1        | Inprogress | 2025-10-01T08:00:00 | SE01-A        | p1            |     | M1     |
        | A2        | Inprogress | 2025-10-02T08:00:00 | SE12-B        | p1            | Man | M2     |
        | A3        | Inprogress | 2025-10-03T08:00:00 |               | p3            |     | M3     |
        | A3        | Done       | 2025-10-04T08:00:00 |               | p3            |     | M3     |
        """,
        "| arende_id | behandlare_id |\n| A1 | b1 |\n| A2 | b2 |\n| A3 | b3 |",
    ).open("2025-10", "2025-10", region="12")
    check(
        report.table("per-lan"),
        """
        | lan_kod | lan       | startade | avslutade | behandlare |
        | 12      | Skåne län | 1        | 0         | 1          |
        """,
        zeros=True,
    )
    check(
        report.table(DRILL_DOWN),
        """
        | niva             | lan_kod | vardenhet | moment | startade | pagaende | invanare |
        | totalt           |         |           |        | 1        | 1        | 1        |
        | lan              | 12      |           |        | 1        | 1        | 1        |
        | vardgivare       | 12      |           |        | 1        | 1        | 1        |
        | vardenhet        | 12      | Unit A1   |        | 1        | 1        | 1        |
        | moment           | 12      | Unit A1   | M2     | 1        | 1        | 1        |
        | avslutningsorsak | 12      | Unit A1   | M2     | 1        | 1        | 1        |
        """,
        zeros=True,
    )
    assert stock(report) == {"2025-10": 1}
    check(report.table("per-veckodag"), "| veckodag | startade | avslutade |\n| torsdag | 1 | 0 |")
    check(
        report.table("vardtagare-per-kon"),
        "| kon | vardtagare |\n| Kvinna | 0 |\n| Man | 1 |",
        zeros=True,
    )


# Groups that are always there


@pytest.fixture
def quiet(figures):
    """A log with one start, in Stockholm, on Monday 6 October 2025."""
    return figures("| arende_id | status | tidpunkt |\n| A1 | Inprogress | 2025-10-06T08:00:00 |")


def test_every_report_has_its_columns(quiet):
    report = quiet.open("2025-10", "2025-10")
    rows = {name: report.table(name) for name in COLUMNS if name != "per-avslutningsorsak"}
    assert {name: list(table[0]) for name, table in rows.items()} == {name: COLUMNS[name] for name in rows}


def test_all_lan_and_no_unknown_one(quiet):
    rows = quiet.open("2025-10", "2025-10").table("per-lan")
    codes = "01 03 04 05 06 07 08 09 10 12 13 14 17 18 19 20 21 22 23 24 25"
    assert sorted(row["lan_kod"] for row in rows) == codes.split()
    assert sum(row["startade"] for row in rows) == 1


def test_weekdays_in_order(quiet):
    check_all(
        quiet.open("2025-10", "2025-10").table("per-veckodag"),
        """
        | veckodag | startade | avslutade |
        | måndag   | 1        | 0         |
        | tisdag   | 0        | 0         |
        | onsdag   | 0        | 0         |
        | torsdag  | 0        | 0         |
        | fredag   | 0        | 0         |
        | lördag   | 0        | 0         |
        | söndag   | 0        | 0         |
        """,
    )


def test_months_in_order(quiet):
    report = quiet.open("2025-09", "2025-11")
    assert [row["startade"] for row in report.table("per-manad")] == [0, 1, 0]
    check_all(
        report.table("pagaende-over-tid"),
        """
        | manad   | pagaende |
        | 2025-09 | 0        |
        | 2025-10 | 1        |
        | 2025-11 | 1        |
        """,
    )
    check_all(
        report.table("pagaende-per-moment"),
        """
        | manad   | moment | pagaende |
        | 2025-09 | KBT    | 0        |
        | 2025-10 | KBT    | 1        |
        | 2025-11 | KBT    | 1        |
        """,
    )


def test_kon_and_months_in_order(quiet):
    check_all(
        quiet.open("2025-09", "2025-10").table("vardtagare-per-kon-och-manad"),
        """
        | manad   | kon    | vardtagare |
        | 2025-09 | Kvinna | 0          |
        | 2025-09 | Man    | 0          |
        | 2025-10 | Kvinna | 1          |
        | 2025-10 | Man    | 0          |
        """,
    )


def test_kon_and_age_groups_in_order(quiet):
    rows = quiet.open("2025-10", "2025-10").table("vardtagare-per-kon-och-alder")
    ages = ["0–12", "13–17", "18–24", "25–34", "35–44", "45–54", "55–64", "65–74", "75–84", "85+"]
    assert [row["kon"] for row in rows] == ["Kvinna"] * 10 + ["Man"] * 10
    assert [row["aldersgrupp"] for row in rows] == ages * 2
    assert [row["aldersgrupp"] for row in rows if row["vardtagare"]] == ["35–44"]


def test_unknown_groups_last_when_they_hold_something(figures):
    report = figures(
        """
        | arende_id | status     | tidpunkt            | vardtagare_id | kon    | alder |
        | A1        | Inprogress | 2025-10-06T08:00:00 | p1            |        | 40    |
        | A2        | Inprogress | 2025-10-06T08:00:00 | p2            | Kvinna |       |
        """
    ).open("2025-09", "2025-10")
    assert [row["kon"] for row in report.table("vardtagare-per-kon")] == ["Kvinna", "Man", "Okänt"]
    assert [row["kon"] for row in report.table("vardtagare-per-kon-och-manad")] == [
        "Kvinna", "Man", "Okänt", "Kvinna", "Man", "Okänt",
    ]  # fmt: skip
    rows = report.table("vardtagare-per-kon-och-alder")
    assert len(rows) == 33
    assert [(row["kon"], row["vardtagare"]) for row in rows if row["aldersgrupp"] == "Okänd"] == [
        ("Kvinna", 1),
        ("Man", 0),
        ("Okänt", 0),
    ]
    assert rows[10]["aldersgrupp"] == "Okänd"


def test_unknown_groups_of_nobody_are_left_out(figures):
    """The only event without kön or age has no known person."""
    report = figures(
        """
        | arende_id | status     | tidpunkt            | vardtagare_id | kon | alder |
        | A1        | Inprogress | 2025-10-06T08:00:00 |               |     |       |
        """
    ).open("2025-10", "2025-10")
    assert [row["kon"] for row in report.table("vardtagare-per-kon-och-manad")] == ["Kvinna", "Man"]
    assert len(report.table("vardtagare-per-kon-och-alder")) == 20


def test_drill_down_has_every_lan_and_otherwise_only_what_happened(quiet):
    levels = [row["niva"] for row in quiet.open("2025-10", "2025-10").table(DRILL_DOWN)]
    assert {niva: levels.count(niva) for niva in levels} == {
        "totalt": 1, "lan": 21, "vardgivare": 1, "vardenhet": 1, "moment": 1, "avslutningsorsak": 1,
    }  # fmt: skip
    levels = [row["niva"] for row in quiet.open("2025-10", "2025-10").table(MOMENT_DRILL_DOWN)]
    assert sorted(levels) == ["lan", "moment", "totalt", "vardenhet", "vardgivare"]


def test_drill_down_where_nothing_happened_has_its_fixed_rows(quiet):
    report = quiet.open("2025-09", "2025-09", region="12")
    assert [row["niva"] for row in report.table(DRILL_DOWN)] == ["totalt", "lan"]
    assert [row["niva"] for row in report.table(MOMENT_DRILL_DOWN)] == ["totalt"]


# The other engine


def test_spark_counts_all_of_this_as_duckdb_does(cases, tmp_path):
    """The cases with one HSA catalogue stand in one warehouse: to start counting takes Spark longer than to count. Each
    row of a drill-down by moment, and of a table by process, is still that of one case.
    """
    need_spark()
    if not cases:
        go_without("No case was counted before this test, which counts them once more: run the whole module.")
    catalogues = {}
    for case in cases:
        catalogues.setdefault(str([case.extract[name] for name in ("hsa_vardgivare", "hsa_vardenhet")]), []).append(
            case
        )
    for number, alike in enumerate(catalogues.values()):
        folder = tmp_path / str(number)
        warehouse = load(together([case.extract for case in alike]), folder / "in", folder / "w.duckdb")
        lager = as_folder(warehouse, folder / "lager")
        asked = sorted(set().union(*(case.asked for case in alike)))
        for (region, first, last), reports in groupby(asked, key=lambda question: question[:3]):
            expected, found = (
                open_report(SLUG[region], first, last, lager, min_antal=0, engine=engine)
                for engine in ("duckdb", "spark")
            )
            for *of, report in reports:
                pd.testing.assert_frame_equal(found.table(report), expected.table(report), obj=f"{report} of {of}")
            expected.close()
            found.close()
