"""The one query of a table, every level of a drill-down at once.

Each fact is counted by itself and by ids alone (`antal`); the breakdown's fixed groups stand beside, with nothing to
count (`fasta`). The few groups that are left are put together (`grupp`), and their names join last (`namngiven`).
"""

import duckdb

from sobstat.declarations import Dimension, Measure
from sobstat.errors import SobstatError
from sobstat.warehouse import fact_sql

# Counted per window: what a person's latest event is depends on the breakdown.
WINDOWED_FACT = "vardtagare"
# Has a row for every total too, since SCB's are not the sums of their parts; these columns are empty in a total.
LEVELLED_FACT, LEVELS = "folkmangd", ("lan_kod", "kon", "aldersgrupp")


def table_query(
    con: duckdb.DuckDBPyConnection, counted: list[Measure], breakdown: list[Dimension], drilldown: bool
) -> str:
    """The query that counts a table: `niva`, the dimensions' columns (NULL below a row's level), each measure.

    Its rows come in the order of a page. Raises SobstatError for a breakdown that a measure does not have.
    """
    keys = [dimension.columns[0] for dimension in breakdown]
    together: dict[tuple[str, str], list[Measure]] = {}
    for measure in counted:
        together.setdefault((measure.fact, "" if measure.additive else measure.id), []).append(measure)
    counts = " UNION ALL ".join(_counts(con, here, counted, breakdown, drilldown) for here in together.values())
    nothing = ", ".join(f"NULL AS m_{measure.id}" for measure in counted)
    above = ["totalt", *[dimension.id for dimension in breakdown[:-1]]]
    niva = " ".join(f"WHEN {key} IS NULL THEN '{level}'" for key, level in zip(keys, above, strict=True))
    return f"""
    WITH antal AS ({counts}),
    fasta AS ({_first_level(breakdown) if drilldown else _every_combination(breakdown)}),
    grupp AS (
        SELECT {", ".join(keys)}, {", ".join(f"{_sum(measure)} AS {measure.column_name}" for measure in counted)}
        FROM (SELECT * FROM antal UNION ALL SELECT {", ".join(keys)}, {nothing} FROM fasta)
        GROUP BY {", ".join(keys)}
    ),
    namngiven AS (
        SELECT
            {", ".join(column for dimension in breakdown for column in _named(dimension))},
            {", ".join(measure.column_name for measure in counted)}
        FROM grupp AS g {" ".join(_names(dimension) for dimension in breakdown)}
    )
    SELECT CASE {niva} ELSE '{breakdown[-1].id}' END AS niva, * FROM namngiven
    ORDER BY {", ".join(_order(dimension) for dimension in breakdown)}
    """


def _counts(
    con: duckdb.DuckDBPyConnection,
    here: list[Measure],
    counted: list[Measure],
    breakdown: list[Dimension],
    drilldown: bool,
) -> str:
    """What some measures of one fact count in each group; a stock without months is that of the last month."""
    keys = [dimension.columns[0] for dimension in breakdown]
    fact = here[0].fact
    source = "handelse" if fact == WINDOWED_FACT else fact
    known = {name for name, *_ in con.execute(f"DESCRIBE {source}").fetchall()}
    if unknown := [dimension.id for dimension in breakdown if dimension.columns[0] not in known]:
        raise SobstatError(f"{here[0].id} cannot be broken down by {', '.join(unknown)}.")
    if drilldown and fact in (WINDOWED_FACT, LEVELLED_FACT):
        raise SobstatError(f"{here[0].id} cannot be drilled down: it is counted anew at every level.")
    # Which event is a person's latest matters for what is taken from it alone.
    if fact == WINDOWED_FACT and any(dimension.person for dimension in breakdown):
        source = _in_windows(con, [dimension.columns[0] for dimension in breakdown if not dimension.person])
    values = [f"{_count(m) if m in here else 'NULL'} AS m_{m.id}" for m in counted]
    counts = " OR ".join(f"{measure.column} IS NOT NULL" for measure in here)
    level = last_month = ""
    if fact == LEVELLED_FACT:
        level = "".join(f" AND {name} IS {'NOT ' * (name in keys)}NULL" for name in LEVELS)
    if here[0].kind == "stock" and "manad" in known and "manad" not in keys:
        last_month = " AND manad = (SELECT max(manad) FROM manad)"
    levels = ", ".join(f"({', '.join(keys[:depth])})" for depth in range(not drilldown and len(keys), len(keys) + 1))
    return (
        f"SELECT {', '.join([*keys, *values])} FROM {source} WHERE ({counts}){level}{last_month} "
        f"GROUP BY GROUPING SETS ({levels})"
    )


