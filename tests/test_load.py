"""The load: all or nothing, every row accounted for, no person's id inside."""

import codecs
import gzip
import hashlib
import os
import shutil
import stat
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from extracts import NOW, make_extract, write_extract
from sobstat.contract import sources
from sobstat.errors import SobstatError
from sobstat.load import load_extract
from sobstat.pseudonyms import KEY_VARIABLE
from sobstat.warehouse import as_loaded, attach, session

EXAMPLE = Path(__file__).parent / "example"
HEADER = (
    "transaktion_id,arende_id,arendetyp,status,tidpunkt,process,moment,vardgivare_id,vardenhet_id,vardtagare_id,"
    "kon,alder,avslutningsorsak"
)
ROW = "T1,A1,Process,Inprogress,2025-10-01T08:00:00Z,KBT (process),KBT,SE01-A,SE01-A1,p1,Kvinna,40,"


@pytest.fixture
def warehouse(tmp_path):
    return tmp_path / "w" / "sobstat.duckdb"


def arenden(folder: Path, *rows: str, name: str = "arenden.csv", header: str = HEADER) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return folder


def changed(**values: str) -> str:
    """ROW with some values replaced."""
    cells = dict(zip(HEADER.split(","), ROW.split(","), strict=True))
    return ",".join((cells | values).values())


def query(warehouse: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(warehouse), read_only=True) as con:
        return con.execute(sql).fetchall()


def contents(warehouse: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in warehouse.parent.glob("*")}


# Files that cannot be read as their source: what is written, and what the message must say.
BAD_FILES = {
    "missing column": ("arenden.csv", HEADER.replace(",moment", "") + "\n", ["column moment is missing", "process"]),
    "misspelt column": ("arenden.csv", HEADER.replace("moment", "momment") + "\n", ["moment (nearest found: momment)"]),
    "column twice": ("arenden.csv", HEADER + ",kon\n", ["column kon occurs twice"]),
    "no header": ("arenden.csv", ROW + "\n", ["no header", "transaktion_id"]),
    "empty": ("arenden.csv", "", ["empty file"]),
    "latin-1": ("arenden.csv", (HEADER + "\n" + changed(kon="Ökänd")).encode("latin-1"), ["not UTF-8", "0xd6"]),
    "utf-16": ("arenden.csv", codecs.BOM_UTF16_LE + HEADER.encode("utf-16-le"), ["not UTF-8"]),
    "open quote": ("arenden.csv", HEADER + '\n"T1,A1\n', ["not a CSV file", "line"]),
    "truncated gzip": ("arenden.csv.gz", gzip.compress((HEADER + "\n" + ROW).encode())[:-12], ["not a whole gzip"]),
    "no gzip": ("arenden.csv.gz", HEADER + "\n", ["not a whole gzip"]),
    "no parquet": ("arenden.parquet", HEADER + "\n", ["not a readable Parquet"]),
    "empty parquet": ("arenden.parquet", b"", ["not a readable Parquet"]),
    "other source's columns": (
        "behandlare.csv",
        HEADER + "\n",
        ["behandlare_id (nearest found: vardtagare_id) is missing"],
    ),
    "empty catalogue": ("hsa_vardgivare.csv", "", ["hsa_vardgivare.csv", "empty file"]),
}


