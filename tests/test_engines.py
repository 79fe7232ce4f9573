"""DuckDB and Spark give the same: what dialect.py lets through is compared here, and nothing else passes.

That whole tables agree is tested where counting is (test_counting.py runs on both).
"""

import json
from datetime import date
from itertools import product

import pandas as pd
import pytest
import sqlglot

from engines import as_folder, need_spark
from extracts import load, make_extract
from sobstat.declarations import reports
from sobstat.disclosure.cells import collect
from sobstat.disclosure.thresholds import Thresholds
from sobstat.engines import open_warehouse
from sobstat.engines.dialect import FUNCTIONS, text, to_spark
from sobstat.errors import SobstatError
from sobstat.folder import MANIFEST
from sobstat.months import Period
from sobstat.warehouse import attach, session

# One row per corner: missing values, letters that sort apart, the ends of weeks, months and years.
ROWS = pd.DataFrame(
    {
        "n": range(8),
        "ord": ["Åre", "åre", "Zorn", None, "", "it's", "a\\b", "SYN-1"],
        "tal": pd.array([3, None, -1, 0, 7, 7, None, 2], dtype="Int64"),
        "annat": pd.array([3, 1, None, 0, -7, 7, None, 9], dtype="Int64"),
        "dag": [date(2024, 2, 29), None, *(date(2025, 12, day) for day in (27, 28, 29, 30, 31)), date(2026, 1, 1)],
        "grupp": ["a", "a", "b", "b", "b", None, None, "c"],
    }
)
QUERIES = [
    """
    SELECT n, tal = annat, tal <> annat, tal > annat, tal >= annat, tal < annat, tal <= annat,
        tal IS DISTINCT FROM annat, tal IS NOT DISTINCT FROM annat, tal IS NULL, tal IS NOT NULL,
        tal IN (3, 7), tal NOT IN (3, 7), tal > 0 AND annat > 0, tal > 0 OR annat > 0, NOT tal > 0,
        CASE WHEN tal > 2 THEN 'stor' WHEN tal <= 2 THEN 'liten' END, CASE ord WHEN 'Zorn' THEN 1 ELSE 2 END,
        coalesce(tal, annat, 99), least(tal, annat), coalesce(ord, 'Okänt'), left(ord, 2), starts_with(ord, 'SYN-'),
        isodow(dag), strftime(dag, '%Y-%m'), make_date(2025, 12, 31), dag < $dag, ord = $ord, $tom IS NULL
    FROM rader ORDER BY n
    """,
    "SELECT n FROM rader ORDER BY tal, annat DESC, dag, n",
    """
    SELECT grupp, grouping(grupp), count(*), count(tal), count(DISTINCT tal), count(*) FILTER (tal > 0),
        CAST(coalesce(sum(tal), 0) AS BIGINT), CAST(sum(tal) AS BIGINT), max(tal), min(ord), max(ord), max(dag),
        coalesce(bool_or(tal > 5), false)
    FROM rader GROUP BY GROUPING SETS ((grupp), ()) ORDER BY grouping(grupp) DESC, grupp
    """,
    """
    SELECT n, grupp, tal, count(*) FROM rader GROUP BY n, CUBE (grupp, tal)
    ORDER BY n, grouping(grupp), grouping(tal)
    """,
    """
    SELECT n, row_number() OVER (PARTITION BY grupp ORDER BY tal DESC, ord DESC, n) AS nummer,
        lead(dag) OVER (PARTITION BY grupp ORDER BY tal, ord, n) AS nasta
    FROM rader WHERE EXISTS (SELECT 1 FROM rader AS r WHERE r.tal = rader.annat)
    QUALIFY row_number() OVER (PARTITION BY grupp ORDER BY n) < 3 ORDER BY n
    """,
    """
    SELECT n, first_value(CASE WHEN tal > 0 THEN dag END IGNORE NULLS)
            OVER (g ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS nasta,
        last_value(ord IGNORE NULLS) OVER (g ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS senaste
    FROM rader WINDOW g AS (PARTITION BY grupp ORDER BY dag, n) ORDER BY n
    """,
    """
    WITH hog AS (SELECT tal, grupp FROM rader WHERE n > 3)
    SELECT n FROM rader AS r SEMI JOIN hog USING (tal) ANTI JOIN (SELECT 'b' AS grupp, 7 AS tal) AS s USING (grupp, tal)
    UNION ALL SELECT n FROM rader ANTI JOIN hog USING (tal) ORDER BY n
    """,
    """
    WITH antal AS (
        SELECT * FROM (
            WITH par AS (SELECT DISTINCT grupp, tal FROM rader WHERE tal IS NOT NULL),
                tal AS (SELECT DISTINCT tal FROM par)
            SELECT grupp, 'par' AS matt, count(*) AS n FROM par GROUP BY grupp
            UNION ALL SELECT NULL AS grupp, 'tal' AS matt, count(*) AS n FROM tal
        )
        UNION ALL SELECT NULL AS grupp, NULL AS matt, NULL AS n
    )
    SELECT a.grupp, CASE a.grupp WHEN 'a' THEN 'A' ELSE coalesce(grupp.grupp, a.grupp) END AS namn,
        CAST(coalesce(sum(a.n) FILTER (a.matt = 'par'), 0) AS BIGINT) AS par
    FROM antal AS a LEFT JOIN (SELECT 'b' AS ord, 'B' AS grupp) AS grupp ON grupp.ord = a.grupp
    GROUP BY a.grupp, grupp.grupp ORDER BY CASE WHEN a.grupp IS NULL THEN 0 ELSE 500 END, a.grupp
    """,
]
VALUES = {"dag": date(2025, 12, 29), "ord": "it's", "tom": None}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    """A small warehouse, as a file and as a folder."""
    folder = tmp_path_factory.mktemp("engines")
    extract = make_extract(
        """
        | arende_id | status     | tidpunkt            | vardtagare_id | kon    | alder |
        | A1        | Inprogress | 2025-09-10T12:00:00 | p1            | Kvinna | 40    |
        | A1        | Done       | 2025-10-10T12:00:00 | p1            | Kvinna | 40    |
        | A2        | Inprogress | 2025-10-11T12:00:00 | p2            | Man    |       |
        """,
        "| arende_id | behandlare_id |\n| A1 | b1 |",
    )
    file = load(extract, folder / "in", folder / "w.duckdb")
    return file, as_folder(file, folder / "l[a]ger")


