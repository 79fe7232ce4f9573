"""Spark Connect: a real server on this machine gives the tables, loads and editions that DuckDB gives."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from engines import as_folder, held, need_spark
from extracts import NOW, make_extract, write_extract
from months import NOVEMBER, OKTOBER, PARAMS, load_month, quick_notebooks
from small import PARAMS as SMALL_PARAMS
from small import readable, small_notebook
from sobstat.declarations import reports
from sobstat.edition.publish import publish
from sobstat.edition.spark_server import counted_on
from sobstat.engines import default_engine, open_warehouse
from sobstat.errors import SobstatError
from sobstat.files import to_csv
from sobstat.load import load_extract
from sobstat.pseudonyms import KEY_VARIABLE
from sobstat.report import open_report

SHOWN = ["per-lan", "per-moment-region-vardgivare-vardenhet", "vardtagare-per-kon-och-manad"]
EXTRACT = make_extract(
    """
    | transaktion_id | arende_id | status     | tidpunkt            | vardtagare_id | alder |
    | T1             | A1        | Inprogress | 2025-08-10T12:00:00 | p1            | 40    |
    | T2             | A1        | Done       | 2025-09-10T12:00:00 | p1            | 200   |
    | T3             | A2        | Inprogress | nyss                | p2            | 40    |
    """,
    "| arende_id | behandlare_id |\n| A1 | b1 |",
)
# A publisher whose server has started, and that goes on until it is killed.
PUBLISHER = """
import time
from sobstat.edition.spark_server import start_server
with start_server() as address:
    print(address, flush=True)
    time.sleep(3600)
