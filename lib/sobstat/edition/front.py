"""What stands at the top of the site, following from the editions that it holds: the start page,
the feed and the catalogue."""

import io
from pathlib import Path

import pandas as pd

from sobstat.edition.feed import FEED, render_feed
from sobstat.edition.manifest import read_edition
from sobstat.edition.pages import render_start
from sobstat.edition.plan import Edition
from sobstat.edition.site import START, edition_folder, months
from sobstat.months import Month
from sobstat.open_data.catalogue import CATALOGUE, render_catalogue


def make_front(site: Path, editions: dict[str, str], assets: dict[str, str]) -> tuple[dict[str, str], Month]:
    """The files, name → text, of a site with these editions at these addresses; and its latest month that stands.

    If all editions are withdrawn, that is the latest that was.
    """
    folders = [edition_folder(site, editions[str(month)]) for month in months(editions)]
    current = [read_edition(folder) for folder in folders]
    latest = next((edition for edition in current if not edition.withdrawn), current[0])
    tables = {} if latest.withdrawn else read_tables(edition_folder(site, editions[str(latest.month)]), latest)
    files = {START: render_start(latest, assets, tables, current), FEED: render_feed(current)}
    files[CATALOGUE] = render_catalogue(folders, latest.publisher)
    return files, latest.month


def read_tables(folder: Path, edition: Edition) -> dict[tuple[str, str], pd.DataFrame]:
    """An edition's tables as they are published, by region and report."""
    return {
        (region.slug, file.stem): pd.read_csv(io.StringIO(file.read_text("utf-8")), dtype={"lan_kod": str})
        for region in edition.regions
        for file in sorted((folder / region.slug / "data").glob("*.csv"))
    }
