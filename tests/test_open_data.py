"""Data for reuse: what JSON, spreadsheets, package, zip and catalogue say, read with the tools made for them."""

import io
import json
import shutil
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from frictionless import Package
from rdflib import DCTERMS, FOAF, RDF, BNode, Graph, Namespace, URIRef

from months import NOVEMBER
from sites import EDITION, PAGES
from sobstat import cli
from sobstat.declarations import dimensions, measures, reports
from sobstat.edition.manifest import read_edition
from sobstat.edition.notices import Notice
from sobstat.files import as_json, not_for_publication, to_csv
from sobstat.open_data.archive import write_archive
from sobstat.open_data.catalogue import render_catalogue
from sobstat.open_data.columns import columns_of
from sobstat.open_data.texts import citation
from sobstat.open_data.workbook import make_workbook
from sobstat.outsider.copies import differing_copies
from sobstat.templating import script_json

PER_LAN = (
    "lan_kod,lan,befolkning,startade,startade_per_1000,vardtagare,vardtagare_status,vardtagare_per_1000\n"
    "01,'=1+1,200,50,250.00,40,,200.00\n"
    "12,Skåne län,100,7,70.00,,dold,\n"
    ",Okänt län,0,3,,,dold,\n"
)
PER_KON = "manad,kon,vardtagare,vardtagare_status\n2025-09,Kvinna,1234,\n2025-10,Man,,dold\n"
INVANARE = PAGES[1]
DCAT, VCARD = Namespace("http://www.w3.org/ns/dcat#"), Namespace("http://www.w3.org/2006/vcard/ns#")


def sheet(text: str, report: str, adhoc: bool = False):
    """The sheet of a table of Riket, read back."""
    book = openpyxl.load_workbook(io.BytesIO(make_workbook(INVANARE, EDITION, {report: text}, adhoc)))
    return book[report]


def values(cells) -> list[list]:
    return [[cell.value for cell in row] for row in cells]


# ---------- A table in other forms ----------


def test_json_has_a_row_a_line_with_numbers_as_numbers_and_names_as_they_are():
    lines = as_json(PER_LAN).splitlines()
    assert lines[1] == (
        '{"lan_kod": "01", "lan": "=1+1", "befolkning": 200, "startade": 50, "startade_per_1000": 250.0, '
        '"vardtagare": 40, "vardtagare_status": null, "vardtagare_per_1000": 200.0},'
    )
    assert json.loads(lines[2].rstrip(","))["vardtagare"] is None
    assert json.loads(lines[2].rstrip(","))["vardtagare_status"] == "dold"


def test_a_sheet_tells_numbers_signs_and_text_apart():
    rows = sheet(PER_LAN, "per-1000-per-lan")["A7:H9"]
    assert values(rows) == [
        ["01", "=1+1", 200, 50, 250, 40, None, 200],
        ["12", "Skåne län", 100, 7, 70, "..", "dold", ".."],
        [None, "Okänt län", 0, 3, ".", "..", "dold", ".."],
    ]
    assert rows[0][1].data_type == "s"  # not a formula
    assert (rows[0][2].number_format, rows[0][4].number_format) == ("#,##0", "#,##0.00")


def test_months_are_dates():
    found = sheet(PER_KON, "vardtagare-per-kon-och-manad")["A7:D8"]
    assert values(found) == [[datetime(2025, 9, 1), "Kvinna", 1234, None], [datetime(2025, 10, 1), "Man", "..", "dold"]]
    assert found[0][0].number_format == "yyyy-mm"


def test_a_sheet_says_what_it_is_and_how_it_is_counted():
    found = sheet(PER_KON, "vardtagare-per-kon-och-manad")
    lines = [row[0].value for row in found.rows if isinstance(row[0].value, str)]
    assert lines[:3] == [
        "Vårdtagare per kön och månad",
        "Riket, november 2024–oktober 2025",
        "Påhittade uppgifter: siffrorna kommer från ett syntetiskt utdrag och beskriver ingen verklig vård.",
    ]
    assert [cell.value for cell in found[6]] == ["Månad", "Kön", "Vårdtagare", "Vårdtagare, status"]
    assert any(line.startswith("Vårdtagare (personer): Antal olika kända invånare") for line in lines)
    assert any(line.startswith("Källa: ") for line in lines)
    assert any(line.startswith("Licens: CC0 1.0, https://") for line in lines)
    assert (found.freeze_panes, found.auto_filter.ref) == ("A7", "A6:D8")


