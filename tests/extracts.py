"""Small extracts for the tests: written as tables of text, read by the reference and by the library alike."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from engines import as_folder, need_spark
from reference import Reference
from sobstat.load import load_extract
from sobstat.report import open_report

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SLUG = {"riket": "riket", "01": "stockholm", "12": "skane"}

COLUMNS = {
    "per-lan": "lan_kod, lan, startade, avslutade, behandlare",
    "per-veckodag": "veckodag, startade, avslutade",
    "per-process": "process, startade, avslutade, andel_avslutade",
    "pagaende-over-tid": "manad, pagaende",
    "pagaende-per-moment": "manad, moment, pagaende",
    "per-region-vardgivare-moment-orsak": (
        "niva, lan_kod, lan, vardgivare_id, vardgivare, vardenhet_id, vardenhet, moment, avslutningsorsak, "
        "startade, pagaende, avslutade, invanare, invanare_status, behandlare"
    ),
    "per-moment-region-vardgivare-vardenhet": (
        "niva, moment, lan_kod, lan, vardgivare_id, vardgivare, vardenhet_id, vardenhet, "
        "startade, avslutade, invanare, invanare_status, behandlare"
    ),
    "per-manad": "manad, startade, avslutade, behandlare",
    "per-avslutningsorsak": "avslutningsorsak, avslutade, andel",
    "vardtagare-per-kon-och-manad": "manad, kon, vardtagare, vardtagare_status",
    "vardtagare-per-kon-och-alder": "kon, aldersgrupp, vardtagare, vardtagare_status",
    "vardtagare-per-kon": "kon, vardtagare, vardtagare_status, andel",
}
COLUMNS = {report: columns.split(", ") for report, columns in COLUMNS.items()}
COUNTS = {"startade", "avslutade", "pagaende", "invanare", "behandlare", "vardtagare"}

# What a transaction says when a test leaves it open.
TRANSACTION = {
    "arendetyp": "Process",
    "process": "KBT (process)",
    "moment": "KBT",
    "vardgivare_id": "SE01-A",
    "vardenhet_id": "SE01-A1",
    "vardtagare_id": "p1",
    "kon": "Kvinna",
    "alder": "40",
    "avslutningsorsak": "",
}
HSA_VARDGIVARE = """
    | hsa_id     | namn       | lan_kod |
    | SE01-A     | Giver A    | 01      |
    | ' se12-b ' | Giver B    | 12      |
    | SE00-N     | Giver N    |         |
    | SE99-Z     | Giver Z    | 99      |
"""
HSA_VARDENHET = """
    | hsa_id  | namn    | vardgivare_id | lan_kod | kommun_kod |
    | SE01-A1 | Unit A1 | SE01-A        | 01      | 0180       |
    | SE01-A2 | Unit A2 | SE01-A        | 03      | 0380       |
    | se12-b1 | Unit B1 | SE12-B        | 12      | 1280       |
"""
BEFOLKNING = """
    | ar   | lan_kod | kon    | alder | antal |
    | 2024 | 01      | Kvinna | 40    | 1000  |
