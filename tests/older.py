"""Two small loads, and what earlier programs made of them: `older/1.sql` and so on are dumps of their warehouses."""

from datetime import timedelta
from pathlib import Path

import duckdb

from extracts import NOW, make_extract, write_extract

KEY = "00" * 32
ONE = """
    | transaktion_id | arende_id | status     | tidpunkt             | vardtagare_id | kon    |
    | T1             | A1        | Inprogress | 2025-09-03T10:00:00Z | p1            | Kvinna |
    | T2             | A2        | Inprogress | 2025-09-10T10:00:00Z | p5            | Man    |
    | T3             | A2        | Done       | 2025-09-30T22:30:00Z | p5            | Man    |
    | SYN-T4         | A3        | Inprogress | 2025-09-11T10:00:00Z |               |        |
"""
# T2 is corrected, A1 is completed and begins again, and a time and two therapists cannot be read.
TWO = """
    | transaktion_id | arende_id | status     | tidpunkt          | vardtagare_id | kon    | moment | avslutningsorsak |
    | T2             | A2        | Inprogress | 2025-09-10T10:00Z | p3            | Man    | Stress | |
    | T5             | A1        | Done       | 2025-10-01T10:00Z | p1            | Kvinna | KBT    | Klar |
    | T6             | A1        | Inprogress | 2025-10-02T10:00Z | p1            | Kvinna | KBT    | |
    | T7             | A4        | Inprogress | nyss              | p1            | Kvinna | KBT    | |
    | T8             | A5        | Inprogress | nyss              | p5            | Kvinna | KBT    | |
"""
BEHANDLARE_ONE = """
    | arende_id | behandlare_id |
    | A1        | b1            |
    | A1        | b2            |
    | A2        | b1            |
"""
BEHANDLARE_TWO = """
    | arende_id | behandlare_id |
    | A3        | b3            |
    |           | b4            |
    |           | b5            |
"""
HSA_TWO = """
    | hsa_id | namn    | lan_kod |
    | SE01-A | Giver A | 12      |
"""


def load_both(load_extract, folder: Path, warehouse: Path) -> Path:
    """The warehouse after both loads by a program's `load_extract`, with KEY in the environment."""
    loads = [make_extract(ONE, BEHANDLARE_ONE), make_extract(TWO, BEHANDLARE_TWO, hsa_vardgivare=HSA_TWO)]
    for number, extract in enumerate(loads):
        now = NOW + timedelta(days=number)
        load_extract(write_extract(extract, folder / str(number)), warehouse, now=now, max_set_aside=1)
    return warehouse


def make_older(version: int, warehouse: Path) -> Path:
    """The warehouse as the program of that schema version left it after both loads."""
    with duckdb.connect(str(warehouse)) as con:
        con.execute((Path(__file__).parent / "older" / f"{version}.sql").read_text("utf-8"))
    warehouse.chmod(0o600)
    return warehouse
