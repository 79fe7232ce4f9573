"""A figure of a page: what it shows, its main finding, chart, table, definitions and files.

Its HTML is a whole `<section>` that needs nothing else; the page's style and script make it better. Beside the HTML
stands the table as CSV, so that page and file come from one execution, and the rows of a drill-down, which the page's
script asks for when they are needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sobstat.declarations import Measure, Report, measures, reports
from sobstat.figures.cells import dimensions_of, hidden_rows, make_view, measures_of
from sobstat.figures.drilldown import all_rows, as_script, first_rows
from sobstat.figures.finding import NOTHING_SHOWN, main_finding
from sobstat.figures.svg import description, draw, specification
from sobstat.files import to_csv
from sobstat.months import AVSLUTNINGSORSAK_FROM, Month
from sobstat.swedish import whole
from sobstat.templating import render

if TYPE_CHECKING:
    import altair as alt

    from sobstat.report import RegionReport

FILES_MIME = "application/vnd.sobstat.files+json"
# A table of so many rows stands open; of so many it is printed with its page.
OPEN_ROWS = 12
PRINTED_ROWS = 48


class Figure:
    """A report's table with its chart; JupyterLab and the published page show it."""

    def __init__(self, report_id: str, html: str, csv: str, rows: str | None = None):
        self.id = report_id
        self.html = html
        self.csv = csv
        self.rows = rows

    @property
    def files(self) -> dict[str, str]:
        """The text of each file that belongs beside the page, by its name in `data/`."""
        return {f"{self.id}.csv": self.csv} | ({f"{self.id}.js": self.rows} if self.rows else {})

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        return {"text/html": self.html, FILES_MIME: {"id": self.id, "files": self.files}}


def make_figure(report: RegionReport, report_id: str, chart: alt.TopLevelMixin | None = None) -> Figure:
    """The figure of a report of the publication, with a chart of it.

    Raises SobstatError for an unknown id, or a chart without a description.
    """
    table = report.table(report_id)
    declared = reports()[report_id]
    finding = main_finding(table, declared)
    drawing = None
    if chart is not None:
        spec = specification(chart)
        words = description(spec, report_id)
        if finding != NOTHING_SHOWN:
            drawing = {"spec": spec, "svg": draw(spec, report_id, words)}
    tree = view = rows = None
    if declared.drilldown:
        tree = {"rows": first_rows(table, declared), "levels": [by.title for by in dimensions_of(declared)]}
        rows = as_script(report_id, all_rows(table, declared))
    else:
        view = make_view(table, declared)
    hidden = [measure for measure in measures_of(declared) if measure.counted and hidden_rows(table, measure).any()]
    html = render(
        "figure.html",
        id=report_id,
        report=declared,
        scope=f"{report.region.namn}, {report.period.title}",
        finding=finding,
        notes=_notes(report, declared, hidden),
        drawing=drawing,
        view=view,
        tree=tree,
        rows=whole(len(table)),
        open_rows=OPEN_ROWS,
        printed_rows=PRINTED_ROWS,
        measures=_with_parts(declared),
        columns=[measure.title for measure in measures_of(declared)],
    )
    return Figure(report_id, html, to_csv(table), rows)


def _with_parts(declared: Report) -> list[Measure]:
    """The report's measures, and those that they are computed from."""
    named = [
        name
        for measure in measures_of(declared)
        for name in (measure.id, measure.numerator, measure.denominator)
        if name
    ]
    return [measures()[name] for name in dict.fromkeys(named)]


def _notes(report: RegionReport, declared: Report, hidden: list[Measure]) -> list[str]:
    """What a reader must know before the figures are used."""
    notes = []
    if "avslutningsorsak" in declared.by and report.period.first < AVSLUTNINGSORSAK_FROM:
        notes.append(
            f"Avslutningsorsak registreras sedan {AVSLUTNINGSORSAK_FROM.title}. "
            "Ärenden som avslutades tidigare saknar orsak."
        )
    used = _with_parts(declared)
    if any(measure.id == "befolkning" for measure in used):
        date = report.population_date
        notes.append(
            f"Folkmängden är SCB:s den 31 {Month.parse(date[:7]).title}."
            if date
            else "Folkmängd saknas, så inget kan visas per 1 000 invånare."
        )
    notes += [caveat for measure in used if measure.kind == "ratio" for caveat in measure.caveats]
    for measure in hidden:
        least = whole(report.thresholds.of(measure))
        notes.append(
            f"Antalet {measure.title.lower()} visas bara när det är större än {least}. Där ett dolt antal skulle gå "
            "att räkna ut är fler dolda med det. I båda fallen står det ”visas inte”."
        )
    return notes
