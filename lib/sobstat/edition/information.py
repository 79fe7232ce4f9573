"""The pages of an edition that say something about the statistics as a whole: definitions, quality, who and how.

What they tell follows from the declarations, the edition and the load that it is made from.
"""

from datetime import date
from pathlib import Path

from sobstat import SERVICE, loads
from sobstat.declarations import Measure, dimensions, measures, releases, reports
from sobstat.edition.pages import INFORMATION, common
from sobstat.edition.plan import Edition
from sobstat.files import write_whole
from sobstat.open_data.texts import citation
from sobstat.periods import MAIN, PERIODS
from sobstat.report import open_report
from sobstat.swedish import day_in_words, enumerate_words, percent, whole
from sobstat.templating import render

# What a measure's kind means to a reader.
KINDS = {
    "flow": "Händelser under en period. Antalen går att lägga ihop, både över grupper och över månader.",
    "stock": "Läget vid en tidpunkt. Antalen går att lägga ihop över grupper, men inte över månader.",
    "distinct": "Olika personer. Antalen räknas på nytt för varje grupp och period, och går inte att lägga ihop.",
    "ratio": "Ett mått delat med ett annat. Talen går inte att lägga ihop.",
    "share": "En del av en summa. Andelarna i en tabell är tillsammans 100 procent.",
}


def write_information(build: Path, edition: Edition, assets: dict[str, str], warehouse: Path) -> None:
    """Write an edition's pages of INFORMATION to its folder."""
    values = {
        "definitioner.html": definitions(edition),
        "kvalitet.html": quality(edition, warehouse),
        "om.html": {"citation": citation(edition)},
        "tillganglighet.html": {},
    }
    for page in INFORMATION:
        html = render(
            page.address,
            **common(edition, assets, root="../", home="", address=page.address),
            **values[page.address],
            title=f"{page.title}, {edition.month.title}",
            heading=page.title,
            summary=f"{page.title}: {SERVICE}, {edition.month.title}.",
        )
        write_whole(build / page.address, html)


def definitions(edition: Edition) -> dict:
    """Every measure with its reports, and every breakdown, as the page of definitions takes them."""
    pages = {page.notebook: page for page in edition.pages_of(edition.regions[0])}
    return {
        "measures": [
            {
                "declared": measure,
                "title": _title(measure),
                "kind": KINDS[measure.kind],
                "since": _since(measure),
                "reports": [
                    {"title": report.title, "href": f"{pages[report.notebook].address}#{report.id}"}
                    for report in reports().values()
                    if measure.id in report.measures and report.notebook in pages
                ],
            }
            for measure in measures().values()
        ],
        "dimensions": [
            {
                "title": dimension.title,
                "groups": dimension.fixed if isinstance(dimension.fixed, list) else [],
                "last": dimension.last,
            }
            for dimension in dimensions().values()
        ],
    }


def quality(edition: Edition, warehouse: Path) -> dict:
    """What the load that an edition is made from says of its quality, for its first region and period."""
    period = edition.period
    report = open_report(edition.regions[0].slug, str(period.first), str(period.last), warehouse)
    try:
        load, unknown = loads.history(report).iloc[0], loads.unknown(report).dropna()
        read, aside = int(load["Lästa rader"]), int(load["Undantagna"])
        others = [PERIODS[window].title.lower() for window in edition.windows if window != MAIN]
        shares = [f"{percent(row['Andel'])} om {row['Uppgift'].lower()}" for _, row in unknown.iterrows()]
        return {
            "region": report.region.namn,
            "unknown": enumerate_words(shares).replace("om", "uppgift om", 1) if shares else "",
            "read": whole(read),
            "aside": whole(aside),
            "aside_share": percent(aside / read if read else 0),
            "last_day": report.last_day and day_in_words(report.last_day),
            "days_after": (date.fromisoformat(edition.loaded) - period.end).days + 1,
            "periods": enumerate_words(others) if others else "",
            "population_date": report.population_date and day_in_words(date.fromisoformat(report.population_date)),
        }
    finally:
        report.close()


def _title(measure: Measure) -> str:
    """Its title; that of a share says of what, which stands beside it in a table."""
    return (
        f"{measure.title} av {measures()[measure.numerator].title.lower()}"
        if measure.kind == "share"
        else measure.title
    )


def _since(measure: Measure) -> str:
    """The day since when a measure has the definition that it has."""
    told = [note.date for note in releases() if note.definitions.get(measure.id) == measure.version]
    return day_in_words(told[0] if told else releases()[-1].date)
