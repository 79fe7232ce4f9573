"""What the columns of a table are, in Swedish: for spreadsheets and for metadata."""

from dataclasses import dataclass

from sobstat.declarations import Dimension, Measure, Report, dimensions, measures
from sobstat.disclosure.rule import HIDDEN
from sobstat.regions import LAN


@dataclass(frozen=True)
class Column:
    """A column: `kind` is `month`, `text`, `count` or `number`; `allowed` is what a text may be, empty for anything."""

    name: str
    title: str
    definition: str
    kind: str
    unit: str = ""
    allowed: tuple[str, ...] = ()


def columns_of(report: Report, names: list[str]) -> list[Column]:
    """The columns of a report's table that have these names."""
    return [_column(report, name) for name in names]


def _column(report: Report, name: str) -> Column:
    if name == "niva":
        definition = "Den djupaste nivå som raden gäller. Kolumner för nivåer under den är tomma."
        return Column(name, "Nivå", definition, "text", allowed=("totalt", *report.by))
    if name == "publicering":
        return Column(name, "Publicering", "Om raden får publiceras.", "text")
    for measure in (measures()[measure] for measure in report.measures):
        if name == measure.column_name:
            return _of_measure(measure)
        if name == f"{measure.column_name}_status":
            definition = f"Tomt, eller {HIDDEN} där {measure.title.lower()} inte visas för att skydda enskilda."
            return Column(name, f"{measure.title}, status", definition, "text", allowed=(HIDDEN,))
    return _of_dimension(next(d for d in dimensions().values() if name in d.columns), name)


def _of_measure(measure: Measure) -> Column:
    definition = " ".join([measure.definition, *measure.caveats])
    kind = "count" if measure.counted else "number"
    return Column(measure.column_name, measure.title, definition, kind, measure.unit)


def _of_dimension(dimension: Dimension, name: str) -> Column:
    if dimension.id == "manad":
        return Column(name, dimension.title, "Kalendermånad.", "month")
    if name != dimension.name_column:
        what = name.rpartition("_")[2]
        allowed = tuple(lan.lan_kod for lan in LAN) if dimension.id == "lan" else ()
        definition = f"{dimension.title}: {what}. Tomt där uppgiften saknas."
        return Column(name, f"{dimension.title}, {what}", definition, "text", allowed=allowed)
    fixed = dimension.fixed if isinstance(dimension.fixed, list) else []
    fixed = [lan.namn for lan in LAN] if dimension.id == "lan" else fixed
    return Column(
        name, dimension.title, f"{dimension.title}.", "text", allowed=(*fixed, *dimension.last) if fixed else ()
    )
