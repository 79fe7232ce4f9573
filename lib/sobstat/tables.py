"""From measures and a breakdown to a table: counted by one query (query.py), then protected (disclosure/), and ratios
and shares computed from what is left.
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
from sobstat.query import table_query
from sobstat.regions import LAN, RIKET, Region
from sobstat.warehouse import FOLLOWING, as_loaded, fact_sql, table_of, with_following

# The facts in the order in which they build on each other, and the lists of names of what they hold the ids of.
FACTS = ("statusbyte", "handelse", "handelse_behandlare", "pagaende", "folkmangd", "vardgivare", "vardenhet")
# Those that a query picks from another in less time than it takes to keep them.
SELECTED = ("handelse", "pagaende", "vardgivare", "vardenhet")


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
        kind, rows = "VIEW", f"FROM lager.{table_of(source)}" if load is None else as_loaded(source, load)
        if load is not None and source.name in FOLLOWING:  # computed once, since facts read it more than once
            kind, rows = "TABLE", with_following(rows)
        con.execute(f"CREATE TEMP {kind} {table_of(source)} AS {rows}")
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
    table = con.execute(table_query(con, counted, breakdown, drilldown)).df()
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
