"""A session on Apache Spark that speaks DuckDB's SQL, as far as both engines were compared."""

import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema
from sqlglot import exp
from sqlglot.errors import SqlglotError

from sobstat.engines import CONNECT, without_token
from sobstat.engines.dialect import text, to_spark
from sobstat.errors import SobstatError

try:
    from py4j.protocol import Py4JError
except ImportError:  # where there is a client of Spark Connect and no more
    Py4JError = PySparkException

# Nothing goes through pandas 3: tables come and go as Arrow.
warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
# Nothing but this program has business with a local session.
LOCAL = {
    "spark.master": "local[*]",
    "spark.log.level": "ERROR",
    "spark.ui.enabled": "false",
    "spark.io.encryption.enabled": "true",  # of what it keeps on the disk meanwhile
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.sql.shuffle.partitions": str(os.cpu_count()),
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "10000",  # no job to look at a few hundred files
}
PATIENCE = 30  # seconds for a Connect server to answer at all
RETRIES = 5  # of a call to it, within 17 seconds
warnings.filterwarnings("ignore", r"\[RETRIES_EXCEEDED\]")  # the error tells


class Spark:
    """What the library uses of a DuckDB connection, on Spark. Views and what is kept are the session's own."""

    def __init__(self, engine: str):
        self._connected = engine.startswith(CONNECT)
        try:
            self.session = _connect(engine) if self._connected else _start()
            self.session.conf.set("spark.sql.session.timeZone", "Europe/Stockholm")
        except (PySparkException, Py4JError, RuntimeError) as error:
            hint = "" if self._connected else ": is Java there?"
            raise SobstatError(
                f"The engine {without_token(engine)} does not start ({_first_line(error)}){hint}"
            ) from error
        self._results = duckdb.connect()
        self._attached: dict[str, list[Path]] = {}  # files of tables that nothing has asked for yet
        self._views: set[str] = set()

    def attach(self, held: dict[str, list[Path]]) -> None:
        """Make the tables of a warehouse's folder (folder.tables) known as `lager.…`; Spark meets those that are used,
        when they are.
        """
        self._attached |= {f"lager_{name}": files for name, files in held.items()}

    def register(self, name: str, frame: pd.DataFrame) -> None:
        """Make a small DataFrame known under a name."""
        with _said_in_a_sentence():
            self._keep(name, self.session.createDataFrame(pa.Table.from_pandas(frame, preserve_index=False)))

    def execute(self, sql: str, values: dict | None = None) -> duckdb.DuckDBPyRelation | None:
        """Run a query, or make a temporary table or view; returns what a query finds as DuckDB would.

        A temporary table is computed once, when it is first needed, and kept until nothing refers to it.
        Raises SobstatError for what was not compared on both engines, or what Spark cannot do.
        """
        with _said_in_a_sentence():
            tree = self._translated(sql, values)
            if isinstance(tree, exp.Describe):  # Spark would start a job to tell what it knows
                columns = self.session.table(tree.this.name).columns
                return self._results.from_arrow(pa.table({"column_name": columns}))
            if not isinstance(tree, exp.Create):
                return self._results.from_arrow(self.session.sql(text(tree)).toArrow())
            frame = self.session.sql(text(tree.expression))
            if tree.kind == "TABLE":  # cut off from how it came about: planning with that takes most of the time
                frame = frame.localCheckpoint(eager=False)
                frame._session = self.session  # a Connect client gives it to the first session of the process
            self._keep(tree.this.name, frame)

    def _keep(self, name: str, frame: DataFrame) -> None:
        """Make a frame known under a name until the session is closed."""
        frame.createOrReplaceTempView(name)
        self._views.add(name)

    def _translated(self, sql: str, values: dict | None = None) -> exp.Expression:
        """A statement for Spark, which then knows the attached tables that it names."""
        tree = to_spark(sql, values)
        for name in {table.name for table in tree.find_all(exp.Table)} & self._attached.keys():
            files = self._attached.pop(name)
            # Told here, the columns need no job on Spark to find them.
            columns = from_arrow_schema(pq.read_schema(files[0]), prefer_timestamp_ntz=True)
            paths = [_path(file.resolve()) for file in files]
            self._keep(name, self.session.read.schema(columns).parquet(*paths))
        return tree

    def write(self, sql: str, folder: Path, by: str | None = None, order: str | None = None) -> list[Path]:
        """Add what a query finds to a folder as Parquet files, with a column `by` in a folder for each value, and the
        rows of each in `order`; returns the folder's files.
        """
        with _said_in_a_sentence():
            frame = self.session.sql(text(self._translated(sql)))
            if by:
                frame = frame.repartition(by).sortWithinPartitions(by, order)
            writer = frame.write.mode("append").option("compression", "zstd")
            (writer.partitionBy(by) if by else writer).parquet(_path(folder))
        return sorted(folder.rglob("*.parquet"))

    def in_tasks(self, work: Callable, pieces: pa.Table, columns: pa.Schema) -> pa.Table:
        """Have `work` done in Spark's tasks, one for each row of `pieces`, and gather what they find, in no order.

        `work` takes batches of Arrow and gives such, with these columns. It is pickled, and so are its arguments.
        """
        with _said_in_a_sentence():
            frame = self.session.createDataFrame(pieces).coalesce(1).repartition(pieces.num_rows)
            return frame.mapInArrow(work, from_arrow_schema(columns)).toArrow()

    def close(self) -> None:
        """Let go of the session's views, and with them of what is kept. Whatever is wrong was told before."""
        self._results.close()
        if self._connected:
            self.session.stop()  # the server's part of it, views included; a local Spark goes on, for other sessions
            return
        with suppress(PySparkException, Py4JError):
            for view in self._views:
                self.session.catalog.dropTempView(view)


