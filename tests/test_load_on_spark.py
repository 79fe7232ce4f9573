"""Loading on Spark: the folder holds row for row what a load on DuckDB and its export hold, all tables."""

import os
import shutil
import stat
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from engines import as_folder, held, need_spark
from extracts import HSA_VARDGIVARE, NOW, make_extract, write_extract
from sobstat import draft, pieces
from sobstat.engines import SPARK
from sobstat.errors import SobstatError
from sobstat.folder import MANIFEST, tables
from sobstat.load import load_extract
from sobstat.pseudonyms import KEY_VARIABLE

KEY = "00" * 31 + "5b"
# In pieces of two rows: T1 comes again equal in the next piece, T2 otherwise in the last; two rows cannot be used.
FIRST = """
    | transaktion_id | arende_id | status     | tidpunkt             | vardtagare_id     | alder | moment |
    | T1             | A1        | Inprogress | 2025-08-10T12:00:00  | 19121212-RESIDENT | 40    | KBT    |
    | T2             | A2        | Inprogress | 2025-09-11T12:00:00  | 19121212-BEFORE   | 200   | KBT    |
    | T1             | A1        | Inprogress | 2025-08-10T12:00:00  | 19121212-RESIDENT | 40    | KBT    |
    | T3             | A3        | Inprogress | nyss                 | 19121212-ASIDE    | 40    | KBT    |
    | T4             | A1        |            | 2025-09-12T12:00:00  |                   | x     | KBT    |
    | T2             | A2        | Inprogress | 2025-09-11T12:00:00Z | 19121212-RESIDENT |       | ÅÄÖ 🙂 |
    | SYN-T5         | A4        | Inprogress | 1500-02-28           |                   |       |        |
"""
IN_CSV = """
    | transaktion_id | arende_id | status | tidpunkt            | vardtagare_id     | avslutningsorsak |
    | T6             | A1        | Done   | 2025-09-30T23:30:00 | 19121212-RESIDENT | it's; "so"       |
    | T7             | A5        | Paused | 2025-07-01T00:00:00 | p9                |                  |
"""
BROKEN = "T8,A8,19121212-BROKEN\n"
THERAPISTS = "| arende_id | behandlare_id |\n| A1 | b1 |\n| A1 | b2 |\n| | b3 |\n| A1 | b1 |"
# T6 is another ärende's, T1 comes again, T2 is corrected, A4 is completed, and A9 is new; a vårdgivare is gone.
SECOND = """
    | transaktion_id | arende_id | status     | tidpunkt             | vardtagare_id     | alder | moment |
    | T1             | A1        | Inprogress | 2025-08-10T12:00:00  | 19121212-RESIDENT | 40    | KBT    |
    | T2             | A2        | Inprogress | 2025-09-11T12:00:00Z | p2                | 17    | KBT    |
    | T6             | A2        | Done       | 2025-10-02T23:30:00  | 19121212-RESIDENT | 40    | KBT    |
    | T9             | A4        | Done       | 2025-10-01T00:00:00  |                   | 40    | KBT    |
    | T10            | A9        | Inprogress | 2025-10-01T00:00:00  | p3                | 40    | KBT    |
"""


@pytest.fixture(scope="module", autouse=True)
def spark():
    need_spark()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY_VARIABLE, KEY)
        patch.setattr(pieces, "ROWS_OF_A_PIECE", 2)
        yield


