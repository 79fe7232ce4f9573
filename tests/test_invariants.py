"""Small awkward logs by the hundred: the library against the reference, and laws that any log must obey.

The times cluster around month ends, the two odd hours of the year and ties; set SOBSTAT_EXAMPLES to search
longer than the everyday run does.
"""

import os
import tempfile
from collections import Counter
from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from extracts import COLUMNS, Library, in_any_order, load, make_extract, shown
from reference import COLUMNS as LEVEL_COLUMNS
from reference import Reference, read_log

EXAMPLES = int(os.environ.get("SOBSTAT_EXAMPLES", 15))


def logs(share: float, *strategies):
    """Run a test on some share of EXAMPLES; a load takes a good tenth of a second."""
    few = settings(max_examples=int(EXAMPLES * share), deadline=None, database=None)
    return lambda test: few(given(*strategies)(test))


OLD = ["2014-05-01T08:00:00", "2015-09-30T22:00:00Z"]
AUTUMN = {
    "periods": [("2025-09", "2025-10"), ("2025-10", "2025-10")],
    "whole": ("2025-08", "2025-10"),
    "times": [
        *OLD, "2025-08-31T23:59:59", "2025-09-01T00:00:00", "2025-09-15T12:00:00", "2025-09-30T21:59:59.999Z",
        "2025-09-30T22:00:00Z", "2025-10-01T00:00:00.000001", "2025-10-25T22:30:00Z", "2025-10-26T02:30:00",
        "2025-10-26T02:30:00+02:00", "2025-10-26T00:30:00Z", "2025-10-26T02:30:00+01:00",
        "2025-10-26T03:00:00", "2025-10-31T22:30:00Z", "2025-10-31T23:59:59.999999",
    ],
    "later": ["2025-11-01T00:00:00", "2025-10-31T23:00:00Z", "2025-10-31T23:30:00Z", "2026-01-07T08:00:00"],
}  # fmt: skip
SPRING = {
    "periods": [("2024-02", "2024-03"), ("2024-03", "2024-03"), ("2023-12", "2024-03")],
    "whole": ("2023-12", "2024-03"),
    "times": [
        *OLD, "2023-12-31T22:59:59Z", "2023-12-31T23:00:00Z", "2024-02-29T23:30:00", "2024-02-29T22:59:59Z",
        "2024-02-29T23:00:00Z", "2024-03-15T12:00:00", "2024-03-31T02:30:00", "2024-03-31T01:30:00Z",
        "2024-03-31T00:59:59Z", "2024-03-31T03:00:00", "2024-03-31T03:00:00+02:00", "2024-03-31T03:30:00",
        "2024-03-31T21:59:59Z",
    ],
    "later": ["2024-03-31T22:00:00Z", "2024-04-01T00:00:00", "2024-04-02T08:00:00", "2024-10-27T02:30:00"],
}  # fmt: skip
YEAR_END = {
    "periods": [("2021-10", "2021-10"), ("2021-10", "2022-01")],
    "whole": ("2021-09", "2022-01"),
    "times": [
        *OLD, "2021-10-01T00:00:00", "2021-10-31T02:59:59", "2021-10-31T02:00:00+01:00",
        "2021-10-31T22:30:00Z", "2021-10-31T23:00:00Z", "2021-12-31T23:59:59", "2021-12-31T23:00:00Z",
        "2022-01-01T00:30:00", "2022-01-01T04:29:59+05:30", "2022-01-31T22:59:59Z",
    ],
    "later": ["2022-01-31T23:00:00Z", "2022-02-01T00:00:00", "2022-03-01T08:00:00"],
}  # fmt: skip
# Nothing but the odd hours, so that their order matters in most logs
AUTUMN_HOUR = AUTUMN | {
    "times": [
        "2025-10-26T02:30:00", "2025-10-26T02:30:00+02:00", "2025-10-26T00:45:00Z",
        "2025-10-26T02:15:00+01:00", "2025-10-26T02:30:00+01:00",
    ]
}  # fmt: skip
SPRING_HOUR = SPRING | {
    "times": [
        "2024-03-31T02:30:00", "2024-03-31T00:45:00Z", "2024-03-31T01:15:00Z", "2024-03-31T03:30:00+02:00",
        "2024-03-31T03:00:00",
    ]
}  # fmt: skip
TIES = AUTUMN | {"times": ["2025-10-10T12:00:00", "2025-10-10T10:00:00Z", "2025-10-10T12:00:00.000001"]}
SEASONS = [AUTUMN, AUTUMN_HOUR, SPRING, SPRING_HOUR, YEAR_END, TIES]