@pytest.mark.parametrize(("name", "content", "expected"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_bad_file_stops_the_load_and_leaves_the_warehouse(tmp_path, warehouse, name, content, expected):
    load_extract(EXAMPLE, warehouse, now=NOW)
    before = contents(warehouse)
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SobstatError) as error:
        load_extract(folder, warehouse, now=NOW)
    for words in [name, *expected]:
        assert words in str(error.value)
    assert "p1" not in str(error.value), "a person's id is shown"
    assert contents(warehouse) == before


def test_every_bad_file_is_named_at_once(tmp_path, warehouse):
    folder = arenden(tmp_path / "in", name="arenden-1.csv", header="x,y")
    (folder / "behandlare.csv").write_text("", encoding="utf-8")
    (folder / "befolkning.parquet").write_bytes(b"PAR1")
    with pytest.raises(SobstatError, match=r"3 file\(s\)") as error:
        load_extract(folder, warehouse)
    assert all(name in str(error.value) for name in ["arenden-1.csv", "behandlare.csv", "befolkning.parquet"])
    assert not warehouse.exists()


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir()], ids=["no folder", "empty folder"])
def test_a_folder_without_extract_is_refused(tmp_path, warehouse, make):
    make(tmp_path / "in")
    with pytest.raises(SobstatError, match="extract"):
        load_extract(tmp_path / "in", warehouse)


# Rows that cannot be used: the value, and the reason that the quarantine gives.
BAD_ROWS = {
    "no transaktion_id": ({"transaktion_id": ""}, "transaktion_id is missing"),
    "blank arende_id": ({"arende_id": "  "}, "arende_id is missing"),
    "no arendetyp": ({"arendetyp": ""}, "arendetyp is missing"),
    "no status": ({"status": ""}, "status is missing"),
    "no time": ({"tidpunkt": ""}, "tidpunkt is missing"),
    "no such time": ({"tidpunkt": "igår"}, "tidpunkt is not a time"),
    "no such day": ({"tidpunkt": "2025-02-29T08:00:00"}, "tidpunkt is not a time"),
    "no such hour": ({"tidpunkt": "2025-10-01T25:00:00"}, "tidpunkt is not a time"),
    "infinite time": ({"tidpunkt": "infinity"}, "tidpunkt is not a time"),
    "future": ({"tidpunkt": "2026-06-01T00:00:01Z"}, "tidpunkt is in the future"),
    "age in words": ({"alder": "fyrtio"}, "alder is not a number"),
    "age with an underscore": ({"alder": "3_4"}, "alder is not a number"),
    "infinite age": ({"alder": "inf"}, "alder is not a number"),
    "too many fields": ({"kon": "Man,Man"}, "14 fields, the header has 13"),
    "two faults": ({"status": "", "alder": "x"}, "status is missing; alder is not a number"),
}


@pytest.mark.parametrize(("values", "reason"), BAD_ROWS.values(), ids=BAD_ROWS.keys())
def test_a_row_that_cannot_be_used_is_set_aside_with_its_reason(tmp_path, warehouse, values, reason):
    folder = arenden(tmp_path / "in", ROW.replace("T1", "T0"), changed(**values))
    result = load_extract(folder, warehouse, now=NOW, max_set_aside=1)
    assert (result.total.read, result.total.kept, result.total.set_aside) == (2, 1, 1)
    [(file, row, found, raw)] = query(warehouse, "SELECT fil, rad, skal, innehall FROM karantan")
    assert (file, row) == ("arenden.csv", 2)
    assert reason in found
    assert "p1" not in (raw or "")