def _in_windows(con: duckdb.DuckDBPyConnection, window: list[str]) -> str:
    """The fact that is counted per window, made when the first table needs it and kept for the next."""
    name = "_".join([WINDOWED_FACT, *window])
    rows = fact_sql(WINDOWED_FACT).format(fonster=", ".join(["vardtagare", *window]))
    con.execute(f"CREATE TEMP TABLE IF NOT EXISTS {name} AS {rows}")
    return name


def _count(measure: Measure) -> str:
    """How a measure's kind counts its column."""
    return f"count(DISTINCT {measure.column})" if measure.kind == "distinct" else f"sum({measure.column})"


def _sum(measure: Measure) -> str:
    """A measure's count of a group, which one fact's rows hold at most once."""
    return f"CAST(coalesce(sum(m_{measure.id}), 0) AS BIGINT)"


def _every_combination(breakdown: list[Dimension]) -> str:
    """Every combination of the dimensions' groups: those of a fixed list, and those that hold something."""
    groups = []
    for dimension in breakdown:
        present = f"SELECT DISTINCT {dimension.columns[0]} FROM antal"
        groups.append(f"({' UNION '.join([*_fixed(dimension), present])})")
    return f"SELECT * FROM {' CROSS JOIN '.join(groups)}"


def _first_level(breakdown: list[Dimension]) -> str:
    """The total and the fixed groups of a drill-down's first level."""
    first, *below = [dimension.columns[0] for dimension in breakdown]
    rest = "".join(f", NULL AS {key}" for key in below)
    fixed = [f"SELECT {first}{rest} FROM ({listed})" for listed in _fixed(breakdown[0])]
    return " UNION ALL ".join([f"SELECT NULL AS {first}{rest}", *fixed])


def _fixed(dimension: Dimension) -> list[str]:
    """The query of a dimension's fixed list, if it has one."""
    if dimension.fixed == "period":
        return ["SELECT manad FROM manad"]
    if dimension.fixed == "region":
        return ["SELECT lan_kod FROM lan WHERE i_regionen"]
    return [f"SELECT unnest({dimension.fixed}) AS {dimension.columns[0]}"] if dimension.fixed else []


def _named(dimension: Dimension) -> list[str]:
    """A dimension's columns. What has no name goes by its id, and what has no id is the last group."""
    key, name = dimension.columns[0], dimension.name_column
    if key == name:
        return [f"g.{key}"]
    known = f"coalesce({name}.{name}, g.{key})"
    return [f"g.{key}", f"CASE g.{key} WHEN '' THEN '{dimension.last[0]}' ELSE {known} END AS {name}"]


def _names(dimension: Dimension) -> str:
    """The join of a dimension's names, which stand in a relation of its name, by id."""
    key, name = dimension.columns[0], dimension.name_column
    return f"LEFT JOIN {name} ON {name}.{key} = g.{key}" if key != name else ""


def _order(dimension: Dimension) -> str:
    """A total before its parts; fixed lists in their order, others by Swedish alphabet, unknown groups last."""
    key, name = dimension.columns[0], dimension.name_column
    listed = dimension.fixed if isinstance(dimension.fixed, list) else []
    ranks = [f"WHEN {name} = '{label}' THEN {rank}" for rank, label in enumerate(listed, 1)]
    ranks += [f"WHEN {name} = '{label}' THEN {1000 + rank}" for rank, label in enumerate(dimension.last)]
    alphabetical = f"{name} COLLATE sv, " if not dimension.fixed else ""
    return f"CASE WHEN {key} IS NULL THEN 0 {' '.join(ranks)} ELSE 500 END, {alphabetical}{key}"