ARENDEN = ["A1", "A2", "A3", "NA"]


def rows(times: list[str]):
    """Transactions at some of these times; values that come twice come twice as often."""
    one_of = st.sampled_from
    return st.fixed_dictionaries(
        {
            "arende_id": one_of(ARENDEN),
            "arendetyp": one_of(["Process"] * 8 + ["Aktivitet", "process"]),
            "status": one_of(["Inprogress"] * 5 + ["Done"] * 3 + ["Paused", "done"]),
            "tidpunkt": one_of(times),
            "process": one_of(["P1", "P1", "P2", "", " "]),
            "moment": one_of(["M1", "M1", "M2", "", "NA"]),
            "vardgivare_id": one_of(["SE01-A", "se01-a ", "SE12-B", "SE00-N", "SE99-Z", "se00-x", ""]),
            "vardenhet_id": one_of(["SE01-A1", "SE12-B1", "se12-b1 ", "SE00-X1", ""]),
            "vardtagare_id": one_of(["p1", "p2", "p3", "p4", "NA", ""]),
            "kon": one_of(["Kvinna", "Kvinna", "Man", "Man", "", "kvinna"]),
            "alder": one_of(["12", "13", "35", "35", "85", "120", "121", ""]),
            "avslutningsorsak": one_of(["Genomfört", "Avbrutet", "", " "]),
        }
    )


@st.composite
def cases(draw):
    """A season's log, its therapists, a period to report and more transactions after that period."""
    season = draw(st.sampled_from(SEASONS))
    log = draw(st.lists(rows(season["times"]), min_size=1, max_size=14))
    later = draw(st.lists(rows(season["later"]), max_size=4))
    # T10 stands before T2 in the text order that settles ties
    ids = draw(st.permutations([f"T{n}" for n in range(1, len(log) + len(later) + 1)]))
    for row, transaktion_id in zip(log + later, ids, strict=True):
        row["transaktion_id"] = transaktion_id
    pair = st.fixed_dictionaries(
        {"arende_id": st.sampled_from([*ARENDEN, "A9"]), "behandlare_id": st.sampled_from(["b1", "b2", "NA"])}
    )
    behandlare = draw(st.lists(pair, max_size=6))
    return season, draw(st.sampled_from(season["periods"])), log, later, behandlare


def read_all(report) -> dict:
    return {name: report.table(name) for name in COLUMNS}


def loaded(extract, folder) -> Path:
    return load(extract, Path(folder) / "in", Path(folder) / "w.duckdb")


def hide_as(like: dict, row: dict) -> dict:
    """A row of the reference, which knows the primary rule alone, with what the library hides besides."""
    hidden = {name for name in like if like.get(f"{name}_status") == "dold"}
    hidden |= {f"{name}_status" for name in hidden} | ({"andel"} if hidden or like.get("andel") == "" else set())
    return {name: like[name] if name in hidden else value for name, value in row.items()}


@logs(1, cases(), st.sampled_from([("riket", 2), ("01", 0), ("01", 2)]))
def test_library_equals_reference(case, other):
    _, period, log, later, behandlare = case
    extract = make_extract(log + later, behandlare)
    with tempfile.TemporaryDirectory() as folder:
        warehouse = loaded(extract, folder)
        for region, min_antal in [("riket", 0), other]:
            library = Library(warehouse, region, *period, min_antal)
            reference = Reference(extract, region, *period, min_antal)
            for name in COLUMNS:
                found, wanted = (in_any_order(shown(r.table(name), zeros=True)) for r in (library, reference))
                assert found == [hide_as(like, row) for like, row in zip(found, wanted, strict=True)], (name, region)


@logs(0.6, cases())
def test_laws_of_counting(case):
    season, _, log, later, behandlare = case
    extract = make_extract(log + later, behandlare)
    with tempfile.TemporaryDirectory() as folder:
        warehouse = loaded(extract, folder)
        riket, stockholm, skane = (
            read_all(Library(warehouse, region, *season["whole"], 0)) for region in ("riket", "01", "12")
        )
    check_stock_and_flow(riket, extract)
    check_parts_add_up(riket)
    check_lan_add_up(riket, stockholm, skane)
    for tables in (riket, stockholm, skane):
        check_distinct_counts(tables)