# Values that keep the row: the text, and what the warehouse holds.
KEPT = {
    "UTC": ("tidpunkt", "2025-10-31T23:30:00Z", datetime(2025, 10, 31, 23, 30)),
    "offset": ("tidpunkt", "2025-10-31T23:30:00+01:00", datetime(2025, 10, 31, 22, 30)),
    "short offset": ("tidpunkt", "2025-10-31 23:30:00+01", datetime(2025, 10, 31, 22, 30)),
    "local winter": ("tidpunkt", "2025-12-01T00:30:00", datetime(2025, 11, 30, 23, 30)),
    "local summer": ("tidpunkt", "2025-07-01T00:30", datetime(2025, 6, 30, 22, 30)),
    "autumn hour, the first": ("tidpunkt", "2025-10-26T02:30:00", datetime(2025, 10, 26, 0, 30)),
    "autumn hour, the second": ("tidpunkt", "2025-10-26T02:30:00+01:00", datetime(2025, 10, 26, 1, 30)),
    "spring gap": ("tidpunkt", "2025-03-30T02:30:00", datetime(2025, 3, 30, 1, 30)),
    "fraction": ("tidpunkt", "2025-10-01T08:00:00.123456789Z", datetime(2025, 10, 1, 8, 0, 0, 123456)),
    "comma fraction": ("tidpunkt", "2025-10-01T08:00:00,5Z", datetime(2025, 10, 1, 8, 0, 0, 500000)),
    "date": ("tidpunkt", "2025-10-01", datetime(2025, 9, 30, 22, 0)),
    "blanks around a time": ("tidpunkt", " 2025-10-01T08:00:00Z ", datetime(2025, 10, 1, 8)),
    "HSA-id": ("vardgivare_id", " se01-a\u00a0", "SE01-A"),
    "unknown kon": ("kon", "kvinna", None),
    "age beyond": ("alder", "121", None),
    "age below": ("alder", "-1", None),
    "age 120": ("alder", "120", 120),
    "age with decimals": ("alder", "40.0", 40),
    "blank moment": ("moment", "  ", None),
    "wide space around an HSA-id": ("vardgivare_id", "\u2003SE01-A\u3000", "SE01-A"),
    "wide space for a person": ("vardtagare", "\u2003", None),
    "no-break space for a person": ("vardtagare", "\u00a0", None),
    "NA": ("arende_id", "NA", "NA"),
    "null": ("process", "null", "null"),
}


@pytest.mark.parametrize(("column", "text", "held"), KEPT.values(), ids=KEPT.keys())
def test_a_value_is_held_as_the_contract_says(tmp_path, warehouse, column, text, held):
    text = f'"{text}"' if "," in text else text
    given = "vardtagare_id" if column == "vardtagare" else column
    load_extract(arenden(tmp_path / "in", changed(**{given: text})), warehouse, now=NOW)
    assert query(warehouse, f"SELECT {column} FROM transaktion") == [(held,)]


def test_unknown_values_are_reported(tmp_path, warehouse):
    folder = arenden(tmp_path / "in", changed(kon="X", alder="130"))
    result = load_extract(folder, warehouse, now=NOW)
    assert result.notices == [
        ("arenden", "age outside 0–120, counted as Okänd", 1),
        ("arenden", "unknown kon, counted as Okänt", 1),
    ]


def as_semicolons(folder: Path, path: Path) -> None:
    rows = path.read_text(encoding="utf-8").replace(",", ";")
    (folder / path.name).write_bytes(codecs.BOM_UTF8 + rows.replace("\n", "\r\n").encode())


def as_gzip(folder: Path, path: Path) -> None:
    (folder / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))


def as_parquet(folder: Path, path: Path) -> None:
    with duckdb.connect() as con:
        con.execute(
            f"COPY (SELECT * FROM read_csv('{path}', all_varchar = true)) TO '{folder / path.stem}.parquet' "
            "(FORMAT parquet)"
        )


