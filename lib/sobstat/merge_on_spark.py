"""merge.py on Spark, for more rows than one machine holds: a source's usable rows merged with what a folder holds.

Of the history nothing but keys, days and ärenden is read, and the months that the extract touches. A month of which a
held row goes or changes is written anew, in files that take the place of its former ones; to any other, what is new is
added. A table that is not partitioned counts as one month.
"""

from pathlib import Path

from sobstat.contract import Source
from sobstat.engines.spark import Spark
from sobstat.folder import MONTH, MONTHLY, month_of
from sobstat.merge import ORDER, Merged, made_up
from sobstat.warehouse import FOLLOWING, same_row, stored_columns, stored_key, table_of, with_following


def set_aside_earlier(
    spark: Spark, source: Source, checked: list[Path]
) -> tuple[list[tuple[int, int]], dict[int, int]]:
    """Of several rows with one key let the last in file order win, as rows.set_aside does; makes the view
    `rad_<source>` of the usable rows that are left.

    `checked` are the files with all rows of the source. Returns file and row of those that differ from the last of
    their key, and how many are equal to it, by file.
    """
    key, columns = stored_key(source), ", ".join(["fil", "rad", *stored_columns(source)])
    checked_rows, usable = f"lager.provad_{source.name}", f"rad_{source.name}"
    spark.attach({f"provad_{source.name}": checked})
    spark.execute(f"CREATE TEMP VIEW {usable} AS SELECT {columns} FROM {checked_rows} WHERE skal IS NULL")
    spark.execute(f"CREATE TEMP TABLE flera AS SELECT {key} FROM {usable} GROUP BY {key} HAVING count(*) > 1")
    if not spark.execute("SELECT 1 FROM flera LIMIT 1").fetchall():
        return [], {}
    spark.execute(
        f"""
        CREATE TEMP TABLE tidigare AS
        WITH berord AS (SELECT {columns} FROM {usable} SEMI JOIN flera USING ({key})),
        sista AS (
            SELECT {columns} FROM berord
            QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY fil DESC, rad DESC) = 1
        )
        SELECT r.fil, r.rad, {same_row(source, "r", "s")} AS lika
        FROM berord AS r JOIN sista AS s ON {_same_key(source, "r", "s")} WHERE r.fil <> s.fil OR r.rad <> s.rad
        """
    )
    spark.execute(
        f"CREATE TEMP VIEW {usable} AS SELECT {columns} FROM {checked_rows} ANTI JOIN tidigare USING (fil, rad) "
        "WHERE skal IS NULL"
    )
    equal = dict(spark.execute("SELECT fil, count(*) FROM tidigare WHERE lika GROUP BY fil").fetchall())
    return spark.execute("SELECT fil, rad FROM tidigare WHERE NOT lika").fetchall(), equal


def merge(spark: Spark, source: Source, number: int, held: list[Path], into: Path) -> tuple[Merged, list[Path]]:
    """Write the rows of the view `rad_<source>` that are new or changed as those of load `number`, and those that they
    replace.

    `held` are the files of the source's table, and `into` is the folder for new ones. Returns what became of the rows,
    and the files whose place new ones take.
    """
    table, key, columns = table_of(source), stored_key(source), ", ".join(stored_columns(source))
    stored = ", ".join([columns, "laddning", *FOLLOWING.get(source.name, {})])
    month, rad = MONTH if table == MONTHLY else "''", f"rad_{source.name}"
    if held:
        spark.attach({table: held})

    def attach(name: str, rows: str, on: str) -> list[Path]:
        """Make the months of the table in which something has `on` in common with `rows` known as `lager.<name>`;
        returns their files.
        """
        query = f"SELECT DISTINCT {month} FROM lager.{table} SEMI JOIN {rows} USING ({on})"
        months = {found for (found,) in spark.execute(query).fetchall()} if held else {}
        files = [file for file in held if month_of(file) in months]
        if files:
            spark.attach({name: files})
        return files

    def write(rows: str) -> list[Path]:
        if table == MONTHLY:
            return spark.write(
                f"SELECT *, {MONTH} AS manad FROM ({rows}) AS t", into / table, "manad", ORDER[source.name]
            )
        return spark.write(rows, into / table)

    known, repeats = attach("samma", rad, key), {}
    if known:
        joined = f"lager.samma AS s ON {_same_key(source, 'r', 's')}"
        of_rows = ", ".join(f"r.{name}" for name in ["fil", "rad", *stored_columns(source)])
        is_held, is_same = f"s.{source.key[0]} IS NOT NULL", same_row(source, "r", "s")
        spark.execute(
            f"CREATE TEMP TABLE ny AS SELECT {of_rows}, {is_held} AS ersatter FROM {rad} AS r LEFT JOIN {joined} "
            f"WHERE NOT ({is_held} AND {is_same})"
        )
        query = f"SELECT r.fil, count(*) FROM {rad} AS r JOIN {joined} WHERE {is_same} GROUP BY r.fil"
        repeats = dict(spark.execute(query).fetchall())
    else:
        spark.execute(f"CREATE TEMP VIEW ny AS SELECT *, false AS ersatter FROM {rad}")
    query = f"SELECT fil, count(*), count(*) FILTER (ersatter), {made_up(source)} FROM ny GROUP BY fil"
    counts = spark.execute(query).fetchall()
    kept = {file: rows for file, rows, *_ in counts}
    merged = Merged(kept, repeats, synthetic=any(synthetic for *_, synthetic in counts))
    if not kept:
        return merged, []
    replaces = f"FROM lager.samma SEMI JOIN ny USING ({key})" if any(rows for _, _, rows, _ in counts) else ""
    if replaces:
        spark.write(f"SELECT {columns}, laddning, {number} AS ersatt {replaces}", into / f"ersatt_{table}")

    rows = f"SELECT {columns}, {number} AS laddning FROM ny"
    if source.name in FOLLOWING:
        touched = f" UNION SELECT arende_id {replaces}" if replaces else ""
        spark.execute(f"CREATE TEMP VIEW berord AS SELECT arende_id FROM ny{touched}")
        rows = _followed(source, number, held=bool(attach("arende", "berord", "arende_id")))
    spark.attach({"skriven": write(f"SELECT {stored} FROM ({rows}) AS r")})
    gone = attach("gammal", "lager.skriven", key)
    if gone:
        write(f"SELECT {stored} FROM lager.gammal ANTI JOIN lager.skriven USING ({key})")
    return merged, gone


def _followed(source: Source, number: int, *, held: bool) -> str:
    """SQL: the rows of `ny`, and if any are `held` in the ärenden `berord`, those of them which something else follows
    now.
    """
    columns, key, following = ", ".join(stored_columns(source)), stored_key(source), FOLLOWING[source.name]
    rows = f"SELECT {columns}, {number} AS laddning FROM ny"
    if not held:
        return with_following(rows)
    before = ", ".join(f"NULL AS fore_{name}" for name in following)
    rows = with_following(
        f"SELECT *, true AS ar_ny, {before} FROM ({rows}) AS n UNION ALL "
        f"SELECT {columns}, laddning, false, {', '.join(following)} FROM lager.arende "
        f"SEMI JOIN berord USING (arende_id) ANTI JOIN ny USING ({key})"
    )
    changed = " OR ".join(f"{name} IS DISTINCT FROM fore_{name}" for name in following)
    return f"SELECT * FROM ({rows}) AS f WHERE ar_ny OR {changed}"


def _same_key(source: Source, left: str, right: str) -> str:
    return " AND ".join(f"{left}.{name} = {right}.{name}" for name in stored_key(source).split(", "))
