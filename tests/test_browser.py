"""The pages in a real Chromium, from plain files: without a network, without JavaScript, by keyboard, with axe."""

import re
import shutil
from itertools import product
from pathlib import Path

import altair as alt
import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe

from sobstat import charts
from sobstat.figures.svg import specification
from sobstat.months import Month
from sobstat.templating import script_json

PAGES = (
    "index.html",
    "arkiv.html",
    "2025-10/index.html",
    "2025-10/definitioner.html",
    "2025-10/kvalitet.html",
    "2025-10/om.html",
    "2025-10/tillganglighet.html",
    "2025-10/riket/oversikt.html",
    "2025-10/skane/invanare.html",
)
REPORT = "2025-10/riket/oversikt.html"
TREE = "#per-region-vardgivare-moment-orsak"
EVERYTHING_OPEN = "document.querySelectorAll('details').forEach(d => d.open = true)"


@pytest.mark.parametrize("address", [*PAGES, "2025-10/riket/oversikt-adhoc.html", "senaste/riket/oversikt.html"])
def test_page_asks_nobody_and_complains_of_nothing(open_page, site, address):
    page = open_page(address)
    page.wait_for_load_state("networkidle")
    assert page.faults == []
    outside = [url for url in page.requests if not url.startswith((site.as_uri(), "data:,"))]
    assert outside == []
    assert page.title() != "taken"


def test_an_adhoc_report_is_one_file_that_works_anywhere(open_page, site, tmp_path):
    mailed = shutil.copy(site / "2025-10/riket/oversikt-adhoc.html", tmp_path / "bilaga.html")
    page = open_page(mailed, offline=True)
    assert page.locator("#per-veckodag .chart .live svg").is_visible()
    row = open_tree(page).locator("tbody button").nth(1)
    row.click()
    assert row.get_attribute("aria-expanded") == "true"
    with page.expect_download() as started:
        page.locator("#per-veckodag .actions a[download$=csv]").click()
    assert started.value.suggested_filename == "per-veckodag.csv"
    assert started.value.path().read_bytes() == (site / "2025-10/riket/data/per-veckodag.csv").read_bytes()
    assert page.faults == []
    assert [url for url in page.requests if not url.startswith("data:")] == [mailed.as_uri()]


def test_charts_are_upgraded_and_described(open_page):
    page = open_page(REPORT)
    chart = page.locator("#per-veckodag .chart")
    assert chart.locator("[role=img]:visible").get_attribute("aria-label") == "Staplar: ett antal för varje grupp."
    assert chart.locator("svg:visible").count() == 1
    chart.locator(".live path[aria-label], .live .mark-rect path").first.hover()
    tooltip = page.locator("#vg-tooltip-element")
    tooltip.wait_for(state="visible")
    assert "måndag" in tooltip.inner_text()


@pytest.fixture
def with_chart(site):
    """Makes a report's page with another chart for its weekdays, for as long as the test runs."""
    page = (site / REPORT).with_name("annat-diagram.html")

    def make(chart) -> Path:
        html = (site / REPORT).read_text("utf-8")
        before, start, rest = html.partition('<section id="per-veckodag"')
        spec = str(script_json(specification(chart.properties(description="x"))))
        rest = re.sub(r"(vega-spec\">).*?(?=</script>)", lambda found: found[1] + spec, rest, count=1)
        page.write_text(before + start + rest, encoding="utf-8")
        return page

    yield make
    page.unlink()


def test_months_are_chosen_in_menus_as_with_the_pointer(open_page, with_chart):
    months = [str(Month(2023, 1) + n) for n in range(34)]
    table = pd.DataFrame({"manad": months, "startade": range(34)})
    lines = alt.Chart(table).mark_line().encode(charts.month_axis(), charts.amounts(alt.Y, table, "startade"))
    page = open_page(with_chart(charts.over_time(lines)))
    figure = page.locator("#per-veckodag")
    first, last = figure.get_by_label("Från"), figure.get_by_label("Till")
    chosen = [menu.locator("option:checked").inner_text() for menu in (first, last)]
    assert chosen == ["januari 2023", "oktober 2025"]
    february = figure.locator(".live text", has_text=re.compile("^feb$"))
    assert february.count() == 0
    first.select_option(label="januari 2025")
    february.first.wait_for()
    assert february.count() == 1
    last.scroll_into_view_if_needed()
    box = figure.locator(".live").bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + box["height"] - 45)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + box["height"] - 45, steps=4)
    page.mouse.up()
    page.wait_for_function("menu => menu.selectedOptions[0].text.endsWith('2023')", arg=first.element_handle())
    assert last.locator("option:checked").inner_text() != "oktober 2025"