def reordered(folder: Path, path: Path) -> None:
    """Columns turned around, and one more that the contract does not know."""
    rows = [line.split(",")[::-1] for line in path.read_text(encoding="utf-8").splitlines()]
    text = "\n".join(",".join([*row, "extra" if n == 0 else "19121212-1212"]) for n, row in enumerate(rows))
    (folder / path.name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize("write", [as_semicolons, as_gzip, as_parquet, reordered])
def test_every_form_of_file_gives_the_same_warehouse(tmp_path, warehouse, write, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, "00" * 32)
    load_extract(EXAMPLE, warehouse, now=NOW)
    other = tmp_path / "other"
    other.mkdir()
    for path in EXAMPLE.glob("*.csv"):
        write(other, path)
    load_extract(other, tmp_path / "w" / "other.duckdb", now=NOW)
    for name in ["transaktion", "behandlare", "hsa_vardgivare", "hsa_vardenhet", "befolkning"]:
        sql = f"FROM {name} ORDER BY ALL"
        assert query(warehouse, sql) == query(tmp_path / "w" / "other.duckdb", sql)
    assert b"19121212" not in (tmp_path / "w" / "other.duckdb").read_bytes()


def test_typed_parquet_is_read_as_its_text(tmp_path, warehouse):
    folder = tmp_path / "in"
    folder.mkdir()
    rows = ", ".join(str(tuple(row.split(","))) for row in [ROW, changed(transaktion_id="T2", alder="")])
    with duckdb.connect() as con:
        con.execute(
            f"""
            COPY (
                SELECT * REPLACE (
                    CAST(tidpunkt AS TIMESTAMPTZ) AS tidpunkt, CAST(nullif(alder, '') AS DOUBLE) AS alder
                )
                FROM (VALUES {rows})
                AS t({HEADER})
            ) TO '{folder}/arenden.parquet' (FORMAT parquet)
            """
        )
    load_extract(folder, warehouse, now=NOW)
    found = query(warehouse, "SELECT tidpunkt, dag, alder FROM transaktion ORDER BY transaktion_id")
    time = datetime(2025, 10, 1, 8)
    assert found == [(time, time.date(), 40), (time, time.date(), None)]


def test_ids_that_pandas_made_floating_point_are_the_same_ids(tmp_path, warehouse):
    folder = tmp_path / "in"
    folder.mkdir()
    with duckdb.connect() as con:
        con.execute(
            "COPY (SELECT 17.0::DOUBLE AS arende_id, 7.0::DOUBLE AS behandlare_id) "
            f"TO '{folder}/behandlare-1.parquet' (FORMAT parquet)"
        )
    (folder / "behandlare-2.csv").write_text("arende_id,behandlare_id\n17,7\n", encoding="utf-8")
    assert load_extract(folder, warehouse, now=NOW).total.repeats == 1
    assert query(warehouse, "SELECT arende_id FROM behandlare") == [("17",)]


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to("nowhere")], ids=["folder", "dead link"])
def test_a_source_that_is_no_file_is_not_passed_over(tmp_path, warehouse, make):
    folder = arenden(tmp_path / "in", ROW)
    make(folder / "arenden-2.parquet")
    with pytest.raises(SobstatError, match=r"arenden-2\.parquet is not a file"):
        load_extract(folder, warehouse, now=NOW)


def test_a_loosened_warehouse_is_tightened(warehouse):
    load_extract(EXAMPLE, warehouse, now=NOW)
    warehouse.chmod(0o666)
    load_extract(EXAMPLE, warehouse, now=NOW)
    assert stat.S_IMODE(warehouse.stat().st_mode) == 0o600


def test_a_parquet_column_that_is_no_value_is_refused(tmp_path, warehouse):
    folder = tmp_path / "in"
    folder.mkdir()
    with duckdb.connect() as con:
        con.execute(
            f"COPY (SELECT ['A1'] AS arende_id, 'b' AS behandlare_id) TO '{folder}/behandlare.parquet' (FORMAT parquet)"
        )
    with pytest.raises(SobstatError, match=r"column arende_id holds VARCHAR\[\]"):
        load_extract(folder, warehouse)


def test_the_same_files_again_change_nothing(warehouse):
    load_extract(EXAMPLE, warehouse, now=NOW)
    before = contents(warehouse)
    result = load_extract(EXAMPLE, warehouse, now=NOW)
    assert not result.changed
    assert result.total.repeats == result.total.read
    assert contents(warehouse) == before


def test_a_later_load_replaces_an_earlier_row(tmp_path, warehouse):
    load_extract(arenden(tmp_path / "one", ROW, changed(transaktion_id="T2")), warehouse, now=NOW)
    second = arenden(tmp_path / "two", changed(moment="Ny"), changed(transaktion_id="T2"))
    result = load_extract(second, warehouse, now=NOW)
    assert (result.total.kept, result.total.repeats) == (1, 1)
    found = query(warehouse, "SELECT transaktion_id, moment FROM transaktion ORDER BY ALL")
    assert found == [("T1", "Ny"), ("T2", "KBT")]


