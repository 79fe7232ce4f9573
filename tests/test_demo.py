"""The synthetic extract: its contract, its label, and that it holds what the real service holds."""

import hashlib
from datetime import UTC, datetime

import duckdb
import pytest

from sobstat.demo import arenden as course
from sobstat.demo import write, write_demo
from sobstat.demo.population import RIKET_TOTALS, county_totals, largest_remainder, population
from sobstat.demo.tables import read_table
from sobstat.errors import SobstatError

ARENDEN, TO_MONTH = 3_000, "2024-06"


@pytest.fixture(scope="module")
def extract(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "in"
    write_demo(out, ARENDEN, TO_MONTH)
    return out


@pytest.fixture(scope="module")
def con(extract):
    """Views named after the sources, and the table `lokal`: rows with local time and clean ids."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'Europe/Stockholm'")
    for source in ["arenden", "behandlare", "hsa_vardgivare", "hsa_vardenhet", "befolkning"]:
        con.execute(f"CREATE VIEW {source} AS FROM '{extract}/{source}*.parquet'")
    con.execute("""
        CREATE TABLE lokal AS
        SELECT * REPLACE (upper(trim(vardgivare_id)) AS vardgivare_id,
                          upper(trim(vardenhet_id)) AS vardenhet_id),
               timezone('Europe/Stockholm', tidpunkt) AS lokal,
               status = 'Done' AND tidpunkt >= '2023-01-01' AS done_2023
        FROM arenden WHERE status IS NOT NULL AND tidpunkt IS NOT NULL""")
    return con


def value(con, sql):
    return con.execute(sql).fetchall()[0][0]


def hashes(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_same_arguments_same_bytes(extract, tmp_path):
    write_demo(tmp_path / "again", ARENDEN, TO_MONTH)
    assert hashes(tmp_path / "again") == hashes(extract)
    write_demo(tmp_path / "other", ARENDEN, TO_MONTH, seed=2)
    assert hashes(tmp_path / "other")["arenden.parquet"] != hashes(extract)["arenden.parquet"]


def test_contract(con):
    def columns(source):
        return {name: kind for name, kind, *_ in con.execute(f"DESCRIBE {source}").fetchall()}

    text = dict.fromkeys(
        ["transaktion_id", "arende_id", "arendetyp", "status", "process", "moment", "vardgivare_id"],
        "VARCHAR",
    )
    text |= dict.fromkeys(["vardenhet_id", "vardtagare_id", "kon", "avslutningsorsak"], "VARCHAR")
    assert columns("arenden") == text | {"tidpunkt": "TIMESTAMP WITH TIME ZONE", "alder": "INTEGER"}
    assert columns("behandlare") == {"arende_id": "VARCHAR", "behandlare_id": "VARCHAR"}
    vardgivare = {"hsa_id": "VARCHAR", "namn": "VARCHAR", "lan_kod": "VARCHAR"}
    assert columns("hsa_vardgivare") == vardgivare
    assert columns("hsa_vardenhet") == vardgivare | {"vardgivare_id": "VARCHAR", "kommun_kod": "VARCHAR"}
    assert list(columns("befolkning")) == ["ar", "lan_kod", "kon", "alder", "antal"]
    assert value(con, "SELECT count(DISTINCT transaktion_id) = count(*) FROM arenden")
    assert value(con, "SELECT count(DISTINCT arende_id) FROM arenden") == ARENDEN
    assert value(con, "SELECT count(DISTINCT upper(hsa_id)) = count(*) FROM hsa_vardenhet")


def test_labelled_as_synthetic(con, extract):
    assert value(con, "SELECT bool_and(starts_with(transaktion_id, 'SYN-')) FROM arenden")
    for source in ["hsa_vardgivare", "hsa_vardenhet"]:
        assert value(con, f"SELECT bool_and(namn LIKE '% (syntetisk)') FROM {source}")
        hsa_id = "^SE000[0-9]{7}-[A-Z0-9]+$"
        assert value(con, f"SELECT bool_and(regexp_matches(upper(hsa_id), '{hsa_id}')) FROM {source}")
    assert "SYNTHETIC" in (extract / "README.txt").read_text(encoding="utf-8")


def test_stays_between_october_2015_and_to_month(con):
    assert value(con, "SELECT min(lokal) >= TIMESTAMP '2015-10-01' FROM lokal")
    assert value(con, "SELECT strftime(max(lokal), '%Y-%m') FROM lokal") == TO_MONTH


def test_ends_with_yesterday_if_the_month_is_not_over(tmp_path, monkeypatch):
    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            # 00:30 on 12 March in Stockholm, still the 11th in UTC
            return datetime(2021, 3, 11, 23, 30, tzinfo=UTC).astimezone(tz)

    monkeypatch.setattr(write, "datetime", Clock)
    write_demo(tmp_path / "in", 2_000, "2021-03")
    latest = value(duckdb, f"SELECT max(tidpunkt)::VARCHAR FROM '{tmp_path}/in/arenden.parquet'")
    assert "2021-03-09" < latest < "2021-03-12"
    with pytest.raises(SobstatError, match="no day of that month is over"):
        write_demo(tmp_path / "in", 2_000, "2021-04")


@pytest.mark.parametrize(
    ("phenomenon", "sql"),
    [
        ("pause and resumption", "SELECT list_contains(s, 'Paused') AND s[-1] = 'Done' FROM forlopp"),
        ("reopening", "SELECT list_position(s, 'Done') < len(s) AND s[-1] = 'Inprogress' FROM forlopp"),
        ("done again", "SELECT len(list_filter(s, lambda x: x = 'Done')) = 2 FROM forlopp"),
        ("repeated start", "SELECT s[1:2] = ['Inprogress', 'Inprogress'] FROM forlopp"),
        ("drop-out", "SELECT NOT list_contains(s, 'Done') AND start < '2020-01-01' FROM forlopp"),
        ("drop-out with a reason", "SELECT avslutningsorsak LIKE 'Avbrutet%' FROM lokal"),
        ("handover to another unit", "SELECT enheter > 1 FROM forlopp"),
        ("handover to another vardgivare", "SELECT vardgivare > 1 FROM forlopp"),
        ("a birthday on the way", "SELECT aldrar = 2 FROM forlopp"),
        ("unknown resident", "SELECT vardtagare_id IS NULL FROM lokal"),
        ("empty kon", "SELECT kon IS NULL FROM lokal"),
        ("empty alder", "SELECT alder IS NULL FROM lokal"),
        ("empty reason", "SELECT avslutningsorsak IS NULL FROM lokal WHERE done_2023"),
        ("other arendetyp", "SELECT arendetyp <> 'Process' FROM lokal"),
        ("several arenden", "SELECT count(DISTINCT arende_id) > 2 FROM lokal GROUP BY vardtagare_id"),
        ("several lan", "SELECT count(DISTINCT lan_kod) > 1 FROM i_hsa GROUP BY vardtagare_id"),
        ("several units", "SELECT count(DISTINCT vardenhet_id) > 2 FROM lokal GROUP BY vardtagare_id"),
        ("vardgivare not in HSA", "SELECT NOT finns FROM i_hsa"),
        ("vardgivare in HSA without lan", "SELECT finns AND lan_kod IS NULL FROM i_hsa"),
        ("unit not in HSA", "SELECT vardenhet_id NOT IN (SELECT hsa_id FROM i_hsa_enhet) FROM lokal"),
        ("ids in lower case", "SELECT vardenhet_id <> upper(vardenhet_id) FROM arenden"),
        ("two therapists", "SELECT count(*) > 1 FROM behandlare GROUP BY arende_id"),
        ("no therapist", "SELECT arende_id NOT IN (SELECT arende_id FROM behandlare) FROM lokal"),
    ],
)  # fmt: skip
def test_holds(con, phenomenon, sql):
    con.execute("""
        CREATE TEMP TABLE IF NOT EXISTS forlopp AS
        SELECT arende_id, list(status ORDER BY tidpunkt) AS s, min(lokal) AS start,
               count(DISTINCT vardenhet_id) AS enheter, count(DISTINCT vardgivare_id) AS vardgivare,
               count(DISTINCT alder) AS aldrar
        FROM lokal GROUP BY arende_id""")
    con.execute("""
        CREATE TEMP TABLE IF NOT EXISTS i_hsa AS
        SELECT lokal.*, hsa.lan_kod, hsa.hsa_id IS NOT NULL AS finns
        FROM lokal LEFT JOIN hsa_vardgivare hsa ON upper(hsa.hsa_id) = lokal.vardgivare_id""")
    con.execute("CREATE TEMP VIEW IF NOT EXISTS i_hsa_enhet AS SELECT upper(hsa_id) AS hsa_id FROM hsa_vardenhet")
    assert value(con, f"SELECT bool_or(found) FROM ({sql}) AS t(found)"), phenomenon


def test_no_closing_reason_before_march_2022(con):
    assert value(con, "SELECT min(lokal) >= '2022-03-01' FROM lokal WHERE avslutningsorsak IS NOT NULL")
    assert value(con, "SELECT bool_and(status = 'Done') FROM lokal WHERE avslutningsorsak IS NOT NULL")


def test_self_help_has_no_therapist(con):
    moment = read_table("moment.csv").query("behandlare == 'nej'")["moment"]
    names = ", ".join(f"'{name}'" for name in moment)
    assert value(con, f"SELECT count(*) FROM behandlare JOIN lokal USING (arende_id) WHERE moment IN ({names})") == 0


def test_every_arende_starts_and_no_two_transactions_are_simultaneous(con):
    first = "SELECT arg_min(status, tidpunkt) AS status FROM lokal GROUP BY arende_id"
    # but for the very few whose start has no usable time or status
    assert value(con, f"SELECT count(*) FILTER (status <> 'Inprogress') FROM ({first})") <= 2
    assert value(con, "SELECT count(DISTINCT (arende_id, tidpunkt)) = count(*) FROM lokal")


def test_shape(con):
    """Skewed, not uniform: län, weekdays, hours, seasons, growth, kön and unit sizes."""
    starts = "(SELECT min(lokal) AS start, any_value(vardgivare_id) AS vg FROM lokal GROUP BY arende_id)"

    def share(condition, rows=starts):
        return value(con, f"SELECT avg(({condition})::INTEGER) FROM {rows}")

    assert share("isodow(start) >= 6") < 0.1
    assert share("isodow(start) = 1") > share("isodow(start) = 5")
    assert share("month(start) = 7") < 0.5 * share("month(start) = 5")
    assert share("start < '2018-01-01'") < 0.65 * share("start BETWEEN '2018-01-01' AND '2020-01-01'")
    spring = [share(f"start BETWEEN '{year}-03-15' AND '{year}-06-15'") for year in (2019, 2020, 2023)]
    assert spring[1] > 1.8 * spring[0]
    assert spring[2] > 1.3 * spring[0]
    evenings = [share("hour(lokal) BETWEEN 18 AND 23", f"lokal WHERE status = '{s}'") for s in ("Inprogress", "Done")]
    assert evenings[0] < evenings[1] < 0.4
    assert 0.62 < share("kon = 'Kvinna'", "lokal WHERE kon IS NOT NULL") < 0.70
    assert share("alder BETWEEN 20 AND 45", "lokal WHERE alder IS NOT NULL") > 0.45

    by_lan = [
        count
        for (count,) in con.execute(f"""
            SELECT count(*) FROM {starts} JOIN hsa_vardgivare ON upper(hsa_id) = vg
            WHERE lan_kod IS NOT NULL GROUP BY lan_kod ORDER BY 1 DESC""").fetchall()
    ]
    assert len(by_lan) == 21
    assert by_lan[0] > 30 * by_lan[-1]
    last_year = "lokal WHERE lokal >= '2023-07-01' GROUP BY vardenhet_id, moment"
    assert share("antal <= 10", f"(SELECT count(DISTINCT vardtagare_id) AS antal FROM {last_year})") > 0.6


def test_delays_are_weeks_to_months(con):
    low, median, high = value(con, """
        SELECT quantile_cont(dagar, [0.1, 0.5, 0.9]) FROM (
            SELECT date_diff('day', min(lokal), max(lokal)) AS dagar FROM lokal
            GROUP BY arende_id HAVING bool_or(status = 'Done'))""")  # fmt: skip
    assert 7 < low < 40 < median < 90 < high < 200


def test_population_equals_the_real_totals(con):
    totals = dict(con.execute("SELECT ar, sum(antal)::INTEGER FROM befolkning GROUP BY ar").fetchall())
    assert totals == {year: RIKET_TOTALS[year] for year in range(2015, 2024)}
    per_lan = "SELECT list(n ORDER BY lan_kod) FROM (SELECT lan_kod, sum(antal)::INT AS n FROM befolkning"
    assert value(con, f"{per_lan} WHERE ar = 2023 GROUP BY 1)") == list(read_table("lan.csv")["folkmangd_2023"])
    assert value(con, f"{per_lan} WHERE ar = 2020 GROUP BY 1)") == list(county_totals(2020))
    real = read_table("befolkning_2015.csv").melt(["lan_kod", "kon"], var_name="alder", value_name="verklig")
    con.register("real", real)
    cell = "JOIN real USING (lan_kod, kon) WHERE befolkning.alder = real.alder::INTEGER AND ar = 2015"
    assert con.execute(f"SELECT count(*), bool_and(antal = verklig) FROM befolkning {cell}").fetchone() == (
        4242,
        True,
    )


def test_population_after_the_last_known_year():
    table = population(2026)
    by_year = table.groupby("ar")["antal"].sum()
    assert by_year[2024] < by_year[2025] < by_year[2026] < 1.01 * by_year[2024]
    assert table["antal"].ge(0).all()


def test_largest_remainder_sums():
    assert list(largest_remainder([1, 1, 1], 10)) == [4, 3, 3]
    assert list(largest_remainder([5, 3, 2], 10)) == [5, 3, 2]


def test_chunks_are_numbered_and_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(write, "CHUNK", 400)
    told = []
    write_demo(tmp_path, 1_000, TO_MONTH, progress=lambda done, total: told.append((done, total)))
    assert told == [(400, 1_000), (800, 1_000), (1_000, 1_000)]
    names = {path.name for path in tmp_path.iterdir()}
    assert {"arenden-0001.parquet", "arenden-0003.parquet", "behandlare-0003.parquet"} < names
    found = duckdb.execute(
        "SELECT count(DISTINCT arende_id), count(DISTINCT transaktion_id) = count(*) "
        f"FROM '{tmp_path}/arenden*.parquet'"
    ).fetchall()
    assert found == [(1_000, True)]
    # A smaller extract replaces all of the larger one.
    write_demo(tmp_path, 10, TO_MONTH)
    assert not list(tmp_path.glob("arenden-*"))
    assert (tmp_path / "arenden.parquet").exists()


def test_few_rows_are_unusable_or_odd(con, tmp_path, monkeypatch):
    unusable = "status IS NULL OR tidpunkt IS NULL"
    odd = "kon NOT IN ('Kvinna', 'Man') OR alder NOT BETWEEN 0 AND 120"
    for condition in (unusable, odd):
        assert value(con, f"SELECT avg(coalesce({condition}, false)::INTEGER) FROM arenden") < 0.002
    for share in ["NO_STATUS", "NO_TIDPUNKT", "ODD_KON", "ODD_ALDER"]:
        monkeypatch.setattr(course, share, 0.05)
    write_demo(tmp_path, 1_000, TO_MONTH)
    for condition in [*unusable.split(" OR "), *odd.split(" OR ")]:
        rows = f"SELECT count(*) FROM '{tmp_path}/arenden.parquet' WHERE {condition}"
        assert 30 < value(duckdb, rows) < 200, condition


@pytest.mark.parametrize("to_month", ["2015-10", "2016-02"])
def test_shortest_extracts(tmp_path, to_month):
    write_demo(tmp_path, 1, to_month)
    write_demo(tmp_path, 500, to_month)
    assert value(duckdb, f"SELECT count(DISTINCT arende_id) FROM '{tmp_path}/arenden.parquet'") == 500


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"arenden": 0}, "at least 1 ärende, not 0"),
        ({"arenden": -5}, "at least 1 ärende, not -5"),
        ({"seed": -1}, "whole number from 0 up, not -1"),
        ({"to_month": "2015-09"}, "cannot end in 2015-09"),
        ({"to_month": "2024-13"}, "not a month"),
        ({"to_month": "oktober"}, "not a month"),
        ({"to_month": "2999-01"}, "no day of that month is over"),
    ],
)
def test_refuses(tmp_path, arguments, message):
    with pytest.raises(SobstatError, match=message):
        write_demo(tmp_path / "in", **{"arenden": 10, "to_month": TO_MONTH} | arguments)
    assert not (tmp_path / "in").exists()


@pytest.mark.parametrize("name", ["arenden.parquet", "anteckningar.txt", "README.txt"])
def test_keeps_other_peoples_files(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(SobstatError, match=f"no synthetic extract.*{name}"):
        write_demo(tmp_path, 10, TO_MONTH)
    assert (tmp_path / name).read_text() == "mine"


def test_keeps_a_file_that_took_the_place_of_its_own(tmp_path):
    write_demo(tmp_path, 10, TO_MONTH)
    (tmp_path / "arenden.parquet").write_text("mine")
    with pytest.raises(SobstatError, match=r"arenden\.parquet"):
        write_demo(tmp_path, 10, TO_MONTH)


def test_refuses_a_file_as_folder(tmp_path):
    (tmp_path / "in").write_text("mine")
    with pytest.raises(SobstatError, match="is a file"):
        write_demo(tmp_path / "in", 10, TO_MONTH)
    with pytest.raises(SobstatError, match="cannot be written"):
        write_demo(tmp_path / "in" / "deeper", 10, TO_MONTH)


def test_leaves_hidden_files_and_earlier_extract_when_interrupted(tmp_path):
    (tmp_path / ".gitkeep").touch()
    write_demo(tmp_path, 10, TO_MONTH)
    before = hashes(tmp_path)

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_demo(tmp_path, 20, TO_MONTH, progress=stop)
    assert hashes(tmp_path) == before