def test_a_county_on_a_map_leads_to_its_page(open_page, with_chart):
    table = pd.DataFrame({"lan_kod": ["12"], "lan": ["Skåne län"], "startade": [3]})
    page = open_page(with_chart(charts.county_circles(table, "startade", ["lan"])))
    county = page.locator("#per-veckodag .live .layer_1_marks path")
    county.hover()
    assert "leads" in page.locator("#per-veckodag .chart").get_attribute("class")
    county.click()
    page.wait_for_url("**/2025-10/skane/oversikt.html#per-veckodag")


def test_without_javascript_charts_and_tables_show(open_page):
    page = open_page(REPORT, charts=False, java_script_enabled=False)
    assert page.locator("#per-veckodag .chart > svg[role=img]").is_visible()
    assert page.locator("#per-veckodag tbody tr").count() == 7
    assert page.locator("#per-veckodag tbody tr").last.is_visible()
    assert page.locator(f"{TREE} tbody tr").count() > 21
    assert page.locator(f"{TREE} tbody th").nth(1).inner_text() == "Stockholms län"
    assert "finns i filen" in page.locator(f"{TREE} .unscripted").inner_text()
    assert not page.locator(f"{TREE} .drill-tools").is_visible()


def open_everything(page):
    """Every details, and of every drill-down the first groups of two levels."""
    page.evaluate(EVERYTHING_OPEN)
    for figure in page.locator("section:has(.drilldown)").all():
        tree = open_tree(page, f"#{figure.get_attribute('id')}")
        tree.locator("tbody button").first.click()
        tree.locator("tbody button").nth(1).click()


def test_axe_finds_nothing(open_page, page_types):
    """On a whole page, and in all other looks without the later rows of its tables, which are like those before."""
    for path in page_types:
        page = open_page(path)
        open_everything(page)
        for width, scheme in product((1280, 390), ("light", "dark")):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            found = Axe().run(page, options={"resultTypes": ["violations"], "preload": False}).response
            faults = [(v["id"], [node["html"] for node in v["nodes"][:3]]) for v in found["violations"]]
            assert faults == [], (path, width, scheme)
            page.evaluate("document.querySelectorAll('tbody tr:nth-child(n + 25)').forEach(row => row.remove())")
        page.context.close()


def test_pages_fit_a_small_screen_and_twice_the_size(open_page, page_types):
    """1280 pixels at 200 % are 640."""
    for path in page_types:
        page = open_page(path, width=640)
        open_everything(page)
        for width in (640, 320):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_focus_is_always_seen(open_page, scheme):
    page = open_page(REPORT, color_scheme=scheme, reduced_motion="reduce")
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        outline, width, name = page.evaluate(
            "(s => [s.outlineStyle, parseFloat(s.outlineWidth), document.activeElement.outerHTML.slice(0, 80)])"
            "(getComputedStyle(document.activeElement))"
        )
        assert (outline, width >= 2) == ("solid", True), name
        seen.add(name)
    assert len(seen) > 40
    moving = "[getComputedStyle(document.documentElement).scrollBehavior, document.getAnimations().length]"
    assert page.evaluate(moving) == ["auto", 0]


def test_hidden_values_are_spoken(open_page):
    page = open_page("2025-10/skane/invanare.html")
    cells = page.get_by_role("cell", name="visas inte", exact=True)
    assert cells.count() > 5
    page = open_page(REPORT)
    page.locator(f"{TREE} select").select_option("5")
    page.locator(f"{TREE} tr.depth-5").first.wait_for()
    assert page.locator(TREE).get_by_role("cell", name="visas inte", exact=True).count() > 100


def open_tree(page, name: str = TREE):
    """The drill-down, after the reader came near and its rows were loaded."""
    page.locator(f"{name} .drilldown").scroll_into_view_if_needed()
    page.locator(f"{name} .drilldown.scripted").wait_for()
    return page.locator(name)


def focused(page) -> str:
    return page.evaluate("document.activeElement.textContent")


def test_drilldown_by_keyboard(open_page):
    page = open_page(REPORT)
    tree = open_tree(page)
    rows = tree.locator("tbody tr")
    top = rows.count()
    tree.locator("thead button").last.focus()
    page.keyboard.press("Tab")
    assert focused(page) == "Län: Stockholms län"
    stockholm = tree.get_by_role("button", name="Län: Stockholms län", exact=True)
    assert stockholm.get_attribute("aria-expanded") == "false"
    page.keyboard.press("Enter")
    assert stockholm.get_attribute("aria-expanded") == "true"
    assert focused(page) == "Län: Stockholms län"  # the focus stays
    assert rows.count() > top
    page.keyboard.press("ArrowRight")
    assert focused(page).startswith("Vårdgivare: ")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert focused(page).startswith("Vårdenhet: ")
    page.keyboard.press("ArrowLeft")
    assert focused(page).startswith("Vårdgivare: ")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert focused(page) == "Län: Stockholms län"
    page.keyboard.press("Space")
    assert rows.count() == top
    page.keyboard.press("End")
    page.keyboard.press("Home")
    assert focused(page) == "Län: Stockholms län"


