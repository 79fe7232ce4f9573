"""Loads from a database: the same as from files, only what is new, and what happens when it is not as it should be."""

import json
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from extracts import NOW
from postgres import PASSWORD, started
from sobstat import cli
from sobstat.delivered import database
from sobstat.delivered.database import PASSWORD_VARIABLE, open_database
from sobstat.delivered.mapping import read_mapping
from sobstat.demo import write_demo
from sobstat.errors import SobstatError
from sobstat.load import load_extract
from sobstat.pseudonyms import KEY_VARIABLE

MAPPING = Path(__file__).parent.parent / "params" / "sob_postgresql.yml"
PLATFORM = """
CREATE SCHEMA sob;
CREATE TABLE sob.raden (
    nr text, arende text, typ text, status text, tid timestamptz, process text, program text, vardgivare text,
    vardenhet text, person text, kon text, alder smallint, orsak text
);
CREATE TABLE sob.behandlare (arende text, person text);
COPY sob.raden FROM STDIN WITH (FORMAT csv, HEADER);
{arenden}\\.
COPY sob.behandlare FROM STDIN WITH (FORMAT csv, HEADER);
{behandlare}\\.
CREATE TABLE sob.arende AS SELECT DISTINCT arende, typ FROM sob.raden;
CREATE TABLE sob.handelse AS SELECT
    nr, arende, CASE status WHEN 'Inprogress' THEN 'PÅGÅR' WHEN 'Done' THEN 'AVSLUTAD' ELSE status END AS ny_status,
    tid, process, program, vardgivare, vardenhet, person,
    CASE kon WHEN 'Kvinna' THEN 'K' WHEN 'Man' THEN '1' END AS kon, alder, orsak, tid AS registrerad
FROM sob.raden;
GRANT USAGE ON SCHEMA sob TO lasare;
GRANT SELECT ON ALL TABLES IN SCHEMA sob TO lasare;
"""
ROWS = "SELECT * EXCLUDE (laddning) FROM {} ORDER BY ALL"


def query(warehouse: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(warehouse), read_only=True) as con:
        return con.execute(sql).fetchall()


@pytest.fixture(scope="module", autouse=True)
def key():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY_VARIABLE, "00" * 32)
        patch.setenv(PASSWORD_VARIABLE, PASSWORD)
        yield


