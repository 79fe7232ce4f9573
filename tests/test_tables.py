"""Tables: what a kind allows, what is hidden, what is declared."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extracts import load, make_extract
from sobstat import declarations
from sobstat.declarations import Measure, dimensions, measures, reports
from sobstat.disclosure.rule import HIDDEN, protect
from sobstat.disclosure.thresholds import Thresholds
from sobstat.errors import SobstatError
from sobstat.query import WINDOWED_FACT
from sobstat.report import open_report
from sobstat.tables import FACTS
from sobstat.warehouse import fact_sql


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    extract = make_extract(
        """
        | arende_id | status     | tidpunkt            | vardtagare_id | kon    | moment |
        | A1        | Inprogress | 2025-09-01T08:00:00 | p1            | Kvinna | Öppen  |
        | A2        | Inprogress | 2025-10-01T08:00:00 | p1            | Kvinna | Ångest |
        | A3        | Inprogress | 2025-10-01T09:00:00 | p2            | Man    | Zon    |
        | A3        | Done       | 2025-10-02T09:00:00 | p2            | Man    | Zon    |
        """,
        behandlare="""
        | arende_id | behandlare_id |
        | A1        | b1            |
        | A2        | b1            |
        """,
    )
    report = open_report("riket", "2025-09", "2025-10", load(extract, folder / "in", folder / "w.duckdb"), 0)
    yield report
    report.close()


WRONG_SUMS = {
    "sum": lambda table: table["behandlare"].sum(),
    "mean": lambda table: table["behandlare"].mean(),
    "running sum": lambda table: table["behandlare"].cumsum(),
    "sum per group": lambda table: table.groupby("lan")["behandlare"].sum(),
    "sum of a part": lambda table: table[table["lan_kod"] < "10"]["behandlare"].sum(),
    "sum of everything": lambda table: table.sum(numeric_only=True),
    "pivot": lambda table: table.pivot_table(index="lan", values="behandlare", aggfunc="sum"),
}


@pytest.mark.parametrize("wrong", WRONG_SUMS.values(), ids=WRONG_SUMS.keys())
def test_distinct_counts_refuse_to_be_summed(report, wrong):
    with pytest.raises(SobstatError, match="a person in two groups would count twice"):
        wrong(report.table("per-lan"))


def test_shares_and_ratios_refuse_too_but_flows_add_up(report):
    table = report.table("per-process")
    assert table["startade"].sum() == 3
    with pytest.raises(SobstatError):
        table["andel_avslutade"].sum()


def test_a_stock_is_not_added_over_months(report):
    with pytest.raises(SobstatError, match="a stock over months"):
        report.table("pagaende-over-tid")["pagaende"].sum()
    with pytest.raises(SobstatError):
        report.table("pagaende-per-moment").groupby("moment")["pagaende"].sum()


def test_a_distinct_count_can_still_be_sorted_and_compared(report):
    table = report.table("per-manad")
    assert table["behandlare"].max() == 1
    assert (table["behandlare"] > 0).sum() == 2


def test_any_breakdown_of_any_measure(report):
    table = report.breakdown(["startade", "behandlare"], by=["moment", "manad"])
    rows = table[table["startade"] > 0].values.tolist()
    assert rows == [["Zon", "2025-10", 1, 0], ["Ångest", "2025-10", 1, 1], ["Öppen", "2025-09", 1, 1]]


def test_a_stock_without_months_is_that_of_the_last(report):
    assert report.breakdown(["pagaende"], by=["lan"])["pagaende"].sum() == 2
    assert report.breakdown(["pagaende"], by=["manad"])["pagaende"].tolist() == [1, 2]


def test_a_table_is_the_same_whatever_was_asked_for_before(report):
    asked = [["manad", "kon"], ["kon"], ["lan", "kon"], ["lan", "manad", "aldersgrupp"], ["lan"], ["manad"], ["moment"]]
    first = [report.breakdown(["vardtagare"], by=by) for by in asked]
    again = open_report("riket", "2025-09", "2025-10", report.warehouse, 0)
    for by, table in reversed(list(zip(asked, first, strict=True))):
        pd.testing.assert_frame_equal(again.breakdown(["vardtagare"], by=by), table)
    assert first[0].query("vardtagare > 0")[["manad", "kon"]].values.tolist() == [
        ["2025-09", "Kvinna"], ["2025-10", "Kvinna"], ["2025-10", "Man"],
    ]  # fmt: skip
    assert first[1]["vardtagare"].tolist() == [1, 1]


REFUSED = {
    "unknown measure": (["startad"], ["lan"], "no measure 'startad'"),
    "unknown dimension": (["startade"], ["region"], "no breakdown 'region'"),
    "population by moment": (["befolkning"], ["moment"], "cannot be broken down by moment"),
    "nothing to break down by": (["startade"], [], "one or more different dimensions; got none"),
    "the same dimension twice": (["startade"], ["lan", "lan"], "different dimensions; got lan, lan"),
    "ratio without its parts": (["andel_avslutade"], ["lan"], "need avslutade, startade"),
    "share of persons who stand in several groups": (["vardtagare", "andel_av_vardtagare"], ["lan"], "every person"),
}


@pytest.mark.parametrize(("names", "by", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_breakdown_that_makes_no_sense_is_refused(report, names, by, message):
    with pytest.raises(SobstatError, match=message):
        report.breakdown(names, by=by)


def test_an_unknown_report_is_refused(report):
    with pytest.raises(SobstatError, match=r"no report 'per-kommun': choose among per-lan"):
        report.table("per-kommun")


PERSONS = Measure(
    id="vardtagare", title="", kind="distinct", unit="", definition="", fact="f", column="c", persons=True
)
CASES = PERSONS.model_copy(update={"id": "startade", "persons": False})


@given(counts=st.lists(st.integers(0, 30)), threshold=st.integers(0, 20))
def test_a_count_of_residents_is_shown_only_when_it_exceeds_the_threshold(counts, threshold):
    table = pd.DataFrame({"vardtagare": pd.array(counts, dtype="Int64"), "startade": pd.array(counts, dtype="Int64")})
    shown = protect(table, [PERSONS, CASES], Thresholds(threshold))
    for count, value, status in zip(counts, shown["vardtagare"], shown["vardtagare_status"], strict=True):
        if count > threshold or threshold == 0:
            assert (value, status) == (count, "")
        else:
            assert pd.isna(value)
            assert status == HIDDEN
    assert shown["startade"].tolist() == counts


def test_a_share_is_hidden_as_soon_as_one_part_is(tmp_path):
    rows = [
        {"arende_id": f"A{n}", "status": "Inprogress", "tidpunkt": "2025-10-01T08:00:00", "vardtagare_id": f"p{n}"}
        | {"kon": "Kvinna" if n < 30 else "Man"}
        for n in range(42)
    ]
    warehouse = load(make_extract(rows), tmp_path / "in", tmp_path / "w.duckdb")
    both = open_report("riket", "2025-09", "2025-10", warehouse, 10).table("vardtagare-per-kon")
    assert both["andel"].round(4).tolist() == [0.7143, 0.2857]
    one = open_report("riket", "2025-09", "2025-10", warehouse, 12).table("vardtagare-per-kon")
    assert one["vardtagare"].isna().tolist() == [True, True]  # the men's 12, and the women's that would tell it
    assert one["andel"].isna().all()


def test_every_declaration_says_what_a_reader_needs():
    for measure in measures().values():
        assert measure.title
        assert len(measure.definition.split()) > 3, measure.id
        assert measure.definition.endswith("."), measure.id
    for report in reports().values():
        assert report.title
        assert {measures()[name].column_name for name in report.measures}


def test_measures_count_columns_that_their_facts_have(report):
    for measure in measures().values():
        if measure.counted:
            fact = "handelse" if measure.fact == WINDOWED_FACT else measure.fact
            columns = {name for name, *_ in report.con.execute(f"DESCRIBE {fact}").fetchall()}
            assert measure.column in columns, measure.id


def test_every_fact_says_what_a_row_is():
    for name in [*FACTS, WINDOWED_FACT]:
        assert fact_sql(name).startswith("-- One row per "), name


BAD_DECLARATIONS = {
    "no YAML": ("x: [", "measures.yml is not YAML"),
    "missing field": ("x: {title: X, kind: flow, unit: y, fact: f, column: c}", r"x: definition: Field required"),
    "misspelt field": ("x: {titel: X}", r"x: titel: Extra inputs"),
    "kind without its fields": ("x: {title: X, kind: flow, unit: y, definition: Z}", "of kind flow needs fact, column"),
    "no block": ("x: 1", "x: block"),
}


@pytest.mark.parametrize(("text", "message"), BAD_DECLARATIONS.values(), ids=BAD_DECLARATIONS.keys())
def test_a_mistake_in_a_declaration_names_file_block_and_field(tmp_path, monkeypatch, text, message):
    (tmp_path / "measures.yml").write_text(text, "utf-8")
    monkeypatch.setattr(declarations, "files", lambda package: tmp_path)
    with pytest.raises(SobstatError, match=message):
        declarations.read_blocks("measures.yml", Measure)


def test_every_dimension_is_used():
    assert {name for report in reports().values() for name in report.by} == set(dimensions())
