"""The load: all or nothing, every row accounted for, no person's id inside."""

import codecs
import gzip
import hashlib
import os
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
from sobstat.warehouse import MEMORY_VARIABLE, THREADS_VARIABLE, as_loaded, attach, session, shared

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


def test_a_loosened_warehouse_is_tightened(warehouse):
    load_extract(EXAMPLE, warehouse, now=NOW)
    warehouse.chmod(0o666)
    load_extract(EXAMPLE, warehouse, now=NOW)
    assert stat.S_IMODE(warehouse.stat().st_mode) == 0o600


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
    held, read = [], (sources()["arenden"], sources()["hsa_vardgivare"])
    for number, (rows, units) in enumerate(extracts, 1):
        folder = arenden(tmp_path / str(number), *rows)
        (folder / "hsa_vardgivare.csv").write_text(catalogue + units, encoding="utf-8")
        load_extract(folder, warehouse, now=NOW)
        with session() as con:
            attach(con, warehouse)
            held.append([con.execute(f"{as_loaded(source)} ORDER BY ALL").fetchall() for source in read])
    assert [len(rows) for rows, _ in held] == [2, 3, 3]
    with session() as con:
        attach(con, warehouse)
        for number, tables in enumerate(held, 1):
            for source, rows in zip(read, tables, strict=True):
                found = con.execute(f"{as_loaded(source, number)} ORDER BY ALL").fetchall()
                assert found == rows, (source.name, number)


def test_what_follows_a_transaction_is_kept_up_by_every_load(tmp_path, warehouse):
    """The ärenden's other rows, those that a row is taken from included: next start, next completion, latest reason."""
    done = {"status": "Done", "tidpunkt": "2025-10-05", "avslutningsorsak": "Klar"}
    first = [ROW, changed(transaktion_id="T2", **done)]
    second = [
        changed(transaktion_id="T3", tidpunkt="2025-10-10"),
        changed(transaktion_id="T4", arende_id="A2", tidpunkt="2025-10-02"),
    ]
    corrected = [changed(transaktion_id="T2", arende_id="A2", **done)]
    kept = (
        "SELECT transaktion_id, day(nasta_start_dag), day(nasta_avslut_dag), senaste_orsak FROM transaktion ORDER BY 1"
    )
    load_extract(arenden(tmp_path / "1", *first), warehouse, now=NOW)
    load_extract(arenden(tmp_path / "2", *second), warehouse, now=NOW)
    assert query(warehouse, kept) == [
        ("T1", 10, 5, None),
        ("T2", 10, None, "Klar"),
        ("T3", None, None, "Klar"),
        ("T4", None, None, None),
    ]
    load_extract(arenden(tmp_path / "3", *corrected), warehouse, now=NOW)
    assert query(warehouse, kept) == [
        ("T1", 10, None, None),
        ("T2", None, None, "Klar"),
        ("T3", None, None, None),
        ("T4", None, 5, None),
    ]


def test_memory_can_be_limited(warehouse, monkeypatch):
    monkeypatch.setenv(MEMORY_VARIABLE, "200MB")
    with session() as con:
        assert con.execute("SELECT current_setting('memory_limit')").fetchone() == ("190.7 MiB",)
    monkeypatch.setenv(MEMORY_VARIABLE, "much")
    with pytest.raises(SobstatError, match=r"SOBSTAT_MEMORY is 'much': give an amount such as 4GB"):
        load_extract(EXAMPLE, warehouse, now=NOW)


@pytest.mark.parametrize(("given", "share"), [("2GB", "238.4 MiB"), ("1.5 GB", "178.8 MiB")])
def test_sessions_at_work_together_share_the_memory(monkeypatch, given, share):
    monkeypatch.setenv(MEMORY_VARIABLE, given)
    monkeypatch.setenv(THREADS_VARIABLE, "20")
    for name, value in shared(8).items():
        monkeypatch.setenv(name, value)
    with session() as con:
        assert con.execute("SELECT current_setting('memory_limit'), current_setting('threads')").fetchone() == (
            share,
            2,
        )


def test_a_repeated_row_stays_that_of_the_load_that_brought_it(tmp_path, warehouse):
    load_extract(arenden(tmp_path / "1", ROW), warehouse, now=NOW)
    load_extract(arenden(tmp_path / "2", ROW, changed(transaktion_id="T2")), warehouse, now=NOW)
    assert query(warehouse, "SELECT transaktion_id, laddning FROM transaktion ORDER BY ALL") == [("T1", 1), ("T2", 2)]
    assert query(warehouse, "FROM ersatt_transaktion") == []


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


def test_the_history_says_which_files_became_what(warehouse):
    load_extract(EXAMPLE, warehouse, now=datetime(2026, 5, 1, 6, tzinfo=UTC))
    [(number, time, read, kept)] = query(warehouse, "SELECT laddning, tidpunkt, lasta, behallna FROM laddning")
    assert (number, time, read, kept) == (1, datetime(2026, 5, 1, 6), 436, 436)
    files = dict(query(warehouse, "SELECT fil, sha256 FROM laddad_fil"))
    assert files == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in EXAMPLE.glob("*.csv")}
