"""Figures and pages as text: what they say, what they must not hold, where their links go."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import altair as alt
import nbformat
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from sites import EDITION, HOSTILE, PAGES, PERIOD, chart, run_notebook
from sobstat.declarations import Report, reports
from sobstat.edition import assets
from sobstat.edition.assets import write_assets
from sobstat.edition.key_figures import key_figures, latest_cells
from sobstat.edition.notices import REPLACED, WITHDRAWN, Notice
from sobstat.edition.overview import render_archive
from sobstat.edition.pages import render_page
from sobstat.edition.plan import Page
from sobstat.errors import ReportError, SobstatError
from sobstat.figures.cells import make_view
from sobstat.figures.drilldown import all_rows
from sobstat.figures.finding import main_finding
from sobstat.figures.svg import draw, specification
from sobstat.files import to_csv
from sobstat.months import Month
from sobstat.regions import REGIONS, parse_region
from sobstat.report import open_report
from sobstat.swedish import change, decimal, percent, whole

ASSETS = {"sobstat.css": "s.css", "sobstat.js": "s.js", "vega.js": "v.js"}


@pytest.fixture(scope="module")
def report(small_warehouse):
    with_data = open_report("riket", str(PERIOD.first), str(PERIOD.last), small_warehouse)
    yield with_data
    with_data.close()


class Elements(HTMLParser):
    """Every start tag with its attributes."""

    def __init__(self, html: str):
        super().__init__()
        self.found: list[tuple[str, dict]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def attributes(self, name: str) -> list[str]:
        return [attrs[name] for _, attrs in self.found if name in attrs]


def table(columns: str, *rows: str) -> pd.DataFrame:
    """A table from text; `-` is a missing value."""
    names = columns.split()
    frame = pd.DataFrame([row.split() for row in rows], columns=names, dtype=object)
    for name in names:
        if frame[name].str.fullmatch(r"-|\d+|0\.\d+").all():
            values = frame[name].where(frame[name] != "-", None)
            frame[name] = (
                values.astype("Float64") if values.str.contains(".", regex=False).any() else values.astype("Int64")
            )
        else:
            frame[name] = frame[name].where(frame[name] != "-", "").astype("str")
    return frame


def spaces(text: str) -> str:
    return text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (whole(1234567), "1 234 567"),
        (whole(-1234), "−1 234"),
        (decimal(1234.5, 2), "1 234,50"),
        (percent(0.4551), "45,5 %"),
        (change(200, 190), "−5,0 %"),
        (change(200, 230), "+15,0 %"),
        (change(200, 400), "+100,0 %"),
        (change(200, 401), ""),
        (change(0, 5), ""),
        (change(0, 0), ""),
    ],
)
def test_swedish_numbers(written, expected):
    assert spaces(written) == expected


@pytest.mark.parametrize(
    ("report_id", "data", "expected"),
    [
        (
            "per-veckodag",
            table("veckodag startade avslutade", "måndag 6 1", "tisdag 3 9"),
            "Flest startade på måndagar: 6 av 9 (66,7 %).",
        ),
        (
            "per-veckodag",
            table("veckodag startade avslutade", "måndag 3 1", "tisdag 3 9", "onsdag 0 0"),
            "Flest startade på måndagar och på tisdagar: 3 vardera.",
        ),
        (
            "per-veckodag",
            table("veckodag startade avslutade", "måndag 2 1", "tisdag 2 9", "onsdag 2 0"),
            "Högsta antalet startade per veckodag är 2 och gäller 3 av 3.",
        ),
        (
            "per-veckodag",
            table("veckodag startade avslutade", "måndag 0 1", "tisdag 0 9"),
            "Inga startade.",
        ),
        (
            "per-manad",
            table("manad startade avslutade behandlare", "2025-09 100 8 1", "2025-10 125 8 1"),
            "Startade ökade från 100 i september 2025 till 125 i oktober 2025 (+25,0 %) "
            "och avslutade var lika många, 8.",
        ),
        (
            "per-manad",
            table("manad startade avslutade behandlare", "2025-10 125 8 1"),
            "I oktober 2025: 125 startade, 8 avslutade och 1 behandlare.",
        ),
        (
            "per-manad",
            table("manad startade startade_status avslutade behandlare", "2025-08 - dold - 1", "2025-09 20 - - 1"),
            "Flest startade i september 2025: 20.",
        ),
        (
            "per-1000-per-lan",
            table("lan_kod lan startade_per_1000 vardtagare_per_1000", "01 Stockholm 0.25 -", "03 Uppsala 0.50 -"),
            "Startade per 1 000 invånare är högst i Uppsala (0,50) och lägst i Stockholm (0,25).",
        ),
        (
            "pagaende-per-moment",
            table("manad moment pagaende", "2025-09 A 1", "2025-09 B 3", "2025-10 A 4", "2025-10 B 4"),
            "Pågående ökade från 4 i september 2025 till 8 i oktober 2025 (+100,0 %). "
            "Flest pågående i oktober 2025 inom A och inom B: 4 vardera.",
        ),
        (
            "per-manad",
            table("manad startade avslutade behandlare", "2015-10 2 0 1", "2025-10 895 0 9"),
            "Startade ökade från 2 i oktober 2015 till 895 i oktober 2025 och avslutade var lika många, 0.",
        ),
        (
            "vardtagare-per-kon",
            table("kon vardtagare vardtagare_status andel", "Kvinna 30 - 0.6", "Man 20 - 0.4"),
            "Flest vårdtagare bland kvinnor: 30 (60,0 %).",
        ),
        (
            "vardtagare-per-kon",
            table("kon vardtagare vardtagare_status andel", "Kvinna 30 - -", "Man - dold -"),
            "Flest vårdtagare bland kvinnor: 30.",
        ),
        (
            "vardtagare-per-kon",
            table("kon vardtagare vardtagare_status andel", "Kvinna - dold -", "Man - dold -"),
            "Inga antal kan visas.",
        ),
        (
            "vardtagare-per-kon-och-manad",
            table("manad kon vardtagare vardtagare_status", "2025-09 Man 20 -", "2025-10 Man - dold"),
            "Flest vårdtagare bland män i september 2025: 20.",
        ),
        (
            "vardtagare-per-kon-och-manad",
            table("manad kon vardtagare vardtagare_status", "2025-09 Man 20 -", "2025-10 Man 15 -"),
            "Vårdtagare bland män minskade från 20 i september 2025 till 15 i oktober 2025 (−25,0 %).",
        ),
        ("per-process", table("process startade avslutade andel_avslutade"), "Det finns inget att visa för perioden."),
    ],
)
def test_finding(report_id, data, expected):
    assert spaces(main_finding(data, reports()[report_id])) == expected


def kinds(data: pd.DataFrame, report_id: str) -> list[list[str]]:
    view = make_view(data, reports()[report_id])
    return [[cell.text or cell.kind for cell in row.cells] for row in view.rows]


def test_hidden_and_undefined_values_are_told_apart():
    data = table("process startade avslutade andel_avslutade", "A 2 1 0.5", "B 0 1 -")
    assert [spaces(" ".join(row)) for row in kinds(data, "per-process")] == ["2 1 50,0 %", "0 1 undefined"]
    data = table("kon vardtagare vardtagare_status andel", "Kvinna 30 - -", "Man - dold -")
    assert kinds(data, "vardtagare-per-kon") == [["30", "hidden"], ["hidden", "hidden"]]


def test_a_rate_of_a_hidden_count_is_hidden_and_one_without_population_undefined():
    columns = "lan_kod lan befolkning startade startade_per_1000 vardtagare vardtagare_status vardtagare_per_1000"
    data = table(columns, "01 Stockholm 2000 5 0.25 - dold -", "- Okänt 0 5 - 11 - -")
    assert [row[2:] for row in kinds(data, "per-1000-per-lan")] == [
        ["0,25", "hidden", "hidden"],
        ["undefined", "11", "undefined"],
    ]


def test_the_dimension_with_fewest_groups_goes_across():
    data = table(
        "manad kon vardtagare vardtagare_status", "2025-09 Man 20 -", "2025-09 Kvinna - dold", "2025-10 Man 1 -"
    )
    view = make_view(data, reports()["vardtagare-per-kon-och-manad"])
    assert (view.corner, view.columns) == (["Månad"], ["Man", "Kvinna"])
    assert [row.headings for row in view.rows] == [["september 2025"], ["oktober 2025"]]
    assert kinds(data, "vardtagare-per-kon-och-manad") == [["20", "hidden"], ["1", "undefined"]]


def test_many_months_and_groups_show_the_last_months():
    rows = [f"2024-{month:02d} M{n} 1" for month in range(1, 13) for n in range(20)]
    rows += [f"2025-{month:02d} M{n} 1" for month in range(1, 13) for n in range(20)]
    view = make_view(table("manad moment pagaende", *rows), reports()["pagaende-per-moment"])
    assert (view.columns[0], view.columns[-1], len(view.columns)) == ("december 2024", "december 2025", 13)
    assert view.left_out == "Tabellen visar de senaste 13 månaderna; filen innehåller alla 24."


DRILLDOWN = Report(
    id="x", title="X", notebook="n", by=["lan", "vardgivare"], measures=["startade", "invanare"], drilldown=True
)


def test_drilldown_data():
    data = table(
        "niva lan_kod lan vardgivare_id vardgivare startade invanare invanare_status",
        "totalt - - - - 120 11 -",
        "lan 01 Stockholm - - 120 11 -",
        "vardgivare 01 Stockholm A Samma 7 - dold",
        "vardgivare 01 Stockholm B Samma 100 - dold",
        "vardgivare 01 Stockholm C Annan 13 - dold",
    )
    assert all_rows(data, DRILLDOWN) == {
        "nivaer": ["Totalt", "Län", "Vårdgivare"],
        "namn": [["Totalt"], ["Stockholm"], ["Samma (A)", "Samma (B)", "Annan"]],
        "djup": "01222",
        "bredd": [1, 1, 1],
        "etikett": "00012",
        "varden": ["(120)(120)7(100)(13)", "(11)(11)xxx"],
    }


def test_national_drilldown_is_compact(report):
    figure = report.figure("per-region-vardgivare-moment-orsak")
    rows = len(report.table("per-region-vardgivare-moment-orsak"))
    assert len(figure.rows.encode()) < 12 * rows + 30_000  # 26 000 rows: below 350 kB
    assert len(figure.html.encode()) < 30_000


def test_figure(report):
    figure = report.figure("per-veckodag", chart(report, "per-veckodag"))
    assert figure._repr_mimebundle_()["application/vnd.sobstat.files+json"] == {
        "id": "per-veckodag",
        "files": {"per-veckodag.csv": to_csv(report.table("per-veckodag"))},
    }
    assert figure.html == report.figure("per-veckodag", chart(report, "per-veckodag")).html
    elements = Elements(figure.html)
    assert ("section", {"id": "per-veckodag", "class": "figure"}) in elements.found
    svg = next(attrs for tag, attrs in elements.found if tag == "svg")
    assert (svg["role"], svg["aria-label"]) == ("img", "Staplar: ett antal för varje grupp.")
    assert "data/per-veckodag.csv" in elements.attributes("href")
    assert {attrs["scope"] for tag, attrs in elements.found if tag == "th"} == {"row", "col"}
    assert [name for tag, attrs in elements.found for name in attrs if name.startswith(("on", "style"))] == []
    for declared in ("Antal ärenden av typen Process vars senaste start", "definition 1", "november 2024–oktober 2025"):
        assert declared in figure.html


@pytest.mark.parametrize("text", ["", " "])
def test_a_chart_without_description_is_refused(report, text):
    bare = chart(report, "per-lan").properties(description=text)
    with pytest.raises(SobstatError, match=r"The chart of per-lan has no description: .*description=…"):
        report.figure("per-lan", bare)


def test_a_drilldown_shows_counts_only(report):
    declared = reports()["per-process"].model_copy(update={"drilldown": True})
    with pytest.raises(SobstatError, match="cannot show andel_avslutade: only counts"):
        all_rows(report.table("per-process").assign(niva="process"), declared)


@pytest.mark.parametrize(
    ("report_id", "first", "note"),
    [
        ("per-avslutningsorsak", "2022-02", "Avslutningsorsak registreras sedan mars 2022."),
        ("per-avslutningsorsak", "2022-03", None),
        ("per-1000-per-lan", "2024-11", "Folkmängden är SCB:s den 31 december 2024."),
        ("per-process", "2024-11", "andelen kan därför överstiga 100 procent"),
        ("vardtagare-per-kon-och-alder", "2024-11", "visas bara när det är större än 10"),
    ],
)
def test_notes(small_warehouse, report_id, first, note):
    report = open_report("riket", first, "2025-10", small_warehouse)
    notes = " ".join(re.findall(r'<p class="note">(.*?)</p>', report.figure(report_id).html))
    report.close()
    assert (note in notes) if note else (notes == "")


def test_names_made_up_by_altair_do_not_show():
    data = pd.DataFrame({"a": [1, 2]})

    def drawn():
        bars = alt.Chart(data, description="x").mark_bar(clip=True).encode(x="a:Q")
        return alt.vconcat(bars.add_params(alt.selection_interval()), bars)

    spec = specification(drawn())
    assert spec == specification(drawn())
    assert not re.search(r"param_|view_|\$schema", str(spec))
    svg = draw(spec, "per-lan", 'a "quoted" <text>')
    assert 'aria-label="a &#34;quoted&#34; &lt;text&gt;"' in svg
    assert set(re.findall(r' id="([^"]*)"', svg)) == set(re.findall(r"url\(#([^)]*)\)", svg))
    assert all(name.startswith("per-lan-") for name in re.findall(r' id="([^"]*)"', svg))
    assert "class=" not in svg


def test_assets_are_named_by_their_contents_and_written_once(tmp_path):
    names = write_assets(tmp_path)
    assert names.keys() == {"sobstat.css", "sobstat.js", "vega.js"}
    assert all(re.fullmatch(r"(sobstat|vega-[0-9a-f]{8})-[0-9a-f]{8}\.(css|js)", name) for name in names.values())
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert sorted(before) == sorted(names.values())
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 1_200_000
    assert write_assets(tmp_path) == names
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    for name in ("sobstat.css", "vega.js"):
        damaged = tmp_path / names[name]
        damaged.write_text("x")
        assert write_assets(tmp_path) == names
        assert len(damaged.read_text()) > 1000


def test_the_vega_bundle_is_made_again_only_where_it_is_missing_or_of_other_parts(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(assets, "_vega_bundle", lambda: made.append(1) or "bundle")
    first = write_assets(tmp_path)
    assert write_assets(tmp_path) == first
    assert len(made) == 1
    monkeypatch.setattr(assets, "_statement", lambda: "another")
    assert write_assets(tmp_path)["vega.js"] != first["vega.js"]
    assert len(made) == 2


def page_files(site: Path) -> list[Path]:
    return [path.resolve() for path in sorted(site.rglob("*.html")) if "senaste" not in path.parts]


def test_every_link_leads_somewhere(site):
    pages = {file: Elements(file.read_text("utf-8")) for file in page_files(site)}
    for file, elements in pages.items():
        ids = elements.attributes("id")
        assert len(ids) == len(set(ids)), file
        for address in elements.attributes("href") + elements.attributes("src"):
            if address.startswith(("data:", "mailto:", "https:")):
                continue
            path, _, anchor = address.partition("#")
            assert "//" not in path
            target = (file.parent / path) if path else file
            # Other months' editions are not on this site.
            assert target.exists() or "2025-09/" in path, f"{file}: {address}"
            if anchor:
                assert anchor in pages[target.resolve()].attributes("id"), f"{file}: {address}"


def test_every_page_has_one_title_and_headings_in_order(site):
    for file in page_files(site):
        elements = Elements(file.read_text("utf-8"))
        levels = [int(tag[1]) for tag, _ in elements.found if re.fullmatch(r"h[1-6]", tag)]
        assert levels.count(1) == 1, file
        assert levels[0] == 1, file
        assert all(below <= above + 1 for above, below in pairwise(levels)), file
        tags = [tag for tag, _ in elements.found]
        assert (tags.count("main"), tags.count("footer"), elements.found[0]) == (1, 1, ("html", {"lang": "sv"}))


def test_page_says_what_it_is(site):
    html = (site / "2025-10/skane/oversikt.html").read_text("utf-8")
    for text in (
        "<title>Översikt, Skåne län, november 2024–oktober 2025 – Statistik för Stöd och behandling</title>",
        "default-src 'none'; script-src 'self'; style-src 'self'",
        "Påhittade uppgifter",
        "Data lästes in 3 november 2025",
        "fler än 10",
        '<a href="../riket/oversikt.html">Riket</a>',
        '<a href="../skane/oversikt.html" aria-current="page">Översikt</a>',
        '<a href="../../senaste/skane/oversikt.html">',
        '<a href="../../arkiv.html">Arkiv</a>',
        '<li><a href="#per-veckodag">Startade och avslutade per veckodag</a></li>',
        "<em>betoning</em>",
    ):
        assert text in html
    assert "# the source" not in html


def test_hidden_counts_are_words(site):
    html = (site / "2025-10/skane/invanare.html").read_text("utf-8")
    assert html.count('<td class="dold">visas inte</td>') > 10
    assert "<td></td>" not in html


def test_adhoc_page_is_marked_and_leads_nowhere_else(site):
    html = (site / "2025-10/skane/oversikt-adhoc.html").read_text("utf-8")
    assert "<strong>Ej för publicering.</strong>" in html
    links = [attrs["href"] for tag, attrs in Elements(html).found if tag == "a"]
    assert {link.partition("/")[0].partition("#")[0] for link in links} == {"", "data:text", "data:application"}


def text_of(file: Path) -> str:
    return spaces(" ".join(BeautifulSoup(file.read_text("utf-8"), "html.parser").find("main").get_text(" ").split()))


def test_start_page_shows_key_figures_and_leads_on(site):
    html = (site / "index.html").read_text("utf-8")
    table_ = pd.read_csv(site / "2025-10/riket/data/per-manad.csv").set_index("manad")
    now, before = table_.loc["2025-10", "startade"], table_.loc["2025-09", "startade"]
    assert f'<span class="name">Startade</span> <span class="value">{whole(now)}</span>' in html
    assert f"({change(before, now)}) mot föregående månad" in html
    assert '<a href="2025-10/skane/invanare.html">Invånare' in html
    assert '<a href="2025-10/riket/oversikt.html#per-veckodag">Startade och avslutade per veckodag</a>' in html
    assert '<a href="2025-09/index.html">September 2025</a>' in html
    assert '<a href="arkiv.html">Arkiv</a>' in html
    assert "November 2025 publiceras den 5 december 2025." in text_of(site / "index.html")
    assert "Första versionen av publikationen" in text_of(site / "index.html")


def test_an_editions_index_shows_the_same_of_its_month(site):
    html = (site / "2025-10/index.html").read_text("utf-8")
    assert '<a href="skane/invanare.html">Invånare' in html
    assert '<a href="definitioner.html">Så räknas måtten</a>' in html
    assert "November 2025 publiceras den 5 december 2025." in text_of(site / "2025-10/index.html")
    assert '<a href="../2025-09/index.html">Föregående' in html


def test_the_map_shows_what_the_table_beside_it_says(site):
    rates = pd.read_csv(site / "2025-10/riket/data/per-1000-per-lan.csv", dtype={"lan_kod": str}).set_index("lan_kod")
    page = BeautifulSoup((site / "index.html").read_text("utf-8"), "html.parser")
    drawing = page.select_one(".with-map svg[aria-label]")
    assert drawing["aria-label"].startswith("Karta: startade per 1 000 invånare")
    skane = f"Skåne län: {decimal(rates.loc['12', 'startade_per_1000'], 2)}"
    links = [(link["href"], link["tabindex"], link.title.get_text()) for link in drawing.select("a")]
    assert links == [("2025-10/skane/invanare.html#per-1000-per-lan", "-1", skane)]
    assert len(drawing.select("path")) >= 21
    rows = {row.find("th").get_text(): row.find_all("td")[-1].get_text() for row in page.select(".ways-in tbody tr")}
    whole_country = 1000 * rates["startade"].sum() / rates["befolkning"].sum()
    assert rows == {
        "Riket": decimal(whole_country, 2),
        "Skåne län": decimal(rates.loc["12", "startade_per_1000"], 2),
    }


def test_key_figures_reach_back_as_far_as_the_longest_period():
    months = table("manad startade avslutade behandlare", "2024-10 20 0 3", "2025-09 10 0 3", "2025-10 15 0 3")
    figures = key_figures({("riket", "per-manad"): months}, parse_region("riket"), Month(2025, 10))
    assert {figure["id"]: [spaces(text) for text in figure["changes"]] for figure in figures} == {
        "startade": ["+5 (+50,0 %) mot föregående månad", "−5 (−25,0 %) mot samma månad året före"],
        "avslutade": ["oförändrat mot föregående månad", "oförändrat mot samma månad året före"],
        "behandlare": ["oförändrat mot föregående månad", "oförändrat mot samma månad året före"],
    }


def test_a_hidden_key_figure_is_told_as_hidden():
    months = table("manad startade startade_status avslutade behandlare", "2025-09 20 - 1 2", "2025-10 - dold 3 2")
    tables, riket = {("riket", "per-manad"): months}, parse_region("riket")
    startade, avslutade, _ = key_figures(tables, riket, Month(2025, 10))
    assert (startade["cell"].kind, startade["changes"]) == ("hidden", [])
    assert spaces(avslutade["changes"][0]) == "+2 mot föregående månad"
    kinds_ = [cell.kind for cell in latest_cells(tables, riket, Month(2025, 10))]
    assert kinds_ == ["hidden", "number", "undefined"]


def test_archive_holds_every_edition_with_its_regions_and_what_became_of_it():
    former = Notice(REPLACED, "2026-01-03", "Rättade uppgifter", "2025-11-03", "2025-10-v1")
    gone = Notice(WITHDRAWN, "2026-01-02", "Fel & brister", "2025-10-03")
    editions = [
        replace(EDITION, notices=(former,)),
        replace(EDITION, month=Month(2025, 9), notices=(gone,)),
        replace(EDITION, month=Month(2025, 8), pages=tuple(Page("oversikt", "Översikt", r) for r in REGIONS)),
    ]
    page = BeautifulSoup(render_archive(EDITION, ASSETS, editions), "html.parser")
    rows = [
        [" ".join(cell.get_text().split()) for cell in row.find_all(["th", "td"])] for row in page.select("tbody tr")
    ]
    assert rows == [
        [
            "Oktober 2025",
            "Riket och Skåne län",
            "3 november 2025",
            "Ny version 3 januari 2026 (tidigare version av oktober 2025): Rättade uppgifter",
        ],
        ["September 2025", "Riket och Skåne län", "3 november 2025", "Indragen 2 januari 2026: Fel & brister"],
        ["Augusti 2025", "Riket och alla 21 län", "3 november 2025", "–"],
    ]
    links = [link["href"] for link in page.select("tbody a")]
    assert links == ["2025-10/index.html", "2025-10-v1/index.html", "2025-09/index.html", "2025-08/index.html"]


def test_a_page_leads_to_the_same_page_of_the_month_before_if_it_has_one(site):
    link = '<a href="../../2025-09/riket/oversikt.html">Föregående'
    assert link in (site / "2025-10/riket/oversikt.html").read_text("utf-8")
    for other in ("skane/oversikt.html", "riket/invanare.html", "om.html"):
        assert "Föregående" not in (site / "2025-10" / other).read_text("utf-8")


def test_same_input_gives_the_same_page(report):
    notebook, _ = run_notebook(report, "invanare")
    pages = {render_page(notebook, PAGES[1], EDITION, ASSETS) for _ in range(2)}
    assert len(pages) == 1


def notebook_with(**output) -> nbformat.NotebookNode:
    cell = nbformat.v4.new_code_cell("x")
    cell.outputs = [nbformat.v4.new_output(**output)]
    return nbformat.v4.new_notebook(cells=[cell])


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (
            {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": []},
            "cell 1 failed: ValueError: no",
        ),
        (
            {"output_type": "display_data", "data": {"text/html": '<div></div><script src="https://x/v.js"></script>'}},
            "cell 1 shows a chart on its own",
        ),
        (
            {"output_type": "display_data", "data": alt.Chart(pd.DataFrame()).mark_point()._repr_mimebundle_()},
            "cell 1 shows a chart on its own",
        ),
    ],
)
def test_refused_outputs(output, reason):
    with pytest.raises(ReportError, match=re.escape(reason)):
        render_page(notebook_with(**output), PAGES[0], EDITION, ASSETS)


def test_other_outputs():
    frame = pd.DataFrame({"<a>": [1]})
    html = render_page(
        notebook_with(output_type="display_data", data={"text/html": frame._repr_html_()}), PAGES[0], EDITION, ASSETS
    )
    assert "&lt;a&gt;" in html
    assert "<style" not in html
    assert "style=" not in html
    html = render_page(
        notebook_with(output_type="execute_result", data={"text/plain": HOSTILE}), PAGES[0], EDITION, ASSETS
    )
    assert "<img" not in html
    html = render_page(notebook_with(output_type="stream", name="stderr", text="warned"), PAGES[0], EDITION, ASSETS)
    assert "warned" not in html
