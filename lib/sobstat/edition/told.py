"""What has changed since the earlier edition, in its place on the page about loads.

The figures are compared when all pages are made, so the page holds a place for it; a page that an interrupted run had
filled already is filled anew.
"""

from pathlib import Path

import pandas as pd
from markupsafe import Markup

from sobstat.declarations import Measure, measures, reports
from sobstat.disclosure.rule import HIDDEN
from sobstat.disclosure.thresholds import Thresholds
from sobstat.edition.changes import CHANGES, DERIVED, GROUP_COLUMNS, SMALL
from sobstat.edition.plan import Edition
from sobstat.edition.revision import Revision
from sobstat.files import to_csv, write_whole
from sobstat.loads import CHANGES_PLACE, StatusTable
from sobstat.regions import parse_region
from sobstat.swedish import number, percent, whole
from sobstat.templating import render

# So many rows of a table stand on the page; all stand in the file.
LISTED = 20
# The columns that readers see of a group: names, not ids.
_NAMES = [column for column in GROUP_COLUMNS if column not in ("niva", "lan_kod", "vardgivare_id", "vardenhet_id")]


def tell_changes(build: Path, edition: Edition, revision: Revision) -> None:
    """Write `andringar.csv` of a built edition, and fill the place on its pages about loads."""
    write_whole(build / CHANGES, to_csv(revision.figures))
    section = f"<!--changes-->{render_changes(revision, edition)}<!--/changes-->"
    for page in edition.pages:
        html = (build / page.address).read_text("utf-8")
        if CHANGES_PLACE.search(html):
            write_whole(build / page.address, CHANGES_PLACE.sub(lambda _: section, html))


def render_changes(revision: Revision, edition: Edition) -> str:
    """The changes as HTML: how many, why, where, the largest, and who has moved or has a new name."""
    figures, changed, thresholds = revision.figures, len(revision.figures), edition.thresholds
    if not revision.earlier or not changed:
        tables = []
    else:
        tables = [_causes(figures), _places(figures), _largest(figures, revision.earlier.regions[0].slug, thresholds)]
    tables += [_moved(revision.moved), _renamed(revision.names)]
    said = "Alla är desamma i dag." if not changed else f"{whole(changed)} av dem är andra i dag."
    return render(
        "changes.html",
        earlier=revision.earlier,
        same_month=revision.earlier is not None and revision.earlier.month == edition.month,
        compared=whole(revision.compared),
        several=len(edition.windows) > 1,
        changed=said,
        share=percent(changed / revision.compared) if changed else "",
        changed_any=changed > 0 and thresholds.min_antal > 0,
        min_antal=thresholds.min_antal,
        tables=[Markup(table._repr_html_()) for table in tables if len(table.frame)],
    )


def _causes(figures: pd.DataFrame) -> StatusTable:
    causes = figures["skal"].str.split("; ").explode().value_counts()
    rows = (
        causes.rename_axis("Skäl")
        .reset_index(name="Ändrade siffror")
        .sort_values(["Ändrade siffror", "Skäl"], ascending=[False, True])
    )
    return StatusTable(rows, "Varför siffrorna är andra; en siffra kan ha flera skäl")


def _places(figures: pd.DataFrame) -> StatusTable:
    places = figures.groupby(["rapport", "region"], sort=False).size().reset_index(name="Ändrade siffror")
    rows = pd.DataFrame(
        {
            "Rapport": places["rapport"].map(lambda name: reports()[name].title),
            "Region": places["region"].map(lambda slug: parse_region(slug).namn),
            "Ändrade siffror": places["Ändrade siffror"],
        }
    ).sort_values("Ändrade siffror", ascending=False, kind="stable")
    return _first(rows, "Var siffrorna är andra")


def _largest(figures: pd.DataFrame, region: str, thresholds: Thresholds) -> StatusTable:
    own = figures[figures["region"] == region]
    size = (pd.to_numeric(own["till"], errors="coerce") - pd.to_numeric(own["fran"], errors="coerce")).abs()
    own = own.loc[size.sort_values(ascending=False, kind="stable", na_position="last").index]
    rows = pd.DataFrame(
        [
            {
                "Rapport": reports()[row.rapport].title,
                "Grupp": " · ".join(filter(None, (getattr(row, name) for name in _NAMES))) or "Totalt",
                "Mått": _measure(row.rapport, row.matt).title,
                "Från": _value(row.fran, _measure(row.rapport, row.matt)),
                "Till": _now(row, thresholds),
                "Skäl": row.skal,
            }
            for row in own.head(LISTED).itertuples()
        ]
    )
    return _first(rows, f"De största ändringarna, {parse_region(region).namn}", len(own))


def _moved(moved: pd.DataFrame) -> StatusTable:
    rows = moved[["namn", "fran", "till"]].set_axis(["Vårdgivare", "Tidigare län", "Län nu"], axis="columns")
    return _first(rows, "Vårdgivare som har bytt län i HSA")


def _renamed(names: pd.DataFrame) -> StatusTable:
    rows = names[["id", "fran", "till"]].set_axis(["Id", "Tidigare namn", "Namn nu"], axis="columns")
    return _first(rows, "Vårdgivare, vårdenheter och län med nytt namn")


def _first(rows: pd.DataFrame, title: str, total: int | None = None) -> StatusTable:
    total = len(rows) if total is None else total
    return StatusTable(rows.head(LISTED), title + (f": {LISTED} av {whole(total)}" if total > LISTED else ""))


def _measure(report: str, column: str) -> Measure:
    declared = (measures()[name] for name in reports()[report].measures)
    return next(measure for measure in declared if measure.column_name == column)


def _value(text: str, measure: Measure) -> str:
    return number(text, measure) if text else "–"


def _now(row, thresholds: Thresholds) -> str:
    measure = _measure(row.rapport, row.matt)
    small = f"ändrad med högst {thresholds.of(measure)}"
    told = {HIDDEN: "visas inte", SMALL: small, DERIVED: "ändrad"}
    return told.get(row.till_status) or _value(row.till, measure)
