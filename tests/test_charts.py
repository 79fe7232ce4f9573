"""Charts: their theme, colours, axes and map, and that nothing hidden reaches them."""

import json
import re
from importlib.resources import files
from pathlib import Path

import altair as alt
import nbformat
import pandas as pd
import pytest

from extracts import load, make_extract
from sobstat import charts
from sobstat.declarations import measures
from sobstat.disclosure.thresholds import Thresholds
from sobstat.errors import SobstatError
from sobstat.figures.svg import draw, specification
from sobstat.regions import LAN
from sobstat.report import RegionReport, open_report

COUNTS = ["startade", "avslutade"]
NOTEBOOKS = Path(__file__).parent.parent / "notebooks"


TOKENS = files("sobstat").joinpath("static", "style", "tokens.css").read_text("utf-8")


def luminance(colour: str) -> float:
    """WCAG's relative luminance of `#rrggbb`."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """WCAG's contrast ratio."""
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


def transactions(men: int, women: int = 12) -> dict:
    """Twelve starts by women, five by `men` men; half of them completed, so that counts of events are the same."""
    starts = [("Kvinna", f"k{n % women}") for n in range(12)] + [("Man", f"m{n % men}") for n in range(5)]
    rows = []
    for n, (kon, person) in enumerate(starts):
        row = {"arende_id": f"A{n}", "vardtagare_id": person, "kon": kon, "moment": '<b>KBT</b> & "lugn"'}
        rows.append(row | {"status": "Inprogress", "tidpunkt": "2025-09-10T10:00:00Z"})
        if n % 2:
            rows.append(row | {"status": "Done", "tidpunkt": "2025-10-10T10:00:00Z", "avslutningsorsak": "Genomfört"})
    return make_extract(rows)


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """A function that runs a notebook's cells on an extract and returns each figure's specification."""

    def run(name: str, extract: dict, **parameters) -> dict[str, dict]:
        found = {}
        monkeypatch.setattr(
            RegionReport, "figure", lambda self, report_id, chart: found.update({report_id: specification(chart)})
        )
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        warehouse = load(extract, folder / "in", folder / "w.duckdb")
        values = {"region": "riket", "from_month": "2025-09", "to_month": "2025-10"}
        values |= Thresholds().as_dict() | parameters
        space = values | {"warehouse": str(warehouse)}
        for cell in nbformat.read(NOTEBOOKS / f"{name}.ipynb", nbformat.NO_CONVERT).cells:
            if cell.cell_type == "code" and "parameters" not in cell.metadata.get("tags", []):
                exec(cell.source, space)
        return found

    return run


def test_theme_is_enabled_and_swedish():
    assert alt.theme.active == "sobstat"
    locale = charts.theme()["config"]["locale"]
    assert (locale["number"]["decimal"], locale["number"]["thousands"]) == (",", "\u00a0")
    assert locale["time"]["months"][9] == "oktober"


def test_colours_belong_to_things_that_exist_and_stand_out_on_light_and_dark():
    assert charts.COLOURS.keys() <= measures().keys() | {"Kvinna", "Man", "Okänt"}
    light, dark = (dict(re.findall(r"(--\w+): (#\w{6})", part)) for part in TOKENS.split("@media"))
    for colour in charts.COLOURS.values():
        name, without_a_page = re.fullmatch(r"var\((--\w+), (#\w{6})\)", colour).groups()
        assert without_a_page == light[name]
        for scheme in (light, dark):  # names of lines have their colour: it has to be as clear as text
            assert contrast(scheme[name], scheme["--paper"]) >= 4.5, name


def test_the_map_holds_the_21_counties_with_a_point_in_each():
    topology = json.loads(files("sobstat").joinpath("static", "lan.topojson").read_text("utf-8"))
    counties = [county["properties"] for county in topology["objects"]["lan"]["geometries"]]
    assert sorted(county["lan_kod"] for county in counties) == [lan.lan_kod for lan in LAN]
    assert all(10 < county["lon"] < 25 and 55 < county["lat"] < 70 for county in counties)


def test_unpivot_keeps_groups_and_the_order_of_measures():
    table = pd.DataFrame({"lan": ["A", "B"], "startade": [3, 1], "avslutade": [2, 5]})
    long = charts.unpivot(table, ["startade", "avslutade"])
    assert long[["lan", "matt", "antal"]].values.tolist() == [
        ["A", "Startade", 3],
        ["B", "Startade", 1],
        ["A", "Avslutade", 2],
        ["B", "Avslutade", 5],
    ]
    assert list(long["matt"].cat.categories) == ["Startade", "Avslutade"]


def test_largest_first_puts_unknown_last():
    table = pd.DataFrame({"process": ["a", "Okänt", "b"], "startade": [1, 9, 2]})
    assert charts.largest_first(table, "process", "startade")["process"].tolist() == ["b", "a", "Okänt"]


