"""Names that try to break out of their place: a whole edition made of them, read as files, as text and in a browser.

Each name is the name of a process, a moment, an avslutningsorsak, a vårdgivare and a vårdenhet. Readers must meet it
unchanged, and it must do nothing else.
"""

import csv
import io
import json
import re
import sys
import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import altair as alt
import openpyxl
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from extracts import make_extract, write_extract
from sobstat import cli
from sobstat.declarations import reports
from sobstat.edition.plan import read_params
from sobstat.edition.publish import publish, rerun
from sobstat.figures.drilldown import all_rows
from sobstat.figures.finding import LONGEST_NAME, main_finding
from sobstat.figures.svg import draw, specification
from sobstat.files import to_text
from sobstat.load import load_extract
from sobstat.months import Month, Period
from sobstat.names import as_cell, from_cell, isolated, shortened, visible
from sobstat.periods import MAIN
from sobstat.regions import parse_region
from sobstat.report import open_report

ROOT = Path(__file__).parent.parent
MOST = "Klinik \u202enigeR"  # the largest group, so that sentences name it: an override that is never closed
LONG = "x" * 5000
NAMES = [
    MOST,
    "</script><script>document.title='taken'</script>",
    "<img src=x onerror=\"document.title='taken'\">",
    "<b>fet</b> &amp; &lt;i&gt;",
    "\"'><svg onload=document.title='taken'>",
    "--><!-- ]]> <!--",
    "{{ 7 * 7 }} {% raw %} ${7*7} %s %(a)s",
    "javascript:document.title='taken'",
    '=HYPERLINK("https://example.org?"&A1,"Klicka")',
    "=1+1",
    "+46 8 123",
    "-2+3",
    "@SUM(1)",
    "＝1+1",
    " =1+1",
    "'=1+1",
    "Stöd;=1+1",
    "'t Hooft",
    "\u2069\u2069\u202e ut ur isoleringen",
    "\u200fعيادة\u200f",
    "מרפאה 12",
    "../../../etc/passwd",
    "C:\\fil|namn?*.csv",
    "🦄 hälsa 👩\u200d⚕️",
    "Z\u0351\u0302a\u030a\u0489lgo",
    "Ångest",
    "A\u030angest",
    "ångest",
    "Totalt",
    "dold",
    "visas inte",
    "Okänt",
    "Okänt län",
    "Okänd vårdgivare",
    "Ej avslutat",
    "Kvinna",
    "NA",
    "null",
    "nan",
    "0",
    "1e5",
    "__proto__",
    "constructor",
    "Lång " * 1000,
    LONG,
]
# What control characters come to: white space a blank, the others signs.
STEERING = {
    "K\x00B\x1b[31mT\x07": "K␀B␛[31mT␇",
    "\t=2+2": " =2+2",
    "rad\r\nbrytning": "rad  brytning",
    "\x85\u2028": None,
}
SHOWN = {*NAMES, *(shown for shown in STEERING.values() if shown)}
PERSONS = {MOST: 36, LONG: 24}
EVERY_OTHER = 12  # more than are hidden
MONTH = Month(2025, 10)
PAGES = [
    "index.html",
    "2025-10/index.html",
    "2025-10/riket/oversikt.html",
    "2025-10/riket/invanare.html",
    "2025-10/riket/laddningar.html",
]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    rows, vardgivare, vardenheter = [], [], []
    for number, name in enumerate([*NAMES, *STEERING]):
        ids = {"vardgivare_id": f"SE{number}-A", "vardenhet_id": f"SE{number}-B"}
        vardgivare.append({"hsa_id": ids["vardgivare_id"], "namn": name, "lan_kod": ["12", "01", ""][number % 3]})
        vardenheter.append({"hsa_id": ids["vardenhet_id"], "namn": name, "vardgivare_id": ids["vardgivare_id"]})
        for person in range(PERSONS.get(name, EVERY_OTHER)):
            row = {"arende_id": f"A{number}-{person}", "process": name, "moment": name, "avslutningsorsak": name}
            row |= ids | {"vardtagare_id": f"p{number}-{person}"}
            rows.append(row | {"status": "Inprogress", "tidpunkt": "2025-09-10T10:00:00Z"})
            rows.append(row | {"status": "Done" if person % 2 else "Paus", "tidpunkt": "2025-10-10T10:00:00Z"})
    extract = make_extract(rows) | {"hsa_vardgivare": vardgivare, "hsa_vardenhet": vardenheter}
    write_extract(extract, folder / "in")
    load_extract(folder / "in", folder / "w.duckdb", now=datetime(2025, 11, 3, tzinfo=UTC))
    return folder / "w.duckdb"


