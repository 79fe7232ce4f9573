"""The gates: an edition that fails one does not appear."""

import logging
import math
import os
import re
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

from sobstat.declarations import reports
from sobstat.edition.changes import CHANGES
from sobstat.edition.front import FRONT
from sobstat.edition.manifest import MANIFEST, parameters
from sobstat.edition.pages import INFORMATION
from sobstat.edition.plan import Edition, Page
from sobstat.edition.workers import Progress
from sobstat.errors import ReportError
from sobstat.open_data.archive import ABOUT
from sobstat.open_data.catalogue import CATALOGUE
from sobstat.open_data.package import PACKAGE, schemas_of
from sobstat.open_data.texts import archive_name
from sobstat.operation.log import event
from sobstat.outsider.agreement import disagreements
from sobstat.outsider.attack import attack
from sobstat.outsider.copies import differing_copies

# Links may lead anywhere; what a page loads by itself may not.
_LOADING = (
    ("script", "src"), ("link", "href"), ("img", "src"), ("img", "srcset"), ("iframe", "src"), ("object", "data"),
    ("embed", "src"), ("source", "src"), ("source", "srcset"), ("video", "src"), ("audio", "src"),
)  # fmt: skip

MAX_ASSETS_KB = 1200  # what all pages share, style and scripts together


@dataclass
class Result:
    """What a gate found: faults, each a sentence that begins with the file, and facts for the run report."""

    faults: list[str] = field(default_factory=list)
    facts: dict[str, int] = field(default_factory=dict)


def check_edition(
    build: Path,
    edition: Edition,
    site: Path,
    max_page_kb: int = 300,
    progress: Progress = lambda step, done, total: None,
) -> dict[str, dict[str, int]]:
    """Let a built edition pass every gate; returns each gate's facts.

    Raises ReportError that lists every fault of all gates. A gate must not repeat a figure in its faults: they are
    printed, kept in the run report and mailed.
    """
    gates = {
        "complete": lambda: _complete(build, edition),
        "pages": lambda: _pages(build, site, max_page_kb),
        "agreement": lambda: Result(disagreements(build, parameters(edition))),
        "copies": lambda: Result(differing_copies(build)),
        "disclosure": lambda: _disclosure(build, edition),
    }
    results = {}
    for done, (name, gate) in enumerate(gates.items()):
        progress("Checking the edition", done, len(gates))
        results[name] = result = gate()
        outcome, level = ("failed", logging.ERROR) if result.faults else ("passed", logging.INFO)
        event(f"gate {outcome}", level, gate=name, faults=len(result.faults), **result.facts)
    progress("Checking the edition", len(gates), len(gates))
    faults = [fault for result in results.values() for fault in result.faults]
    if faults:
        listed = "\n".join(f"  {fault}" for fault in faults)
        raise ReportError(f"The edition {edition.month} has {len(faults)} fault(s) and was not published.\n{listed}")
    return {name: result.facts for name, result in results.items()}


def _complete(build: Path, edition: Edition) -> Result:
    """Every page of every region, every table, and every figure on its page."""
    shown = [(page, report) for page in edition.pages for report in _reports(page)]
    tables = [f"{page.folder}/data/{report.id}" for page, report in shown]
    files = [f"{table}.{form}" for table in tables for form in ("csv", "json")]
    files += [f"{page.folder}/data/{report.id}.js" for page, report in shown if report.drilldown]
    files += [f"{page.folder}/data/{page.notebook}.xlsx" for page in edition.pages if _reports(page)]
    files += [CHANGES, PACKAGE, CATALOGUE, ABOUT, archive_name(edition), *schemas_of(edition)]
    pages = ["index.html", *[page.address for page in (*INFORMATION, *edition.pages)]]
    expected = [*pages, *files]
    result = Result([f"{name} is missing" for name in expected if not (build / name).is_file()])
    for page in edition.pages:
        text = (build / page.address).read_text("utf-8") if (build / page.address).is_file() else ""
        result.faults += [
            f"{page.address} does not show {report.id}"
            for report in _reports(page)
            if text and f'<section id="{report.id}" class="figure">' not in text
        ]
    found = {str(path.relative_to(build)) for path in build.rglob("*") if path.is_file()}
    result.faults += [f"{name} is no part of the edition" for name in sorted(found - {*expected, MANIFEST})]
    result.facts = {"regions": len(edition.regions), "pages": len(edition.pages), "tables": len(tables)}
    return result


def _disclosure(build: Path, edition: Edition) -> Result:
    """No hidden count can be worked out: what someone finds who has nothing but the edition."""
    found = attack(build, parameters(edition))
    facts = {"counts": found.cells, "hidden": found.hidden}
    if found.narrowest is not None:
        facts["narrowest interval"] = math.floor(found.narrowest)
    return Result(found.faults, facts)


def _reports(page: Page) -> list:
    return [report for report in reports().values() if report.notebook == page.notebook]


