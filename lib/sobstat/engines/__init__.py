"""What counts: DuckDB on this machine, or Apache Spark where one machine no longer holds the data.

All SQL is written once, in DuckDB's dialect. A session on Spark has what the library uses of a DuckDB connection
(`execute` with `df`, `fetchall` and `fetchone` on what it returns, `register`), so tables are made by the same code.

    dialect.py  DuckDB's SQL for Spark: what was compared on both is translated, all else refused
    spark.py    a session on Spark
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from sobstat.errors import SobstatError
from sobstat.folder import tables
from sobstat.warehouse import attach, session

if TYPE_CHECKING:  # few have Spark
    from sobstat.engines.spark import Spark

DUCKDB = "duckdb"
SPARK = "spark"
CONNECT = "sc://"


@contextmanager
def open_warehouse(warehouse: Path, engine: str = DUCKDB) -> Iterator[duckdb.DuckDBPyConnection]:
    """A session of an engine with a warehouse attached as `lager`, read-only.

    `engine` is `duckdb`, `spark` (on this machine) or the address of a Spark Connect server
    (`sc://host:15002`). On Spark the session is a `Spark`, and the warehouse a folder.
    Raises SobstatError for another engine, one that is not installed, or a warehouse that it cannot read.
    """
    if engine == DUCKDB:
        with session() as con:
            attach(con, warehouse)
            yield con
        return
    held = tables(warehouse)
    with start_spark(engine) as con:
        con.attach(held)
        yield con


@contextmanager
def start_spark(engine: str) -> Iterator["Spark"]:
    """A session on Spark (`spark`, or an address sc://…); raises SobstatError for another engine, or if Spark is not
    installed or does not start.
    """
    if engine != SPARK and not engine.startswith(CONNECT):
        raise SobstatError(
            f"There is no engine {engine!r}: choose {DUCKDB}, {SPARK}, or a Spark Connect server's sc://…"
        )
    try:
        from sobstat.engines.spark import Spark
    except ImportError as error:
        raise SobstatError(
            f"The engine spark is not installed ({error.name} is missing): `make spark` installs it."
        ) from error
    with closing(Spark(engine)) as con:
        yield con