def test_a_workbook_has_contents_properties_and_the_same_bytes_each_time():
    tables = {"per-1000-per-lan": PER_LAN, "vardtagare-per-kon-och-manad": PER_KON}
    written = make_workbook(INVANARE, EDITION, tables)
    assert written == make_workbook(INVANARE, EDITION, tables)
    book = openpyxl.load_workbook(io.BytesIO(written))
    assert book.sheetnames == ["Innehåll", *tables]
    links = {row[0].hyperlink.location for row in book["Innehåll"].rows if row[0].hyperlink}
    assert links == {f"'{name}'!A1" for name in tables}
    assert book.properties.title == "Statistik för Stöd och behandling: Invånare, Riket, november 2024–oktober 2025"
    assert book.properties.created == datetime(2025, 11, 3)


def test_what_is_not_for_publication_says_so_on_every_row():
    marked = not_for_publication(PER_KON)
    assert all(row["publicering"] == "ej för publicering" for row in json.loads(as_json(marked)))
    found = sheet(marked, "vardtagare-per-kon-och-manad", adhoc=True)
    assert found["A3"].value.startswith("Ej för publicering")
    assert [cell.value for cell in found["E"][6:9]] == ["Publicering", "ej för publicering", "ej för publicering"]


def test_every_column_of_every_table_is_described(two_months):
    site, _ = two_months
    for path in (site / "2025-11").glob("*/data/*.csv"):
        names = path.read_text("utf-8").splitlines()[0].split(",")
        assert all(column.title and column.definition for column in columns_of(reports()[path.stem], names))


def test_the_command_prints_the_published_json(two_months, capsysbinary):
    site, warehouse = two_months
    for report_id in ("per-lan", "vardtagare-per-kon", "per-region-vardgivare-moment-orsak"):
        ask = ["table", report_id, "--from", "2025-10", "--to", "2025-11", "--warehouse", str(warehouse)]
        assert cli.run(cli.app, [*ask, "--format", "json"]) == 0
        sys.stdout.flush()
        assert capsysbinary.readouterr().out == (site / f"2025-11/riket/data/{report_id}.json").read_bytes()


# ---------- Package and zip ----------


def test_the_package_is_valid_with_all_its_data(two_months):
    site, _ = two_months
    report = Package(str(site / "2025-11" / "datapackage.json")).validate()
    assert report.valid, report.flatten(["name", "type", "note"])
    assert len(report.tasks) == len(list((site / "2025-11").rglob("*.csv")))


def test_the_package_describes_types_units_and_keys(two_months):
    site, _ = two_months
    per_lan = Package(str(site / "2025-11" / "datapackage.json")).get_resource("riket-per-1000-per-lan")
    fields = {field.name: field.to_descriptor() for field in per_lan.schema.fields}
    assert fields["vardtagare"]["type"] == "integer"
    assert fields["vardtagare"]["unit"] == "personer"
    assert fields["vardtagare"]["description"].startswith(measures()["vardtagare"].definition)
    assert fields["vardtagare_status"]["constraints"] == {"enum": ["dold"]}
    assert fields["lan"]["constraints"]["enum"][-1] == dimensions()["lan"].last[0]
    assert per_lan.schema.primary_key == ["lan"]
    per_manad = Package(str(site / "2025-11" / "datapackage.json")).get_resource("riket-per-manad")
    assert per_manad.schema.get_field("manad").type == "yearmonth"


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("Skåne län", "Skånes län", "constraint-error"),
        ("12,Skåne län,", "12,Skåne län,x", "type-error"),
        ("Skåne län", "Hallands län", "primary-key"),
        ("startade", "startad", "incorrect-label"),
    ],
)
def test_data_that_are_not_what_the_package_says_are_invalid(two_months, tmp_path, old, new, error):
    edition = Path(shutil.copytree(two_months[0] / "2025-11", tmp_path / "edition"))
    path = edition / "riket" / "data" / "per-lan.csv"
    path.write_text(path.read_text("utf-8").replace(old, new, 1), "utf-8")
    report = Package(str(edition / "datapackage.json")).get_resource("riket-per-lan").validate()
    assert [error] in report.flatten(["type"])


def test_the_zip_is_a_package_of_its_own_and_tells_what_it_holds(two_months, tmp_path):
    edition = two_months[0] / "2025-11"
    with zipfile.ZipFile(edition / "sobstat-2025-11.zip") as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path)
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert Package(str(tmp_path / "datapackage.json")).validate().valid
    told = (tmp_path / "lasmig.txt").read_text("utf-8")
    assert "https://statistik.utgivare.example/2025-11/index.html" in told
    assert all(path.stem in told for path in (tmp_path / "riket" / "data").glob("*.csv"))


def test_the_zip_has_the_same_bytes_each_time(two_months, tmp_path):
    edition = Path(shutil.copytree(two_months[0] / "2025-11", tmp_path / "edition"))
    archive = edition / "sobstat-2025-11.zip"
    before, described = archive.read_bytes(), read_edition(edition)
    (edition / "manifest.json").unlink()  # it is written after the zip
    write_archive(edition, described)
    assert archive.read_bytes() == before