def check_stock_and_flow(tables, extract):
    """The stock of a month is the month before's, and those who entered, without those who left."""
    entered, left, state = Counter(), Counter(), {}
    for event in read_log(extract):
        before, state[event["arende"]] = state.get(event["arende"]), event["status"]
        entered[event["manad"]] += before != "Inprogress" and event["status"] == "Inprogress"
        left[event["manad"]] += before == "Inprogress" and event["status"] == "Done"
    stock = {row["manad"]: row["pagaende"] for row in tables["pagaende-over-tid"]}
    first = min(stock)
    running = sum(entered[m] - left[m] for m in entered if m < first)
    for month in stock:
        running += entered[month] - left[month]
        assert stock[month] == running, month

    per_moment = Counter()
    for row in tables["pagaende-per-moment"]:
        per_moment[row["manad"]] += row["pagaende"]
    assert per_moment == Counter(stock)


def total(table, column):
    return sum(row[column] for row in table)


def check_parts_add_up(tables):
    """Months, weekdays, processes and every level of the drill-downs add up to the period's flows."""
    drill_down = tables["per-region-vardgivare-moment-orsak"]
    whole = drill_down[0]
    assert whole["niva"] == "totalt"
    for name in ("per-manad", "per-veckodag", "per-process", "per-lan"):
        for column in ("startade", "avslutade"):
            assert total(tables[name], column) == whole[column], (name, column)
    assert total(tables["per-avslutningsorsak"], "avslutade") == whole["avslutade"]
    assert tables["pagaende-over-tid"][-1]["pagaende"] == whole["pagaende"]
    for niva in LEVEL_COLUMNS:
        level = [row for row in drill_down if row["niva"] == niva]
        for column in ("startade", "avslutade", "pagaende"):
            assert total(level, column) == whole[column], (niva, column)


def check_lan_add_up(riket, stockholm, skane):
    """The län's own reports and Okänt län make up Riket; the logs know no other län."""
    drill_down = "per-region-vardgivare-moment-orsak"
    unknown = [row for row in riket[drill_down] if row["lan"] == "Okänt län" and row["niva"] == "lan"]
    for column in ("startade", "avslutade", "pagaende"):
        parts = [stockholm[drill_down][0], skane[drill_down][0], *unknown]
        assert total(parts, column) == riket[drill_down][0][column], column
    own = {row["lan_kod"]: row for row in riket["per-lan"]}
    assert stockholm["per-lan"] == [own["01"]]
    assert skane["per-lan"] == [own["12"]]


def check_between(parts, whole):
    """A distinct count of the whole: no smaller than any part's, no larger than their sum."""
    assert max(parts, default=0) <= whole <= sum(parts)


def check_distinct_counts(tables):
    for name in ("per-region-vardgivare-moment-orsak", "per-moment-region-vardgivare-vardenhet"):
        levels = list(dict.fromkeys(row["niva"] for row in tables[name]))
        assert levels[0] == "totalt"
        columns = []
        for above, below in pairwise(levels):
            for parent in [row for row in tables[name] if row["niva"] == above]:
                children = [
                    row
                    for row in tables[name]
                    if row["niva"] == below and all(row[column] == parent[column] for column in columns)
                ]
                for column in ("invanare", "behandlare"):
                    check_between([row[column] for row in children], parent[column])
            columns += LEVEL_COLUMNS[below]

    whole = tables["per-region-vardgivare-moment-orsak"][0]
    check_between([row["behandlare"] for row in tables["per-manad"]], whole["behandlare"])
    per_kon = {row["kon"]: row["vardtagare"] for row in tables["vardtagare-per-kon"]}
    months = Counter()
    for row in tables["vardtagare-per-kon-och-manad"]:
        months[row["manad"]] += row["vardtagare"]
    check_between(list(months.values()), sum(per_kon.values()))
    ages = Counter()
    for row in tables["vardtagare-per-kon-och-alder"]:
        ages[row["kon"]] += row["vardtagare"]
    assert ages == Counter(per_kon)
    assert whole["invanare"] <= sum(per_kon.values())


@logs(0.6, cases(), st.sampled_from(["riket", "01"]), st.data())
def test_later_transactions_and_loading_in_parts_change_nothing(case, region, data):
    _, period, log, later, behandlare = case
    cut = data.draw(st.integers(0, len(log)))
    pairs = data.draw(st.integers(0, len(behandlare)))
    with tempfile.TemporaryDirectory() as folder:
        at_once = loaded(make_extract(log, behandlare), Path(folder) / "at-once")
        in_parts = Path(folder) / "in-parts.duckdb"
        load(make_extract(log[cut:], behandlare[pairs:]), Path(folder) / "1", in_parts)
        load(make_extract(log[:cut] + later, behandlare[:pairs]), Path(folder) / "2", in_parts)
        before = read_all(Library(at_once, region, *period, 0))
        after = read_all(Library(in_parts, region, *period, 0))
    for name in COLUMNS:
        assert after[name] == before[name], name
