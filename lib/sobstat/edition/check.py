"""The gates: an edition that fails one does not appear."""

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

from sobstat.declarations import reports
from sobstat.edition.plan import Edition
from sobstat.errors import ReportError

# Links may lead anywhere; what a page loads by itself may not.
_LOADING = (
    ("script", "src"), ("link", "href"), ("img", "src"), ("img", "srcset"), ("iframe", "src"), ("object", "data"),
    ("embed", "src"), ("source", "src"), ("source", "srcset"), ("video", "src"), ("audio", "src"),
)  # fmt: skip


def check_edition(build: Path, edition: Edition, site: Path) -> None:
    """Raises ReportError that lists every fault of a built edition: a page or table that is missing, a link that
    leads nowhere, a request to another server, code in a page, or a path of this machine.
    """
    faults = _missing(build, edition)
    for path in sorted(build.rglob("*.html")):
        name = path.relative_to(build)
        faults += [f"{name}: {fault}" for fault in _page_faults(path, build, site)]
    if faults:
        listed = "\n".join(f"  {fault}" for fault in faults)
        raise ReportError(f"The edition {edition.month} has {len(faults)} fault(s) and was not published.\n{listed}")


def _missing(build: Path, edition: Edition) -> list[str]:
    expected = ["index.html", *[page.address for page in edition.pages]]
    expected += [
        f"{page.region.slug}/data/{report.id}.csv"
        for page in edition.pages
        for report in reports().values()
        if report.notebook == page.notebook
    ]
    return [f"{name} is missing" for name in expected if not (build / name).is_file()]


def _page_faults(path: Path, build: Path, site: Path) -> list[str]:
    text = path.read_text("utf-8")
    page = BeautifulSoup(text, "html.parser")
    faults = []
    for tag, attribute in _LOADING:
        for element in page.find_all(tag, {attribute: True}):
            address = urlsplit(element[attribute])
            if address.netloc or address.scheme not in ("", "data"):
                faults.append(f"asks another server for {element[attribute]}")
    if any(script.get("type") != "application/json" for script in page.find_all("script", {"src": False})):
        faults.append("holds inline code")
    if page.find("style"):
        faults.append("holds a style of its own, which could ask other servers")
    for folder in {str(Path.home()), str(build.resolve()), str(Path.cwd())} - {"/"}:
        if f"{folder}/" in text:
            faults.append("holds a path of this machine")
    ids = {element["id"] for element in page.find_all(id=True)}
    for element in page.find_all("a", href=True):
        target = urlsplit(element["href"])
        if target.scheme or target.netloc:
            continue
        if not target.path:
            if target.fragment not in ids | {""}:
                faults.append(f"links to #{target.fragment}, which is not on the page")
        elif not _leads_somewhere(path, unquote(target.path), build, site):
            faults.append(f"links to {target.path}, which does not exist")
    return faults


def _leads_somewhere(path: Path, target: str, build: Path, site: Path) -> bool:
    """Whether a link leads to a file of the build, or out of it to the site's start page, `senaste` or assets."""
    edition = site.resolve() / "2000-01"  # any month: what matters is where the link leads from there
    reached = Path(os.path.normpath(edition / path.relative_to(build).parent / target))
    if reached.is_relative_to(edition):
        inside = build / reached.relative_to(edition)
        return inside.is_file() or (inside / "index.html").is_file()
    outside = reached.relative_to(site.resolve()) if reached.is_relative_to(site.resolve()) else None
    if outside is None:
        return False
    if outside.parts[:1] == ("senaste",):
        inside = build.joinpath(*outside.parts[1:])
        return inside.is_file() or (inside / "index.html").is_file()
    return outside in (Path("."), Path("index.html")) or (site / outside).is_file()