"""


def header(text: str) -> list[str]:
    return [cell.strip() for cell in text.strip().splitlines()[0].strip().strip("|").split("|")]


def table(text: str) -> list[dict]:
    """Read a table drawn with `|`; a cell in single quotes keeps its blanks."""
    rows = []
    for line in text.strip().splitlines()[1:]:
        if set(line.strip()) <= set("|- "):
            continue
        cells = [cell.strip() for cell in line.strip()[1:-1].split("|")]
        cells = [cell[1:-1] if cell.startswith("'") else cell for cell in cells]
        rows.append(dict(zip(header(text), cells, strict=True)))
    return rows


def make_extract(
    arenden: str | list[dict],
    behandlare: str | list[dict] = "| arende_id | behandlare_id |",
    hsa_vardgivare: str = HSA_VARDGIVARE,
    hsa_vardenhet: str = HSA_VARDENHET,
) -> dict:
    """An extract from its transactions, given as text or rows; columns left out get an everyday value."""
    rows = table(arenden) if isinstance(arenden, str) else arenden
    return {
        "arenden": [{"transaktion_id": f"T{n:03}", **TRANSACTION, **row} for n, row in enumerate(rows, 1)],
        "behandlare": table(behandlare) if isinstance(behandlare, str) else behandlare,
        "hsa_vardgivare": table(hsa_vardgivare),
        "hsa_vardenhet": table(hsa_vardenhet),
    }


def write_extract(extract: dict, folder: Path) -> Path:
    columns = {
        "arenden": ["transaktion_id", "arende_id", "status", "tidpunkt", *TRANSACTION],
        "behandlare": ["arende_id", "behandlare_id"],
        "hsa_vardgivare": header(HSA_VARDGIVARE),
        "hsa_vardenhet": header(HSA_VARDENHET),
        "befolkning": header(BEFOLKNING),
    }
    folder.mkdir(parents=True)
    for name, rows in {**extract, "befolkning": table(BEFOLKNING)}.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns[name])
            writer.writeheader()
            writer.writerows(rows)
    return folder


def load(extract: dict, folder: Path, warehouse: Path) -> Path:
    load_extract(write_extract(extract, folder), warehouse, now=NOW)
    return warehouse


class Library:
    """The library's report with the reference's face: `table` gives rows of plain Python values."""

    def __init__(
        self, warehouse: Path, region: str, from_month: str, to_month: str, min_antal: int, engine: str = "duckdb"
    ):
        self.of, self.asked = (region, from_month, to_month), set()
        self.report = open_report(
            region=SLUG[region],
            from_month=from_month,
            to_month=to_month,
            warehouse=str(warehouse),
            min_antal=min_antal,
            engine=engine,
        )

    def table(self, report: str) -> list[dict]:
        self.asked.add(report)
        frame = self.report.table(report)
        assert list(frame.columns) == COLUMNS[report]
        rows = frame.astype(object).to_dict("records")
        return [{name: None if pd.isna(value) else value for name, value in row.items()} for row in rows]


class Figures:
    """One extract, read by the reference, or by the library on one of its engines."""

    def __init__(self, reader: str, extract: dict, folder: Path):
        self.reader, self.extract, self.opened = reader, extract, []
        if reader == "spark":
            need_spark()
        if reader != "reference":
            self.warehouse = load(extract, folder / "in", folder / "w.duckdb")
        if reader == "spark":
            self.warehouse = as_folder(self.warehouse, folder / "lager")

    def open(self, from_month: str, to_month: str, *, region: str = "riket", min_antal: int = 0):
        if self.reader == "reference":
            return Reference(self.extract, region, from_month, to_month, min_antal)
        self.opened.append(Library(self.warehouse, region, from_month, to_month, min_antal, self.reader))
        return self.opened[-1]

    @property
    def asked(self) -> set[tuple[str, str, str, str]]:
        """What was asked of the library: region, months, and report."""
        return {(*library.of, report) for library in self.opened for report in library.asked}


def together(extracts: list[dict]) -> dict:
    """Several extracts with one HSA catalogue as one: each has ärenden, persons, processes and moments of its own."""
    own = ("transaktion_id", "arende_id", "vardtagare_id", "behandlare_id", "process", "moment")
    rows = {"arenden": [], "behandlare": []}
    for number, extract in enumerate(extracts, 100):
        for source, of_all in rows.items():
            for row in extract[source]:
                named = {name: f"{number} {row[name]}" for name in own if row.get(name, "").strip()}
                of_all.append({**row, **named})
    return {**extracts[0], **rows}


def as_text(value) -> str:
    """A value as in the files: empty when missing, shares with four decimals."""
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def shown(rows: list[dict], columns: list[str] | None = None, *, zeros: bool = False) -> list[dict]:
    """Rows as text, in the given columns only; without `zeros`, rows whose every count is 0 are left out."""
    kept = [row for row in rows if zeros or any(row[name] != 0 for name in COUNTS & set(row))]
    return [{name: as_text(row[name]) for name in columns or row} for row in kept]


def in_any_order(rows: list[dict]) -> list[dict]:
    return sorted(rows, key=lambda row: list(row.values()))


def check(rows: list[dict], expected: str, *, zeros: bool = False) -> None:
    """The rows show exactly the expected table, in its columns, in any order."""
    assert in_any_order(shown(rows, header(expected), zeros=zeros)) == in_any_order(table(expected))


def check_all(rows: list[dict], expected: str) -> None:
    """As `check`, rows of zeros and the order of rows included."""
    assert shown(rows, header(expected), zeros=True) == table(expected)
