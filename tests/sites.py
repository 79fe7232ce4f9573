"""A small site for the tests of pages: synthetic data with a few names that try to break out of their place."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import altair as alt
import nbformat
import pandas as pd
from nbclient import NotebookClient

from extracts import NOW
from sobstat.declarations import reports
from sobstat.demo import write_demo
from sobstat.disclosure.thresholds import Thresholds
from sobstat.edition.assets import contents, write_assets
from sobstat.edition.changes import CHANGES
from sobstat.edition.feed import FEED, render_feed
from sobstat.edition.front import MONTHS, render_months
from sobstat.edition.information import write_information
from sobstat.edition.notices import WITHDRAWN, Notice
from sobstat.edition.one_file import in_one_file
from sobstat.edition.overview import ARCHIVE, render_archive, render_edition_index, render_start, render_withdrawn
from sobstat.edition.pages import render_adhoc, render_page
from sobstat.edition.plan import Edition, Page, Previous
from sobstat.figures.figure import Figure
from sobstat.files import as_json
from sobstat.load import load_extract
from sobstat.months import Month, Period
from sobstat.open_data.catalogue import CATALOGUE, render_catalogue
from sobstat.open_data.describe import describe_edition
from sobstat.open_data.workbook import make_workbook
from sobstat.regions import parse_region
from sobstat.report import RegionReport, open_report

HOSTILE = "</script><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\"> & 'x' <b>"
PERIOD = Period.parse("2024-11", "2025-10")
REGIONS = [parse_region("riket"), parse_region("skane")]
NOTEBOOKS = {"oversikt": "Översikt", "invanare": "Invånare"}
PAGES = tuple(Page(name, title, region) for region in REGIONS for name, title in NOTEBOOKS.items())
SEPTEMBER = Previous(Month(2025, 9), frozenset(["index.html", "riket/oversikt.html"]))
EDITION = Edition(PERIOD.last, PERIOD, Thresholds(), PAGES, "2025-11-03", True, previous=SEPTEMBER)


def make_warehouse(folder: Path) -> Path:
    """3 000 synthetic ärenden, and 12 of two processes with hostile names."""
    write_demo(folder / "in", arenden=3000, to_month="2025-10")
    rows = [
        {
            "transaktion_id": f"SYN-H{number}{status}",
            "arende_id": f"SYN-H{number}",
            "arendetyp": "Process",
            "status": status,
            "tidpunkt": f"2025-{month:02d}-{number + 1:02d}T10:00:00",
            "process": HOSTILE,
            "moment": f"{HOSTILE} {number % 2}",
            "vardgivare_id": "SE0000000000-HOST",
            "vardenhet_id": "SE0000000000-HOST1",
            "vardtagare_id": f"SYN-HP{number}",
            "kon": "Kvinna",
            "alder": "40",
            "avslutningsorsak": HOSTILE if status == "Done" else "",
        }
        for number in range(1, 13)
        for status, month in (("Inprogress", 5), ("Done", 9))
    ]
    with (folder / "in" / "arenden-hostile.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    load_extract(folder / "in", folder / "s.duckdb", now=NOW)
    return folder / "s.duckdb"


def chart(report: RegionReport, report_id: str) -> alt.Chart:
    """Bars of the report's first measure, per group of its first dimension."""
    table, by = report.table(report_id), reports()[report_id].by
    if "niva" in table:
        table, by = table[table["niva"] == by[0]], by[:1]
    group, measure = by[0], reports()[report_id].measures[0]
    return (
        alt.Chart(table[[*by, measure]], description="Staplar: ett antal för varje grupp.", height=alt.Step(12))
        .mark_bar(clip=True)
        .encode(alt.Y(group), alt.X(measure, type="quantitative"), tooltip=[*by, measure])
    )


