"""An extract folder into the warehouse, all or nothing.

The whole story is `load_extract`: read the files, turn ids into pseudonyms, check every row, let the last of
several rows with one key win, and merge with what the warehouse holds in one transaction. Until that last step
the warehouse isn't touched.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import duckdb
import pandas as pd

from sobstat.contract import COLUMN_TYPES, TIME_MACRO, Source, sources
from sobstat.errors import SobstatError
from sobstat.extract import ExtractFile, find_files, read_files
from sobstat.pseudonyms import fingerprint, pseudonyms, read_key
from sobstat.warehouse import DERIVED, attach, create, schema_version, session, stored_name, table_of

# A load that sets aside more than this share of its rows fails unless told to go on.
MAX_SET_ASIDE = 0.01
IDS_AT_A_TIME = 500_000

Progress = Callable[[str, int, int], None]


@dataclass
class Count:
    """What became of rows: `read == kept + repeats + set_aside`."""

    read: int = 0
    kept: int = 0
    repeats: int = 0
    set_aside: int = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(
            self.read + other.read,
            self.kept + other.kept,
            self.repeats + other.repeats,
            self.set_aside + other.set_aside,
        )


@dataclass
class LoadResult:
    """What a load did.

    per_file  what became of each file's rows
    removed   rows of replaced sources that the extract no longer holds
    reasons   why rows were set aside: (source, reason, rows)
    notices   values that count as unknown: (source, notice, rows)
    changed   False where the extract brought nothing new; nothing was written then
    """

    per_file: dict[str, Count] = field(default_factory=dict)
    removed: int = 0
    reasons: list[tuple[str, str, int]] = field(default_factory=list)
    notices: list[tuple[str, str, int]] = field(default_factory=list)
    changed: bool = True

    @property
    def total(self) -> Count:
        return sum(self.per_file.values(), Count())


def load_extract(
    folder: Path,
    warehouse: Path,
    *,
    max_set_aside: float = MAX_SET_ASIDE,
    now: datetime | None = None,
    progress: Progress = lambda step, done, total: None,
) -> LoadResult:
    """Load an extract folder into the warehouse, which is created if it does not exist.

    `now` is the time of the load (default: the clock's); transactions after it are set aside.
    Raises SobstatError if a file cannot be read as its source, if more than `max_set_aside` of the rows would be
    set aside, if the key is not the one that the warehouse was loaded with, or if it is in use; the warehouse is
    then byte for byte as it was.
    """
    folder, warehouse = Path(folder), Path(warehouse)
    now = (now or datetime.now(UTC)).astimezone(UTC).replace(tzinfo=None)
    files = find_files(folder)
    warehouse.parent.mkdir(parents=True, exist_ok=True)
    with _private_files(), session(spill_in=warehouse.parent) as con:
        read_files(con, files, lambda done, total: progress("Reading files", done, total))
        brought = [source for source in sources().values() if any(file.source == source for file in files)]
        key = read_key(warehouse)
        con.execute("CREATE TABLE undantag (fil SMALLINT, rad BIGINT, skal VARCHAR)")
        con.execute("INSERT INTO undantag FROM felaktig_rad")
        con.execute(TIME_MACRO)
        for done, source in enumerate(brought):
            progress("Checking rows", done, len(brought))
            _pseudonymise(con, source, key)
            _check_rows(con, source, now)
            _let_last_win(con, source)
        progress("Checking rows", len(brought), len(brought))
        _refuse_too_many_set_aside(con, max_set_aside)

        attach(con, warehouse, write=True)
        con.begin()
        _prepare(con, warehouse, fingerprint(key))
        result = LoadResult()
        for done, source in enumerate(brought):
            progress("Merging", done, len(brought))
            result.removed += _merge(con, source)
        progress("Merging", len(brought), len(brought))
        _reconcile(con, files, brought, result)
        result.changed = _brings_something(con, files, result)
        if result.changed:
            _record(con, files, brought, result, now)
            con.commit()
        else:
            con.rollback()
        con.execute("DETACH lager")
    return result


@contextmanager
def _private_files() -> Iterator[None]:
    """Everything that the load creates is readable by its owner alone."""
    umask = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(umask)


def _person_columns(source: Source) -> list[str]:
    return [name for name, column in source.columns.items() if column.type == "person_id"]


def _stored(source: Source) -> list[str]:
    """The columns of a source as the warehouse holds them, derived ones included."""
    return [stored_name(source, name) for name in source.columns] + list(DERIVED.get(source.name, {}))


def _stored_key(source: Source) -> str:
    return ", ".join(stored_name(source, name) for name in source.key)


def _same(source: Source, left: str, right: str) -> str:
    """SQL: two rows of a source are equal in every column."""
    return " AND ".join(f"{left}.{c} IS NOT DISTINCT FROM {right}.{c}" for c in _stored(source))


def _pseudonymise(con: duckdb.DuckDBPyConnection, source: Source, key: bytes) -> None:
    """A table `pseudonym_<column>` (id, pseudonym) of the distinct ids; the key never enters SQL."""
    for column in _person_columns(source):
        con.execute(f"CREATE TABLE pseudonym_{column} (id VARCHAR, pseudonym UBIGINT)")
        given = COLUMN_TYPES["person_id"].value.format(x=column)
        query = f"SELECT DISTINCT {column} AS id FROM raw_{source.name} WHERE {given} IS NOT NULL"
        distinct = con.cursor().execute(query)
        while ids := [id_ for (id_,) in distinct.fetchmany(IDS_AT_A_TIME)]:
            block = pd.DataFrame({"id": ids, "pseudonym": pd.array(pseudonyms(ids, column, key), dtype="UInt64")})
            con.append(f"pseudonym_{column}", block)


def _check_rows(con: duckdb.DuckDBPyConnection, source: Source, now: datetime) -> None:
    """A table `rad_<source>` of typed rows; the others go to `undantag` with every reason."""
    values, joins, faults, notices = [], "", [], []
    for name, column in source.columns.items():
        kind, stored, x = COLUMN_TYPES[column.type], stored_name(source, name), f"r.{name}"
        if column.type == "person_id":
            values.append(f"p_{name}.pseudonym AS {stored}")
            joins += f" LEFT JOIN pseudonym_{name} AS p_{name} ON p_{name}.id = {x}"
        else:
            values.append(f"{kind.value.format(x=x)} AS {stored}")
        wrong = []
        if kind.fault:
            wrong.append((kind.fault[0].format(x=f"ra_{name}", v=stored), kind.fault[1]))
        if column.required:
            wrong.append((f"{stored} IS NULL", "is missing"))
        if column.type == "time":
            wrong.append((f"{stored} > $now", "is in the future"))
        if wrong:
            cases = " ".join(f"WHEN {condition} THEN '{name} {reason}'" for condition, reason in wrong)
            faults.append(f"CASE {cases} END")
        if kind.notice:
            notices.append(f"CASE WHEN {kind.notice[0].format(x=f'ra_{name}', v=stored)} THEN '{kind.notice[1]}' END")
    raw = ", ".join(f"r.{name} AS ra_{name}" for name in source.columns if source.columns[name].type != "person_id")
    derived = "".join(f", {sql} AS {name}" for name, sql in DERIVED.get(source.name, {}).items())
    notice = f"concat_ws('; ', {', '.join(notices)})" if notices else "''"
    con.execute(
        f"""
        CREATE TABLE provad_{source.name} AS
        SELECT fil, rad, {", ".join(_stored(source))}, concat_ws('; ', {", ".join(faults)}) AS skal,
            {notice} AS anmarkning
        FROM (SELECT *{derived} FROM (
            SELECT r.fil, r.rad, {raw}, {", ".join(values)} FROM raw_{source.name} AS r{joins}
        ))
        """,
        {"now": now} if any(column.type == "time" for column in source.columns.values()) else None,
    )
    con.execute(f"INSERT INTO undantag SELECT fil, rad, skal FROM provad_{source.name} WHERE skal <> ''")
    con.execute(f"CREATE VIEW rad_{source.name} AS FROM provad_{source.name} WHERE skal = ''")


def _let_last_win(con: duckdb.DuckDBPyConnection, source: Source) -> None:
    """A table `sist_<source>`: of several rows with one key, the last in file order.

    Those equal to it are repeats; the others are set aside.
    """
    key, name = _stored_key(source), source.name
    con.execute(
        f"CREATE TABLE sist_{name} AS FROM rad_{name} "
        f"QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY fil DESC, rad DESC) = 1"
    )
    con.execute(
        f"INSERT INTO undantag SELECT r.fil, r.rad, 'another row with the same {key} comes later' "
        f"FROM rad_{name} AS r JOIN sist_{name} AS s USING ({key}) "
        f"WHERE (r.fil, r.rad) <> (s.fil, s.rad) AND NOT ({_same(source, 'r', 's')})"
    )


def _refuse_too_many_set_aside(con: duckdb.DuckDBPyConnection, max_set_aside: float) -> None:
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


def _prepare(con: duckdb.DuckDBPyConnection, warehouse: Path, key: str) -> None:
    """Create the schema in a new warehouse; refuse another key than an old one's."""
    if schema_version(con) is None:
        create(con, key)
    elif con.execute("SELECT nyckel FROM lager.lager_version").fetchone()[0] != key:
        raise SobstatError(
            f"The key is not the one that {warehouse} was loaded with: the same person would count as two. "
            "Give that key, or load the whole history into a new warehouse."
        )


def _merge(con: duckdb.DuckDBPyConnection, source: Source) -> int:
    """Write the rows that are new or changed, noted in `ny_<source>`.

    Returns how many rows of a replaced source the extract no longer holds; they are deleted.
    """
    key, name, table = _stored_key(source), source.name, f"lager.{table_of(source)}"
    columns = ", ".join(_stored(source))
    con.execute(
        f"CREATE TEMP TABLE ny_{name} AS FROM sist_{name} AS s WHERE NOT EXISTS "
        f"(FROM {table} AS t WHERE {_same(source, 's', 't')})"
    )
    removed = 0
    if source.replaced:
        (usable,) = con.execute(f"SELECT count(*) FROM sist_{name}").fetchone()
        (held,) = con.execute(f"SELECT count(*) FROM {table}").fetchone()
        if held and not usable:
            raise SobstatError(
                f"{name} holds no usable row, and would empty the {held} that are loaded: deliver it again."
            )
        (removed,) = con.execute(
            f"DELETE FROM {table} WHERE ({key}) NOT IN (SELECT ({key}) FROM sist_{name})"
        ).fetchone()
    con.execute(f"DELETE FROM {table} WHERE ({key}) IN (SELECT ({key}) FROM ny_{name})")
    con.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM ny_{name} ORDER BY fil, rad")
    return removed


def _reconcile(
    con: duckdb.DuckDBPyConnection, files: list[ExtractFile], brought: list[Source], result: LoadResult
) -> None:
    """Count what became of every row, and check that none disappeared."""
    for file in files:
        name = file.source.name
        counts = con.execute(
            f"""
            SELECT
                (SELECT count(*) FROM raw_{name} WHERE fil = $fil)
                + (SELECT count(*) FROM felaktig_rad WHERE fil = $fil),
                (SELECT count(*) FROM ny_{name} WHERE fil = $fil),
                (SELECT count(*) FROM rad_{name} AS r JOIN sist_{name} AS s USING ({_stored_key(file.source)})
                 WHERE r.fil = $fil AND {_same(file.source, "r", "s")} AND NOT EXISTS
                    (FROM ny_{name} AS n WHERE (n.fil, n.rad) = (r.fil, r.rad))),
                (SELECT count(*) FROM undantag WHERE fil = $fil)
            """,
            {"fil": file.number},
        ).fetchone()
        count = Count(*counts)
        if count.read != count.kept + count.repeats + count.set_aside:
            raise RuntimeError(f"{file.path.name} does not reconcile: {count}")
        result.per_file[file.path.name] = count
    result.reasons = con.execute(
        "SELECT kalla, skal, count(*) FROM undantag JOIN fil USING (fil) GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    for source in brought:
        result.notices += con.execute(
            f"SELECT '{source.name}', anmarkning, count(*) FROM (SELECT unnest(string_split(anmarkning, '; ')) "
            f"AS anmarkning FROM rad_{source.name} WHERE anmarkning <> '') GROUP BY ALL ORDER BY ALL"
        ).fetchall()


def _brings_something(con: duckdb.DuckDBPyConnection, files: list[ExtractFile], result: LoadResult) -> bool:
    """Whether anything is new: a row, a removal, or a file that was never loaded before."""
    known = {sha256 for (sha256,) in con.execute("SELECT sha256 FROM lager.laddad_fil").fetchall()}
    return bool(result.total.kept or result.removed or any(file.sha256 not in known for file in files))


def _record(
    con: duckdb.DuckDBPyConnection,
    files: list[ExtractFile],
    brought: list[Source],
    result: LoadResult,
    now: datetime,
) -> None:
    """Add the load to the history, and the rows set aside to the quarantine."""
    (number,) = con.execute("SELECT coalesce(max(laddning), 0) + 1 FROM lager.laddning").fetchone()
    con.execute(
        "INSERT INTO lager.laddning VALUES (?, ?, ?, ?, ?, ?, ?)",
        [number, now, version("sobstat"), *astuple(result.total)],
    )
    for file in files:
        count = result.per_file[file.path.name]
        con.execute(
            "INSERT INTO lager.laddad_fil VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [number, file.path.name, file.source.name, file.size, file.sha256, *astuple(count)],
        )
    for source, notice, rows in result.notices:
        con.execute("INSERT INTO lager.anmarkning VALUES (?, ?, ?, ?)", [number, source, notice, rows])
    for source in brought:
        persons = _person_columns(source)
        pairs = ", ".join(
            f"'{name}', CAST(p_{name}.pseudonym AS VARCHAR)" if name in persons else f"'{name}', r.{name}"
            for name in source.columns
        )
        joins = "".join(f" LEFT JOIN pseudonym_{name} AS p_{name} ON p_{name}.id = r.{name}" for name in persons)
        con.execute(
            f"""
            INSERT INTO lager.karantan
            SELECT {number}, f.namn, u.rad, '{source.name}', u.skal,
                CASE WHEN r.fil IS NOT NULL THEN CAST(json_object({pairs}) AS VARCHAR) END
            FROM undantag AS u
            JOIN fil AS f ON f.fil = u.fil AND f.kalla = '{source.name}'
            LEFT JOIN raw_{source.name} AS r ON r.fil = u.fil AND r.rad = u.rad{joins}
            ORDER BY u.fil, u.rad
            """
        )