# ---------- Catalogue ----------

ALWAYS = (DCTERMS.title, DCTERMS.description, DCTERMS.publisher)
# What DCAT-AP-SE demands, and what it recommends and is known.
DEMANDED = {
    DCAT.Catalog: (*ALWAYS, DCAT.dataset, DCTERMS.license, DCTERMS.language, FOAF.homepage),
    DCAT.DatasetSeries: (*ALWAYS, DCAT.contactPoint, DCAT.theme, DCTERMS.accrualPeriodicity),
    DCAT.Dataset: (
        *ALWAYS, DCAT.contactPoint, DCAT.theme, DCAT.keyword, DCAT.distribution, DCAT.inSeries, DCTERMS.spatial,
        DCTERMS.temporal, DCTERMS.language, DCTERMS.accrualPeriodicity, DCTERMS.modified, DCTERMS.accessRights,
    ),
    DCAT.Distribution: (DCAT.accessURL, DCAT.downloadURL, DCTERMS.license, DCTERMS["format"], DCTERMS.title),
    DCTERMS.PeriodOfTime: (DCAT.startDate, DCAT.endDate),
    FOAF.Agent: (FOAF.name,),
    VCARD.Organization: (VCARD.fn, VCARD.hasEmail),
}  # fmt: skip


def graph(path: Path) -> Graph:
    return Graph().parse(path, format="xml")


@pytest.mark.parametrize("name", ["dcat.rdf", "2025-11/dcat.rdf"])
def test_the_catalogue_has_what_the_portal_demands(two_months, name):
    found = graph(two_months[0] / name)
    kinds = {str(kind) for kind in found.objects(None, RDF.type)}
    assert kinds == {str(kind) for kind in DEMANDED if kind != DCAT.Catalog or "/" not in name}
    for kind, properties in DEMANDED.items():
        for thing in found.subjects(RDF.type, kind):
            assert [p for p in properties if found.value(thing, p, any=True) is None] == [], thing
    for said in found:
        assert not any(isinstance(part, BNode) for part in said)
        assert all(str(part).startswith(("http", "mailto:")) for part in said if isinstance(part, URIRef))
    themes = set(found.objects(None, DCAT.theme))
    assert themes == {URIRef("http://publications.europa.eu/resource/authority/data-theme/HEAL")}


def test_every_file_of_the_catalogue_is_there_and_everything_pointed_at_is_described(two_months):
    site, _ = two_months
    found = graph(site / "dcat.rdf")
    addresses = set(found.objects(None, DCAT.accessURL))
    assert len(addresses) > 40
    for address in addresses:
        assert (site / str(address).removeprefix("https://statistik.utgivare.example/")).is_file(), address
    for said in (
        DCAT.dataset,
        DCAT.distribution,
        DCAT.inSeries,
        DCTERMS.publisher,
        DCAT.contactPoint,
        DCTERMS.temporal,
    ):
        for thing in found.objects(None, said):
            assert (thing, RDF.type, None) in found, thing
    datasets = set(found.subjects(RDF.type, DCAT.Dataset))
    assert len(datasets) == 2
    assert datasets < set(found.objects(next(found.subjects(RDF.type, DCAT.Catalog)), DCAT.dataset))


def test_an_edition_without_a_description_is_left_out_of_the_catalogue(two_months, tmp_path):
    text = render_catalogue([two_months[0] / "2025-11", tmp_path], EDITION.publisher)
    found = Graph().parse(data=text, format="xml")
    assert len(set(found.subjects(RDF.type, DCAT.Dataset))) == 1


# ---------- Pages ----------


def test_a_page_holds_a_dataset_whose_files_are_there(two_months):
    site, _ = two_months
    page = BeautifulSoup((site / "2025-11/skane/invanare.html").read_text("utf-8"), "html.parser")
    told = json.loads(page.find("script", type="application/ld+json").string)
    assert (told["@type"], told["inLanguage"]) == ("Dataset", "sv")
    assert told["url"] == "https://statistik.utgivare.example/2025-11/skane/invanare.html"
    assert told["temporalCoverage"] == "2025-10/2025-11"
    assert told["spatialCoverage"]["name"] == "Skåne län"
    for file in told["distribution"]:
        assert (site / file["contentUrl"].removeprefix("https://statistik.utgivare.example/")).is_file()
    assert {each["name"] for each in told["variableMeasured"]} >= {"Vårdtagare", "Folkmängd"}
    assert told["citation"] in page.find("footer").get_text()