@pytest.fixture(scope="module")
def spark(warehouse):
    need_spark()
    with open_warehouse(warehouse[1], "spark") as con:
        con.register("rader", ROWS)
        yield con


@pytest.fixture(scope="module")
def on_duckdb(warehouse):
    with open_warehouse(warehouse[1]) as con:
        con.register("rader", ROWS)
        yield con


@pytest.mark.parametrize("query", QUERIES)
def test_same_on_both(query, spark, on_duckdb):
    values = {name: value for name, value in VALUES.items() if f"${name}" in query}
    expected, found = (con.execute(query, values).df() for con in (on_duckdb, spark))
    found.columns = expected.columns  # each engine names what has no name in its own way
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def test_everything_that_passes_is_compared():
    compared = {type(node).__name__ for query in QUERIES for node in sqlglot.parse_one(query, read="duckdb").walk()}
    assert compared >= FUNCTIONS


def test_same_alphabet(spark, on_duckdb):
    """Swedish order, å ä ö last, capital letters and accents only where all else is equal.

    Not so with ß, no Swedish letter: `áß` stands before `aß` on Spark, after it on DuckDB.
    """
    pairs = {"".join(letters) for letters in product("aAáåÅäöéEvwWzÖ -'1", repeat=2)}
    names = pd.DataFrame({"namn": sorted({*pairs, "a", "b", "Ö", "🙂", "…", "æ", "ø", "ß"})})
    query = "SELECT namn FROM namn ORDER BY namn COLLATE sv, namn"
    for con in (spark, on_duckdb):
        con.register("namn", names)
    assert spark.execute(query).fetchall() == on_duckdb.execute(query).fetchall()


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("SELECT date_diff('month', dag, dag) FROM rader", "DateDiff"),
        ("SELECT tal // 2 FROM rader", "IntDiv"),
        ("SELECT tal / 2 FROM rader", "Div"),
        ("SELECT tal % 2 FROM rader", "Mod"),
        ("SELECT CAST(1.5 AS BIGINT)", "Cast"),
        ("SELECT CAST(tidpunkt AS VARCHAR) FROM lager.transaktion", "Cast"),
        ("SELECT try_cast(ord AS INTEGER) FROM rader", "TryCast"),
        ("SELECT strftime(dag, '%U') FROM rader", "TimeToStr"),
        ("SELECT ord FROM rader ORDER BY ord COLLATE de", "Collate"),
        ("SELECT timezone('UTC', tidpunkt) FROM lager.transaktion", "timezone"),
        ("SELECT now()", "now"),
        ("SELECT regexp_matches(ord, 'a') FROM rader", "RegexpLike"),
        ("SELECT list(ord) FROM rader", "ArrayAgg"),
        ("SELECT quantile_cont(tal, 0.5) FROM rader", "PercentileCont"),
        ("SELECT ord || 'x' FROM rader", "DPipe"),
        ("SELECT tal + 1 FROM rader", "Add"),
        ("DROP TABLE rader", "Drop"),
        ("INSERT INTO rader SELECT 1", "Insert"),
    ],
)
def test_what_was_not_compared_is_refused(query, named):
    with pytest.raises(SobstatError, match=rf"engine spark does not run {named} "):
        to_spark(query)