@pytest.fixture(scope="module")
def extract(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("extract")
    write_demo(folder / "in", arenden=300, to_month="2025-10")
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        for name in ("arenden", "behandlare"):
            con.execute(f"COPY (FROM '{folder}/in/{name}.parquet') TO '{folder}/{name}.csv'")
    return folder


@pytest.fixture(scope="module")
def server(extract):
    with started() as server:
        tables = {name: (extract / f"{name}.csv").read_text("utf-8") for name in ("arenden", "behandlare")}
        server.run(PLATFORM.format(**tables))
        yield server


def load(server, warehouse: Path, mapping: Path = MAPPING, now: datetime = NOW):
    return load_extract(open_database(server.address, read_mapping(mapping)), warehouse, now=now)


@pytest.fixture(scope="module")
def loaded(server, tmp_path_factory):
    warehouse = tmp_path_factory.mktemp("loaded") / "w.duckdb"
    return warehouse, load(server, warehouse)


def test_the_database_gives_the_same_warehouse_as_files(loaded, extract, tmp_path):
    load_extract(extract / "in", tmp_path / "w.duckdb", now=NOW)
    for table in ("transaktion", "behandlare"):
        assert query(loaded[0], ROWS.format(table)) == query(tmp_path / "w.duckdb", ROWS.format(table))
    assert loaded[1].total.set_aside == 0


def test_only_what_is_new_is_read(loaded, server, tmp_path):
    warehouse, first = loaded
    assert first.changed
    again = load(server, warehouse)
    (last,) = query(warehouse, "SELECT max(tidpunkt) FROM transaktion")[0]
    (near,) = query(warehouse, f"SELECT count(*) FROM transaktion WHERE tidpunkt >= '{last - timedelta(days=1)}'")[0]
    assert again.per_file["query: arenden"].read == near < first.per_file["query: arenden"].read
    assert again.total.kept == 0
    server.run(
        "INSERT INTO sob.handelse SELECT 'ny', arende, 'PÅGÅR', tid, process, program, vardgivare, vardenhet, person, "
        "kon, alder, orsak, registrerad FROM sob.handelse ORDER BY registrerad DESC LIMIT 1"
    )
    assert load(server, warehouse).per_file["query: arenden"].kept == 1
    assert query(warehouse, "SELECT status FROM transaktion WHERE transaktion_id = 'ny'") == [("Inprogress",)]
    server.run("DELETE FROM sob.handelse WHERE nr = 'ny'")


def test_the_mark_is_of_one_warehouse_and_one_mapping(server, tmp_path):
    def read(warehouse: Path, mapping: Path = MAPPING) -> int:
        return load(server, warehouse, mapping).per_file["query: arenden"].read

    warehouse = tmp_path / "w.duckdb"
    everything = read(warehouse)
    copy = warehouse.read_bytes()
    assert read(warehouse) < everything
    other = tmp_path / "other.yml"
    other.write_text(MAPPING.read_text("utf-8").replace("moment: program", "moment: process"), "utf-8")
    assert read(warehouse, other) == everything
    warehouse.write_bytes(copy)  # the mark tells of a load that this copy lacks
    assert read(warehouse, other) == everything
    warehouse.unlink()
    assert read(warehouse, other) == everything


def test_a_mark_is_never_after_the_load(server, tmp_path):
    load(server, tmp_path / "w.duckdb")
    server.run("UPDATE sob.handelse SET registrerad = '2999-01-01' WHERE nr = (SELECT max(nr) FROM sob.handelse)")
    load(server, tmp_path / "w.duckdb")
    (kept,) = json.loads((tmp_path / "w.source.json").read_text("utf-8")).values()
    assert datetime.fromisoformat(kept["mark"]) == NOW
    server.run("UPDATE sob.handelse SET registrerad = tid")


def test_nothing_secret_is_told(server, loaded, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr("sobstat.load.datetime", FixedClock)
    options = ["--warehouse", str(tmp_path / "w.duckdb"), "--mapping", str(MAPPING), "--json", "--verbose"]
    monkeypatch.setattr("sobstat.cli.terminal.flags", {"--verbose"})
    assert cli.run(cli.app, ["load", server.address, *options[:-1]]) == 0
    monkeypatch.setenv(PASSWORD_VARIABLE, f"{PASSWORD}-fel")
    assert cli.run(cli.app, ["load", server.address, *options[:-1]]) == 2
    said = "".join(capfd.readouterr())
    assert "The database postgresql:///postgres cannot be read; nothing was loaded." in said
    assert 'password authentication failed for user "lasare"' in said
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"postgresql:///postgres" in kept
    for secret in (PASSWORD, "lasare@"):
        assert secret not in said.replace(server.address, "")
        assert secret.encode() not in kept
    assert [path.name for path in tmp_path.iterdir() if path.stat().st_mode & 0o077] == []


class FixedClock(datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


ADDRESSES = {
    "a password": "postgresql://u:hemligt@h/d",
    "a password as an option": "postgresql://u@h/d?password=hemligt",
    "a password among options": "mssql+pyodbc:///?odbc_connect=DRIVER%3Dx%3BPWD%3Dhemligt",
}


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES.keys())
def test_a_password_in_the_address_is_refused_and_not_repeated(tmp_path, capsys, address):
    command = ["load", address, "--warehouse", str(tmp_path / "w.duckdb"), "--mapping", str(MAPPING)]
    assert cli.run(cli.app, command) == 2
    said = capsys.readouterr().err
    assert "hemligt" not in said
    assert list(tmp_path.iterdir()) == []
    assert "SOBSTAT_DB_PASSWORD" in said or "mssql+pyodbc://…" in said


THERAPISTS = "behandlare:\n  table: {}\n  columns: {{arende_id: {}, behandlare_id: {}}}\n"
WRONG = {
    "no mapping": (None, "postgresql:///postgres needs a mapping"),
    "files": ("behandlare:\n  columns: {arende_id: a, behandlare_id: b}\n", "behandlare is mapped from files"),
    "no such table": (
        "behandlare:\n  table: sob.x\n  columns: {arende_id: a, behandlare_id: b}\n",
        'relation "sob.x" does',
    ),
    "no such column": (
        "behandlare:\n  table: sob.behandlare\n  columns: {arende_id: Arende, behandlare_id: arende}\n",
        "sob.behandlare: behandlare: column Arende (nearest found: arende) is missing; found arende, person.",
    ),
    "no right": (
        "behandlare:\n  table: pg_authid\n  columns: {arende_id: rolname, behandlare_id: oid}\n",
        "permission",
    ),
    "a query that writes": (
        "behandlare:\n  query: DELETE FROM sob.behandlare RETURNING *\n"
        "  columns: {arende_id: arende, behandlare_id: person}\n",
        "cannot be read",
    ),
    "bytes": (
        "behandlare:\n  query: SELECT '\\x00'::bytea AS a, 1 AS b\n  columns: {arende_id: a, behandlare_id: b}\n",
        "a column holds bytes; expected text, numbers and times",
    ),
    "an overlap of another kind": (
        "arenden:\n  table: sob.raden\n  new_since: {column: tid, overlap: 10}\n  columns: {transaktion_id: nr, "
        "arende_id: arende, arendetyp: typ, status: status, tidpunkt: tid}\n",
        "column tid holds datetime, of which overlap 10 is no amount",
    ),
    "new since a text": (
        "arenden:\n  table: sob.raden\n  new_since: {column: nr, overlap: 10}\n  columns: {transaktion_id: nr, "
        "arende_id: arende, arendetyp: typ, status: status, tidpunkt: tid}\n",
        "column nr holds str, of which overlap 10 is no amount",
    ),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_told(server, tmp_path, text, message):
    (tmp_path / "m.yml").write_text(text or "", "utf-8")
    with pytest.raises(SobstatError) as told:
        load_extract(
            open_database(server.address, read_mapping(tmp_path / "m.yml") if text else None), tmp_path / "w.duckdb"
        )
    assert message in str(told.value)
    assert not (tmp_path / "w.duckdb").exists()


def test_a_database_that_dies_while_it_is_read_leaves_the_warehouse_as_it_was(server, tmp_path, capfd, monkeypatch):
    """It is killed after the first block of rows; then it is started, and the same command does it all."""
    warehouse = tmp_path / "w.duckdb"
    everything = load(server, warehouse).per_file["query: arenden"].read
    server.run("UPDATE sob.handelse SET registrerad = '2026-05-31'")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr(database, "ROWS_AT_A_TIME", 50)
    text, rows = database._text, []

    def killing(value):
        rows.append(value)
        if len(rows) == 1000:
            server.kill()
        return text(value)

    monkeypatch.setattr(database, "_text", killing)
    command = ["load", server.address, "--warehouse", str(warehouse), "--mapping", str(MAPPING)]
    assert cli.run(cli.app, command) == 2
    said = capfd.readouterr().err
    assert said.splitlines()[0] == (
        "The database postgresql:///postgres failed while arenden was read; nothing was loaded."
    )
    assert "Traceback" not in said
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name != "w.loads.jsonl"}
    assert after == before
    assert cli.run(cli.app, command) == 2
    assert "cannot be read; nothing was loaded." in capfd.readouterr().err
    server.start()
    assert load(server, warehouse).per_file["query: arenden"].read == everything
    server.run("UPDATE sob.handelse SET registrerad = tid")


# ---------- Any other database that SQLAlchemy reaches ----------

LOG = "arenden:\n  table: handelse\n  new_since: {column: nr, overlap: 0}\n  columns:\n" + "".join(
    f"    {name}: {column}\n"
    for name, column in {
        "transaktion_id": "nr",
        "arende_id": "arende",
        "arendetyp": "{value: Process}",
        "status": "status",
        "tidpunkt": "tid",
        "alder": "alder",
    }.items()
)


def test_sqlite(tmp_path):
    (tmp_path / "m.yml").write_text(LOG, "utf-8")
    with sqlite3.connect(tmp_path / "sob.db") as con:
        con.execute("CREATE TABLE handelse (nr INTEGER, arende TEXT, status TEXT, tid TEXT, alder REAL)")
        con.execute(
            "INSERT INTO handelse VALUES (1, 'NA', 'Inprogress', '2025-10-01', 40.0), (2, 'B', 'Done', 'x', NULL)"
        )
    source = open_database(f"sqlite:///{tmp_path}/sob.db", read_mapping(tmp_path / "m.yml"))
    result = load_extract(source, tmp_path / "w.duckdb", now=NOW, max_set_aside=1)
    assert (result.total.read, result.total.kept, result.total.set_aside) == (2, 1, 1)
    held = "SELECT transaktion_id, arende_id, tidpunkt, alder FROM transaktion"
    assert query(tmp_path / "w.duckdb", held) == [("1", "NA", datetime(2025, 9, 30, 22), 40)]
    with sqlite3.connect(tmp_path / "sob.db") as con:
        con.execute("INSERT INTO handelse VALUES (3, 'B', 'Done', '2025-10-02', NULL)")
    assert load_extract(source, tmp_path / "w.duckdb", now=NOW, max_set_aside=1).total.read == 2


def test_a_file_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(SobstatError, match=r"There is no database .*sob\.db"):
        open_database(f"sqlite:///{tmp_path}/sob.db", {})
    assert list(tmp_path.iterdir()) == []


def test_no_row_at_all_is_nothing_new(tmp_path):
    (tmp_path / "m.yml").write_text(LOG, "utf-8")
    with sqlite3.connect(tmp_path / "sob.db") as con:
        con.execute("CREATE TABLE handelse (nr INTEGER, arende TEXT, status TEXT, tid TEXT, alder REAL)")
    source = open_database(f"sqlite:///{tmp_path}/sob.db", read_mapping(tmp_path / "m.yml"))
    assert load_extract(source, tmp_path / "w.duckdb", now=NOW).total.read == 0
    assert not (tmp_path / "w.source.json").exists()
