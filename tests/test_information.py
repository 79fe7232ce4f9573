"""The pages about the statistics as a whole: definitions, quality, who publishes them, accessibility."""

import dataclasses
from datetime import UTC, date, datetime

import pytest
from bs4 import BeautifulSoup

from extracts import make_extract, write_extract
from sites import EDITION
from sobstat.declarations import Release, dimensions, measures, reports
from sobstat.edition import information
from sobstat.edition.information import definitions, quality, write_information
from sobstat.load import load_extract
from sobstat.months import Period

ASSETS = {"sobstat.css": "s.css", "sobstat.js": "s.js", "vega.js": "v.js"}
# Four rows, of which one cannot be read; of the three starts one has no known invånare, two no kön, none a län.
ARENDEN = """
    | arende_id | status     | tidpunkt             | vardtagare_id | kon | alder |
    | A1        | Inprogress | 2025-10-01T10:00:00Z | p1            | Man | 40    |
    | A2        | Inprogress | 2025-10-02T10:00:00Z |               | Hen | 40    |
    | A3        | Inprogress | 2025-10-03T10:00:00Z | p3            |     | 40    |
    | A4        | Inprogress | soon                 | p4            | Man | 40    |
"""


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    folder = tmp_path_factory.mktemp("information")
    extract = write_extract(make_extract(ARENDEN), folder / "in")
    load_extract(extract, folder / "w.duckdb", max_set_aside=1, now=datetime(2025, 11, 3, 5, tzinfo=UTC))
    return folder / "w.duckdb"


@pytest.fixture(scope="module")
def pages(warehouse, tmp_path_factory):
    """Each page's main text, by its name."""
    folder = tmp_path_factory.mktemp("pages")
    write_information(folder, EDITION, ASSETS, warehouse)
    parsed = {file.stem: BeautifulSoup(file.read_text("utf-8"), "html.parser") for file in folder.iterdir()}
    return {name: page.find("main") for name, page in parsed.items()}


def text(element) -> str:
    return " ".join(element.get_text(" ").replace("\u00a0", " ").split())


def test_every_measure_is_defined_with_where_it_is_found(pages):
    page = pages["definitioner"]
    for measure in measures().values():
        section = page.find("section", id=measure.id)
        assert section.h3.get_text().startswith(measure.title.replace("1 000", "1\u00a0000"))
        assert text(BeautifulSoup(measure.definition, "html.parser")) in text(section)
        assert all(caveat in text(section) for caveat in measure.caveats)
        links = {link["href"] for link in section.find_all("a")}
        shown = [report for report in reports().values() if measure.id in report.measures]
        assert links == {f"riket/{report.notebook}.html#{report.id}" for report in shown}
    assert page.find(id="andel_av_avslutade").h3.get_text() == "Andel av avslutade"
    vardtagare = text(page.find(id="vardtagare"))
    assert "Enhet personer" in vardtagare
    assert "Olika personer." in vardtagare
    assert "Små antal visas inte." in vardtagare
    assert "Nummer 1, sedan 23 november 2026" in vardtagare


def test_every_breakdown_stands_with_its_groups(pages):
    rows = {row.th.get_text(): row for row in pages["definitioner"].find_all("tr") if row.td}
    assert {dimension.title for dimension in dimensions().values()} < rows.keys()
    assert [cell.get_text() for cell in rows["Kön"].find_all("td")] == ["Kvinna, Man", "Okänt"]
    assert [cell.get_text() for cell in rows["Län"].find_all("td")] == ["de 21 länen", "Okänt län"]
    assert {"visas inte", "–"} < rows.keys()


def test_a_renewed_definition_has_its_own_day(monkeypatch):
    renewed = measures()["startade"].model_copy(update={"version": 2})
    notes = [
        Release(date=date(2027, 2, 1), text="Ny", definitions={"startade": 2}),
        Release(date=date(2026, 11, 23), text="Första"),
    ]
    monkeypatch.setattr(information, "releases", lambda: notes)
    monkeypatch.setattr(information, "measures", lambda: measures() | {"startade": renewed})
    since = {entry["declared"].id: entry["since"] for entry in definitions(EDITION)["measures"]}
    assert (since["startade"], since["avslutade"]) == ("1 februari 2027", "23 november 2026")


def test_the_quality_is_that_of_the_load(warehouse, pages):
    told = quality(EDITION, warehouse)
    assert told == {
        "region": "Riket",
        "unknown": "0,0\u00a0% uppgift om län, 33,3\u00a0% om invånare, 66,7\u00a0% om kön och 0,0\u00a0% om ålder",
        "read": "12",
        "aside": "1",
        "aside_share": "8,3\u00a0%",
        "last_day": "3 oktober 2025",
        "days_after": 3,
        "periods": "",
        "population_date": "31 december 2024",
    }
    for words in (
        "1 av 12 lästa rader (8,3 %)",
        "saknar 0,0 % uppgift om län, 33,3 % om invånare, 66,7 % om kön och 0,0 % om ålder",
        "lästes in 3 november 2025, 3 dagar efter periodens slut",
        "från 3 oktober 2025",
        "SCB:s den 31 december 2024",
        "bara när de är fler än 10",
        "Uppgifterna är påhittade",
    ):
        assert words in text(pages["kvalitet"])
    for heading in ("Relevans", "Tillförlitlighet", "Aktualitet och punktlighet", "Tillgänglighet och tydlighet"):
        assert pages["kvalitet"].find("h2", string=heading)
    assert pages["kvalitet"].find("h2", string="Jämförbarhet och samanvändbarhet")


def test_an_edition_without_starts_and_with_more_periods(warehouse):
    pages = (*EDITION.pages, *(dataclasses.replace(EDITION.pages[0], window=name) for name in ("manad", "alla")))
    only = dataclasses.replace(EDITION, period=Period.parse("2024-10", "2024-12"), pages=pages)
    told = quality(only, warehouse)
    assert (told["unknown"], told["periods"]) == ("", "senaste månaden och sedan oktober 2015")


def test_who_publishes_and_how_to_cite(pages):
    told = text(pages["om"])
    assert (
        "Exempelutgivaren. Statistik för Stöd och behandling. Utgåva oktober 2025. "
        "https://statistik.utgivare.example/2025-10/index.html"
    ) in told
    links = [link["href"] for link in pages["om"].find_all("a")]
    assert "mailto:statistik@utgivare.example" in links
    assert "https://creativecommons.org/publicdomain/zero/1.0/" in links
    assert "påhittade" in told


def test_the_accessibility_statement_says_what_the_law_asks(pages):
    told = text(pages["tillganglighet"])
    for words in (
        "Exempelutgivaren står bakom den här webbplatsen",
        "lagen (2018:1937) om tillgänglighet till digital offentlig service",
        "delvis förenlig med lagen",
        "Kända brister",
        "statistik@utgivare.example",
        "uppdaterades senast 3 november 2025",
    ):
        assert words in told
    assert pages["tillganglighet"].find("a", href="https://www.digg.se/tdosanmalan")
