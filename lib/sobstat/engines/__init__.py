"""What counts: DuckDB on this machine, or Apache Spark where one machine no longer holds the data.

All SQL is written once, in DuckDB's dialect. A session on Spark has what the library uses of a DuckDB connection
(`execute` with `df`, `fetchall` and `fetchone` on what it returns, `register`), so tables are made by the same code.

    dialect.py  DuckDB's SQL for Spark: what was compared on both is translated, all else refused
    spark.py    a session on Spark
"""

import os
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
# What counts where no engine is named: so the kernels of an edition's pages learn of its engine.
ENGINE_VARIABLE = "SOBSTAT_ENGINE"


def default_engine() -> str:
    """The engine that counts where none is named."""
    return os.environ.get(ENGINE_VARIABLE) or DUCKDB


def check_engine(engine: str, warehouse: Path | None = None) -> None:
    """Raises SobstatError unless there is such an engine, and the warehouse of the kind that it reads."""
    if engine != DUCKDB and engine != SPARK and not engine.startswith(CONNECT):
        raise SobstatError(
            f"There is no engine {engine!r}: choose {DUCKDB}, {SPARK}, or a Spark Connect server's sc://…"
        )
    if engine != DUCKDB and warehouse:
        tables(warehouse)


def without_token(engine: str) -> str:
    """An engine as it may be written down: the address of a server may have a token at its end."""
    return engine.partition("/;")[0]


@contextmanager
def open_warehouse(warehouse: Path, engine: str | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A session of an engine with a warehouse attached as `lager`, read-only.

    `engine` is `duckdb`, `spark` (on this machine) or the address of a Spark Connect server (`sc://host:15002`);
    without one, `default_engine`. On Spark the session is a `Spark`, and the warehouse a folder.
    Raises SobstatError for another engine, one that is not installed, or a warehouse that it cannot read.
    """
    engine = engine or default_engine()
    if engine == DUCKDB:
        with session() as con:
            attach(con, warehouse)
            yield con
        return
    held = tables(warehouse)
    with start_spark(engine) as con:
        con.attach(held)
        yield con


def not_installed(error: ImportError) -> SobstatError:
    """What is said where Spark cannot be imported."""
    return SobstatError(f"The engine spark is not installed ({error.name} is missing): `make spark` installs it.")


@contextmanager
def start_spark(engine: str) -> Iterator["Spark"]:
    """A session on Spark (`spark`, or an address sc://…); raises SobstatError for another engine, or if Spark is not
    installed or does not start.
    """
    check_engine(engine)
    try:
        from sobstat.engines.spark import Spark
    except ImportError as error:
        raise not_installed(error) from error
    with closing(Spark(engine)) as con:
        yield con
