"""From measures and a breakdown to a table: one query, every level of a drill-down at once.

The query stacks the rows of the facts that the measures count (`rader`) and the fixed groups of the breakdown with
nothing to count (`fasta`), and groups them. Then the table is protected (disclosure/), and ratios and shares are
computed from what is left.
"""

from collections.abc import Callable, Mapping

import duckdb
import pandas as pd

from sobstat.additive import refuse_sums
from sobstat.contract import sources
from sobstat.declarations import Dimension, Measure, dimensions, measures
from sobstat.disclosure.rule import protect
from sobstat.disclosure.thresholds import Thresholds
from sobstat.errors import SobstatError, no_such
from sobstat.months import Period
from sobstat.regions import LAN, RIKET, Region
from sobstat.warehouse import FOLLOWING, as_loaded, fact_sql, table_of, with_following

# The facts in the order in which they build on each other.
FACTS = ("statusbyte", "handelse", "handelse_behandlare", "pagaende", "folkmangd")
# Those that a query picks from another in less time than it takes to keep them.
SELECTED = ("handelse", "pagaende")
# Counted per window: what a person's latest event is depends on the breakdown.
WINDOWED_FACT = "vardtagare"
# Has a row for every total too, since SCB's are not the sums of their parts; these columns are empty in a total.
LEVELLED_FACT, LEVELS = "folkmangd", ("lan_kod", "kon", "aldersgrupp")


def build_facts(
    con: duckdb.DuckDBPyConnection, period: Period, region: Region, after_load: dict[str, int] | None = None
) -> None:
    """Make the facts of a period and region as temporary tables or views, beside the lists that they join.

    A source that `after_load` names is taken as the warehouse held it after that load, others as they are now.
    `con` is a session with a warehouse attached. One row per what the first line of each fact's file says.
    """
    veckodagar = pd.DataFrame(enumerate(dimensions()["veckodag"].fixed, 1), columns=["nummer", "veckodag"])
    lan = pd.DataFrame(
        [(lan.lan_kod, lan.namn, region in (RIKET, lan)) for lan in LAN],
        columns=["lan_kod", "lan", "i_regionen"],
    )
    manader = pd.DataFrame(
        [(str(month), (month + 1).first_day) for month in period.months], columns=["manad", "slut_dag"]
    )
    groups = dimensions()["aldersgrupp"].fixed
    starts = [int(group.split("–")[0].rstrip("+")) for group in groups]
    aldrar = pd.DataFrame(
        [
            (age, str(age), max(zip(starts, groups, strict=True), key=lambda g: (g[0] <= age, g[0]))[1])
            for age in range(121)
        ],
        columns=["alder", "alder_text", "aldersgrupp"],
    )
    for name, frame in {"veckodag": veckodagar, "lan": lan, "manad": manader, "aldersgrupp": aldrar}.items():
        con.register(name, frame)
    for source in sources().values():
        load = (after_load or {}).get(source.name)
        rows = f"FROM lager.{table_of(source)}" if load is None else as_loaded(source, load)
        if load is not None and source.name in FOLLOWING:
            rows = with_following(rows)
        con.execute(f"CREATE TEMP VIEW {table_of(source)} AS {rows}")
    values = {"forsta_dag": period.first.first_day, "slut_dag": period.end, "lan_kod": region.lan_kod}
    for name in FACTS:
        sql = fact_sql(name)
        used = {key: value for key, value in values.items() if f"${key}" in sql}
        con.execute(f"CREATE TEMP {'VIEW' if name in SELECTED else 'TABLE'} {name} AS {sql}", used)