@pytest.fixture(scope="module")
def site(warehouse, tmp_path_factory):
    """An edition of Riket, and an ad-hoc report in a folder inside, both by the real notebooks."""
    site = tmp_path_factory.mktemp("hostile") / "site"
    params, notebooks = read_params(ROOT / "params" / "edition.yml"), ROOT / "notebooks"
    params = params.model_copy(update={"periods": [MAIN]})
    publish(warehouse, site, params, month=MONTH, regions=[parse_region("riket")], notebooks=notebooks)
    period = Period.parse("2025-09", "2025-10")
    rerun(warehouse, site / "adhoc", params, period, [parse_region("skane")], only=["invanare"], notebooks=notebooks)
    return site


ADHOC = "adhoc/2025-09--2025-10-ej-for-publicering/skane/invanare.html"


def soup(site: Path, address: str) -> BeautifulSoup:
    return BeautifulSoup((site / address).read_text("utf-8"), "html.parser")


def steers(text: str) -> list[str]:
    """Control characters but the line feed."""
    return [hex(ord(c)) for c in text if unicodedata.category(c) in ("Cc", "Cs") and c != "\n"]


# ---------- Files ----------


def cells(text: str, column: str) -> list[str]:
    return [row[column] for row in csv.DictReader(io.StringIO(text))]


def test_files_hold_the_names_and_no_formula(site):
    for path in (site / "2025-10").rglob("*.csv"):
        text = path.read_bytes().decode("utf-8")
        assert steers(text) == [], path
        for row in csv.reader(io.StringIO(text)):
            for part in ";".join(row).split(";"):  # as a Swedish spreadsheet would split it
                assert not part.lstrip().startswith(tuple("=+-@＝＋－＠")), path
    data = site / "2025-10" / "riket" / "data"
    processes = cells((data / "per-process.csv").read_text("utf-8"), "process")
    assert {from_cell(cell) for cell in processes} == SHOWN | {"Okänt"}
    tree = (data / "per-region-vardgivare-moment-orsak.csv").read_text("utf-8")
    for column in ("vardgivare", "vardenhet", "moment", "avslutningsorsak"):
        assert {from_cell(cell) for cell in cells(tree, column)} >= SHOWN


def test_json_and_spreadsheets_hold_the_names_as_text(site):
    data = site / "2025-10" / "riket" / "data"
    assert steers((data / "per-process.json").read_text("utf-8")) == []
    assert {row["process"] for row in json.loads((data / "per-process.json").read_text("utf-8"))} == SHOWN | {"Okänt"}
    book = openpyxl.load_workbook(data / "oversikt.xlsx")
    cells = [cell for sheet in book.worksheets for row in sheet.iter_rows() for cell in row]
    assert [cell.coordinate for cell in cells if cell.data_type == "f"] == []
    assert all(cell.hyperlink.target is None for cell in cells if cell.hyperlink)  # only from sheet to sheet
    assert {cell.value for cell in book["per-process"]["A"]} >= SHOWN


def test_the_command_prints_the_same_bytes_and_steers_no_terminal(site, warehouse, capsysbinary):
    for report_id in reports():
        ask = ["table", report_id, "--from", "2024-11", "--to", "2025-10", "--warehouse", str(warehouse)]
        assert cli.run(cli.app, [*ask, "--format", "csv"]) == 0
        sys.stdout.flush()
        printed = capsysbinary.readouterr().out
        assert printed == (site / "2025-10" / "riket" / "data" / f"{report_id}.csv").read_bytes()
    for form in ("text", "json"):
        ask = ["table", "per-process", "--from", "2025-09", "--to", "2025-10", "--warehouse", str(warehouse)]
        assert cli.run(cli.app, [*ask, "--format", form]) == 0
        sys.stdout.flush()
        assert steers(capsysbinary.readouterr().out.decode("utf-8")) == []


def test_no_name_is_in_a_files_name(site):
    assert [path.name for path in site.rglob("*") if not re.fullmatch(r"[\w.-]+", path.name, re.ASCII)] == []
    assert {path.stem for path in (site / "2025-10" / "riket" / "data").iterdir()} >= set(reports())


# ---------- Pages as text ----------