def test_a_value_is_no_sql():
    assert text(to_spark("SELECT $ord", {"ord": "'; DROP TABLE x; --\\"})) == "SELECT '\\'; DROP TABLE x; --\\\\'"


def test_weekdays_are_not_translated_wrongly():
    """sqlglot's own translation makes Sunday a Tuesday."""
    assert text(to_spark("SELECT isodow(dag)")) == "SELECT WEEKDAY(dag) + 1"


def test_what_spark_cannot_do_is_said(spark):
    with pytest.raises(SobstatError, match=r"engine spark cannot do this: .*finns_inte"):
        spark.execute("SELECT finns_inte FROM rader")


def test_same_cells_are_counted_for_disclosure_control(warehouse, monkeypatch):
    need_spark()
    report = "per-moment-region-vardgivare-vardenhet"
    monkeypatch.setattr("sobstat.disclosure.cells.reports", lambda: {report: reports()[report]})
    period = [Period.parse("2025-10", "2025-10")]
    file, folder = warehouse
    assert collect(folder, period, Thresholds(), engine="spark") == collect(file, period, Thresholds())


# The folder


def test_the_folder_holds_what_the_file_holds(warehouse, on_duckdb):
    with session() as con:
        attach(con, warehouse[0])
        tables = con.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'lager'").fetchall()
        for (name,) in tables:
            query = f"FROM lager.{name} ORDER BY ALL"
            assert on_duckdb.execute(query).fetchall() == con.execute(query).fetchall()
    months = sorted(path.name for path in warehouse[1].glob("*/transaktion/*"))
    assert months == ["manad=2025-09", "manad=2025-10"]


def test_the_folder_is_its_owners_alone(warehouse):
    assert {path.stat().st_mode & 0o077 for path in [warehouse[1], *warehouse[1].rglob("*")]} == {0}


def test_a_new_export_replaces_the_old_which_stays_until_the_next(warehouse, tmp_path):
    folder = as_folder(warehouse[0], tmp_path / "lager")
    with open_warehouse(folder) as reader:
        as_folder(warehouse[0], folder)
        assert reader.execute("SELECT count(*) FROM lager.transaktion").fetchall() == [(3,)]
    as_folder(warehouse[0], folder)
    assert len(list(folder.glob("export-*"))) == 2


@pytest.mark.parametrize(
    ("held", "message"),
    [
        ({"annat.txt": ""}, "is not a warehouse in a folder: make one"),
        ({MANIFEST: "{"}, "is not a warehouse in a folder: make one"),
        ({MANIFEST: json.dumps({"version": 0, "tables": {}})}, "has schema version 0"),
    ],
)
@pytest.mark.parametrize("engine", ["duckdb", "spark"])
def test_a_folder_that_is_no_warehouse(engine, held, message, tmp_path):
    for name, content in held.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(SobstatError, match=message), open_warehouse(tmp_path, engine):
        pass


def test_spark_does_not_read_a_file(warehouse):
    with pytest.raises(SobstatError, match="is not a warehouse in a folder"), open_warehouse(warehouse[0], "spark"):
        pass


def test_an_engine_that_is_not_there(warehouse):
    with pytest.raises(SobstatError, match="There is no engine 'polars'"), open_warehouse(warehouse[1], "polars"):
        pass


def test_an_export_leaves_what_is_not_its_own(warehouse, tmp_path):
    (tmp_path / "annat.txt").write_text("x")
    with pytest.raises(SobstatError, match=r"holds annat\.txt, which no export made"):
        as_folder(warehouse[0], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["annat.txt"]