def make_table(
    con: duckdb.DuckDBPyConnection,
    names: list[str],
    by: list[str],
    *,
    drilldown: bool = False,
    thresholds: Thresholds,
    complementary: Callable[[pd.DataFrame, list[Measure]], Mapping[str, pd.Series]] = lambda table, measures: {},
) -> pd.DataFrame:
    """A protected table of measures broken down by dimensions, in the order of a page.

    `con` is a session with the facts of a period and region (`build_facts`); `complementary` tells which counts of
    the table are hidden besides those that do not exceed their threshold. Columns: `niva` for a drill-down, the
    dimensions' columns, each measure (Int64, or Float64 for ratios and shares; missing where hidden or undefined),
    each count of residents, and each other count with a threshold, followed by `<measure>_status`. Distinct counts,
    ratios, and stocks of several months refuse to be summed.
    Raises SobstatError for a breakdown that a measure does not have.
    """
    wanted = [_declared(measures(), name, "measure") for name in names]
    counted = [measure for measure in wanted if measure.counted]
    needed = {name for m in wanted if not m.counted for name in (m.numerator, m.denominator) if name}
    if missing := needed - {measure.id for measure in counted}:
        raise SobstatError(f"The measures {', '.join(names)} need {', '.join(sorted(missing))} beside them.")
    table = count(con, [measure.id for measure in counted], by, drilldown=drilldown)
    breakdown = [dimensions()[name] for name in by]
    columns = [column for dimension in breakdown for column in dimension.columns]
    table = protect(table, counted, thresholds, complementary(table, counted))
    for measure in wanted:
        if not measure.counted:
            table[measure.column_name] = _computed(table, measure, breakdown)
        if not measure.additive or (measure.kind == "stock" and "manad" in columns):
            table[measure.column_name] = refuse_sums(table[measure.column_name])
    shown = [c for m in wanted for c in (m.column_name, f"{m.column_name}_status") if c in table]
    return table[["niva"] * drilldown + columns + shown]


def count(con: duckdb.DuckDBPyConnection, names: list[str], by: list[str], *, drilldown: bool = False) -> pd.DataFrame:
    """The true counts of a table, for disclosure control alone: `niva`, the dimensions' columns, each measure (Int64).

    Raises SobstatError for names that are not declared, or a breakdown that a measure does not have.
    """
    counted = [_declared(measures(), name, "measure") for name in names]
    breakdown = [_declared(dimensions(), name, "breakdown") for name in by]
    if not by or len(set(by)) < len(by):
        raise SobstatError(
            f"A table is broken down by one or more different dimensions; got {', '.join(by) or 'none'}."
        )
    table = con.execute(_query(con, counted, breakdown, drilldown)).df()
    for measure in counted:
        table[measure.column_name] = table[measure.column_name].astype("Int64")
    columns = [column for dimension in breakdown for column in dimension.columns]
    table[columns] = table[columns].fillna("").astype("str")
    return table


def _declared(declared: dict, name: str, what: str):
    if name not in declared:
        raise no_such(what, name, declared)
    return declared[name]


def _computed(table: pd.DataFrame, measure: Measure, breakdown: list[Dimension]) -> pd.Series:
    """A ratio or share, missing where its denominator is 0 or any part of it is hidden."""
    numerator = table[measure.numerator].astype("Float64")
    if measure.kind == "ratio":
        denominator = table[measure.denominator].astype("Float64")
        return numerator / denominator.mask(denominator == 0) * measure.scale
    parts = measures()[measure.numerator]
    if not parts.additive and not all(dimension.person for dimension in breakdown):
        raise SobstatError(f"{measure.id} needs groups that every person stands in once: break it down by kön or age.")
    total = numerator.sum(skipna=False)
    return numerator / (total if total is pd.NA or total > 0 else pd.NA)


def _query(con: duckdb.DuckDBPyConnection, counted: list[Measure], breakdown: list[Dimension], drilldown: bool) -> str:
    """The one query of a table."""
    columns = [column for dimension in breakdown for column in dimension.columns]
    levels = [columns[: sum(len(d.columns) for d in breakdown[:depth])] for depth in range(len(breakdown) + 1)]
    grouping = levels if drilldown else [columns]
    keys = [dimension.columns[0] for dimension in breakdown]
    above = ["totalt", *[dimension.id for dimension in breakdown[:-1]]]
    niva = " ".join(f"WHEN grouping({key}) = 1 THEN '{level}'" for key, level in zip(keys, above, strict=True))
    having = f"HAVING grouping({keys[1]}) = 1 OR count(verklig) > 0" if drilldown and len(keys) > 1 else ""
    return f"""
    WITH rader AS (
        {" UNION ALL ".join(_rows(con, fact, counted, breakdown, drilldown) for fact in _facts(counted))}
    ),
    fasta AS ({_fixed_groups(breakdown[:1] if drilldown else breakdown, columns, counted)})
    SELECT
        CASE {niva} ELSE '{breakdown[-1].id}' END AS niva,
        {", ".join(columns)},
        {", ".join(f"{_aggregate(measure)} AS {measure.column_name}" for measure in counted)}
    FROM (SELECT * FROM rader UNION ALL SELECT * FROM fasta)
    GROUP BY GROUPING SETS ({", ".join(f"({', '.join(level)})" for level in grouping)})
    {having}
    ORDER BY {", ".join(_order(dimension) for dimension in breakdown)}
    """