def run_notebook(report: RegionReport, name: str) -> tuple[nbformat.NotebookNode, list[Figure]]:
    """A notebook as it is after it ran, with a chart in every figure."""
    figures = [
        report.figure(declared.id, chart(report, declared.id))
        for declared in reports().values()
        if declared.notebook == name
    ]
    cells = [nbformat.v4.new_markdown_cell(f"# {NOTEBOOKS[name]}\n\nEn inledning med *betoning*.")]
    for figure in figures:
        cell = nbformat.v4.new_code_cell(f"report.figure('{figure.id}')  # the source")
        cell.outputs = [nbformat.v4.new_output("execute_result", data=figure._repr_mimebundle_())]
        cells.append(cell)
    return nbformat.v4.new_notebook(cells=cells), figures


def run_loads(warehouse: Path) -> nbformat.NotebookNode:
    """The notebook about loads as it is after it ran."""
    notebook = nbformat.read(Path(__file__).parent.parent / "notebooks" / "laddningar.ipynb", as_version=4)
    notebook.cells[1].source += f"\nwarehouse = {str(warehouse)!r}"
    return NotebookClient(notebook).execute()


def build_site(warehouse: Path, site: Path) -> None:
    """A whole site: start page, edition, its pages and files, and an ad-hoc report beside them."""
    assets = write_assets(site / "assets")
    tables = {}
    for region in REGIONS:
        report = open_report(region.slug, str(PERIOD.first), str(PERIOD.last), warehouse)
        for page in EDITION.pages_of(region):
            notebook, figures = run_notebook(report, page.notebook)
            data = site / str(EDITION.month) / region.slug / "data"
            data.mkdir(parents=True, exist_ok=True)
            for figure in figures:
                for name, text in figure.files.items():
                    (data / name).write_text(text, encoding="utf-8")
                (data / f"{figure.id}.json").write_text(as_json(figure.csv), encoding="utf-8")
                tables[region.slug, figure.id] = pd.read_csv(io.StringIO(figure.csv), dtype={"lan_kod": str})
            workbook = make_workbook(page, EDITION, {figure.id: figure.csv for figure in figures})
            (data / f"{page.notebook}.xlsx").write_bytes(workbook)
            file = site / str(EDITION.month) / page.address
            file.write_text(render_page(notebook, page, EDITION, assets), encoding="utf-8")
            adhoc = render_adhoc(notebook, page, EDITION, {name: name for name in assets}, root="")
            adhoc = in_one_file(adhoc, contents(), file.parent)
            file.with_name(f"{page.notebook}-adhoc.html").write_text(adhoc, encoding="utf-8")
        report.close()
    loads = Page("laddningar", "Laddningar", REGIONS[0])
    file = site / str(EDITION.month) / loads.address
    file.write_text(render_page(run_loads(warehouse), loads, EDITION, assets), encoding="utf-8")
    notice = Notice(WITHDRAWN, "2025-09-07", "Ett fel utreds", EDITION.loaded)
    withdrawn = replace(EDITION, month=Month(2025, 8), notices=(notice,))
    (site / "2025-08").mkdir()
    (site / "2025-08" / "index.html").write_text(render_withdrawn(withdrawn, assets, root="../"), encoding="utf-8")
    edition = site / str(EDITION.month)
    (edition / CHANGES).write_text("region,rapport\n", encoding="utf-8")
    describe_edition(edition, EDITION)
    (site / CATALOGUE).write_text(render_catalogue([edition], EDITION.publisher), encoding="utf-8")
    index = render_edition_index(EDITION, assets, tables)
    (edition / "index.html").write_text(index, encoding="utf-8")
    write_information(edition, EDITION, assets, warehouse)
    editions = [EDITION, replace(EDITION, month=SEPTEMBER.month)]
    start = render_start(EDITION, assets, tables, editions)
    (site / ARCHIVE).write_text(render_archive(EDITION, assets, editions), encoding="utf-8")
    pages = {EDITION.month: [page.address for page in PAGES], SEPTEMBER.month: list(SEPTEMBER.pages)}
    (site / MONTHS).write_text(render_months(pages), encoding="utf-8")
    (site / FEED).write_text(render_feed(editions), encoding="utf-8")
    (site / "index.html").write_text(start, encoding="utf-8")
    (site / "senaste").symlink_to(str(EDITION.month))