def test_the_rest_is_summed_in_words():
    table = pd.DataFrame({"process": ["a", "b"], "startade": [1200, 34], "avslutade": [5, 6]})
    assert charts.rest(table, ["startade", "avslutade"]) == "Övriga 2 tillsammans: 1\u00a0234 startade, 11 avslutade"
    assert charts.rest(table[2:], ["startade"]) == ""


def test_the_rest_of_distinct_counts_cannot_be_summed(tmp_path):
    warehouse = load(transactions(5), tmp_path / "in", tmp_path / "w.duckdb")
    table = open_report("riket", "2025-09", "2025-10", warehouse).table("per-lan")
    with pytest.raises(SobstatError, match="distinct"):
        charts.rest(table, ["behandlare"])


@pytest.mark.parametrize(
    ("values", "domain", "ticks"),
    [([5, 20], None, 6), ([1, 2], None, 2), ([0, 0], [0, 1], 1), ([None, None], [0, 1], 1), ([], [0, 1], 1)],
)
def test_amounts_start_at_zero_and_have_no_fractions(values, domain, ticks):
    axis = charts.amounts(alt.X, pd.DataFrame({"antal": pd.array(values, dtype="Int64")}), "antal").to_dict()
    assert axis["scale"].get("domain") == domain
    assert axis["axis"]["tickCount"] == ticks


MONTHS = pd.DataFrame(
    [
        {"manad": f"{year}-{month:02d}", "kon": kon, "vardtagare": count}
        for year in (2023, 2024, 2025)
        for month in range(1, 11)
        for kon, count in (("Kvinna", 100), ("Man", 99), ("Okänt", None))
    ]
)


def months_drawn(table: pd.DataFrame) -> tuple[dict, str]:
    """Lines over the months of a table: their specification and drawing."""
    lines = alt.Chart(table).mark_line().encode(charts.month_axis(), alt.Y("vardtagare:Q"))
    lines = lines.encode(charts.colour("kon", ["Kvinna", "Man", "Okänt"], legend=None))
    spec = specification(charts.over_time(lines, "kon").properties(description="x"))
    return spec, draw(spec, "x", "x")


def test_names_of_lines_do_not_cover_each_other():
    _, svg = months_drawn(MONTHS.tail(9))
    place = r'translate\([\d.]+,([\d.]+)\)"[^>]*>(Kvinna|Man|Okänt)<'
    heights = {name: float(height) for height, name in re.findall(place, svg)}
    assert heights["Man"] - heights["Kvinna"] > charts.FONT_SIZE
    assert heights["Okänt"] - heights["Man"] > 200


def test_a_long_series_has_an_overview_which_its_drawing_leaves_out():
    spec, svg = months_drawn(MONTHS)
    assert [len(spec["vconcat"]), len(spec["params"])] == [2, 1]
    assert svg.count("2024</text>") == 1
    assert "2023-01" in json.dumps(spec["datasets"])
    assert "vconcat" not in months_drawn(MONTHS.tail(60))[0]


def test_a_drawing_holds_every_bar_and_line():
    days = charts.unpivot(pd.DataFrame({"veckodag": ["måndag"], "startade": [3], "avslutade": [2]}), COUNTS)
    bars = alt.Chart(days).mark_bar().encode(charts.weekday_axis(), alt.XOffset("matt"), alt.Y("antal:Q"))
    svg = draw(specification(bars.encode(charts.colour("matt", COUNTS, legend=None))), "x", "x")
    assert [svg.count(f'fill="{charts.COLOURS[name]}"') for name in COUNTS] == [1, 1]
    lines = months_drawn(MONTHS.dropna().tail(18))[1]
    assert [lines.count(f'stroke="{charts.COLOURS[name]}"') for name in ("Kvinna", "Man")] == [1, 1]


def test_tooltips_have_swedish_titles():
    titles = [tip.to_dict()["title"] for tip in charts.tooltips("lan", "manad", "andel_avslutade", "matt", "antal")]
    assert titles == ["Län", "Månad", "Andel avslutade", "Mått", "Antal"]


def test_charts_are_the_same_whatever_was_hidden(drawn):
    """Three men or five: five starts either way; the count of men is hidden, and what would give it away."""
    three, five = drawn("invanare", transactions(men=3)), drawn("invanare", transactions(men=5))
    assert three == five


def test_hidden_counts_are_marked(drawn):
    text = json.dumps(drawn("invanare", transactions(men=5))["vardtagare-per-kon"], ensure_ascii=False)
    assert "skydda små antal" in text
    assert '"vardtagare": null' in text


@pytest.mark.parametrize("name", ["oversikt", "invanare"])
@pytest.mark.parametrize(
    "parameters",
    [{}, {"region": "gotland"}, {"from_month": "2025-10"}, {"region": "gotland", "to_month": "2025-09"}],
    ids=["everything", "nothing at all", "one month", "one empty month"],
)
def test_every_chart_can_be_drawn(drawn, name, parameters):
    for report_id, spec in drawn(name, transactions(men=5), **parameters).items():
        assert spec["description"].endswith(".")
        svg = draw(spec, report_id, spec["description"])
        assert "NaN" not in svg
        assert "<b>" not in svg