def _facts(counted: list[Measure]) -> list[str]:
    return list(dict.fromkeys(measure.fact for measure in counted))


def _aggregate(measure: Measure) -> str:
    """How a measure's kind counts its column (named after the measure in `rader`)."""
    if measure.kind == "distinct":
        return f"count(DISTINCT m_{measure.id})"
    return f"CAST(coalesce(sum(m_{measure.id}), 0) AS BIGINT)"


def _rows(
    con: duckdb.DuckDBPyConnection,
    fact: str,
    counted: list[Measure],
    breakdown: list[Dimension],
    drilldown: bool,
) -> str:
    """The rows of a fact that its measures count; a stock without months is that of the last month."""
    columns = [column for dimension in breakdown for column in dimension.columns]
    here = [measure for measure in counted if measure.fact == fact]
    source, known = fact, _columns_of(con, fact if fact in FACTS else "handelse")
    if unknown := [dimension.id for dimension in breakdown if dimension.columns[0] not in known]:
        raise SobstatError(f"{here[0].id} cannot be broken down by {', '.join(unknown)}.")
    if drilldown and fact in (WINDOWED_FACT, LEVELLED_FACT):
        raise SobstatError(f"{here[0].id} cannot be drilled down: it is counted anew at every level.")
    if fact == WINDOWED_FACT:
        window = [column for d in breakdown if not d.person for column in d.columns]
        source = f"({fact_sql(fact).format(fonster=', '.join(['vardtagare', *window]))})"
    values = [f"{m.column} AS m_{m.id}" if m in here else f"NULL AS m_{m.id}" for m in counted]
    counts = " OR ".join(f"{measure.column} IS NOT NULL" for measure in here)
    level = last_month = ""
    if fact == LEVELLED_FACT:
        level = "".join(f" AND {name} IS {'NOT ' * (name in columns)}NULL" for name in LEVELS)
    if here[0].kind == "stock" and "manad" in known and "manad" not in columns:
        last_month = " AND manad = (SELECT max(manad) FROM manad)"
    selected = ", ".join([*columns, "1 AS verklig", *values])
    return f"SELECT {selected} FROM {source} WHERE ({counts}){level}{last_month}"


def _columns_of(con: duckdb.DuckDBPyConnection, fact: str) -> set[str]:
    return {name for name, *_ in con.execute(f"DESCRIBE {fact}").fetchall()}


def _fixed_groups(dimensions_: list[Dimension], columns: list[str], counted: list[Measure]) -> str:
    """Every combination of the dimensions' groups: those of a fixed list, and those that hold something."""
    groups = []
    for dimension in dimensions_:
        own = ", ".join(dimension.columns)
        fixed = {
            "period": "SELECT manad FROM manad",
            "region": "SELECT lan_kod, lan FROM lan WHERE i_regionen",
        }.get(dimension.fixed if isinstance(dimension.fixed, str) else "")
        if dimension.fixed and not fixed:
            fixed = f"SELECT unnest({dimension.fixed}) AS {own}"
        present = f"SELECT DISTINCT {own} FROM rader"
        groups.append(f"({f'{fixed} UNION {present}' if fixed else present})")
    own = {column for dimension in dimensions_ for column in dimension.columns}
    values = [column if column in own else f"NULL AS {column}" for column in columns]
    values += ["NULL AS verklig", *[f"NULL AS m_{measure.id}" for measure in counted]]
    return f"SELECT {', '.join(values)} FROM {' CROSS JOIN '.join(groups)}"


def _order(dimension: Dimension) -> str:
    """A total before its parts; fixed lists in their order, others by Swedish alphabet, unknown groups last."""
    key, name = dimension.columns[0], dimension.name_column
    listed = dimension.fixed if isinstance(dimension.fixed, list) else []
    ranks = [f"WHEN '{label}' THEN {rank}" for rank, label in enumerate(listed)]
    ranks += [f"WHEN '{label}' THEN {1000 + rank}" for rank, label in enumerate(dimension.last)]
    rank = f"CASE {name} {' '.join(ranks)} ELSE 500 END, " if ranks else ""
    alphabetical = f"{name} COLLATE sv, " if not dimension.fixed else ""
    return f"grouping({key}) DESC, {rank}{alphabetical}{key}"