def _start() -> SparkSession:
    """A session of its own on this machine's cores."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # tasks in Python are run by this one
    return SparkSession.builder.appName("sobstat").config(map=LOCAL).getOrCreate().newSession()


def _connect(address: str) -> SparkSession:
    """A session of its own on a Spark Connect server; raises SobstatError if none answers.

    Left alone, a client waits ten minutes for a server that is not there, or no longer. It is made by its own class:
    the common one notes in the environment that there is no local session in this process from now on.
    """
    from grpc import FutureTimeoutError, channel_ready_future
    from pyspark.sql.connect.client import DefaultChannelBuilder
    from pyspark.sql.connect.client.retries import DefaultPolicy
    from pyspark.sql.connect.session import SparkSession as Client

    channel = DefaultChannelBuilder(address).toChannel()
    try:
        channel_ready_future(channel).result(PATIENCE)
    except FutureTimeoutError as error:
        raise SobstatError(
            f"No Spark Connect server answers at {without_token(address)} within {PATIENCE} seconds."
        ) from error
    finally:
        channel.close()
    session = Client.builder.remote(address).create()
    session.client.set_retry_policies([DefaultPolicy(max_retries=RETRIES)])
    try:
        session.conf.get("spark.sql.session.timeZone")  # the first that it asks the server
    except PySparkException:
        session.client.close()  # or it asks again when the process ends, which then takes minutes
        raise
    return session


def _path(path: Path) -> str:
    """A path for Hadoop, which reads some signs in it as a pattern."""
    return re.sub(r"[][{}*?\\]", r"\\\g<0>", str(path))


@contextmanager
def _said_in_a_sentence() -> Iterator[None]:
    """What Spark cannot do is a SobstatError."""
    try:
        yield
    except (PySparkException, Py4JError, SqlglotError) as error:
        said = getattr(error, "java_exception", error)
        raise SobstatError(f"The engine spark cannot do this: {_first_line(said)}") from error


def _first_line(error: object) -> str:
    """The first line of an error, or what a server told of it, which stands further down."""
    if told := re.search(r'details = "(.+)"', str(error)):
        return told[1]
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