def test_of_two_rows_with_one_id_the_later_in_file_order_wins(tmp_path, warehouse):
    folder = arenden(tmp_path / "in", changed(moment="Second"), ROW, name="arenden-b.csv")
    arenden(folder, changed(moment="First"), ROW, name="arenden-a.csv")
    result = load_extract(folder, warehouse, now=NOW, max_set_aside=1)
    assert (result.total.read, result.total.kept, result.total.repeats, result.total.set_aside) == (4, 1, 1, 2)
    assert query(warehouse, "SELECT moment FROM transaktion") == [("KBT",)]
    assert query(warehouse, "SELECT fil, rad FROM karantan ORDER BY 1") == [("arenden-a.csv", 1), ("arenden-b.csv", 1)]


def test_the_catalogue_is_replaced_whole(tmp_path, warehouse):
    load_extract(EXAMPLE, warehouse, now=NOW)
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "hsa_vardgivare.csv").write_text("hsa_id,namn,lan_kod\nse2321000016-a001,Nytt namn,1\n", encoding="utf-8")
    result = load_extract(folder, warehouse, now=NOW)
    assert result.removed == 1
    assert query(warehouse, "FROM hsa_vardgivare") == [("SE2321000016-A001", "Nytt namn", "01", 2)]


def test_every_source_can_be_read_as_it_was_after_any_load(tmp_path, warehouse):
    catalogue = "hsa_id,namn,lan_kod\n"
    extracts = [
        ([ROW, changed(transaktion_id="T2")], "SE01-A,A,01\nSE12-B,B,12\n"),
        ([changed(moment="Rättat"), changed(transaktion_id="T3")], "SE01-A,A,12\n"),
        ([changed(moment="Rättat igen"), changed(transaktion_id="T2", kon="Man")], "SE01-A,A,12\nSE12-B,B,12\n"),
    ]
    held = []
    for number, (rows, units) in enumerate(extracts, 1):
        folder = arenden(tmp_path / str(number), *rows)
        (folder / "hsa_vardgivare.csv").write_text(catalogue + units, encoding="utf-8")
        load_extract(folder, warehouse, now=NOW)
        held.append([query(warehouse, f"FROM {table} ORDER BY ALL") for table in ("transaktion", "hsa_vardgivare")])
    assert [len(rows) for rows, _ in held] == [2, 3, 3]
    with session() as con:
        attach(con, warehouse)
        for number, tables in enumerate(held, 1):
            for name, rows in zip(("arenden", "hsa_vardgivare"), tables, strict=True):
                found = con.execute(f"{as_loaded(sources()[name], number)} ORDER BY ALL").fetchall()
                assert found == rows, (name, number)


def test_a_repeated_row_stays_that_of_the_load_that_brought_it(tmp_path, warehouse):
    load_extract(arenden(tmp_path / "1", ROW), warehouse, now=NOW)
    load_extract(arenden(tmp_path / "2", ROW, changed(transaktion_id="T2")), warehouse, now=NOW)
    assert query(warehouse, "SELECT transaktion_id, laddning FROM transaktion ORDER BY ALL") == [("T1", 1), ("T2", 2)]
    assert query(warehouse, "FROM ersatt_transaktion") == []


def test_an_empty_catalogue_does_not_replace_a_full_one(tmp_path, warehouse):
    load_extract(EXAMPLE, warehouse, now=NOW)
    before = contents(warehouse)
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "hsa_vardgivare.csv").write_text("hsa_id,namn,lan_kod\n", encoding="utf-8")
    with pytest.raises(SobstatError, match="would empty"):
        load_extract(folder, warehouse, now=NOW)
    assert contents(warehouse) == before


