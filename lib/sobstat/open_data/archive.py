"""All data of an edition in one zip, which is a data package of its own, with a text that tells what it holds."""

import io
import zipfile
from pathlib import Path

from sobstat import SERVICE
from sobstat.declarations import reports
from sobstat.edition.changes import CHANGES
from sobstat.edition.manifest import MANIFEST
from sobstat.edition.plan import Edition
from sobstat.files import write_whole
from sobstat.open_data.package import CHANGES_TITLE, PACKAGE
from sobstat.open_data.texts import DESCRIPTION, SIGNS, SYNTHETIC, archive_name, edition_title, home, terms_of
from sobstat.periods import MAIN

ABOUT = "lasmig.txt"
PAGES = (".html", ".js")  # a page, and what it fetches when a reader unfolds a table
# Zip knows no earlier time; the same files must give the same bytes.
TIME = (1980, 1, 1, 0, 0, 0)


def write_archive(build: Path, edition: Edition) -> None:
    """Write `lasmig.txt`, and the zip of all files of a built edition but its pages, and its manifest, which a killed
    run may have left and which comes after everything else.
    """
    write_whole(build / ABOUT, about(edition))
    left_out = (archive_name(edition), MANIFEST)
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(build.rglob("*")):
            if path.is_file() and path.suffix not in PAGES and path.name not in left_out:
                info = zipfile.ZipInfo(str(path.relative_to(build)), TIME)
                info.external_attr = 0o644 << 16
                archive.writestr(info, path.read_bytes(), zipfile.ZIP_DEFLATED)
    write_whole(build / archive_name(edition), zipped.getvalue())


def about(edition: Edition) -> str:
    """What the zip holds, in Swedish."""
    windows = [
        f"  {'data/' if window == MAIN else f'{window}/data/':<18}{edition.period_of(window).title}"
        for window in edition.windows
    ]
    shown = {page.notebook for page in edition.pages}
    lines = [
        f"{SERVICE}, {edition_title(edition)}",
        "",
        DESCRIPTION,
        *([SYNTHETIC] if edition.synthetic else []),
        "",
        f"Här finns alla tabeller i utgåvan {home(edition)}/index.html.",
        "",
        "Varje region har en mapp. I den ligger tabellerna för varje period:",
        *windows,
        "",
        "Varje tabell finns som CSV och JSON, och tabellerna på en sida tillsammans som Excel (XLSX):",
        *[f"  {report.id:<42}{report.title}" for report in reports().values() if report.notebook in shown],
        f"  {CHANGES:<42}{CHANGES_TITLE}",
        f"  {PACKAGE:<42}Alla CSV-filer med sina kolumner (Frictionless Data Package)",
        "",
        "Tecken i Excel-filerna:",
        *[f"  {sign:<4}{meaning}" for sign, meaning in SIGNS.items()],
        "I CSV-filerna är båda tomma fält. Där ett antal är dolt står det dold i kolumnen som slutar med _status.",
        "En text i CSV-filerna som ett kalkylprogram kan ta för en formel har en apostrof framför sig.",
        "",
        *terms_of(edition),
    ]
    return "\n".join(lines) + "\n"
