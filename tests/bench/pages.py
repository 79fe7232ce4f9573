"""Pages in Chromium: what they weigh, and how soon a reader can read, use the charts and work in a drill-down."""

import gzip
import statistics
from pathlib import Path

import pandas as pd
from playwright.sync_api import Page, sync_playwright

from bench.data import MONTH, NOTEBOOKS, PARAMS, synthetic_warehouse
from conftest import find_chromium
from sobstat.edition.publish import publish
from sobstat.regions import parse_region

# Ärenden, regions, and periods of the site that is looked at.
SCALES = {"small": (3_000, ["riket", "gotland"], 1), "whole": (300_000, PARAMS.regions, 4)}
REPEATS = 5
DRILLDOWN = ".drilldown:has(option:nth-child(5))"  # the one with most levels

FIRST_CONTENT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
# From an action to the frame after which the reader sees its effect.
SHOWN = """async (box, action) => {
    const seen = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
    const [search, levels] = box.querySelectorAll("input, select");
    const start = performance.now();
    if (action === "expand") {
        levels.value = levels.options[levels.options.length - 1].value;
        levels.dispatchEvent(new Event("change"));
    } else {
        search.value = action;
        search.dispatchEvent(new Event("input"));
        const before = box.querySelector("[role=status]").textContent;
        while (box.querySelector("[role=status]").textContent === before) await seen();
    }
    await seen();
    return performance.now() - start;
}"""
PAUSE = 150  # milliseconds that the page waits for more letters before it filters


def measure(folder: Path, scale: str) -> list[pd.DataFrame]:
    arenden, slugs, periods = SCALES[scale]
    params = PARAMS.model_copy(update={"periods": PARAMS.periods[:periods]})
    site = folder / "site"
    warehouse = synthetic_warehouse(folder, arenden)
    publish(warehouse, site, params, month=MONTH, regions=[parse_region(s) for s in slugs], notebooks=NOTEBOOKS)
    edition = site / str(MONTH)
    pages = sorted(
        (path for path in edition.rglob("*.html") if (path.parent / "data").is_dir()), key=lambda p: p.stat().st_size
    )
    drilldowns = [path.parent for path in edition.rglob("oversikt.html")]
    largest = max(drilldowns, key=lambda place: sum(file.stat().st_size for file in (place / "data").glob("*.js")))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        opened = pd.DataFrame(
            _opened(browser, path, edition, what) for what, path in [("smallest", pages[0]), ("largest", pages[-1])]
        )
        worked = _worked(browser, largest / "oversikt.html", edition)
        browser.close()
    data = f"{arenden} synthetic ärenden, regions: {len(slugs)}, periods: {periods}"
    opened.attrs["title"] = f"Pages: opened from a file in Chromium, median of {REPEATS}; {data}"
    worked.attrs["title"] = f"The largest drill-down in the browser, median of {REPEATS}; {data}"
    return [opened, worked]


def _opened(browser, path: Path, edition: Path, what: str) -> dict:
    first, charts = [], []
    for _ in range(REPEATS):
        page = browser.new_page()
        page.goto(path.as_uri())
        page.locator(".chart:has(.vega-spec):not(.upgraded)").first.wait_for(state="detached")
        charts.append(page.evaluate("performance.now()"))
        first.append(page.evaluate(FIRST_CONTENT))
        page.close()
    html = path.read_bytes()
    return {
        "page": f"{what}: {path.relative_to(edition)}",
        "kB": f"{len(html) / 1000:.0f}",
        "kB gzipped": f"{len(gzip.compress(html, mtime=0)) / 1000:.0f}",
        "first content, ms": f"{statistics.median(first):.0f}",
        "all charts interactive, ms": f"{statistics.median(charts):.0f}",
    }


def _worked(browser, path: Path, edition: Path) -> pd.DataFrame:
    taken: dict[str, list[float]] = {"expanded to the deepest level": [], "filtered (without the pause for typing)": []}
    for _ in range(REPEATS):
        page: Page = browser.new_page()
        page.goto(path.as_uri())
        page.locator(DRILLDOWN).scroll_into_view_if_needed()
        page.locator(f"{DRILLDOWN}.scripted").wait_for()
        page.locator(".chart:has(.vega-spec):not(.upgraded)").first.wait_for(state="detached")
        box = page.locator(DRILLDOWN)
        expanded, filtered = box.evaluate(SHOWN, "expand"), box.evaluate(SHOWN, "a") - PAUSE
        for times, one in zip(taken.values(), (expanded, filtered), strict=True):
            times.append(one)
        page.close()
    rows = sum(1 for _ in (path.parent / "data" / "per-region-vardgivare-moment-orsak.csv").open("rb")) - 1
    return pd.DataFrame(
        {
            "drill-down": f"{path.relative_to(edition)}, {rows} rows",
            "what": what,
            "ms": f"{statistics.median(times):.0f}",
            "wanted": "at most 100",
        }
        for what, times in taken.items()
    )
