"""The rows of an extract: pseudonymised, typed, checked, the last of several winning.

pseudonym_<column> person ids and their pseudonyms
provad_<source>    typed rows with the reasons why they cannot be used, if any
undantag           rows set aside, with the reason
upprepad           rows that repeat another, of the extract or of the warehouse
rad_<source>       the other rows
"""

from datetime import datetime

import duckdb
import pandas as pd

from sobstat.contract import COLUMN_TYPES, Source, quoted, sources
from sobstat.errors import SobstatError
from sobstat.extract import ExtractFile
from sobstat.pseudonyms import Key, pseudonyms
from sobstat.warehouse import (
    DERIVED,
    column_definitions,
    person_columns,
    same_row,
    stored_columns,
    stored_key,
    stored_name,
)

IDS_AT_A_TIME = 500_000


def make_room(con: duckdb.DuckDBPyConnection) -> None:
    """Create the tables, empty."""
    con.execute("CREATE TABLE undantag (fil SMALLINT, rad BIGINT, skal VARCHAR)")
    con.execute("CREATE TEMP TABLE upprepad (fil SMALLINT, rad BIGINT)")
    for source in sources().values():
        for column in person_columns(source):
            con.execute(f"CREATE TABLE pseudonym_{column} (id VARCHAR, pseudonym BIGINT)")
        columns = ", ".join(column_definitions(source))
        con.execute(
            f"CREATE TABLE provad_{source.name} (fil SMALLINT, rad BIGINT, {columns}, skal VARCHAR, anmarkning VARCHAR)"
        )
        con.execute(
            f"CREATE VIEW rad_{source.name} AS FROM provad_{source.name} "
            "ANTI JOIN undantag USING (fil, rad) ANTI JOIN upprepad USING (fil, rad) WHERE skal IS NULL"
        )


def pseudonymise(con: duckdb.DuckDBPyConnection, file: ExtractFile, key: Key) -> None:
    """Add the pseudonyms of the ids that the file is the first to hold; the key never enters SQL."""
    for column in person_columns(file.source):
        given = COLUMN_TYPES["person_id"].value.format(x=column)
        query = (
            f"SELECT DISTINCT {column} AS id FROM fil_{file.number} WHERE {given} IS NOT NULL "
            f"AND NOT EXISTS (FROM pseudonym_{column} AS p WHERE p.id = {column})"
        )
        distinct = con.cursor().execute(query)
        while ids := [id_ for (id_,) in distinct.fetchmany(IDS_AT_A_TIME)]:
            con.append(f"pseudonym_{column}", pd.DataFrame({"id": ids, "pseudonym": pseudonyms(ids, column, key)}))


def check_rows(con: duckdb.DuckDBPyConnection, file: ExtractFile, now: datetime) -> None:
    """Add the file's rows, typed, with every reason why one cannot be used."""
    source = file.source
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
        faults.append([(condition, f"{name} {reason}") for condition, reason in wrong])
        if kind.notice:
            notices.append([(kind.notice[0].format(x=f"ra_{name}", v=held), kind.notice[1])])
    raw = ", ".join(f"r.{name} AS ra_{name}" for name in source.columns if source.columns[name].type != "person_id")
    derived = "".join(f", {sql} AS {name}" for name, sql in DERIVED.get(source.name, {}).items())
    con.execute(
        f"""
        INSERT INTO provad_{source.name}
        SELECT fil, rad, {", ".join(stored_columns(source))}, {_said(faults)}, {_said(notices)}
        FROM (SELECT *{derived} FROM (
            SELECT r.fil, r.rad, {raw}, {", ".join(values)} FROM fil_{file.number} AS r{joins}
        ))
        """,
        {"now": now} if any(column.type == "time" for column in source.columns.values()) else None,
    )


def _said(columns: list[list[tuple[str, str]]]) -> str:
    """SQL: what is to be said of a row, NULL if nothing; of each column the text of the first condition that is true.

    Hardly any row has something, and one look at all conditions tells.
    """
    columns = [conditions for conditions in columns if conditions]
    if not columns:
        return "NULL"
    some = " OR ".join(f"({condition})" for conditions in columns for condition, _ in conditions)
    texts = (
        f"CASE {' '.join(f'WHEN {condition} THEN {quoted(text)}' for condition, text in conditions)} END"
        for conditions in columns
    )
    return f"CASE WHEN {some} THEN concat_ws('; ', {', '.join(texts)}) END"


def set_aside(con: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Set aside the rows that cannot be used, and of several with one key all but the last in file order.

    Those equal to the last are repeats.
    """
    name, key = source.name, stored_key(source)
    con.execute(f"INSERT INTO undantag SELECT fil, rad, skal FROM provad_{name} WHERE skal IS NOT NULL")
    # Few keys occur twice, if any; their hashes find them in a fraction of the memory.
    con.execute(
        "CREATE OR REPLACE TEMP TABLE tvetydig AS "
        f"SELECT hash({key}) AS h FROM rad_{name} GROUP BY ALL HAVING count(*) > 1"
    )
    if not con.execute("FROM tvetydig LIMIT 1").fetchone():
        return
    con.execute(
        f"""
        CREATE TEMP TABLE tidigare AS
        WITH flera AS (FROM rad_{name} WHERE hash({key}) IN (FROM tvetydig)),
        sista AS (FROM flera QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY fil DESC, rad DESC) = 1)
        SELECT r.fil, r.rad, {same_row(source, "r", "s")} AS lika
        FROM flera AS r JOIN sista AS s USING ({key}) WHERE (r.fil, r.rad) <> (s.fil, s.rad)
        """
    )
    con.execute("INSERT INTO upprepad SELECT fil, rad FROM tidigare WHERE lika")
    con.execute(f"INSERT INTO undantag SELECT fil, rad, {quoted(superseded(source))} FROM tidigare WHERE NOT lika")
    con.execute("DROP TABLE tidigare")


def superseded(source: Source) -> str:
    """Why a row is set aside that another one of the extract replaces."""
    return f"another row with the same {stored_key(source)} comes later"


def refuse_too_many_set_aside(con: duckdb.DuckDBPyConnection, max_set_aside: float) -> None:
    """Raises SobstatError, with the most frequent reasons, if more than the share `max_set_aside` is set aside."""
    (set_aside,) = con.execute("SELECT count(*) FROM undantag").fetchone()
    (read,) = con.execute("SELECT sum(lasta) FROM fil").fetchone()
    if set_aside > max_set_aside * read:
        reasons = con.execute(
            "SELECT skal, count(*) AS antal FROM undantag GROUP BY skal ORDER BY antal DESC, skal LIMIT 10"
        ).fetchall()
        listed = "\n".join(f"  {count} row(s): {reason}" for reason, count in reasons)
        raise SobstatError(
            f"{set_aside} of {read} rows cannot be used, more than the share of {max_set_aside:g} that is allowed; "
            f"nothing was loaded. Mend the extract, or load it all the same with --max-set-aside 1.\n{listed}"
        )
