"""Warehouses of earlier programs: upgraded they are what this program makes of the same files, and all figures hold."""

import shutil
import stat
from pathlib import Path

import duckdb
import pytest

from extracts import COLUMNS, Library, check, make_extract, write_extract
from older import BEHANDLARE_TWO, HSA_TWO, KEY, ONE, TWO, load_both, make_older
from sobstat.contract import sources
from sobstat.errors import SobstatError
from sobstat.load import load_extract
from sobstat.operation import upgrade as upgrading
from sobstat.operation.upgrade import upgrade
from sobstat.pseudonyms import KEY_VARIABLE
from sobstat.warehouse import SCHEMA_VERSION, holdings, table_of

VERSIONS = range(1, SCHEMA_VERSION)


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, KEY)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory) -> Path:
    """What this program makes of the loads."""
    folder = tmp_path_factory.mktemp("fresh")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY_VARIABLE, KEY)
        return load_both(folder, folder / "fresh.duckdb")


@pytest.fixture(scope="module")
def figures(fresh) -> dict[str, list]:
    return tables(fresh)


def contents(warehouse: Path, *without: str) -> dict[str, tuple]:
    """Every table: its columns with their types, and its rows; columns may be left out."""
    held = {}
    with duckdb.connect(str(warehouse), read_only=True) as con:
        for (name,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            columns = [column[:2] for column in con.execute(f"FROM {name}").description if column[0] not in without]
            named = ", ".join(f'"{column}"' for column, _ in columns)
            held[name] = columns, con.execute(f"SELECT {named} FROM {name} ORDER BY ALL").fetchall()
    return held


def tables(warehouse: Path) -> dict[str, list]:
    """The twelve reports, nothing hidden."""
    report = Library(warehouse, "riket", "2025-09", "2025-10", 0)
    found = {name: report.table(name) for name in COLUMNS}
    report.report.close()
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_an_upgraded_warehouse_is_what_this_program_makes_of_the_same_files(version, fresh, figures, tmp_path):
    warehouse = make_older(version, tmp_path / "w.duckdb")
    was = warehouse.read_bytes()
    kept = upgrade(warehouse)
    assert tables(warehouse) == figures
    if version > 1:
        assert contents(warehouse, "program") == contents(fresh, "program")
    assert kept == tmp_path / f"w.duckdb.v{version}"
    assert kept.read_bytes() == was
    assert {stat.S_IMODE(path.stat().st_mode) for path in (warehouse, kept)} == {0o600}
    assert sorted(path.name for path in tmp_path.iterdir()) == [warehouse.name, kept.name]
    assert upgrade(warehouse) is None


def test_the_schema_does_not_change_without_a_new_version(fresh, tmp_path):
    """If this fails, count SCHEMA_VERSION up, add a step from the version before, and run `python older.py`."""
    today = make_older(SCHEMA_VERSION, tmp_path / "w.duckdb")
    assert contents(today, "program") == contents(fresh, "program")


def test_version_1_did_not_note_which_load_brought_a_row(fresh, tmp_path):
    warehouse = make_older(1, tmp_path / "w.duckdb")
    upgrade(warehouse)
    unknown = ("laddning", "program")
    upgraded, made = contents(warehouse, *unknown), contents(fresh, *unknown)
    for name in ("ersatt_transaktion", "ersatt_hsa_vardgivare"):
        assert upgraded.pop(name) == (made[name][0], [])
        assert made.pop(name)[1]
    assert upgraded == made
    with duckdb.connect(str(warehouse), read_only=True) as con:
        for (name,) in con.execute("SELECT DISTINCT kalla FROM laddad_fil").fetchall():
            source = sources()[name]
            assert con.execute(f"SELECT DISTINCT laddning FROM {table_of(source)}").fetchall() == [(1,)]


def test_figures_of_an_upgraded_warehouse_by_hand(tmp_path):
    """A1 starts last in October, and was done before: its counted start is of October. A2 was done on 1 October."""
    warehouse = make_older(1, tmp_path / "w.duckdb")
    upgrade(warehouse)
    report = Library(warehouse, "riket", "2025-09", "2025-10", 0)
    check(
        report.table("per-manad"),
        """
        | manad   | startade | avslutade | behandlare |
        | 2025-09 | 2        | 0         | 2          |
        | 2025-10 | 1        | 2         | 2          |
        """,
    )
    check(
        report.table("vardtagare-per-kon"),
        """
        | kon    | vardtagare |
        | Kvinna | 1          |
        | Man    | 2          |
        """,
    )
    check(report.table("per-lan"), "| lan_kod | startade | avslutade | behandlare |\n| 12 | 3 | 2 | 3 |")


def test_a_load_upgrades_and_persons_stay_the_same(fresh, tmp_path):
    """The same extract brings nothing new, so every pseudonym of it is known already, with its sign."""
    warehouse = make_older(3, tmp_path / "w.duckdb")
    extract = write_extract(make_extract(TWO, BEHANDLARE_TWO, hsa_vardgivare=HSA_TWO), tmp_path / "again")
    result = load_extract(extract, warehouse, max_set_aside=1)
    assert not result.changed
    assert result.upgraded == tmp_path / "w.duckdb.v3"
    assert contents(warehouse, "program") == contents(fresh, "program")
    assert load_extract(extract, warehouse, max_set_aside=1).upgraded is None


def test_a_load_that_fails_leaves_the_older_warehouse_as_it_was(tmp_path):
    warehouse = make_older(3, tmp_path / "w.duckdb")
    was = warehouse.read_bytes()
    with pytest.raises(SobstatError, match="cannot be used"):
        load_extract(write_extract(make_extract(TWO), tmp_path / "in"), warehouse)
    assert warehouse.read_bytes() == was
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "w.duckdb"]


