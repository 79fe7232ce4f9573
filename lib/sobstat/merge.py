"""The usable rows of an extract merged with what the warehouse holds, in a draft of it.

Of the history nothing but the keys is read, and the ärenden that the extract touches; of the keys those alone that
lie where the extract's do, which is little where ids are given out in order.
"""

from dataclasses import dataclass

import duckdb

from sobstat.contract import Source
from sobstat.errors import SobstatError
from sobstat.warehouse import FOLLOWING, same_row, stored_columns, stored_key, table_of, with_following

# How the rows of a load lie in the warehouse, unless by key: a month's together, so that it is read alone.
ORDER = {"arenden": "tidpunkt"}
# What tells a made-up row.
MADE_UP = {"arenden": "starts_with(transaktion_id, 'SYN-')"}


@dataclass
class Merged:
    """What became of a source's usable rows: new or changed ones by file, those that were held already by file, how
    many held rows of a replaced source are gone, and whether made-up transactions came in.
    """

    kept: dict[int, int]
    repeats: dict[int, int]
    removed: int = 0
    synthetic: bool = False


def made_up(source: Source) -> str:
    """SQL: whether any of some rows of a source is a made-up transaction."""
    return f"coalesce(bool_or({MADE_UP.get(source.name, 'false')}), false)"


def merge(con: duckdb.DuckDBPyConnection, source: Source, number: int) -> Merged:
    """Write the rows that are new or changed as those of load `number`; note the others as repeated.

    Rows of a replaced source that the extract no longer holds are deleted.
    """
    key, rows, table = stored_key(source), f"rad_{source.name}", f"lager.{table_of(source)}"
    columns = ", ".join(stored_columns(source))
    removed = 0
    if source.replaced:
        (usable,) = con.execute(f"SELECT count(*) FROM {rows}").fetchone()
        (held,) = con.execute(f"SELECT count(*) FROM {table}").fetchone()
        if held and not usable:
            raise SobstatError(
                f"{source.name} holds no usable row, and would empty the {held} that are loaded: deliver it again."
            )
        removed = _retire(con, source, f"({key}) NOT IN (SELECT ({key}) FROM {rows})", number)
    # In two steps, so that of the whole history nothing but the keys is read.
    first = key.split(", ")[0]
    con.execute(
        f"CREATE TEMP TABLE kand AS SELECT r.fil, r.rad, t.rowid AS plats FROM {rows} AS r "
        f"JOIN {table} AS t USING ({key}) WHERE t.{first} BETWEEN ? AND ?",
        _range(con, first, rows, table),
    )
    con.execute(
        f"INSERT INTO upprepad SELECT r.fil, r.rad FROM {rows} AS r JOIN kand AS k ON k.fil = r.fil AND k.rad = r.rad "
        f"JOIN {table} AS t ON t.rowid = k.plats WHERE {same_row(source, 'r', 't')}"
    )
    _retire(con, source, "rowid IN (SELECT plats FROM kand ANTI JOIN upprepad USING (fil, rad))", number)
    con.execute("DROP TABLE kand")
    repeats = dict(con.execute("SELECT fil, count(*) FROM upprepad GROUP BY fil").fetchall())
    new = con.execute(f"SELECT fil, count(*), {made_up(source)} FROM {rows} GROUP BY fil").fetchall()
    kept = {file: count for file, count, _ in new}
    merged = Merged(kept, repeats, removed, synthetic=any(synthetic for *_, synthetic in new))
    if not kept:
        return merged
    following = FOLLOWING.get(source.name, {})
    if following:
        _follow(con, rows, list(following), number)
        columns = ", ".join([columns, *following])
        rows = f"provad_{source.name} JOIN foljd USING (fil, rad)"  # which has the same rows as `rad_…`, and is narrow
    con.execute(
        f"INSERT INTO {table} ({columns}, laddning) SELECT {columns}, {number} FROM {rows} "
        f"ORDER BY {ORDER.get(source.name, key)}"
    )
    return merged


def _follow(con: duckdb.DuckDBPyConnection, rows: str, following: list[str], number: int) -> None:
    """Compute anew what follows what in the ärenden that new or replaced rows belong to: `foljd` for the new rows, in
    place for those that the warehouse holds.
    """
    columns = "arende_id, transaktion_id, arendetyp, status, tidpunkt, dag, avslutningsorsak"
    touched = with_following(
        f"SELECT fil, rad, NULL AS plats, {columns} FROM {rows} UNION ALL "
        f"SELECT NULL, NULL, rowid, {columns} FROM lager.transaktion WHERE rowid IN (SELECT plats FROM berord)"
    )
    replaced = f"SELECT arende_id FROM lager.ersatt_transaktion WHERE ersatt = {number}"
    ids = f"SELECT arende_id FROM {rows} UNION ALL {replaced}"
    con.execute(
        "CREATE TEMP TABLE berord AS SELECT rowid AS plats FROM lager.transaktion "
        f"WHERE arende_id IN ({ids}) AND arende_id BETWEEN ? AND ?",
        _range(con, "arende_id", f"({ids})", "lager.transaktion"),
    )
    con.execute(f"CREATE TEMP TABLE foljd AS SELECT fil, rad, plats, {', '.join(following)} FROM ({touched})")
    con.execute(
        f"UPDATE lager.transaktion AS t SET {', '.join(f'{name} = f.{name}' for name in following)} FROM foljd AS f "
        f"WHERE t.rowid = f.plats AND ({' OR '.join(f't.{name} IS DISTINCT FROM f.{name}' for name in following)})"
    )


def _range(con: duckdb.DuckDBPyConnection, column: str, rows: str, table: str) -> list:
    """The least and the greatest value of the rows, as parameters: with them, DuckDB passes over row groups of the
    table unread. Of an empty one there are none to pass over.
    """
    if not con.execute(f"FROM {table} LIMIT 1").fetchone():
        return [None, None]
    return list(con.execute(f"SELECT min({column}), max({column}) FROM {rows}").fetchone())


def _retire(con: duckdb.DuckDBPyConnection, source: Source, which: str, number: int) -> int:
    """Move the rows that load `number` replaces or removes to those that no longer hold; returns how many."""
    table, columns = table_of(source), ", ".join([*stored_columns(source), "laddning"])
    con.execute(f"INSERT INTO lager.ersatt_{table} SELECT {columns}, {number} FROM lager.{table} WHERE {which}")
    (rows,) = con.execute(f"DELETE FROM lager.{table} WHERE {which}").fetchone()
    return rows
