"""merge.py on Spark, for more rows than one machine holds: a source's usable rows merged with what a folder holds.

Of the history nothing but keys, days and ärenden is read, and the months that the extract touches. A month of which a
held row goes or changes is written anew, in files that take the place of its former ones; to any other, what is new is
added. A table that is not partitioned counts as one month.
"""

from pathlib import Path

from sobstat.contract import Source
from sobstat.engines.spark import Spark
from sobstat.folder import MONTH, MONTHLY, month_of
from sobstat.into_file import Merged
from sobstat.merge import ORDER
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
    spark.attach({"provad": checked})
    spark.execute(f"CREATE TEMP VIEW duglig AS SELECT {columns} FROM lager.provad WHERE skal IS NULL")
    spark.execute(
        f"""
        CREATE TEMP TABLE tidigare AS
        WITH flera AS (SELECT {key} FROM duglig GROUP BY {key} HAVING count(*) > 1),
        berord AS (SELECT {columns} FROM duglig SEMI JOIN flera USING ({key})),
        sista AS (
            SELECT {columns} FROM berord
            QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY fil DESC, rad DESC) = 1
        )
        SELECT r.fil, r.rad, {same_row(source, "r", "s")} AS lika
        FROM berord AS r JOIN sista AS s ON {_same_key(source, "r", "s")} WHERE r.fil <> s.fil OR r.rad <> s.rad
        """
    )
    equal = dict(spark.execute("SELECT fil, count(*) FROM tidigare WHERE lika GROUP BY fil").fetchall())
    others = spark.execute("SELECT fil, rad FROM tidigare WHERE NOT lika").fetchall()
    last = " ANTI JOIN tidigare USING (fil, rad)" if equal or others else ""
    spark.execute(f"CREATE TEMP VIEW rad_{source.name} AS SELECT {columns} FROM duglig{last}")
    return others, equal


def merge(spark: Spark, source: Source, number: int, held: list[Path], into: Path) -> tuple[Merged, list[Path]]:
    """Write the rows of the view `rad_<source>` that are new or changed as those of load `number`, and those that they
    replace.

    `held` are the files of the source's table, and `into` is the folder for new ones. Returns what became of the rows,
    and the files whose place new ones take.
    """
    table, key, columns = table_of(source), stored_key(source), ", ".join(stored_columns(source))
    rad = f"rad_{source.name}"
    month = MONTH if table == MONTHLY else "''"
    spark.attach({table: held})

    def attach(name: str, rows: str, on: str) -> list[Path]:
        """Make the months of the table in which something has `on` in common with `rows` known as `lager.<name>`."""
        query = f"SELECT DISTINCT {month} FROM lager.{table} SEMI JOIN {rows} USING ({on})"
        months = {found for (found,) in spark.execute(query).fetchall()}
        files = [file for file in held if month_of(file) in months]
        spark.attach({name: files or held[:1]})  # where none has, no row of the first has either
        return files

    known = attach("samma", rad, key)
    joined = f"lager.samma AS s ON {_same_key(source, 'r', 's')}"
    is_held, is_same = f"s.{source.key[0]} IS NOT NULL", same_row(source, "r", "s")
    of_rows = ", ".join(f"r.{name}" for name in ["fil", "rad", *stored_columns(source)])
    spark.execute(
        f"CREATE TEMP TABLE ny AS SELECT {of_rows}, {is_held} AS ersatter FROM {rad} AS r LEFT JOIN {joined} "
        f"WHERE NOT ({is_held} AND {is_same})"
    )
    marked = f"coalesce(bool_or(starts_with({source.key[0]}, 'SYN-')), false)"
    counts = spark.execute(
        f"SELECT fil, count(*), count(*) FILTER (ersatter), {marked} FROM ny GROUP BY fil"
    ).fetchall()
    merged = Merged({fil: rows for fil, rows, *_ in counts}, {}, synthetic=any(made_up for *_, made_up in counts))
    if known:
        query = f"SELECT r.fil, count(*) FROM {rad} AS r JOIN {joined} WHERE {is_same} GROUP BY r.fil"
        merged.repeats = dict(spark.execute(query).fetchall())
    if not merged.kept:
        return merged, []
    if any(replacing for _, _, replacing, _ in counts):
        query = f"SELECT {columns}, laddning, {number} AS ersatt FROM lager.samma SEMI JOIN ny USING ({key})"
        spark.write(query, into / f"ersatt_{table}")

    stored = ", ".join([columns, "laddning", *FOLLOWING.get(source.name, {})])
    if source.name in FOLLOWING:
        spark.execute(
            f"CREATE TEMP VIEW berord AS SELECT arende_id FROM ny UNION "
            f"SELECT arende_id FROM lager.samma SEMI JOIN ny USING ({key})"
        )
        attach("arende", "berord", "arende_id")
        spark.execute(f"CREATE TEMP TABLE skriven AS SELECT {stored} FROM ({_followed(source, number)}) AS f")
    else:
        spark.execute(f"CREATE TEMP VIEW skriven AS SELECT {columns}, {number} AS laddning FROM ny")
    gone = attach("gammal", "skriven", key)
    query = f"SELECT {stored} FROM skriven"
    if gone:
        query += f" UNION ALL SELECT {stored} FROM lager.gammal ANTI JOIN skriven USING ({key})"
    if table == MONTHLY:
        query = f"SELECT {stored}, {MONTH} AS manad FROM ({query}) AS t"
        spark.write(query, into / table, "manad", ORDER[source.name])
    else:
        spark.write(query, into / table)
    return merged, gone


def _followed(source: Source, number: int) -> str:
    """SQL: the rows of `ny`, and those held in the ärenden `berord` which something else follows now."""
    columns, key, following = ", ".join(stored_columns(source)), stored_key(source), FOLLOWING[source.name]
    rows = with_following(
        f"SELECT {columns}, {number} AS laddning, true AS ar_ny, "
        f"{', '.join(f'NULL AS fore_{name}' for name in following)} FROM ny UNION ALL "
        f"SELECT {columns}, laddning, false, {', '.join(following)} FROM lager.arende "
        f"SEMI JOIN berord USING (arende_id) ANTI JOIN ny USING ({key})"
    )
    changed = " OR ".join(f"{name} IS DISTINCT FROM fore_{name}" for name in following)
    return f"SELECT * FROM ({rows}) AS r WHERE ar_ny OR {changed}"


def _same_key(source: Source, left: str, right: str) -> str:
    return " AND ".join(f"{left}.{name} = {right}.{name}" for name in stored_key(source).split(", "))
