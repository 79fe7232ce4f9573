"""Apache Spark for the tests: a real one, started once, and warehouses for it."""

import importlib.util
import os
import shutil
from pathlib import Path

from absent import go_without
from sobstat.folder import export
from sobstat.warehouse import attach, session

# Small data on few cores: what Spark compiles and plans anew for each query costs more than it gains.
SMALL = (
    "--conf spark.sql.codegen.wholeStage=false --conf spark.sql.adaptive.enabled=false "
    "--driver-java-options -XX:TieredStopAtLevel=1 pyspark-shell"
)


def need_spark() -> None:
    """Skip the test where there is no Spark; fail in CI."""
    if not (importlib.util.find_spec("pyspark") and shutil.which("java")):
        go_without("There is no Spark to count on: `make spark`, and a Java of version 17 or later.")
    os.environ.setdefault("PYSPARK_SUBMIT_ARGS", SMALL)


def as_folder(warehouse: Path, folder: Path) -> Path:
    """The same warehouse as a folder that both engines read."""
    with session() as con:
        attach(con, warehouse)
        export(con, folder)
    return folder