@pytest.mark.parametrize("address", [*PAGES, ADHOC])
def test_a_page_is_whole_and_holds_no_control_character(site, address):
    text = (site / address).read_text("utf-8")
    # The program of charts, which an ad-hoc page holds itself, has tabs of its own.
    assert steers(re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)) == []
    assert len(text.encode()) < 2_000_000
    page = soup(site, address)
    assert page.find_all(["img", "b", "i", "iframe", "object"]) == []
    for script in page.find_all("script", {"type": "application/json"}):
        json.loads(script.string)
    for svg in re.findall(r"<svg role=.*?</svg>", text, re.DOTALL):
        ElementTree.fromstring(svg)


def test_a_page_holds_every_name_as_it_is(site):
    page = soup(site, "2025-10/riket/oversikt.html")
    rows = page.select("#per-process tbody th")
    assert {row.string for row in rows} == SHOWN | {"Okänt"}
    for report_id in ("per-region-vardgivare-moment-orsak", "per-moment-region-vardgivare-vardenhet"):
        text = (site / f"2025-10/riket/data/{report_id}.js").read_text("utf-8")
        data = json.loads(text.removeprefix(f'sobstat.rows("{report_id}", ').removesuffix(");\n"))
        for level in data["nivaer"][1:]:
            if level != "Län":
                assert {
                    re.sub(r" \(SE\d+-[AB]\)$", "", name) for name in data["namn"][data["nivaer"].index(level)]
                } >= SHOWN


def test_a_chart_cuts_a_long_name_with_an_ellipsis(site):
    page = soup(site, "2025-10/riket/oversikt.html")
    labels = [text.get_text() for text in page.select("svg text")]
    assert max(map(len, labels)) < 200
    assert [label for label in labels if label.startswith("xxx") and label.endswith("…")]


@pytest.mark.parametrize("name", ["constructor", "__proto__", "toString", "valueOf"])
def test_a_name_that_javascript_has_taken_does_not_break_a_chart(name, capfd):
    data = pd.DataFrame({"namn": [name, "KBT"], "matt": ["a", "b"], "antal": [3, 2]})
    bars = alt.Chart(data, description="x").mark_bar().encode(y="namn:N", yOffset="matt:N", x="antal:Q", color="namn:N")
    svg = draw(specification(bars), "x", "x")
    assert f"\u2060{name}</text>" in svg
    assert "Error" not in capfd.readouterr().err


# ---------- Sentences, and names beside each other ----------


def test_a_sentence_isolates_and_cuts_a_name():
    table = pd.DataFrame({"process": [MOST, "b"], "startade": pd.array([2, 1], "Int64")})
    assert f"inom \u2068{MOST}\u2069: 2 av 3" in main_finding(table.assign(avslutade=1), reports()["per-process"])
    table["process"] = ["x" * 5000, "b"]
    assert f"inom {'x' * (LONGEST_NAME - 1)}…: 2" in main_finding(table.assign(avslutade=1), reports()["per-process"])


def test_siblings_that_share_a_name_are_told_apart_by_their_ids():
    columns = {"niva": ["totalt", "vardgivare", "vardgivare"], "vardgivare_id": ["", "A", "B"]}
    table = pd.DataFrame(columns | {"vardgivare": ["", MOST, MOST], "startade": pd.array([2, 1, 1], "Int64")})
    report = reports()["per-lan"].model_copy(update={"by": ["vardgivare"], "measures": ["startade"]})
    assert all_rows(table, report)["namn"][1] == [f"\u2068{MOST}\u2069 (A)", f"\u2068{MOST}\u2069 (B)"]


ISOLATED = {
    "Skåne": "Skåne",
    "🦄": "🦄",
    MOST: f"\u2068{MOST}\u2069",
    "מרפאה": "\u2068מרפאה\u2069",
    "\u2069x": "\u2068\u2068\u2069x\u2069",
    "\u2067x": "\u2068\u2067x\u2069\u2069",
}


@pytest.mark.parametrize(("name", "expected"), ISOLATED.items(), ids=map(ascii, ISOLATED))
def test_only_a_name_that_turns_the_direction_is_isolated(name, expected):
    assert isolated(name) == expected


@given(st.text())
def test_an_isolated_name_is_balanced_whatever_it_holds(name):
    depth = 0
    for place, character in enumerate(text := isolated(name)):
        depth += unicodedata.bidirectional(character) in ("LRI", "RLI", "FSI")
        depth -= unicodedata.bidirectional(character) == "PDI"
        assert depth >= (0 if text == name or place == len(text) - 1 else 1)
    assert depth == 0
    assert name in text


