"""The rows of an extract in their staging tables: pseudonymised, typed, checked, the last of several winning.

raw_<source>       the contract's columns as text (extract.py)
pseudonym_<column> person ids and their pseudonyms
provad_<source>    typed rows with the reasons why they cannot be used, if any; rad_<source> those that can
sist_<source>      one row per key, the last in file order
undantag           rows set aside, with the reason
"""

from datetime import datetime

import duckdb
import pandas as pd

from sobstat.contract import COLUMN_TYPES, Source, sources
from sobstat.errors import SobstatError
from sobstat.pseudonyms import pseudonyms
from sobstat.warehouse import DERIVED, person_columns, same_row, stored_columns, stored_key, stored_name

IDS_AT_A_TIME = 500_000


def pseudonymise(con: duckdb.DuckDBPyConnection, source: Source, key: bytes) -> None:
    """A table `pseudonym_<column>` (id, pseudonym) of the distinct ids; the key never enters SQL."""
    for column in person_columns(source):
        con.execute(f"CREATE TABLE pseudonym_{column} (id VARCHAR, pseudonym UBIGINT)")
        given = COLUMN_TYPES["person_id"].value.format(x=column)
        query = f"SELECT DISTINCT {column} AS id FROM raw_{source.name} WHERE {given} IS NOT NULL"
        distinct = con.cursor().execute(query)
        while ids := [id_ for (id_,) in distinct.fetchmany(IDS_AT_A_TIME)]:
            block = pd.DataFrame({"id": ids, "pseudonym": pd.array(pseudonyms(ids, column, key), dtype="UInt64")})
            con.append(f"pseudonym_{column}", block)


def check_rows(con: duckdb.DuckDBPyConnection, source: Source, now: datetime) -> None:
    """A table `rad_<source>` of typed rows; the others go to `undantag` with every reason."""
    values, joins, faults, notices = [], "", [], []
    for name, column in source.columns.items():
        kind, held, x = COLUMN_TYPES[column.type], stored_name(source, name), f"r.{name}"
        if column.type == "person_id":
            values.append(f"p_{name}.pseudonym AS {held}")
            joins += f" LEFT JOIN pseudonym_{name} AS p_{name} ON p_{name}.id = {x}"
        else:
            values.append(f"{kind.value.format(x=x)} AS {held}")
        wrong = []
        if kind.fault:
            wrong.append((kind.fault[0].format(x=f"ra_{name}", v=held), kind.fault[1]))
        if column.required:
            wrong.append((f"{held} IS NULL", "is missing or unknown" if column.type == "kon" else "is missing"))
        if column.type == "time":
            wrong.append((f"{held} > $now", "is in the future"))
        if wrong:
            cases = " ".join(f"WHEN {condition} THEN '{name} {reason}'" for condition, reason in wrong)
            faults.append(f"CASE {cases} END")
        if kind.notice:
            notices.append(f"CASE WHEN {kind.notice[0].format(x=f'ra_{name}', v=held)} THEN '{kind.notice[1]}' END")
    raw = ", ".join(f"r.{name} AS ra_{name}" for name in source.columns if source.columns[name].type != "person_id")
    derived = "".join(f", {sql} AS {name}" for name, sql in DERIVED.get(source.name, {}).items())
    notice = f"concat_ws('; ', {', '.join(notices)})" if notices else "''"
    con.execute(
        f"""
        CREATE TABLE provad_{source.name} AS
        SELECT fil, rad, {", ".join(stored_columns(source))}, concat_ws('; ', {", ".join(faults)}) AS skal,
            {notice} AS anmarkning
        FROM (SELECT *{derived} FROM (
            SELECT r.fil, r.rad, {raw}, {", ".join(values)} FROM raw_{source.name} AS r{joins}
        ))
        """,
        {"now": now} if any(column.type == "time" for column in source.columns.values()) else None,
    )
    con.execute(f"INSERT INTO undantag SELECT fil, rad, skal FROM provad_{source.name} WHERE skal <> ''")
    con.execute(f"CREATE VIEW rad_{source.name} AS FROM provad_{source.name} WHERE skal = ''")


def let_last_win(con: duckdb.DuckDBPyConnection, source: Source) -> None:
    """A table `sist_<source>`: of several rows with one key, the last in file order.

    Those equal to it are repeats; the others are set aside.
    """
    key, name = stored_key(source), source.name
    con.execute(
        f"CREATE TABLE sist_{name} AS FROM rad_{name} "
        f"QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY fil DESC, rad DESC) = 1"
    )
    con.execute(
        f"INSERT INTO undantag SELECT r.fil, r.rad, 'another row with the same {key} comes later' "
        f"FROM rad_{name} AS r JOIN sist_{name} AS s USING ({key}) "
        f"WHERE (r.fil, r.rad) <> (s.fil, s.rad) AND NOT ({same_row(source, 'r', 's')})"
    )


def refuse_too_many_set_aside(con: duckdb.DuckDBPyConnection, max_set_aside: float) -> None:
    """Raises SobstatError, with the most frequent reasons, if more than the share `max_set_aside` is set aside."""
    (set_aside,) = con.execute("SELECT count(*) FROM undantag").fetchone()
    read = sum(con.execute(f"SELECT count(*) FROM raw_{name}").fetchone()[0] for name in sources())
    read += con.execute("SELECT count(*) FROM felaktig_rad").fetchone()[0]
    if set_aside > max_set_aside * read:
        reasons = con.execute(
            "SELECT skal, count(*) AS antal FROM undantag GROUP BY skal ORDER BY antal DESC, skal LIMIT 10"
        ).fetchall()
        listed = "\n".join(f"  {count} row(s): {reason}" for reason, count in reasons)
        raise SobstatError(
            f"{set_aside} of {read} rows cannot be used, more than the share of {max_set_aside:g} that is allowed; "
            f"nothing was loaded. Mend the extract, or load it all the same with --max-set-aside 1.\n{listed}"
        )
