"""What stands beside the figures wherever they are taken: titles, addresses, signs, sources and terms, in Swedish."""

from sobstat import SERVICE
from sobstat.declarations import Report, measures
from sobstat.edition.plan import Edition, Page
from sobstat.months import Period

HIDDEN_SIGN, UNDEFINED_SIGN = "..", "."
SIGNS = {
    HIDDEN_SIGN: "Visas inte, för att skydda enskilda. Kolumnen status säger då dold.",
    UNDEFINED_SIGN: "Kan inte beräknas.",
}
SOURCES = (
    "Ärendeloggen i 1177:s tjänst Stöd och behandling",
    "HSA-katalogen (vårdgivare och vårdenheter)",
    "Statistiska centralbyrån, SCB (folkmängd)",
)
SYNTHETIC = "Påhittade uppgifter: siffrorna kommer från ett syntetiskt utdrag och beskriver ingen verklig vård."
ADHOC = "Ej för publicering: rapporten är framtagen vid sidan av den publicerade statistiken."
KEYWORDS = ("1177", "Stöd och behandling", "internetbaserad behandling", "hälso- och sjukvård", "statistik")
DESCRIPTION = (
    "Månadsvis statistik över moment i 1177:s tjänst för internetbaserat stöd och behandling: hur många som startas, "
    "avslutas och pågår, och hur många invånare och behandlare de gäller, i hela landet och i varje län."
)


CSV, JSON, ZIP = "text/csv", "application/json", "application/zip"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def longest_period(edition: Edition) -> Period:
    """The period of the edition that holds all its others."""
    return min((edition.period_of(window) for window in edition.windows), key=lambda period: period.first)


def version_of(edition: Edition) -> int:
    """1 for a month's first version, one more for each that replaced another."""
    return 1 + sum(notice.former is not None for notice in edition.notices)


def edition_title(edition: Edition) -> str:
    """`utgåva oktober 2025`, with its version from the second on."""
    number = version_of(edition)
    return f"utgåva {edition.month.title}" + (f", version {number}" if number > 1 else "")


def home(edition: Edition) -> str:
    """The permanent address of an edition, without a slash at its end."""
    return f"{edition.publisher.address}/{edition.month}"


def archive_name(edition: Edition) -> str:
    """The name of the zip of all data of an edition."""
    return f"sobstat-{edition.month}.zip"


def citation(edition: Edition, page: Page | None = None) -> str:
    """How to refer to an edition or one of its pages: who, what, which edition, and its permanent address."""
    what = f": {page.title}, {page.region.namn}, {edition.period_of(page.window).title}" if page else ""
    said = f"{edition.publisher.name}. {SERVICE}{what}. {edition_title(edition).capitalize()}"
    return f"{said}. {home(edition)}/{page.address if page else 'index.html'}"


def notes_of(report: Report) -> list[str]:
    """What must be known of a report's figures: definitions, caveats and signs, a line each."""
    shown = [measures()[name] for name in report.measures]
    lines = [
        f"{measure.title} ({measure.unit}): {' '.join([measure.definition, *measure.caveats])}" for measure in shown
    ]
    return [*lines, *report.caveats, *[f"{sign}  {meaning}" for sign, meaning in SIGNS.items()]]


def terms_of(edition: Edition) -> list[str]:
    """Sources, licence and publisher, a line each."""
    publisher = edition.publisher
    return [
        f"Källa: {'; '.join(SOURCES)}.",
        f"Licens: {publisher.licence_name}, {publisher.licence}",
        f"Utgivare: {publisher.name}, {publisher.email}",
    ]
