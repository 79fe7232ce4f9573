"""The rotation of the key: every pseudonym in the warehouse becomes another, and every figure stays.

The ids are not kept, and need not be: a new part is added to the key, and each pseudonym is hashed anew with it
(`pseudonyms.py`). The key is written before the warehouse is replaced, and a warehouse that has only the older parts is
loaded with these (`key_of`): so whatever happens in between, the two fit, and a second run ends what the first began.
"""

import os
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from sobstat.contract import Source, quoted, sources
from sobstat.draft import replace, sync, workplace
from sobstat.errors import SobstatError
from sobstat.files import private_files
from sobstat.folder import refuse_folder
from sobstat.pseudonyms import KEY_VARIABLE, Key, fingerprint, keep_key, key_of, new_part, read_key, renewed
from sobstat.warehouse import attach, person_columns, session, stored_name, table_names, table_of


def rotate_key(warehouse: Path, progress: Callable[[str, int, int], None] = lambda step, done, total: None) -> None:
    """Rotate the key: with a new part, or with those that the warehouse lacks, since a rotation was killed or the
    part was added in the environment.

    Raises SobstatError if the key is not the warehouse's, if it stands in the environment and has no new part there,
    or if a load is at work; key and warehouse are then as they were.
    """
    warehouse = warehouse.resolve()
    refuse_folder(warehouse)
    with private_files(), workplace(warehouse) as own, session(own) as con:
        key, held = read_key(warehouse), key_of(warehouse)
        attach(con, warehouse)
        if key == held:
            if KEY_VARIABLE in os.environ:
                raise SobstatError(
                    f"The key stands in {KEY_VARIABLE}, and the warehouse has all of it: add a new part to it after "
                    "a space (`openssl rand -hex 32` makes one), and try again."
                )
            key = (*key, new_part())
        for source in sources().values():
            for column in person_columns(source):
                _renew(con, source, column, key[len(held) :])
        keep_key(warehouse, key, instead=True)
        sync(warehouse.parent)
        draft = own / "draft.duckdb"
        # Written anew, since a file that is changed in place still holds what stood there.
        con.execute(f"ATTACH {quoted(draft)} AS ny")
        con.execute("COPY FROM DATABASE lager TO ny (SCHEMA)")
        names = table_names(con)
        for done, name in enumerate(names):
            progress("Rotating the key", done, len(names))
            con.execute(f"INSERT INTO ny.{name} SELECT * {_replaced(name)} FROM lager.{name}")
        con.execute("UPDATE ny.lager_version SET nyckel = ?", [fingerprint(key)])
        con.execute("CHECKPOINT ny")
        con.execute("DETACH ny")
        con.execute("DETACH lager")
        replace(warehouse, draft)


def _tables(source: Source) -> list[str]:
    return [table_of(source), f"ersatt_{table_of(source)}"]


def _quarantined(source: Source, column: str) -> str:
    """SQL: whether a row of the quarantine holds a person's pseudonym in a column of that source."""
    return f"kalla = '{source.name}' AND innehall ->> '{column}' IS NOT NULL"


def _renew(con: duckdb.DuckDBPyConnection, source: Source, column: str, parts: Key) -> None:
    """Make the table `ny_<column>` of a column's pseudonyms as they are and as they become.

    Raises SobstatError if two would become one.
    """
    held = [f"SELECT {stored_name(source, column)} AS p FROM lager.{table}" for table in _tables(source)]
    quarantined = _quarantined(source, column)
    held.append(f"SELECT CAST(innehall ->> '{column}' AS BIGINT) FROM lager.karantan WHERE {quarantined}")
    old = con.execute(f"SELECT DISTINCT p FROM ({' UNION ALL '.join(held)}) WHERE p IS NOT NULL").fetchnumpy()["p"]
    new = renewed(np.asarray(old), column, parts)
    if len(np.unique(new)) < len(old):
        raise SobstatError("With this key two persons would count as one, a chance in millions: try again.")
    con.execute(f"CREATE TABLE ny_{column} (gammal BIGINT, ny BIGINT)")
    con.append(f"ny_{column}", pd.DataFrame({"gammal": old, "ny": new}))


def _replaced(table: str) -> str:
    """SQL: which columns of a table become others, and how."""
    replaced, cases = [], []
    for source in sources().values():
        for column in person_columns(source):
            name = stored_name(source, column)
            if table in _tables(source):
                replaced.append(f"(SELECT ny FROM ny_{column} WHERE gammal = {name}) AS {name}")
            old = f"innehall ->> '{column}'"
            new = f"(SELECT ny FROM ny_{column} WHERE gammal = TRY_CAST({old} AS BIGINT))"
            written = (f"'\"{column}\":\"' || {value} || '\"'" for value in (f"({old})", new))
            cases.append(f"WHEN {_quarantined(source, column)} THEN replace(innehall, {', '.join(written)})")
    if table == "karantan":
        replaced.append(f"CASE {' '.join(cases)} ELSE innehall END AS innehall")
    return f"REPLACE ({', '.join(replaced)})" if replaced else ""
