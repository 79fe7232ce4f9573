"""The edition as DCAT-AP-SE 3, RDF/XML that Sweden's data portal harvests: https://docs.dataportal.se/dcat/3.0.1/sv/

Every edition has a description of its own, `dcat.rdf` beside its pages; the site's catalogue, at its top, gathers them.
Each thing has an absolute address that never changes; nothing is a blank node.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from sobstat import SERVICE
from sobstat.declarations import reports
from sobstat.edition.plan import Edition, Publisher
from sobstat.files import write_whole
from sobstat.open_data.package import PACKAGE, tables_of
from sobstat.open_data.texts import (
    CSV,
    DESCRIPTION,
    JSON,
    KEYWORDS,
    SYNTHETIC,
    XLSX,
    ZIP,
    archive_name,
    edition_title,
    home,
    longest_period,
    version_of,
)
from sobstat.periods import MAIN
from sobstat.templating import render

CATALOGUE = "dcat.rdf"
DATA_PACKAGE = "https://specs.frictionlessdata.io/tabular-data-package/"
FORMS = {"csv": CSV, "json": JSON}
RDF, DCAT = "http://www.w3.org/1999/02/22-rdf-syntax-ns#", "http://www.w3.org/ns/dcat#"
PREFIXES = {
    "rdf": RDF,
    "dcat": DCAT,
    "dcterms": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
}


@dataclass(frozen=True)
class Distribution:
    """A file of an edition; `standard` is the address of what it conforms to beside its format."""

    path: str
    title: str
    format: str
    standard: str = ""


def write_description(build: Path, edition: Edition) -> None:
    """Write `dcat.rdf` of a built edition: a dataset with its distributions, in the series of all editions."""
    period = longest_period(edition)
    text = _render(
        edition.publisher,
        catalogue=False,
        home=home(edition),
        title=f"{SERVICE}, {edition_title(edition)}",
        description=f"{DESCRIPTION} {SYNTHETIC}" if edition.synthetic else DESCRIPTION,
        version=version_of(edition),
        modified=edition.loaded[:10],
        first_day=period.first.first_day,
        last_day=period.last_day,
        files=distributions(edition),
    )
    write_whole(build / CATALOGUE, text)


def distributions(edition: Edition) -> list[Distribution]:
    """The zip of all, and each spreadsheet and table of the first region's main period."""
    first = edition.regions[0]
    tables = [(page, name) for page, name in tables_of(edition) if page.region == first and page.window == MAIN]
    found = [
        Distribution(archive_name(edition), "Alla tabeller i utgåvan", ZIP, DATA_PACKAGE),
        Distribution(PACKAGE, "Alla CSV-filer med sina kolumner", JSON, DATA_PACKAGE),
    ]
    for page in dict.fromkeys(page for page, _ in tables):
        title = f"{page.title}, {first.namn}: sidans tabeller"
        found.append(Distribution(f"{page.folder}/data/{page.notebook}.xlsx", title, XLSX))
    for page, name in tables:
        title = f"{reports()[name].title}, {first.namn}"
        found += [Distribution(f"{page.folder}/data/{name}.{end}", title, form) for end, form in FORMS.items()]
    return found


def render_catalogue(folders: Iterable[Path], publisher: Publisher) -> str:
    """The site's catalogue: the datasets of the editions in these folders, those that have a description."""
    for prefix, namespace in PREFIXES.items():
        ElementTree.register_namespace(prefix, namespace)
    root = ElementTree.fromstring(_render(publisher, catalogue=True, description=DESCRIPTION).encode())
    catalogue = root.find(f"{{{DCAT}}}Catalog")
    known = {thing.get(f"{{{RDF}}}about") for thing in root}
    for path in (folder / CATALOGUE for folder in folders):
        for thing in ElementTree.parse(path).getroot() if path.is_file() else ():
            name = thing.get(f"{{{RDF}}}about")
            if name not in known:
                known.add(name)
                root.append(thing)
                if thing.tag == f"{{{DCAT}}}Dataset":
                    ElementTree.SubElement(catalogue, f"{{{DCAT}}}dataset", {f"{{{RDF}}}resource": name})
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def _render(publisher: Publisher, **values) -> str:
    # The portal knows the licences of Creative Commons by addresses that begin with http.
    licence = publisher.licence.replace("https://creativecommons.org/", "http://creativecommons.org/")
    return render("dcat.rdf", publisher=publisher, service=SERVICE, keywords=KEYWORDS, licence=licence, **values)
