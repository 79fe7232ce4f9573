"""DuckDB's SQL as Spark's: what was compared on both engines is translated, all else is refused.

Some functions exist on both and silently mean different things, or are translated wrongly (isodow, date_diff in months,
x // y, CAST of a fraction to a whole number, the text of a time), so nothing passes that tests/test_engines.py has
not compared.
"""

import sqlglot
from sqlglot import exp
from sqlglot.transforms import eliminate_window_clause

from sobstat.errors import SobstatError

# What a query is made of, and functions and operators, by sqlglot's names.
STRUCTURE = {
    *("Select", "Column", "Identifier", "Star", "Literal", "Boolean", "Null", "Placeholder", "Paren", "Tuple", "Var"),
    *("From", "Table", "TableAlias", "Subquery", "Alias", "With", "CTE", "Union", "Join", "Where", "Having", "Qualify"),
    *("Group", "GroupingSets", "Cube", "Distinct", "Filter", "Window", "Order", "Ordered", "Limit", "Describe"),
    *("Create", "Properties", "TemporaryProperty", "DataType", "Array", "Explode", "WindowSpec"),
}
FUNCTIONS = {
    *("And", "Or", "Not", "Is", "In", "EQ", "NEQ", "GT", "GTE", "LT", "LTE", "NullSafeEQ", "NullSafeNEQ", "Exists"),
    *("Case", "If", "Coalesce", "Least", "Left", "StartsWith", "DateFromParts", "DayOfWeekIso"),
    *("Count", "Sum", "Max", "Min", "LogicalOr", "Grouping", "RowNumber", "Lead"),
    *("FirstValue", "LastValue", "IgnoreNulls"),
}


def to_spark(sql: str, values: dict | None = None) -> exp.Expression:
    """A statement of DuckDB's as an expression to be written in Spark's dialect (`text`).

    `values` are those of its `$names`; the warehouse's tables (`lager.x`) become views `lager_x`.
    Raises SobstatError, naming the function, for what has not been compared on both engines.
    """
    tree = sqlglot.parse_one(sql, read="duckdb")
    for node in tree.walk():
        if not _is_compared(node):
            raise SobstatError(
                f"The engine spark does not run {_name(node)} ({node.sql('duckdb')}): what it gives there has not been "
                "compared with duckdb. Use duckdb, or compare it in tests/test_engines.py and add it to dialect.py."
            )
    tree = tree.transform(lambda node: eliminate_window_clause(node) if isinstance(node, exp.Select) else node)
    return tree.transform(lambda node: _translated(node, values or {}))


def text(tree: exp.Expression) -> str:
    """A translated expression as Spark reads it."""
    return tree.sql("spark", comments=False)


def _is_compared(node: exp.Expression) -> bool:
    if isinstance(node, exp.Cast):  # Fractions are rounded by one engine and cut off by the other.
        whole = node.this.find(exp.Sum, exp.Count) or isinstance(node.this, exp.Null)
        return type(node) is exp.Cast and bool(whole) and node.to.sql("duckdb") == "BIGINT"
    if isinstance(node, exp.Collate):
        return node.expression.name == "sv"
    if isinstance(node, exp.TimeToStr):
        return node.args["format"].name == "%Y-%m"
    return type(node).__name__ in STRUCTURE | FUNCTIONS


def _name(node: exp.Expression) -> str:
    return node.name if isinstance(node, exp.Anonymous) else type(node).__name__


def _translated(node: exp.Expression, values: dict) -> exp.Expression:
    if isinstance(node, exp.Table) and node.db == "lager":
        return exp.to_table(f"lager_{node.name}", alias=node.alias or None)
    if isinstance(node, exp.Placeholder):
        return exp.convert(values[node.name])
    if isinstance(node, exp.DayOfWeekIso):  # sqlglot counts from the wrong day
        return exp.Add(this=exp.Anonymous(this="weekday", expressions=[node.this]), expression=exp.Literal.number(1))
    return node
