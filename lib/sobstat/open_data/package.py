"""The edition as a Frictionless Data Package, `datapackage.json`: every CSV file with its columns described.

A report's columns are the same in every region and period, so they stand once, in `schema/<report>.json`.
"""

import csv
import json
import re
from pathlib import Path

from sobstat import SERVICE
from sobstat.declarations import dimensions, reports
from sobstat.edition.changes import CHANGES
from sobstat.edition.plan import Edition, Page
from sobstat.files import write_whole
from sobstat.fingerprints import sha256
from sobstat.open_data.columns import Column, columns_of
from sobstat.open_data.texts import (
    DESCRIPTION,
    KEYWORDS,
    SOURCES,
    SYNTHETIC,
    edition_title,
    home,
    longest_period,
    version_of,
)

PACKAGE = "datapackage.json"
TYPES = {"month": "yearmonth", "text": "string", "count": "integer", "number": "number"}
CHANGES_TITLE = "Siffror som har ändrats sedan föregående utgåva"


def tables_of(edition: Edition) -> list[tuple[Page, str]]:
    """The edition's tables: the page and the id of each."""
    shown = [(page, report.id) for page in edition.pages for report in reports().values()]
    return [(page, report_id) for page, report_id in shown if reports()[report_id].notebook == page.notebook]


def schemas_of(edition: Edition) -> list[str]:
    """The files of the schemas that an edition's package names."""
    return [_schema(name) for name in [*dict.fromkeys(report_id for _, report_id in tables_of(edition)), "andringar"]]


def write_package(build: Path, edition: Edition) -> None:
    """Write `datapackage.json` and the schemas that it names, of a built edition."""
    tables = tables_of(edition)
    for page, report_id in {report_id: (page, report_id) for page, report_id in tables}.values():
        names = _header(build / page.folder / "data" / f"{report_id}.csv")
        _write(build / _schema(report_id), table_schema(report_id, names))
    _write(build / _schema("andringar"), changes_schema(_header(build / CHANGES)))
    period = longest_period(edition)
    publisher = edition.publisher
    package = {
        "profile": "tabular-data-package",
        "name": f"sobstat-{edition.month}",
        "id": f"{home(edition)}/{PACKAGE}",
        "title": f"{SERVICE}, {edition_title(edition)}",
        "description": " ".join([DESCRIPTION, SYNTHETIC] if edition.synthetic else [DESCRIPTION]),
        "version": f"{edition.month.year}.{edition.month.month}.{version_of(edition)}",
        "created": f"{edition.loaded[:10]}T00:00:00Z",
        "homepage": f"{home(edition)}/index.html",
        "keywords": list(KEYWORDS),
        "licenses": [licence(edition)],
        "sources": [{"title": source} for source in SOURCES],
        "contributors": [{"title": publisher.name, "email": publisher.email, "role": "publisher"}],
        "temporal": {"start": f"{period.first.first_day}", "end": f"{period.last_day}"},
        "spatial": "Sverige",
        "synthetic": edition.synthetic,
        "resources": [
            *[_resource(build, edition, page, report_id) for page, report_id in tables],
            _described(build, "andringar", CHANGES, CHANGES_TITLE),
        ],
    }
    _write(build / PACKAGE, package)


def licence(edition: Edition) -> dict[str, str]:
    """The edition's licence, as data packages name it."""
    publisher = edition.publisher
    name = re.sub(r"[^-A-Za-z0-9._]+", "-", publisher.licence_name)
    return {"name": name, "title": publisher.licence_name, "path": publisher.licence}


def table_schema(report_id: str, names: list[str]) -> dict:
    """The schema of a report's table with these columns."""
    report = reports()[report_id]
    schema = {"fields": [_field(column) for column in columns_of(report, names)], "missingValues": [""]}
    if not report.drilldown:  # there, the columns below a row's level are empty
        schema["primaryKey"] = [dimensions()[name].name_column for name in report.by]
    return schema


def changes_schema(names: list[str]) -> dict:
    """The schema of `andringar.csv`: all of it is text, since it holds figures of every measure."""
    told = {
        "matt": "Den kolumn i rapportens tabell vars värde är ändrat.",
        "fran": "Värdet i föregående utgåva.",
        "till": "Värdet nu; tomt där det inte anges.",
        "till_status": "Tomt, eller varför värdet inte anges: liten, andrad eller dold.",
        "skal": "Varför värdet är ändrat; flera skäl skiljs åt med semikolon.",
    }
    fields = [{"name": name, "type": "string", "description": told.get(name, "Vad siffran gäller.")} for name in names]
    return {"fields": fields, "missingValues": [""]}


def _resource(build: Path, edition: Edition, page: Page, report_id: str) -> dict:
    report, period = reports()[report_id], edition.period_of(page.window)
    return {
        **_described(
            build,
            f"{page.folder.replace('/', '-')}-{report_id}",
            f"{page.folder}/data/{report_id}.csv",
            f"{report.title}: {page.region.namn}, {period.title}",
            report_id,
        ),
        "homepage": f"{home(edition)}/{page.address}#{report_id}",
        "temporal": {"start": f"{period.first.first_day}", "end": f"{period.last_day}"},
        "spatial": page.region.namn,
    }


def _described(build: Path, name: str, path: str, title: str, schema: str | None = None) -> dict:
    return {
        "profile": "tabular-data-resource",
        "name": name,
        "path": path,
        "title": title,
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": (build / path).stat().st_size,
        "hash": f"sha256:{sha256(build / path)}",
        "schema": _schema(schema or name),
    }


def _field(column: Column) -> dict:
    field = {
        "name": column.name,
        "type": TYPES[column.kind],
        "title": column.title,
        "description": column.definition,
    }
    if column.unit:
        field |= {"unit": column.unit, "constraints": {"minimum": 0}}
    if column.allowed:
        field["constraints"] = {"enum": list(column.allowed)}
    return field


def _schema(name: str) -> str:
    return f"schema/{name}.json"


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file))


def _write(path: Path, content: dict) -> None:
    write_whole(path, json.dumps(content, ensure_ascii=False, indent=1) + "\n")
