"""The specification's example: the reference, the library and the command must all give its tables."""

import subprocess
import sys
from pathlib import Path

import pytest

from extracts import COLUMNS, NOW, Library, check
from reference import Reference, read_extract
from sobstat.load import load_extract

EXAMPLE = Path(__file__).parent / "example"
EXPECTED = dict(part.split("\n", 1) for part in (EXAMPLE / "expected.md").read_text(encoding="utf-8").split("## ")[1:])
PERIOD = ("2025-09", "2025-10")


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    path = tmp_path_factory.mktemp("example") / "w.duckdb"
    load_extract(EXAMPLE, path, now=NOW)
    return path


def open_example(engine, warehouse, min_antal):
    if engine == "library":
        return Library(warehouse, "riket", *PERIOD, min_antal)
    return Reference(read_extract(EXAMPLE), "riket", *PERIOD, min_antal)


def test_expected_tables_cover_every_report():
    assert list(EXPECTED) == list(COLUMNS)


@pytest.mark.parametrize("engine", ["reference", "library"])
@pytest.mark.parametrize("report", COLUMNS)
def test_table(engine, report, warehouse):
    check(open_example(engine, warehouse, 0).table(report), EXPECTED[report])


@pytest.mark.parametrize("engine", ["reference", "library"])
@pytest.mark.parametrize("report", [name for name, columns in COLUMNS.items() if "_status" in str(columns)])
def test_every_resident_count_is_hidden(engine, report, warehouse):
    rows = open_example(engine, warehouse, 10).table(report)
    person_count = "invanare" if "invanare" in rows[0] else "vardtagare"
    assert {(row[person_count], row[f"{person_count}_status"]) for row in rows} == {(None, "dold")}
    assert {row.get("andel") for row in rows} == {None}


@pytest.mark.parametrize(
    ("report", "lines"),
    [
        ("per-manad", ["manad,startade,avslutade,behandlare", "2025-09,2,1,3", "2025-10,6,3,4"]),
        (
            "per-process",
            [
                "process,startade,avslutade,andel_avslutade",
                "Internet-KBT vid depression (process),5,2,0.4000",
                "Stresshjälpen (process),3,2,0.6667",
            ],
        ),
        (
            "vardtagare-per-kon",
            ["kon,vardtagare,vardtagare_status,andel", "Kvinna,,dold,", "Man,,dold,", "Okänt,,dold,"],
        ),
    ],
)
def test_command(report, lines, warehouse):
    arguments = ["table", report, "--from", PERIOD[0], "--to", PERIOD[1], "--format", "csv"]
    done = subprocess.run(
        [sys.executable, "-m", "sobstat", *arguments, "--warehouse", str(warehouse)],
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr.decode()) == (0, "")
    assert done.stdout == "".join(f"{line}\n" for line in lines).encode()