def test_drilldown_shows_the_file(open_page, site):
    page = open_page(REPORT)
    tree = page.locator(TREE)
    assert not any("/data/" in address for address in page.requests)
    tree.locator("select").select_option("5")
    tree.locator("tr.depth-5").first.wait_for()
    while tree.locator(".more").is_visible():
        tree.locator(".more").click()
    shown = tree.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].slice(1).map(cell => cell.textContent.replace(/\\u00a0/g, '')).join())"
    )
    lines = (site / f"2025-10/riket/data/{TREE[1:]}.csv").read_text("utf-8").splitlines()[1:]
    written = [line.rsplit(",", 6)[1:] for line in lines]
    assert shown == [",".join([*row[:3], row[3] or "visas inte", row[5]]) for row in written]


def test_drilldown_filter_and_sort(open_page):
    page = open_page(REPORT)
    tree = page.locator(TREE)
    tree.get_by_label("Sök i tabellen").fill("EJ AVSLUTAT")
    tree.locator("mark").first.wait_for()
    assert "träffar" in tree.get_by_role("status").inner_text()
    assert {mark.inner_text() for mark in tree.locator("mark").all()[:5]} == {"Ej avslutat"}
    assert tree.locator("tr.depth-5").count() == tree.locator("mark").count()
    tree.get_by_label("Sök i tabellen").fill("finns inte alls")
    tree.get_by_text("Inga träffar", exact=True).wait_for()
    tree.get_by_label("Sök i tabellen").fill("")
    tree.locator("tr.depth-1").nth(20).wait_for()

    def column():
        return [
            int(text.replace("\u00a0", "")) for text in tree.locator("tr.depth-1 td:nth-child(2)").all_inner_texts()
        ]

    before = column()
    heading = tree.locator("thead th").nth(1)
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert column() == sorted(before, reverse=True)
    heading.get_by_role("button").click()
    assert column() == sorted(before)
    heading.get_by_role("button").click()
    assert (heading.get_attribute("aria-sort"), column()) == (None, before)


def test_hostile_names_are_only_names(open_page):
    page = open_page(REPORT)
    tree = open_tree(page, "#per-moment-region-vardgivare-vardenhet")
    assert tree.locator("tbody th", has_text="</script><script>").count() == 2
    tree.get_by_label("Sök i tabellen").fill("<img src=x")
    tree.locator("mark").first.wait_for()
    page.locator("#per-process .live .mark-rect path").first.hover()
    assert page.locator("main img, main b, main script:not([type='application/json'])").count() == 0
    assert page.title().startswith("Översikt")


def test_region_switcher_and_skip_link_by_keyboard(open_page):
    page = open_page(REPORT)
    page.keyboard.press("Tab")
    assert focused(page) == "Hoppa till innehållet"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.tagName") == "MAIN"
    page.get_by_label("Regioner").locator("summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert focused(page) == "Skåne län"
    page.keyboard.press("Enter")
    page.wait_for_url("**/2025-10/skane/oversikt.html")


def test_month_menu_leads_to_the_same_page_of_another_month(open_page, site):
    page = open_page(REPORT)
    page.get_by_text("Byt månad").focus()
    page.keyboard.press("Enter")
    menu = page.locator(".editions .switcher")
    assert menu.locator("a").all_inner_texts() == ["oktober 2025", "september 2025"]
    assert menu.locator("[aria-current]").inner_text() == "oktober 2025"
    assert menu.locator("a").last.evaluate("link => link.href") == (site / "2025-09/riket/oversikt.html").as_uri()
    assert page.get_by_text("Föregående").count() == 0
    page.keyboard.press("Escape")
    assert not menu.evaluate("menu => menu.open")


def test_without_another_month_or_without_javascript_there_is_no_month_menu(open_page):
    assert open_page("2025-10/skane/oversikt.html").get_by_text("Byt månad").count() == 0
    page = open_page(REPORT, charts=False, java_script_enabled=False)
    assert page.get_by_text("Byt månad").count() == 0
    assert page.locator(".editions a").all_text_contents()[1:] == [
        "Föregående: september 2025",
        "Senaste utgåvan av sidan",
        "Arkiv",
    ]


def test_print_shows_short_tables_and_definitions(open_page):
    page = open_page("2025-10/skane/invanare.html")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#per-1000-per-kon-och-alder tbody tr").last.is_visible()
    assert page.locator("#vardtagare-per-kon .definitions dd").first.is_visible()
    assert page.locator("#per-1000-per-kon-och-alder .chart > svg").is_visible()
    assert not page.locator("#per-1000-per-kon-och-alder .chart .live").is_visible()
    assert not page.locator(".tabs").is_visible()
    page = open_page(REPORT)
    open_tree(page)
    page.emulate_media(media="print")
    assert not page.locator(f"{TREE} .drill-tools").is_visible()
