"""A session on Apache Spark that speaks DuckDB's SQL, as far as both engines were compared."""

import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema
from sqlglot import exp
from sqlglot.errors import SqlglotError

from sobstat.engines import CONNECT
from sobstat.engines.dialect import text, to_spark
from sobstat.errors import SobstatError

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


class Spark:
    """What the library uses of a DuckDB connection, on Spark. Views and what is kept are the session's own."""

    def __init__(self, engine: str):
        try:
            self.session = _session(engine)
        except (PySparkException, RuntimeError) as error:
            raise SobstatError(f"The engine {engine} does not start ({_first_line(error)}): is Java there?") from error
        self.session.conf.set("spark.sql.session.timeZone", "Europe/Stockholm")
        self._results = duckdb.connect()
        self._connected = engine.startswith(CONNECT)

    def attach(self, held: dict[str, list[Path]]) -> None:
        """Make the tables of a warehouse's folder (folder.tables) known as `lager.…`."""
        for name, files in held.items():
            # Told here, the columns need no job on Spark to find them.
            columns = from_arrow_schema(pq.read_schema(files[0]), prefer_timestamp_ntz=True)
            paths = [_path(file.resolve()) for file in files]
            with _said_in_a_sentence():
                self.session.read.schema(columns).parquet(*paths).createOrReplaceTempView(f"lager_{name}")

    def register(self, name: str, frame: pd.DataFrame) -> None:
        """Make a small DataFrame known under a name."""
        table = pa.Table.from_pandas(frame, preserve_index=False)
        self.session.createDataFrame(table).createOrReplaceTempView(name)

    def execute(self, sql: str, values: dict | None = None) -> duckdb.DuckDBPyRelation | None:
        """Run a query, or make a temporary table or view; returns what a query finds as DuckDB would.

        A temporary table is computed once, when it is first needed, and kept until nothing refers to it.
        Raises SobstatError for what was not compared on both engines, or what Spark cannot do.
        """
        with _said_in_a_sentence():
            tree = to_spark(sql, values)
            if not isinstance(tree, exp.Create):
                return self._results.from_arrow(self.session.sql(text(tree)).toArrow())
            frame = self.session.sql(text(tree.expression))
            if tree.kind == "TABLE":  # cut off from how it came about: planning with that takes most of the time
                frame = frame.localCheckpoint(eager=False)
                frame._session = self.session  # a Connect client gives it to the first session of the process
            frame.createOrReplaceTempView(tree.this.name)

    def write(self, sql: str, folder: Path, by: str | None = None, order: str | None = None) -> list[Path]:
        """Add what a query finds to a folder as Parquet files, with a column `by` in a folder for each value, and the
        rows of each in `order`; returns the folder's files.
        """
        with _said_in_a_sentence():
            frame = self.session.sql(text(to_spark(sql)))
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
        """Let go of the session's views, and with them of what is kept."""
        for view in self.session.catalog.listTables():
            self.session.catalog.dropTempView(view.name)
        self._results.close()
        if self._connected:
            self.session.stop()  # the server's part of it; a local Spark goes on, for other sessions


def _session(engine: str) -> SparkSession:
    """A session of its own: on a Spark Connect server, or on this machine's cores."""
    builder = SparkSession.builder.appName("sobstat")
    if engine.startswith(CONNECT):
        return builder.remote(engine).create()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # tasks in Python are run by this one
    return builder.config(map=LOCAL).getOrCreate().newSession()


def _path(path: Path) -> str:
    """A path for Hadoop, which reads some signs in it as a pattern."""
    return re.sub(r"[][{}*?\\]", r"\\\g<0>", str(path))


@contextmanager
def _said_in_a_sentence() -> Iterator[None]:
    """What Spark cannot do is a SobstatError."""
    try:
        yield
    except (PySparkException, SqlglotError) as error:
        raise SobstatError(f"The engine spark cannot do this: {_first_line(error)}") from error
    except Py4JJavaError as error:
        raise SobstatError(f"The engine spark cannot do this: {_first_line(error.java_exception)}") from error


def _first_line(error: object) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