"""


@pytest.fixture(scope="module")
def publisher():
    need_spark()
    environment = os.environ | {"PYSPARK_PYTHON": sys.executable}  # the server's tasks in Python are run by it
    command = [sys.executable, "-c", PUBLISHER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        yield process
        process.kill()


@pytest.fixture(scope="module")
def server(publisher):
    """The address of its server."""
    return publisher.stdout.readline().strip()


@pytest.fixture(scope="module")
def months(tmp_path_factory):
    """The warehouse as a folder, as it was after October 2025 and after November."""
    base = tmp_path_factory.mktemp("connect")
    return [as_folder(load_month(base, month), base / f"lager {month}") for month in (OKTOBER, NOVEMBER)]


def test_the_same_tables(server, months):
    found, expected = (
        open_report("riket", "2025-09", "2025-11", months[1], min_antal=0, engine=engine)
        for engine in (server, "duckdb")
    )
    for name in SHOWN:
        assert to_csv(found.table(name)) == to_csv(expected.table(name))
    assert found.table("per-lan")["startade"].sum() > 100
    found.close()


def test_sessions_have_views_and_tables_of_their_own(server, months):
    with open_warehouse(months[0], server) as one, open_warehouse(months[1], server) as other:
        for con in (one, other):
            con.execute("CREATE TEMP TABLE antal AS SELECT count(*) AS n FROM lager.laddning")
        assert [con.execute("SELECT n FROM antal").fetchall() for con in (one, other)] == [[(1,)], [(2,)]]


def test_a_local_session_may_be_started_beside(server, months):
    """Spark refuses one in a process that it takes for a client and no more."""
    from pyspark.sql import is_remote

    with open_warehouse(months[0], server):
        assert not is_remote()


def test_the_same_load(server, tmp_path, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, "5b" * 32)
    extract, folder, file = write_extract(EXTRACT, tmp_path / "in"), tmp_path / "lager", tmp_path / "w.duckdb"
    found, expected = (
        load_extract(extract, warehouse, now=NOW, max_set_aside=1, engine=engine)
        for engine, warehouse in ((server, folder), ("duckdb", file))
    )
    assert found == expected
    assert found.total.kept > 2
    assert held(folder) == held(as_folder(file, tmp_path / "export"))


def test_the_same_edition(server, months, tmp_path, monkeypatch):
    """October's is DuckDB's in both sites. What is hidden is chosen for the tables of one notebook, and one of these is
    compared with the earlier edition.
    """
    params = PARAMS.model_copy(update={"regions": ["riket"], "notebooks": {"invanare": PARAMS.notebooks["invanare"]}})
    shown = {name: report for name, report in reports().items() if report.notebook == "invanare"}
    monkeypatch.setattr("sobstat.disclosure.cells.reports", lambda: shown)
    monkeypatch.setattr("sobstat.edition.revision.reports", lambda: {"per-1000-per-lan": shown["per-1000-per-lan"]})
    notebooks, sites = quick_notebooks(tmp_path / "notebooks"), [tmp_path / "duckdb", tmp_path / "spark"]
    publish(months[0], sites[0], params, month=OKTOBER, notebooks=notebooks)
    shutil.copytree(sites[0], sites[1], symlinks=True)
    for site, engine in zip(sites, ("duckdb", server), strict=True):
        publish(months[1], site, params, month=NOVEMBER, notebooks=notebooks, engine=engine)
        shutil.rmtree(months[1].with_suffix(".mask"))  # what is hidden is chosen by each
    expected, found = (
        {name: content for name, content in readable(site).items() if name.startswith("2025-11/")} for site in sites
    )
    assert found.keys() == expected.keys()
    assert expected["2025-11/andringar.csv"].count(b"\n") > 1
    data = [name for name in expected if name.endswith((".csv", ".json"))]
    assert {name for name in data if found[name] != expected[name]} == set()


# What a page is counted on, for the test to look at: it is written beside the notebook.
CONFESSION = """
import json, sys
before = [name for name in ("grpc", "pyspark") if name in sys.modules]
from sobstat.report import open_report
report = open_report(region, from_month, to_month, warehouse)
open(f"{region}.json", "w").write(json.dumps([before, report.engine, len(report.table("per-lan"))]))
"""


def test_one_server_counts_all_pages_and_is_gone_afterwards(months, tmp_path):
    need_spark()
    small_notebook(tmp_path / "notebooks", "liten", CONFESSION)
    # What is hidden is compared above.
    (tmp_path / "p.yml").write_text(f"engine: spark\nmin_antal: 0\n{SMALL_PARAMS}", "utf-8")
    command = ["publish", "--params", "p.yml", "--warehouse", months[1], "--month", "2025-11"]
    subprocess.run([sys.executable, "-m", "sobstat", *command], cwd=tmp_path, check=True)
    told = [json.loads((tmp_path / f"notebooks/{region}.json").read_text()) for region in ("riket", "gotland")]
    assert [(before, rows) for before, _, rows in told] == [([], 21), ([], 1)]
    (address,) = {engine for _, engine, _ in told}
    host, port = re.fullmatch(r"sc://(localhost):(\d+)/;token=.+", address).groups()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))
    (report,) = (tmp_path / "output/runs").glob("*.json")
    assert json.loads(report.read_text("utf-8"))["engine"] == "spark"
    assert address.partition("=")[2] not in report.read_text("utf-8")


def test_what_is_no_server_is_told_soon(monkeypatch, months):
    need_spark()
    monkeypatch.setattr("sobstat.engines.spark.PATIENCE", 1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        for port in (silent.getsockname()[1], 1):
            with (
                pytest.raises(SobstatError, match=rf"^No Spark Connect server answers at sc://localhost:{port} within"),
                open_warehouse(months[0], f"sc://localhost:{port}/;token=hemlig"),
            ):
                pass


def test_a_wrong_token_is_told_and_not_repeated(server, months):
    from pyspark.sql.connect.session import SparkSession

    address = server.partition("/;")[0]
    with (
        pytest.raises(SobstatError, match=rf"^The engine {address} does not start \([^<].*\)$") as refused,
        open_warehouse(months[0], f"{address}/;token=hemlig"),
    ):
        pass
    assert "hemlig" not in str(refused.value)
    assert SparkSession.getActiveSession() is None  # nor when the process ends


def test_what_it_cannot_do_is_told(server, months):
    with (
        pytest.raises(SobstatError, match=r"^The engine spark cannot do this: .*finns_inte"),
        open_warehouse(months[0], server) as con,
    ):
        con.execute("SELECT finns_inte FROM lager.laddning")


def test_the_engine_is_that_of_an_edition_meanwhile(server, months):
    with counted_on(server, months[0]):
        assert default_engine() == server
    assert default_engine() == "duckdb"
    with pytest.raises(SobstatError, match="There is no engine 'polars'"), counted_on("polars", months[0]):
        pass


# The last test of this module: it ends the server.
def test_a_server_ends_with_a_killed_publisher_and_who_asks_is_told(publisher, server, months, monkeypatch):
    (java,) = psutil.Process(publisher.pid).children()
    assert java.name() == "java"
    monkeypatch.setattr("sobstat.engines.spark.RETRIES", 1)
    with open_warehouse(months[0], server) as con:
        publisher.send_signal(signal.SIGKILL)
        end = time.monotonic() + 60
        while java.is_running() and java.status() != psutil.STATUS_ZOMBIE and time.monotonic() < end:
            time.sleep(0.1)
        assert not java.is_running() or java.status() == psutil.STATUS_ZOMBIE
        with pytest.raises(SobstatError, match=r"^The engine spark cannot do this: "):
            con.execute("SELECT count(*) FROM lager.laddning")