@given(st.text(st.sampled_from("=+-@＝;' ax")))
def test_a_cell_is_no_formula_and_gives_the_text_back(text):
    cell = as_cell(text)
    assert not any(part.lstrip().startswith(tuple("=+-@＝")) for part in cell.split(";"))
    assert from_cell(cell) == text


@given(st.text(st.characters(codec=None)))
def test_visible_text_is_utf_8_without_control_characters(text):
    assert steers(visible(text)) == []
    visible(text).encode("utf-8")
    assert visible(visible(text)) == visible(text)


def test_a_shortened_text_says_so():
    assert (shortened("abcd", 4), shortened("abcde", 4)) == ("abcd", "abc…")


def test_text_in_a_terminal_keeps_its_columns(warehouse):
    report = open_report("riket", "2025-09", "2025-10", warehouse)
    text = to_text(report.table("per-process"))
    report.close()
    assert f"\u2068{MOST}\u2069" in text
    assert len(text.splitlines()) == len(SHOWN | {"Okänt"}) + 1


# ---------- Pages in a browser ----------

OPEN = "document.querySelectorAll('details').forEach(d => d.open = true)"


@pytest.mark.parametrize("address", [*PAGES, ADHOC])
def test_a_page_keeps_its_policy_its_title_and_its_width(open_page, site, address):
    page = open_page(address)
    page.wait_for_load_state("networkidle")
    page.evaluate(OPEN)
    for tree in page.locator(".drilldown").all():
        tree.locator("select").select_option("3")
        tree.get_by_label("Sök i tabellen").fill("<img")
    for bar in page.locator("#per-process .live .mark-rect path").all()[:2]:
        bar.hover()
        tooltip = page.locator("#vg-tooltip-element")
        tooltip.wait_for(state="visible")
        assert tooltip.bounding_box()["width"] <= 1280
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(300)  # charts are drawn anew for their place
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.faults == []
    assert [url for url in page.requests if not url.startswith((site.as_uri(), "data:,"))] == []
    assert page.title() != "taken"
    assert page.locator("main img, main b, main script:not([type='application/json'])").count() == 0


ELSEWHERE = "https://example.org/"
# An element that a page must not take up, or something that its scripts must not do.
REFUSED = {
    "inline script": ("script", {"textContent": "x = 1"}),
    "script from elsewhere": ("script", {"src": ELSEWHERE}),
    "inline style": ("style", {"textContent": "p {color: red}"}),
    "style from elsewhere": ("link", {"rel": "stylesheet", "href": ELSEWHERE}),
    "picture from elsewhere": ("img", {"src": ELSEWHERE}),
    "frame": ("iframe", {"src": ELSEWHERE}),
    "object": ("object", {"data": ELSEWHERE}),
    "video": ("video", {"src": ELSEWHERE}),
    "another base": ("base", {"href": ELSEWHERE}),
    "request": f"fetch('{ELSEWHERE}').catch(() => 0)",
    "handler": "document.body.setAttribute('onclick', 'x = 1')",
    "evaluation": "setTimeout(() => eval('x = 1'))",
    "form": f"const form = document.createElement('form'); form.action = '{ELSEWHERE}'; document.body.append(form); "
    "form.submit()",
}


@pytest.mark.parametrize("attack", REFUSED.values(), ids=REFUSED.keys())
def test_the_policy_refuses_and_the_test_sees_it(open_page, attack):
    page = open_page("2025-10/index.html", charts=False)
    if isinstance(attack, tuple):
        attack = "document.body.append(Object.assign(document.createElement({}), {}))".format(*map(json.dumps, attack))
    page.evaluate(f"() => {{ {attack} }}")
    page.wait_for_timeout(200)
    assert any(fault.startswith("policy ") for fault in page.faults)


def test_a_name_from_right_to_left_leaves_its_neighbours_in_place(open_page):
    page = open_page("2025-10/riket/oversikt.html")
    left_of = """([selector, first, last]) => {
        const text = document.querySelector(selector).firstChild, found = text.data.indexOf(last);
        const place = (start, length) => {
            const range = new Range();
            range.setStart(text, start);
            range.setEnd(text, start + length);
            return range.getBoundingClientRect().left;
        };
        return place(text.data.indexOf(first), first.length) < place(found, last.length);
    }"""
    assert MOST in page.locator("#per-process .finding").inner_text()
    assert page.evaluate(left_of, ["#per-process .finding", "Klinik", " av "])
    assert page.evaluate(left_of, ["#per-process .finding", " av ", "%"])
