"""A warehouse of an earlier program, brought to the schema of this one; the old file is kept beside it.

Each version has a step to the next, in SQL that never changes. The tables of sources that are new since then are made
last (`create_tables`).
"""

import os
from pathlib import Path

import duckdb

from sobstat.draft import copy_warehouse, replace, workplace
from sobstat.errors import SobstatError
from sobstat.files import private_files
from sobstat.warehouse import SCHEMA_VERSION, attach, create_tables, schema_version, session, with_following

# Every row names the load that brought it, and what a load replaces is kept. Version 1 did neither: its rows stand as
# brought by the first load of their source, so that no change since is told, and what they replaced is gone.
NAME_LOADS = "".join(
    f"""
    CREATE OR REPLACE TABLE lager.{table} AS
        SELECT *, (SELECT min(laddning) FROM lager.laddad_fil WHERE kalla = '{source}')::INTEGER AS laddning
        FROM lager.{table};
    CREATE TABLE lager.ersatt_{table} AS SELECT *, NULL::INTEGER AS ersatt FROM lager.{table} LIMIT 0;
    """
    for source, table in [
        ("arenden", "transaktion"),
        *((name, name) for name in ("behandlare", "hsa_vardgivare", "hsa_vardenhet", "befolkning")),
    ]
)
# A transaction stands with what follows it in its ärende, in the order of time; a load tells whether it is made up.
KEEP_WHAT_FOLLOWS = f"""
    ALTER TABLE lager.laddning ADD COLUMN syntetisk BOOLEAN;
    UPDATE lager.laddning SET syntetisk = laddning IN (
        SELECT laddning FROM lager.transaktion WHERE starts_with(transaktion_id, 'SYN-')
        UNION SELECT laddning FROM lager.ersatt_transaktion WHERE starts_with(transaktion_id, 'SYN-')
    );
    CREATE OR REPLACE TABLE lager.transaktion AS
        SELECT * FROM ({with_following("FROM lager.transaktion")}) ORDER BY tidpunkt;
"""
# Pseudonyms are the same 64 bits, read with a sign; in the quarantine they stand as text.
SIGN = """
    CREATE TEMP MACRO med_tecken(p) AS
        CAST(CASE WHEN p > 9223372036854775807 THEN CAST(p AS HUGEINT) - 18446744073709551616 ELSE p END AS BIGINT);
""" + "".join(
    f"""
    ALTER TABLE lager.{table} ALTER {column} TYPE BIGINT USING med_tecken({column});
    ALTER TABLE lager.ersatt_{table} ALTER {column} TYPE BIGINT USING med_tecken({column});
    UPDATE lager.karantan SET innehall = replace(
        innehall,
        '"{column}_id":"' || (innehall ->> '{column}_id') || '"',
        '"{column}_id":"' || med_tecken(CAST(innehall ->> '{column}_id' AS UBIGINT)) || '"'
    ) WHERE kalla = '{source}' AND innehall ->> '{column}_id' IS NOT NULL;
    """
    for source, table, column in [("arenden", "transaktion", "vardtagare"), ("behandlare", "behandlare", "behandlare")]
)
STEPS = {1: NAME_LOADS, 2: KEEP_WHAT_FOLLOWS, 3: SIGN, 4: ""}  # 5 has SCB's totals, a source of their own


def upgrade_schema(con: duckdb.DuckDBPyConnection, draft: Path) -> int | None:
    """Attach a draft of the warehouse for writing, with the schema of this program; returns the version that it had if
    that was older.

    Raises SobstatError if no program wrote that version.
    """
    attach(con, draft, write=True, older=True)
    version = schema_version(con)
    if version == SCHEMA_VERSION:
        return None
    if version not in STEPS:
        raise SobstatError(f"The warehouse has schema version {version}, which no program wrote: restore a backup.")
    for step in range(version, SCHEMA_VERSION):
        con.execute(STEPS[step])
    create_tables(con)
    con.execute("UPDATE lager.lager_version SET version = ?", [SCHEMA_VERSION])
    return version


def keep_older(warehouse: Path, version: int) -> Path:
    """Keep the warehouse as it is, under a name with its version; returns that.

    Raises SobstatError if another file has that name.
    """
    kept = warehouse.with_name(f"{warehouse.name}.v{version}")
    if not kept.exists():
        os.link(warehouse, kept)
    elif not kept.samefile(warehouse):  # else an upgrade was killed just here
        raise SobstatError(f"{kept} is there already, from an earlier upgrade: move it away, and try again.")
    return kept


def upgrade(warehouse: Path) -> Path | None:
    """Bring a warehouse to the schema of this program; returns where it is kept as it was, None if it needs nothing.

    Raises SobstatError if there is no warehouse, or if a load is at work.
    """
    warehouse = warehouse.resolve()
    with private_files(), workplace(warehouse) as own, session(own) as con:
        draft = own / "draft.duckdb"
        copy_warehouse(warehouse, draft)
        version = upgrade_schema(con, draft)
        if version is None:
            return None
        con.execute("CHECKPOINT lager")
        con.execute("DETACH lager")
        kept = keep_older(warehouse, version)
        replace(warehouse, draft)
    return kept