def test_too_many_rows_set_aside_fail_the_load_unless_told_to_go_on(tmp_path, warehouse):
    rows = [changed(transaktion_id=f"T{n}", status="" if n < 2 else "Done") for n in range(100)]
    folder = arenden(tmp_path / "in", *rows)
    with pytest.raises(SobstatError, match=r"2 of 100 rows cannot be used(.|\n)*status is missing") as error:
        load_extract(folder, warehouse, now=NOW)
    assert "--max-set-aside" in str(error.value)
    assert not warehouse.exists()
    assert load_extract(folder, warehouse, now=NOW, max_set_aside=0.02).total.kept == 98


def test_no_persons_id_reaches_the_warehouse(tmp_path, warehouse):
    extract = make_extract(
        """
        | arende_id | status     | tidpunkt            | vardtagare_id     |
        | A1        | Inprogress | 2025-10-01T08:00:00 | 19121212-RESIDENT |
        | A2        |            | 2025-10-01T08:00:00 | 19121212-ASIDE    |
        """,
        behandlare="""
        | arende_id | behandlare_id |
        | A1        | SE-THERAPIST  |
        |           | SE-THERAPIST2 |
        """,
    )
    load_extract(write_extract(extract, tmp_path / "in"), warehouse, now=NOW, max_set_aside=1)
    for path in warehouse.parent.iterdir():
        for id_ in [b"19121212-RESIDENT", b"19121212-ASIDE", b"SE-THERAPIST"]:
            assert id_ not in path.read_bytes(), f"{id_} in {path.name}"
    assert len(query(warehouse, "FROM karantan")) == 2


def test_the_warehouse_and_the_key_are_their_owners_alone(warehouse):
    umask = os.umask(0)
    try:
        load_extract(EXAMPLE, warehouse, now=NOW)
    finally:
        os.umask(umask)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in warehouse.parent.iterdir()}
    assert modes == {"sobstat.duckdb": 0o600, "sobstat.key": 0o600}


def test_another_key_is_refused(warehouse, monkeypatch):
    load_extract(EXAMPLE, warehouse, now=NOW)
    before = contents(warehouse)
    monkeypatch.setenv(KEY_VARIABLE, "11" * 32)
    with pytest.raises(SobstatError, match="key is not the one"):
        load_extract(EXAMPLE, warehouse, now=NOW)
    assert contents(warehouse) == before


def test_a_lost_key_is_not_made_anew(warehouse):
    load_extract(EXAMPLE, warehouse, now=NOW)
    (warehouse.parent / "sobstat.key").unlink()
    with pytest.raises(SobstatError, match=r"key .* is missing"):
        load_extract(EXAMPLE, warehouse, now=NOW)


def test_a_key_that_others_can_read_is_refused(warehouse):
    load_extract(EXAMPLE, warehouse, now=NOW)
    (warehouse.parent / "sobstat.key").chmod(0o644)
    with pytest.raises(SobstatError, match="chmod 600"):
        load_extract(EXAMPLE, warehouse, now=NOW)


def test_the_history_says_which_files_became_what(warehouse):
    load_extract(EXAMPLE, warehouse, now=datetime(2026, 5, 1, 6, tzinfo=UTC))
    [(number, time, read, kept)] = query(warehouse, "SELECT laddning, tidpunkt, lasta, behallna FROM laddning")
    assert (number, time, read, kept) == (1, datetime(2026, 5, 1, 6), 436, 436)
    files = dict(query(warehouse, "SELECT fil, sha256 FROM laddad_fil"))
    assert files == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in EXAMPLE.glob("*.csv")}


def test_a_file_that_is_no_warehouse_is_left_alone(tmp_path):
    path = tmp_path / "sobstat.duckdb"
    shutil.copy(EXAMPLE / "arenden.csv", path)
    before = path.read_bytes()
    (tmp_path / "sobstat.key").write_text("00" * 32)
    (tmp_path / "sobstat.key").chmod(0o600)
    with pytest.raises(SobstatError, match="not a warehouse"):
        load_extract(EXAMPLE, path, now=NOW)
    assert path.read_bytes() == before
