"""Apache Spark for the tests: a real one, started once, and warehouses for it."""

import importlib.util
import os
import shutil
from pathlib import Path

from absent import go_without
from sobstat.folder import export, tables
from sobstat.warehouse import attach, session

# Small data on few cores: what Spark compiles and plans anew for each query costs more than it gains. What Java has
# compiled is kept: with the little room that its first level has by default it is thrown away, and compiled again.
SMALL = (
    "-Dspark.sql.codegen.wholeStage=false -Dspark.sql.codegen.factoryMode=NO_CODEGEN "
    "-Dspark.sql.adaptive.enabled=false "
    "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m -XX:+UseSerialGC -Xmn200m"
)
ONE_TASK = {"spark.master": "local[1]", "spark.sql.shuffle.partitions": "1"}


def need_spark() -> None:
    """Skip the test where there is no Spark; fail in CI."""
    if not (importlib.util.find_spec("pyspark") and shutil.which("java")):
        go_without("There is no Spark to count on: `make spark`, and a Java of version 17 or later.")
    os.environ.setdefault("SPARK_SUBMIT_OPTS", SMALL)
    from sobstat.engines.spark import LOCAL

    LOCAL.update(ONE_TASK)


def as_folder(warehouse: Path, folder: Path) -> Path:
    """The same warehouse as a folder that both engines read."""
    with session() as con:
        attach(con, warehouse)
        export(con, folder)
    return folder


def held(folder: Path) -> dict[str, list[tuple]]:
    """All rows of all tables of such a folder."""
    with session() as con:
        attach(con, folder)
        return {name: con.execute(f"FROM lager.{name} ORDER BY ALL").fetchall() for name in sorted(tables(folder))}