@pytest.fixture(scope="module")
def extracts(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("in")
    first = write_extract(make_extract(FIRST, THERAPISTS), folder / "1")
    with duckdb.connect() as con:
        read = f"read_csv('{first}/arenden.csv', all_varchar = true)"
        con.execute(f"COPY (FROM {read}) TO '{first}/arenden-a.parquet' (FORMAT parquet)")
    rows = write_extract(make_extract(IN_CSV), folder / "csv") / "arenden.csv"
    rows.write_text(rows.read_text("utf-8") + BROKEN, "utf-8")
    shutil.move(rows, first / "arenden.csv")
    fewer = "\n".join(HSA_VARDGIVARE.strip().splitlines()[:-1])
    return [first, write_extract(make_extract(SECOND, "| arende_id | behandlare_id |", fewer), folder / "2")]


def in_bytes(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def states(extracts, tmp_path_factory):
    """A folder after each load on Spark, beside what DuckDB makes of the same: results, and all rows."""
    base = tmp_path_factory.mktemp("w")
    folder, file = base / "l[a]ger", base / "w.duckdb"
    found = []
    for day, extract in enumerate([*extracts, extracts[1]], 1):
        now = datetime(2026, 6, day, tzinfo=UTC)
        result = load_extract(extract, folder, now=now, max_set_aside=1, engine=SPARK)
        expected = load_extract(extract, file, now=now, max_set_aside=1)
        shutil.copytree(folder, base / f"after {day}")
        found.append((base / f"after {day}", as_folder(file, base / f"export {day}"), result, expected))
    return found


@pytest.mark.parametrize("load", [0, 1, 2], ids=["new", "changes", "again"])
def test_the_same_as_duckdb(states, load):
    folder, exported, result, expected = states[load]
    assert result == expected
    assert held(folder) == held(exported)


def test_what_the_loads_brought(states):
    """So that two empty folders are not compared."""
    (_, _, first, _), (folder, _, second, _), (_, _, third, _) = states
    counts = [(r.total.kept, r.total.repeats, r.total.set_aside, r.removed, r.changed) for r in (first, second, third)]
    assert counts == [(15, 2, 5, 0, True), (4, 8, 0, 1, True), (0, 12, 0, 0, False)]
    rows = held(folder)
    assert [(row[0], row[-1]) for row in rows["ersatt_transaktion"]] == [("T2", 2), ("T6", 2)]
    assert {reason: content and "19121212" in content for *_, reason, content in rows["karantan"]} == {
        "status is missing; alder is not a number": False,
        "tidpunkt is not a time in ISO 8601": False,
        "another row with the same transaktion_id comes later": False,
        "arende_id is missing": False,
        "3 fields, the header has 13": None,
    }


def test_months_whose_rows_do_not_change_keep_their_files(states):
    """Of A5 nothing came; A1, A2 and A4 were told something new of."""
    before, after = (
        {file.parent.name: file.relative_to(folder) for file in tables(folder)["transaktion"]}
        for folder, *_ in states[:2]
    )
    assert sorted(before) == [f"manad={month}" for month in ("1500-02", "2025-07", "2025-08", "2025-09")]
    assert {month for month in before if before[month] == after[month]} == {"manad=2025-07"}


def test_no_id_and_no_key_is_there_and_no_one_else_reads_it(states):
    for folder, *_ in states:
        paths = [folder, *folder.rglob("*")]
        assert {path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO) for path in paths} == {0}
        for name, content in in_bytes(folder).items():
            assert name == MANIFEST or name.endswith(".parquet")
            assert not any(secret in content for secret in (b"19121212", KEY.encode(), bytes.fromhex(KEY)))


@pytest.fixture
def folder(states, tmp_path):
    return Path(shutil.copytree(states[0][0], tmp_path / "w" / "lager"))


def test_transactions_alone_tell_that_a_load_is_made_up(folder, tmp_path):
    (tmp_path / "behandlare.csv").write_text("arende_id,behandlare_id\nSYN-A1,b7\n", "utf-8")
    assert load_extract(tmp_path / "behandlare.csv", folder, now=NOW, engine=SPARK).changed
    assert [row[-1] for row in held(folder)["laddning"]] == [True, False]


def both_refuse(extract: Path, folder: Path, warehouse: Path, **how) -> str:
    """What both engines say when they refuse an extract; the folder is byte for byte as it was."""
    before, said = in_bytes(folder.parent), []
    for engine, where in ((SPARK, folder), ("duckdb", warehouse)):
        with pytest.raises(SobstatError) as refusal:
            load_extract(extract, where, now=NOW, engine=engine, **how)
        said.append(str(refusal.value))
    assert in_bytes(folder.parent) == before
    assert said[0] == said[1]
    return said[0]


def test_the_same_files_are_refused(extracts, folder, tmp_path):
    """Every fault at once, of whichever engine's files."""
    extract = Path(shutil.copytree(extracts[0], tmp_path / "in"))
    whole = (extract / "arenden-a.parquet").read_bytes()
    (extract / "arenden-b.parquet").write_bytes(whole[:-9])
    (extract / "arenden-c.parquet").write_bytes(whole[:40] + bytes(len(whole) - 400) + whole[-360:])
    (extract / "arenden.csv").write_text("transaktion_id,arende_id\n", "utf-8")
    (extract / "hsa_vardgivare.csv").write_bytes(b"")
    said = both_refuse(extract, folder, tmp_path / "w.duckdb")
    assert [line.split(":")[0].strip() for line in said.splitlines()[1:]] == [
        *("arenden-b.parquet", "arenden-c.parquet", "arenden.csv", "hsa_vardgivare.csv")
    ]


def test_too_many_rows_set_aside_are_refused(extracts, folder, tmp_path):
    said = both_refuse(extracts[0], folder, tmp_path / "w.duckdb")
    assert said.startswith("5 of 22 rows cannot be used, more than the share of 0.01 that is allowed")


def test_an_interrupted_load_leaves_the_folder(extracts, folder):
    before = in_bytes(folder.parent)

    def interrupt(step: str, done: int, total: int) -> None:
        if step == "Merging" and done == total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_extract(extracts[1], folder, now=NOW, engine=SPARK, progress=interrupt)
    assert in_bytes(folder.parent) == before


def test_of_two_loads_at_once_the_second_is_told(extracts, folder):
    with draft.workplace(folder), pytest.raises(SobstatError, match="Another load is at work in"):
        load_extract(extracts[1], folder, now=NOW, engine=SPARK)


def test_each_engine_has_its_own_kind_of_warehouse(extracts, folder, tmp_path):
    with pytest.raises(SobstatError, match=r"lager is a folder: load into it with --engine spark"):
        load_extract(extracts[1], folder, now=NOW)
    (tmp_path / "w.duckdb").touch()
    with pytest.raises(SobstatError, match=r"w\.duckdb is not a warehouse in a folder"):
        load_extract(extracts[1], tmp_path / "w.duckdb", now=NOW, engine=SPARK)


def test_another_key_is_told(extracts, folder, monkeypatch):
    monkeypatch.setitem(os.environ, KEY_VARIABLE, "11" * 32)
    with pytest.raises(SobstatError, match="The key is not the one that"):
        load_extract(extracts[1], folder, now=NOW, engine=SPARK)
