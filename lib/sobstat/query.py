"""The one query of a table, every level of a drill-down at once.

Each measure is counted by itself and by ids alone (`antal`); the breakdown's fixed groups stand beside, with nothing to
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
    above = ["totalt", *[dimension.id for dimension in breakdown[:-1]]]
    niva = " ".join(f"WHEN {key} IS NULL THEN '{level}'" for key, level in zip(keys, above, strict=True))
    counts = " UNION ALL ".join(_counts(con, measure, breakdown, drilldown) for measure in counted)
    sums = [
        f"CAST(coalesce(sum(n) FILTER (matt = '{measure.id}'), 0) AS BIGINT) AS {measure.column_name}"
        for measure in counted
    ]
    return f"""
    WITH antal AS ({counts}),
    fasta AS ({_first_level(breakdown) if drilldown else _every_combination(breakdown)}),
    grupp AS (
        SELECT {", ".join([*keys, *sums])}
        FROM (SELECT * FROM antal UNION ALL SELECT {", ".join(keys)}, NULL AS matt, NULL AS n FROM fasta)
        GROUP BY {", ".join(keys)}
    ),
    namngiven AS (
        SELECT {", ".join(column for dimension in breakdown for column in _named(dimension))},
            {", ".join(f"g.{measure.column_name}" for measure in counted)}
        FROM grupp AS g {" ".join(_names(dimension) for dimension in breakdown)}
    )
    SELECT CASE {niva} ELSE '{breakdown[-1].id}' END AS niva, * FROM namngiven
    ORDER BY {", ".join(_order(dimension) for dimension in breakdown)}
    """


def _counts(con: duckdb.DuckDBPyConnection, measure: Measure, breakdown: list[Dimension], drilldown: bool) -> str:
    """A measure's count `n` of each group that holds something, at every level of a drill-down."""
    keys = [dimension.columns[0] for dimension in breakdown]
    rows = _rows(con, measure, breakdown, drilldown)
    levels = [keys[:depth] for depth in range(len(keys), -1, -1)] if drilldown else [keys]
    if measure.additive:
        sets = ", ".join(f"({', '.join(level)})" for level in levels)
        return (
            f"SELECT {', '.join(keys)}, '{measure.id}' AS matt, sum({measure.column}) AS n {rows} "
            f"GROUP BY GROUPING SETS ({sets})"
        )
    # Whoever stands in a group stands in the one above it: a level's persons are found among those of the level below.
    found, counts = [], []
    for level in levels:
        persons = f"{measure.id}_{len(level)}"
        found.append(f"{persons} AS (SELECT DISTINCT {', '.join([*level, measure.column])} {rows})")
        rows = f"FROM {persons}"
        columns = [*level, *(f"NULL AS {key}" for key in keys[len(level) :])]
        groups = f"GROUP BY {', '.join(level)}" if level else ""
        counts.append(f"SELECT {', '.join(columns)}, '{measure.id}' AS matt, count(*) AS n {rows} {groups}")
    return f"SELECT * FROM (WITH {', '.join(found)} {' UNION ALL '.join(counts)})"


def _rows(con: duckdb.DuckDBPyConnection, measure: Measure, breakdown: list[Dimension], drilldown: bool) -> str:
    """FROM and WHERE: the rows of a fact that a measure counts. A stock without months is that of the last month."""
    keys, fact = [dimension.columns[0] for dimension in breakdown], measure.fact
    source = "handelse" if fact == WINDOWED_FACT else fact
    known = {name for name, *_ in con.execute(f"DESCRIBE {source}").fetchall()}
    if unknown := [dimension.id for dimension in breakdown if dimension.columns[0] not in known]:
        raise SobstatError(f"{measure.id} cannot be broken down by {', '.join(unknown)}.")
    if drilldown and fact in (WINDOWED_FACT, LEVELLED_FACT):
        raise SobstatError(f"{measure.id} cannot be drilled down: it is counted anew at every level.")
    conditions = [f"{measure.column} IS NOT NULL"]
    # Which event is a person's latest matters for what is taken from it alone.
    if fact == WINDOWED_FACT and any(dimension.person for dimension in breakdown):
        source = _in_windows(con, [d.columns[0] for d in breakdown if not d.person and d.id != "manad"])
        conditions += [] if "manad" in keys else ["sist_i_perioden"]
    if fact == LEVELLED_FACT:
        conditions += [f"{name} IS {'NOT ' * (name in keys)}NULL" for name in LEVELS]
    if measure.kind == "stock" and "manad" in known and "manad" not in keys:
        conditions.append("manad = (SELECT max(manad) FROM manad)")
    return f"FROM {source} WHERE {' AND '.join(conditions)}"


def _in_windows(con: duckdb.DuckDBPyConnection, window: list[str]) -> str:
    """The fact that is counted per window, made when the first table needs it and kept for the next."""
    name = "_".join([WINDOWED_FACT, *window])
    try:
        con.execute(f"DESCRIBE {name}")
    except (duckdb.CatalogException, SobstatError):
        rows = fact_sql(WINDOWED_FACT).format(fonster=", ".join(["vardtagare", *window]))
        con.execute(f"CREATE TEMP TABLE {name} AS {rows}")
    return name


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
