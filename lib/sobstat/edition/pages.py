"""The pages of reports, in an edition or ad hoc, and what all pages of the site have in common.

Everything on them follows from what is given: no clock, no chance.
"""

import re
from dataclasses import dataclass
from datetime import date

import nbformat
from markupsafe import Markup

from sobstat import SERVICE
from sobstat.declarations import reports
from sobstat.edition.exporter import export_body
from sobstat.edition.notices import Notice
from sobstat.edition.plan import Edition, Page
from sobstat.months import Month
from sobstat.open_data.dataset import dataset
from sobstat.periods import MAIN, PERIODS
from sobstat.regions import Region
from sobstat.swedish import day_in_words
from sobstat.templating import render


@dataclass(frozen=True)
class Information:
    """A page of each edition that says something about the statistics as a whole: its address and its title."""

    address: str
    title: str


INFORMATION = (
    Information("definitioner.html", "Definitioner"),
    Information("kvalitet.html", "Kvalitet"),
    Information("om.html", "Om statistiken"),
    Information("tillganglighet.html", "Tillgänglighet"),
)


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


def mark_as_former(html: str, notice: Notice, month: Month, root: str) -> str:
    """A page of a version that another has replaced, which says so at its top."""
    told = render("notices.html", notices=[notice], replaced_by=month, root=root)
    return html.replace("</header>", f"</header>\n{told}", 1)


def _report(notebook, page: Page, edition: Edition, assets: dict[str, str], *, root: str, adhoc: bool) -> str:
    body = export_body(notebook)
    period = edition.period_of(page.window)
    return render(
        "report.html",
        **common(edition, assets, root=root, home=page.root, address=page.address, adhoc=adhoc),
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
            | {"lan": region.lan_kod, "current": region == page.region}
            for region in edition.regions
        ],
        spreadsheet=any(report.notebook == page.notebook for report in reports().values()),
        dataset=dataset(page, edition),
    )


def common(
    edition: Edition,
    assets: dict[str, str],
    *,
    root: str,
    home: str,
    address: str | None = None,
    start: bool = False,
    adhoc: bool = False,
) -> dict:
    """What every page takes: `root` is the way from it to the folder that holds `assets/`, `home` the way to the
    edition's folder, and `address` its path there (None for a page that is no edition's).
    """
    return {
        "service": SERVICE,
        "edition": edition,
        "assets": assets,
        "root": root,
        "home": home,
        "address": address,
        "start": start,
        "loaded": day_in_words(date.fromisoformat(edition.loaded[:10])),
        "information": INFORMATION,
        "about": next((page for page in edition.pages if page.notebook == "laddningar"), None),
        "adhoc": adhoc,
    }


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
