"""The warehouse as a folder of Parquet files, which DuckDB and Spark both read.

`lager.json` names the files of each table, and the version of their schema; what it does not name is not there. An
export, or a load on Spark (into_folder.py), writes new files beside the old ones and then replaces `lager.json`: who
reads meets the old warehouse or the new one. Transactions lie in a folder for each month.
"""

import glob
import json
import tempfile
from pathlib import Path

import duckdb

from sobstat.contract import quoted
from sobstat.errors import SobstatError
from sobstat.files import private_files, write_whole

MANIFEST = "lager.json"
EXPORT = "export-"
# The table that is partitioned, and by what.
MONTHLY, MONTH = "transaktion", "strftime(dag, '%Y-%m')"


def month_of(file: Path) -> str:
    """The month whose rows a table's file holds; empty if the table is not partitioned, or holds no row."""
    return file.parent.name.removeprefix("manad=") if file.parent.name.startswith("manad=") else ""


def tables(folder: Path) -> dict[str, list[Path]]:
    """The files of each table; raises SobstatError if the folder is no warehouse, or has another schema."""
    from sobstat.warehouse import SCHEMA_VERSION  # which imports this module

    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SobstatError(
            f"{folder} is not a warehouse in a folder: make one from a warehouse file with `sobstat export`."
        ) from error
    if manifest["version"] != SCHEMA_VERSION:
        raise SobstatError(
            f"{folder} has schema version {manifest['version']}, and this program reads {SCHEMA_VERSION}: export the "
            "warehouse anew with this program."
        )
    return {name: [folder / file for file in files] for name, files in manifest["tables"].items()}


def attach_folder(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Attach the folder to a DuckDB session as `lager`; raises SobstatError if it is no warehouse."""
    held = tables(folder)
    con.execute("ATTACH ':memory:' AS lager")
    for name, files in held.items():
        con.execute(f"CREATE VIEW lager.{name} AS FROM {parquet(files)}")


def listed(files: list[Path]) -> str:
    """Files as a list in DuckDB's SQL."""
    return f"[{', '.join(quoted(glob.escape(str(file))) for file in files)}]"


def parquet(files: list[Path]) -> str:
    """The rows of Parquet files in DuckDB's SQL."""
    return f"read_parquet({listed(files)}, hive_partitioning = false)"


def refuse_folder(warehouse: Path) -> None:
    """Raises SobstatError if the warehouse is a folder, for what is done with files alone."""
    if warehouse.is_dir():
        raise SobstatError(
            f"{warehouse} is a folder: load into it with --engine spark, or into a warehouse file, and export that. "
            "Backups, upgrades and new keys are for warehouse files."
        )


def export(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Write the warehouse that is attached to a DuckDB session as a folder, its owner's alone, or in the place of an
    earlier one there; the files of that one stay until the next export, for those who read it.

    Raises SobstatError if the folder holds something else.
    """
    from sobstat.warehouse import table_names

    with private_files():
        folder.mkdir(parents=True, exist_ok=True)
        clear(folder)
        target = Path(tempfile.mkdtemp(prefix=EXPORT, dir=folder))
        held = {name: write_table(con, name, target / name) for name in table_names(con)}
        write_whole(folder / MANIFEST, manifest(folder, held))


def manifest(folder: Path, held: dict[str, list[Path]]) -> str:
    """What `lager.json` says of a folder that consists of these files."""
    from sobstat.warehouse import SCHEMA_VERSION

    named = {name: [str(file.relative_to(folder)) for file in files] for name, files in held.items()}
    return json.dumps({"version": SCHEMA_VERSION, "tables": named}, indent=1)


def write_table(con: duckdb.DuckDBPyConnection, name: str, path: Path) -> list[Path]:
    """Write a table of the attached warehouse into a new folder; returns its files."""
    path.mkdir()
    query, target, options = f"FROM lager.{name}", path / "0.parquet", ""
    if name == MONTHLY and con.execute(f"SELECT count(*) FROM lager.{name}").fetchall()[0][0]:
        query, target, options = f"SELECT *, {MONTH} AS manad FROM lager.{name}", path, "PARTITION_BY (manad), "
    con.execute(f"COPY ({query}) TO {quoted(target)} ({options}FORMAT parquet, COMPRESSION zstd)")
    return sorted(path.rglob("*.parquet"))


def clear(folder: Path) -> None:
    """Remove the files that the folder no longer consists of, or that were not finished."""
    for other in folder.iterdir():
        if other.name != MANIFEST and not other.name.startswith(EXPORT):
            raise SobstatError(f"{folder} holds {other.name}, which no export made: name another folder.")
    held = tables(folder) if (folder / MANIFEST).exists() else {}
    used = {file for files in held.values() for file in files}
    used |= {above for file in used for above in file.parents}
    for old in sorted(folder.glob(f"{EXPORT}*/**/*"), reverse=True) + list(folder.glob(f"{EXPORT}*")):
        if old not in used:
            old.rmdir() if old.is_dir() else old.unlink()