def _pages(build: Path, site: Path, max_page_kb: int) -> Result:
    """Each page by itself, and the links between them."""
    result = Result()
    anchors: dict[str, set[str]] = {}
    links: list[tuple[str, str]] = []
    heaviest = 0
    for path in sorted(build.rglob("*.html")):
        name = str(path.relative_to(build))
        text = path.read_text("utf-8")
        page = BeautifulSoup(text, "html.parser")
        faults = [*_requests(page), *_code(page), *_policy(page)]
        weight = len(text.encode()) // 1000
        if weight > max_page_kb:
            faults.append(f"weighs {weight} kB; max_page_kb in the params file allows {max_page_kb}")
        result.faults += [f"{name}: {fault}" for fault in faults]
        heaviest = max(heaviest, weight)
        anchors[name] = {element["id"] for element in page.find_all(id=True)}
        links += [(name, element["href"]) for element in page.find_all("a", href=True)]
        links += [
            (name, element[attribute])
            for tag, attribute in _LOADING
            for element in page.find_all(tag, {attribute: True})
            if attribute in ("src", "href")
        ]
    for name, link in links:
        if fault := _dead(name, link, anchors, build, site):
            result.faults.append(f"{name}: {fault}")
    assets = {site / "assets" / Path(link).name for _, link in links if "assets" in Path(link).parts}
    shared = sum(path.stat().st_size for path in assets if path.is_file()) // 1000
    if shared > MAX_ASSETS_KB:
        result.faults.append(f"assets: weigh {shared} kB together; {MAX_ASSETS_KB} are allowed")
    own_paths = _own_paths(build, site)
    for path in sorted(build.rglob("*")):
        if path.suffix in (".html", ".csv", ".json", ".js") and own_paths.search(path.read_text("utf-8")):
            result.faults.append(f"{path.relative_to(build)}: holds a path of this machine")
    result.facts = {"pages": len(anchors), "links": len(links), "kB at most": heaviest, "kB of assets": shared}
    return result


def _requests(page: BeautifulSoup) -> list[str]:
    """What the page would ask other servers for."""
    faults = []
    for tag, attribute in _LOADING:
        for element in page.find_all(tag, {attribute: True}):
            address = urlsplit(element[attribute])
            if address.netloc or address.scheme not in ("", "data"):
                faults.append(f"asks another server for {element[attribute]}")
    return faults


def _code(page: BeautifulSoup) -> list[str]:
    """Code that would run, and code or errors that would show."""
    faults = []
    if any(
        script.get("type") not in ("application/json", "application/ld+json")
        for script in page.find_all("script", {"src": False})
    ):
        faults.append("holds inline code")
    if page.find(lambda tag: any(name.lower().startswith("on") for name in tag.attrs)):
        faults.append("holds inline code in an attribute")
    if page.find(href=re.compile(r"^\s*javascript:", re.IGNORECASE)):
        faults.append("holds inline code in a link")
    if page.find("style"):
        faults.append("holds a style of its own, which could ask other servers")
    printed = [element.get_text() for element in page.find_all("pre")]
    if any("Traceback (most recent call last)" in text for text in printed):
        faults.append("shows an error")
    if page.find(class_=["highlight", "jp-InputArea"]) or any("open_report(" in text for text in printed):
        faults.append("shows code")
    return faults


def _policy(page: BeautifulSoup) -> list[str]:
    """The Content-Security-Policy, which has to come before anything that it should hold back."""
    policy = page.find("meta", {"http-equiv": "Content-Security-Policy"})
    rules = policy["content"] if policy else ""
    if "default-src 'none'" not in rules or "script-src 'self'" not in rules or "unsafe" in rules or "*" in rules:
        return ["lacks a strict Content-Security-Policy"]
    if policy.find_previous(["script", "link", "style"]):
        return ["loads something before its Content-Security-Policy"]
    return []


def _own_paths(build: Path, site: Path) -> re.Pattern[str]:
    """Paths that only this machine has. Names in the data may hold slashes, so not every path is one."""
    folders = {str(path) for path in (Path.home(), Path.cwd(), build.resolve(), site.resolve(), Path(sys.prefix))}
    temporary = re.escape(tempfile.gettempdir())
    return re.compile("|".join(f"{re.escape(folder)}/" for folder in folders - {"/"}) + f"|{temporary}/(sobstat-|ipyk)")


def _dead(name: str, link: str, anchors: dict[str, set[str]], build: Path, site: Path) -> str | None:
    """Why a link leads nowhere; None if it leads somewhere, or to another server."""
    target = urlsplit(link)
    if target.scheme or target.netloc:
        return None
    reached = os.path.normpath(Path(name).parent / unquote(target.path)) if target.path else name
    if target.path and not _leads_somewhere(name, unquote(target.path), build, site):
        return f"links to {target.path}, which does not exist"
    if target.fragment and reached in anchors and unquote(target.fragment) not in anchors[reached]:
        return f"links to #{target.fragment}, which is not on {'the page' if reached == name else reached}"
    return None


def _leads_somewhere(name: str, target: str, build: Path, site: Path) -> bool:
    """Whether a link leads to a file of the build, or out of it to the site's start page, `senaste` or assets."""
    edition = site.resolve() / "2000-01"  # any month: what matters is where the link leads from there
    reached = Path(os.path.normpath(edition / Path(name).parent / target))
    if reached.is_relative_to(edition):
        inside = build / reached.relative_to(edition)
        return inside.is_file() or (inside / "index.html").is_file()
    outside = reached.relative_to(site.resolve()) if reached.is_relative_to(site.resolve()) else None
    if outside is None:
        return False
    if outside.parts[:1] == ("senaste",):
        inside = build.joinpath(*outside.parts[1:])
        return inside.is_file() or (inside / "index.html").is_file()
    return str(outside) in (".", *FRONT) or (site / outside).is_file()