def test_who_only_reads_says_what_to_run(tmp_path):
    warehouse = make_older(3, tmp_path / "w.duckdb")
    with pytest.raises(SobstatError, match=r"has schema version 3, and this program reads .*: run `sobstat upgrade`"):
        holdings(warehouse)


def test_an_older_program_refuses_a_newer_warehouse(fresh, tmp_path):
    newer = Path(shutil.copy(fresh, tmp_path / "w.duckdb"))
    with duckdb.connect(str(newer)) as con:
        con.execute("UPDATE lager_version SET version = ?", [SCHEMA_VERSION + 1])
    was, extract = newer.read_bytes(), write_extract(make_extract(ONE), tmp_path / "in")
    for refused in (lambda: holdings(newer), lambda: load_extract(extract, newer), lambda: upgrade(newer)):
        with pytest.raises(SobstatError, match="use the newer program that wrote it"):
            refused()
    assert newer.read_bytes() == was


def test_sources_that_are_new_get_their_tables(fresh, tmp_path):
    warehouse = make_older(3, tmp_path / "w.duckdb")
    with duckdb.connect(str(warehouse)) as con:
        con.execute("DROP TABLE hsa_vardenhet; DROP TABLE ersatt_hsa_vardenhet")
    upgrade(warehouse)
    made, upgraded = contents(fresh), contents(warehouse)
    for name in ("hsa_vardenhet", "ersatt_hsa_vardenhet"):
        assert upgraded[name] == (made[name][0], [])


def test_an_upgrade_that_stops_before_its_last_step_can_be_made_again(tmp_path, monkeypatch):
    warehouse = make_older(2, tmp_path / "w.duckdb")
    was = warehouse.read_bytes()

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(upgrading, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            upgrade(warehouse)
    assert warehouse.read_bytes() == was
    assert upgrade(warehouse).read_bytes() == was
    assert upgrade(warehouse) is None


def test_an_upgrade_never_overwrites_what_an_earlier_one_kept(tmp_path):
    warehouse = make_older(2, tmp_path / "w.duckdb")
    was = warehouse.read_bytes()
    (tmp_path / "w.duckdb.v2").write_bytes(b"of another year")
    with pytest.raises(SobstatError, match="is there already, from an earlier upgrade"):
        upgrade(warehouse)
    assert warehouse.read_bytes() == was
    assert (tmp_path / "w.duckdb.v2").read_bytes() == b"of another year"
