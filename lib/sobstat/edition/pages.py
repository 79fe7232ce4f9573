"""The pages of the site: a report's page, an edition's index, the start page, and an ad-hoc report.

Everything on them follows from what is given: no clock, no chance.
"""

import re
from datetime import date

import nbformat
import pandas as pd
from babel.dates import format_date
from markupsafe import Markup

from sobstat.declarations import reports
from sobstat.edition.exporter import export_body
from sobstat.edition.key_figures import COLUMNS, key_figures, latest_values
from sobstat.edition.notices import Notice
from sobstat.edition.plan import Edition, Page
from sobstat.months import Month
from sobstat.open_data.dataset import dataset
from sobstat.open_data.texts import archive_name
from sobstat.periods import MAIN, PERIODS
from sobstat.regions import Region
from sobstat.templating import render

SERVICE = "Statistik för Stöd och behandling"
Tables = dict[tuple[str, str], pd.DataFrame]


def render_page(notebook: nbformat.NotebookNode, page: Page, edition: Edition, assets: dict[str, str]) -> str:
    """A report's page, `<month>/<region>/<notebook>.html`. Raises ReportError if an output is an error."""
    return _report(notebook, page, edition, assets, root=f"{page.root}../", adhoc=False)


def render_adhoc(
    notebook: nbformat.NotebookNode, page: Page, edition: Edition, assets: dict[str, str], root: str = "../../"
) -> str:
    """The same page outside the publication: marked so, without links to other pages.

    `root` is the way from the page to the folder that holds `assets/`.
    """
    return _report(notebook, page, edition, assets, root=root, adhoc=True)


def render_edition_index(edition: Edition, assets: dict[str, str], tables: Tables) -> str:
    """An edition's index, `<month>/index.html`; `tables` are its CSV files read back, by region and report."""
    return _overview(edition, assets, tables, root="../", start=False, editions=[])


def render_start(edition: Edition, assets: dict[str, str], tables: Tables, editions: list[Edition]) -> str:
    """The site's start page, `index.html`: the latest edition, and every month in the archive."""
    if edition.withdrawn:
        return render_withdrawn(edition, assets, root="", editions=editions)
    return _overview(edition, assets, tables, root="", start=True, editions=editions)


def render_withdrawn(edition: Edition, assets: dict[str, str], *, root: str, editions: list[Edition] = ()) -> str:
    """What stands at every address of a withdrawn edition, and on the start page if all editions are withdrawn."""
    return render(
        "withdrawn.html",
        **_common(edition, assets, root),
        title=f"Indragen utgåva, {edition.month.title}",
        summary=f"Utgåvan {edition.month.title} är indragen.",
        start=not root,
        editions=editions,
    )


def mark_as_former(html: str, notice: Notice, month: Month, root: str) -> str:
    """A page of a version that another has replaced, which says so at its top."""
    told = render("notices.html", notices=[notice], replaced_by=month, root=root)
    return html.replace("</header>", f"</header>\n{told}", 1)


def _report(notebook, page: Page, edition: Edition, assets: dict[str, str], *, root: str, adhoc: bool) -> str:
    body = export_body(notebook)
    about = next((p for p in edition.pages if p.notebook == "laddningar" and p != page), None)
    period = edition.period_of(page.window)
    return render(
        "report.html",
        **_common(edition, assets, root, adhoc),
        title=f"{page.title}, {page.region.namn}, {period.title}",
        summary=f"{page.title}: statistik för {page.region.namn}, {period.title}.",
        page=page,
        period=period,
        body=Markup(body),
        contents=_contents(body),
        tabs=[
            {"title": title, "href": page.root + _nearest(edition, page, notebook=name).address}
            | {"current": name == page.notebook}
            for name, title in {other.notebook: other.title for other in edition.pages_of(page.region)}.items()
        ],
        periods=[
            {"title": PERIODS[other.window].title, "href": page.root + other.address, "current": other == page}
            for other in edition.pages
            if (other.notebook, other.region) == (page.notebook, page.region)
        ],
        regions=[
            {"title": region.namn, "href": page.root + _nearest(edition, page, region=region).address}
            | {"current": region == page.region}
            for region in edition.regions
        ],
        about=about and page.root + about.address,
        spreadsheet=any(report.notebook == page.notebook for report in reports().values()),
        dataset=dataset(page, edition),
        archive=page.root + archive_name(edition),
    )


def _overview(
    edition: Edition, assets: dict[str, str], tables: Tables, *, root: str, start: bool, editions: list[Edition]
) -> str:
    prefix = f"{edition.month}/" if start else ""
    first = edition.regions[0]
    return render(
        "overview.html",
        **_common(edition, assets, root),
        title=SERVICE if start else f"{edition.month.title.capitalize()}",
        summary=f"Startade, avslutade och pågående moment i riket och länen, {edition.period.title}.",
        start=start,
        data=prefix,
        archive=archive_name(edition),
        editions=editions,
        key_region=first.namn,
        key_figures=key_figures(tables, first, edition.month),
        columns=list(COLUMNS.values()),
        regions=[
            {
                "name": region.namn,
                "cells": latest_values(tables, region, edition.month),
                "links": [{"title": p.title, "href": prefix + p.address} for p in edition.pages_of(region)],
            }
            for region in edition.regions
        ],
    )


def _common(edition: Edition, assets: dict[str, str], root: str, adhoc: bool = False) -> dict:
    loaded = format_date(date.fromisoformat(edition.loaded[:10]), "d MMMM y", locale="sv")
    return {"service": SERVICE, "edition": edition, "assets": assets, "root": root, "loaded": loaded, "adhoc": adhoc}


def _nearest(edition: Edition, page: Page, *, region: Region | None = None, notebook: str | None = None) -> Page:
    """The page of another region or notebook that differs least from this one: in its period, then its notebook."""
    wanted = (notebook or page.notebook, page.window)
    here = [other for other in edition.pages if other.region == (region or page.region)]
    return min(here, key=lambda other: (other.notebook != wanted[0], other.window != wanted[1], other.window != MAIN))


def _contents(body: str) -> list[dict[str, str]]:
    """The figures of a page by their anchors; without figures, its headings."""
    figures = re.findall(r'<section id="([\w-]+)" class="figure">', body)
    if figures:
        return [{"id": name, "title": reports()[name].title} for name in figures]
    headings = re.findall(r'<h2 id="([^"]+)">(.*?)</h2>', body, re.DOTALL)
    return [{"id": Markup(name), "title": Markup(Markup(text).striptags())} for name, text in headings]
