"""What stands at the top of the site, following from the editions that it holds: the start page, the archive, the feed,
the catalogue for data portals, and the list of months that pages offer as a menu.
"""

import json
from pathlib import Path

import pandas as pd

from sobstat.declarations import reports
from sobstat.edition.feed import FEED, render_feed
from sobstat.edition.key_figures import SOURCES
from sobstat.edition.manifest import edition_of, pages_in, read_manifest
from sobstat.edition.overview import ARCHIVE, MAP_REPORT, render_archive, render_start
from sobstat.edition.pages import common
from sobstat.edition.plan import Edition
from sobstat.edition.site import LATEST, START, edition_folder, months
from sobstat.months import Month
from sobstat.open_data.catalogue import CATALOGUE, render_catalogue
from sobstat.periods import MAIN
from sobstat.templating import render

MONTHS = "utgavor.js"
FRONT = (START, ARCHIVE, FEED, CATALOGUE, MONTHS)


def make_front(site: Path, editions: dict[str, str], assets: dict[str, str]) -> tuple[dict[str, str], Month]:
    """The files, name → text, of a site with these editions at these addresses; and its latest month that stands.

    If all editions are withdrawn, that is the latest that was.
    """
    folders = [edition_folder(site, editions[str(month)]) for month in months(editions)]
    manifests = {folder: read_manifest(folder) for folder in folders}
    current = {folder: edition_of(manifest) for folder, manifest in manifests.items()}
    standing = {folder: edition for folder, edition in current.items() if not edition.withdrawn}
    folder, latest = next(iter((standing or current).items()))
    tables = {} if latest.withdrawn else read_tables(folder, latest)
    pages = {edition.month: pages_in(manifests[folder]) for folder, edition in standing.items()}
    files = {
        START: render_start(latest, assets, tables, list(current.values())),
        ARCHIVE: render_archive(latest, assets, list(current.values())),
        FEED: render_feed(list(current.values())),
        CATALOGUE: render_catalogue(folders, latest.publisher),
        MONTHS: render_months(pages),
        **{f"{LATEST}/{page}": render_absent(latest, assets, page, month) for page, month in absent(pages).items()},
    }
    return files, latest.month


def absent(pages: dict[Month, list[str]]) -> dict[str, Month]:
    """The pages that former editions have and the latest, the first of them, lacks: address → the latest with it."""
    last: dict[str, Month] = {}
    for month, addresses in pages.items():
        last |= {address: month for address in addresses if address not in last}
    return {address: month for address, month in sorted(last.items()) if month != next(iter(pages))}


def render_absent(latest: Edition, assets: dict[str, str], page: str, month: Month) -> str:
    """What stands at `senaste/<page>` where the latest edition lacks the page: the way to the month that has it."""
    home = "../" * page.count("/")
    return render(
        "absent.html",
        **common(latest, assets, root=f"../{home}", home=home),
        title="Sidan finns inte i den senaste utgåvan",
        summary="",
        page=page,
        month=month,
    )


def render_months(pages: dict[Month, list[str]]) -> str:
    """The months that stand, the latest first, and the pages of each, as a classic script that pages load.

    Pages of all editions read it, whenever they were made: its form stays. `utgavor` holds month, title and the place
    of its pages among `sidor`, since most months have the same.
    """
    kinds = list(dict.fromkeys(tuple(sorted(addresses)) for addresses in pages.values()))
    listed = [[str(month), month.title, kinds.index(tuple(sorted(pages[month])))] for month in pages]
    data = json.dumps({"utgavor": listed, "sidor": kinds}, ensure_ascii=False, separators=(",", ":"))
    return f"window.sobstatUtgavor = {data};\n"


def read_tables(folder: Path, edition: Edition) -> dict[tuple[str, str], pd.DataFrame]:
    """The published tables that key figures and map are made from, by region and report: those per month over the
    longest of the region's periods, so that they reach back a year.
    """
    tables = {}
    for page in sorted(edition.pages, key=lambda page: len(edition.period_of(page.window).months)):
        for name in {*SOURCES.values(), *([MAP_REPORT] if page.window == MAIN else [])}:
            file = folder / page.folder / "data" / f"{name}.csv"
            if reports()[name].notebook == page.notebook and file.is_file():
                tables[page.region.slug, name] = pd.read_csv(file, dtype={"lan_kod": str})
    return tables
