"""Two months as they are published one after the other, for the tests of what changes: small data, quick notebooks."""

from datetime import UTC, datetime
from pathlib import Path

import nbformat

from extracts import make_extract, write_extract
from sobstat.declarations import reports
from sobstat.edition.plan import EditionParams
from sobstat.edition.publish import publish
from sobstat.load import load_extract
from sobstat.months import Month

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
OKTOBER, NOVEMBER = Month(2025, 10), Month(2025, 11)
PARAMS = EditionParams(
    months=2,
    regions=["riket", "skane"],
    notebooks={
        "oversikt": {"title": "Översikt", "regions": ["riket"]},
        "invanare": {"title": "Invånare"},
        "laddningar": {"title": "Laddningar", "regions": ["riket"]},
    },
)
HSA = """
    | hsa_id | namn    | lan_kod |
    | SE01-A | Giver A | 01      |
    | SE01-C | Giver C | {c_lan} |
    | SE12-B | {b}     | 12      |
"""


def starts(name: str, count: int, vardgivare: str, day: str, kon: str = "Kvinna") -> list[dict]:
    return [
        {
            "transaktion_id": f"{name}{n}",
            "arende_id": f"{name}{n}",
            "status": "Inprogress",
            "tidpunkt": f"{day}T10:00:00Z",
            "vardgivare_id": vardgivare,
            "vardenhet_id": f"{vardgivare}1",
            "vardtagare_id": f"p{name}{n}",
            "kon": kon,
        }
        for n in range(count)
    ]


# Enough of each kön in each län and month that nobody has to be hidden for another's sake.
FIRST = [
    *starts("a", 40, "SE01-A", "2025-09-03"),
    *starts("d", 30, "SE01-A", "2025-09-04", kon="Man"),
    *starts("e", 30, "SE01-A", "2025-10-03"),
    *starts("f", 30, "SE01-A", "2025-10-04", kon="Man"),
    *starts("c", 30, "SE01-C", "2025-10-06", kon="Man"),
    *starts("b", 40, "SE12-B", "2025-10-08"),
    *starts("m", 30, "SE12-B", "2025-10-09", kon="Man"),
]
# Afterwards: November; 20 late men and 5 late women of October with B, 20 corrected moments with A, and 15 cases with B
# that start anew.
LATER = [
    *starts("n", 30, "SE01-A", "2025-11-04"),
    *starts("o", 30, "SE01-A", "2025-11-05", kon="Man"),
    *starts("p", 30, "SE12-B", "2025-11-06", kon="Man"),
    *starts("late", 20, "SE12-B", "2025-10-20", kon="Man"),
    *starts("later", 5, "SE12-B", "2025-10-21"),
    *[{**start, "moment": "Stress"} for start in starts("a", 20, "SE01-A", "2025-09-03")],
    *[{**start, "transaktion_id": f"again{n}"} for n, start in enumerate(starts("b", 15, "SE12-B", "2025-11-10"))],
]


def quick_notebooks(folder: Path) -> Path:
    """The notebooks, those with figures without their charts."""
    folder.mkdir()
    for path in NOTEBOOKS.glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        shown = [report.id for report in reports().values() if report.notebook == path.stem]
        if shown:
            code = [cell for cell in notebook.cells if cell.cell_type == "code"]
            opening = [line for line in code[1].source.splitlines() if not line.startswith(("import", "from"))]
            code[1].source = "\n".join(["from sobstat.report import open_report", *opening])
            figures = [nbformat.v4.new_code_cell(f'report.figure("{name}")') for name in shown]
            notebook.cells = [notebook.cells[0], *code[:2], *figures]
        nbformat.write(notebook, folder / path.name)
    return folder


def load_month(folder: Path, month: Month) -> Path:
    """Load what comes in after October or November 2025; returns the warehouse."""
    warehouse = folder / "w.duckdb"
    rows, hsa = (FIRST, {"c_lan": "01", "b": "Giver B"}) if month == OKTOBER else (LATER, {"c_lan": "12", "b": "Nya B"})
    extract = make_extract(rows, hsa_vardgivare=HSA.format(**hsa))
    end = (month + 1).first_day
    now = datetime(end.year, end.month, 1, 5, tzinfo=UTC)
    load_extract(write_extract(extract, folder / str(month)), warehouse, now=now)
    return warehouse


def publish_months(folder: Path) -> tuple[Path, Path]:
    """October loaded and published, then November; returns the site and the warehouse."""
    site, notebooks = folder / "site", quick_notebooks(folder / "notebooks")
    for month in (OKTOBER, NOVEMBER):
        warehouse = load_month(folder, month)
        publish(warehouse, site, PARAMS, month=month, notebooks=notebooks)
    return site, warehouse
