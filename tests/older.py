"""Two small loads, and what the program of each schema version made of them: `older/1.sql` and so on are dumps of their
warehouses. `python older.py` writes that of today's program, for those that come after it.
"""

import os
import tempfile
from datetime import timedelta
from pathlib import Path

import duckdb

from extracts import NOW, make_extract, write_extract
from sobstat.contract import quoted
from sobstat.load import load_extract
from sobstat.pseudonyms import KEY_VARIABLE
from sobstat.warehouse import SCHEMA_VERSION

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


def load_both(folder: Path, warehouse: Path) -> Path:
    """The warehouse after both loads by this program."""
    loads = [make_extract(ONE, BEHANDLARE_ONE), make_extract(TWO, BEHANDLARE_TWO, hsa_vardgivare=HSA_TWO)]
    for number, extract in enumerate(loads):
        now = NOW + timedelta(days=number)
        load_extract(write_extract(extract, folder / str(number)), warehouse, now=now, max_set_aside=1)
    return warehouse


def dump(warehouse: Path) -> str:
    """A warehouse as SQL that makes it again."""
    lines = []
    with duckdb.connect(str(warehouse), read_only=True) as con:
        for name, sql in con.execute("SELECT table_name, sql FROM duckdb_tables() ORDER BY table_name").fetchall():
            rows = con.execute(f"FROM {name} ORDER BY ALL").fetchall()
            values = ",\n    ".join(f"({', '.join(map(_literal, row))})" for row in rows)
            lines += [sql, f"INSERT INTO {name} VALUES\n    {values};"] if rows else [sql]
    return "\n".join(lines) + "\n"


def _literal(value) -> str:
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, bool | int) else quoted(value)


def make_older(version: int, warehouse: Path) -> Path:
    """The warehouse as the program of that schema version left it after both loads."""
    with duckdb.connect(str(warehouse)) as con:
        con.execute((Path(__file__).parent / "older" / f"{version}.sql").read_text("utf-8"))
    warehouse.chmod(0o600)
    return warehouse


if __name__ == "__main__":
    os.environ[KEY_VARIABLE] = KEY
    with tempfile.TemporaryDirectory() as folder:
        text = dump(load_both(Path(folder) / "in", Path(folder) / "w.duckdb"))
        (Path(__file__).parent / "older" / f"{SCHEMA_VERSION}.sql").write_text(text, "utf-8")