def test_a_citation_names_everything_and_the_version_from_the_second_on():
    assert citation(EDITION, INVANARE) == (
        "Exempelutgivaren. Statistik för Stöd och behandling: Invånare, Riket, november 2024–oktober 2025. "
        "Utgåva oktober 2025. https://statistik.utgivare.example/2025-10/riket/invanare.html"
    )
    replaced = replace(EDITION, notices=(Notice("ersatt", "2025-12-03", "Fel", "2025-11-03", "2025-10-v1"),))
    assert "Utgåva oktober 2025, version 2." in citation(replaced, INVANARE)


def test_no_name_ends_the_script():
    assert "</script" not in script_json({"name": "</script><script>"})


# ---------- The gate ----------


def change_json(path: Path, edit: Callable) -> None:
    data = json.loads(path.read_text("utf-8"))
    edit(data)
    path.write_text(json.dumps(data, ensure_ascii=False), "utf-8")


def change_sheet(path: Path, report: str, cell: str, value) -> None:
    book = openpyxl.load_workbook(path)
    book[report][cell] = value
    book.save(path)


def change_zip(path: Path, name: str, content: str) -> None:
    with zipfile.ZipFile(path) as archive:
        held = {member: archive.read(member) for member in archive.namelist()} | {name: content.encode()}
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in held.items():
            archive.writestr(member, data)


JSON, XLSX = "riket/data/vardtagare-per-kon-och-alder.json", "riket/data/invanare.xlsx"
ALDER, ZIP = "vardtagare-per-kon-och-alder", "sobstat-2025-11.zip"
# Name → what is done to the edition, and the fault that must be found.
TAMPERINGS = {
    "a hidden count in JSON": (
        lambda e: change_json(e / JSON, lambda rows: rows[0].update(vardtagare=7)),
        f"{JSON}: row 1: says otherwise than the CSV file about vardtagare",
    ),
    "a column too many in JSON": (
        lambda e: change_json(e / JSON, lambda rows: rows[0].update(personer=7)),
        f"{JSON}: row 1: its columns are not those of the CSV file",
    ),
    "a row too many in JSON": (
        lambda e: change_json(e / JSON, lambda rows: rows.append(rows[0])),
        f"{JSON}: its rows are not those of the CSV file",
    ),
    "a hidden count in a sheet": (
        lambda e: change_sheet(e / XLSX, ALDER, "C7", 7),
        f"{XLSX}: {ALDER}: row 7: says otherwise than the CSV file about vardtagare",
    ),
    "a count beside a sheet's table": (
        lambda e: change_sheet(e / XLSX, ALDER, "G9", 7),
        f"{XLSX}: {ALDER}: row 9: has a column that the CSV file lacks",
    ),
    "a count under a sheet's table": (
        lambda e: change_sheet(e / XLSX, ALDER, "A60", 7),
        f"{XLSX}: {ALDER}: row 60: holds something else than a line of text",
    ),
    "a formula": (
        lambda e: change_sheet(e / XLSX, ALDER, "A60", "=1+1"),
        f"{XLSX}: xl/worksheets/sheet3.xml holds a formula",
    ),
    "a sheet without a file": (
        lambda e: (e / "riket/data/vardtagare-per-kon.csv").unlink(),
        f"{XLSX}: vardtagare-per-kon: it has no CSV file",
    ),
    "a file that the package does not describe": (
        lambda e: change_json(e / "datapackage.json", lambda package: package["resources"].pop(0)),
        "datapackage.json: riket/data/per-lan.csv is not in it",
    ),
    "another file than the package describes": (
        lambda e: (e / "andringar.csv").write_text("a\n", "utf-8"),
        "datapackage.json: andringar.csv is another file than it describes",
    ),
    "another file in the zip": (
        lambda e: change_zip(e / ZIP, "riket/data/per-lan.csv", "a"),
        f"{ZIP}: riket/data/per-lan.csv is another in it",
    ),
    "a file in the zip that the edition lacks": (
        lambda e: change_zip(e / ZIP, "hemligt.csv", "7"),
        f"{ZIP}: hemligt.csv is no file of the edition",
    ),
}  # fmt: skip


def test_an_edition_as_it_is_made_has_true_copies(two_months):
    assert differing_copies(two_months[0] / str(NOVEMBER)) == []


@pytest.mark.parametrize(("tamper", "fault"), TAMPERINGS.values(), ids=TAMPERINGS)
def test_what_only_a_copy_says_is_found(two_months, tmp_path, tamper, fault):
    edition = Path(shutil.copytree(two_months[0] / str(NOVEMBER), tmp_path / "edition"))
    tamper(edition)
    assert fault in "\n".join(differing_copies(edition))


def test_a_breakdown_is_json_too():
    table = pd.DataFrame({"process": ["KBT"], "startade": pd.array([3], "Int64")})
    assert as_json(to_csv(table)) == '[\n{"process": "KBT", "startade": 3}\n]\n'
