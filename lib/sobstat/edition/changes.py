"""Which figures that an earlier edition published are others now, and why; pure.

A figure is a measure in a row of a report. It is compared as text, as files hold it. Nothing hidden becomes visible:

* a figure that was hidden is not told: it was never published;
* one that is hidden now is told as `dold`, without a number, and without a cause, which could say what it is;
* a protected count (its table has a column `<measure>_status`) that has changed by no more than the threshold is told
  as `liten`, without its new number: the difference is itself a small count of residents;
* a ratio or share of protected counts is told as `andrad`, without its new number: the count could follow from it.
"""

from dataclasses import dataclass

import pandas as pd

from sobstat.declarations import Measure, Report, dimensions, measures
from sobstat.disclosure.rule import HIDDEN
from sobstat.disclosure.thresholds import Thresholds

CHANGES = "andringar.csv"
SMALL, DERIVED = "liten", "andrad"
NO_LONGER_SHOWN = "visas inte längre"
UNKNOWN_CAUSE = "kan inte anges"
GROUP_COLUMNS = ["niva", *[column for dimension in dimensions().values() for column in dimension.columns]]
COLUMNS = ["region", "rapport", *GROUP_COLUMNS, "matt", "fran", "till", "till_status", "skal"]


@dataclass(frozen=True)
class Step:
    """A cause, and a report's table before and after it alone."""

    cause: str
    before: pd.DataFrame
    after: pd.DataFrame


def changed_figures(
    report: Report, earlier: pd.DataFrame, now: pd.DataFrame, steps: list[Step], thresholds: Thresholds
) -> pd.DataFrame:
    """The figures that a report's table shows in `earlier` and that are others in `now`.

    Tables hold text, empty where nothing is shown. Columns: `rapport`, those that name the group, `matt`, `fran`,
    `till`, `till_status` (as above; empty where `till` is told) and `skal`: the causes of the steps that changed the
    figure, `; ` between them. `thresholds` are those of protected counts.
    """
    before, after = _by_group(report, earlier), _by_group(report, now)
    groups = pd.concat([after, before.loc[before.index.difference(after.index, sort=False)]])
    labels = groups.reset_index()
    found = []
    for measure in _compared(report, before, after):
        hides = _protected(measure, before, after)
        old, new = _values(before, measure, groups.index, hides), _values(after, measure, groups.index, hides)
        status = _status(measure, old, new, thresholds.of(measure)) if hides else pd.Series("", old.index)
        causes = pd.Series("", old.index)
        for step in steps:
            causes += _differs(report, measure, step, groups.index, hides).map({True: f"; {step.cause}", False: ""})
        causes = causes.str.removeprefix("; ").replace("", UNKNOWN_CAUSE).mask(status == HIDDEN, NO_LONGER_SHOWN)
        figures = labels[[column for column in GROUP_COLUMNS if column in labels]].assign(
            matt=measure.column_name, fran=old, till=new.mask(status != "", ""), till_status=status, skal=causes
        )
        found.append(figures[(old != new) & ((old != "") | (not hides))])
    return pd.concat(found, ignore_index=True).assign(rapport=report.id)


def shown_figures(report: Report, table: pd.DataFrame) -> int:
    """How many figures a table shows."""
    names = [measures()[name].column_name for name in report.measures]
    return int(sum((table[name] != "").sum() for name in names if name in table))


def renamed(earlier: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """Groups that keep their id and have another name: `matt` (the column of the id), `id`, `fran`, `till`."""
    found = []
    for dimension in dimensions().values():
        if len(dimension.columns) == 2 and dimension.columns[0] in earlier:
            key, name = dimension.columns
            names = [table[[key, name]].drop_duplicates(key).set_index(key)[name] for table in (earlier, now)]
            both = pd.concat(names, axis="columns", keys=["fran", "till"], join="inner")
            found.append(both[both["fran"] != both["till"]].rename_axis("id").reset_index().assign(matt=key))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=["matt", "id", "fran", "till"])


def _by_group(report: Report, table: pd.DataFrame) -> pd.DataFrame:
    """The table with the columns that identify a row, not the names beside them, as its index."""
    return table.set_index(["niva"] * report.drilldown + [dimensions()[name].columns[0] for name in report.by])


def _compared(report: Report, before: pd.DataFrame, after: pd.DataFrame) -> list[Measure]:
    declared = [measures()[name] for name in report.measures]
    return [measure for measure in declared if measure.column_name in before and measure.column_name in after]


def _protected(measure: Measure, *tables: pd.DataFrame) -> bool:
    """Whether the measure, or one that it is computed from, is a count that may be hidden."""
    parts = [measure.column_name, measure.numerator, measure.denominator]
    return any(f"{part}_status" in table for part in parts for table in tables)


def _values(table: pd.DataFrame, measure: Measure, groups: pd.Index, hides: bool) -> pd.Series:
    """The measure of each group; a count of a group that is not there is 0, unless it may be hidden."""
    nothing = "0" if measure.counted and not hides else ""
    return table[measure.column_name].reindex(groups).fillna(nothing).reset_index(drop=True)


def _status(measure: Measure, old: pd.Series, new: pd.Series, threshold: int) -> pd.Series:
    """Why a protected measure's new value is not told; empty where it is."""
    if not measure.counted:
        status = pd.Series(DERIVED, old.index)
    else:
        difference = pd.to_numeric(new).fillna(0) - pd.to_numeric(old).fillna(0)
        status = (difference.abs() <= threshold).map({True: SMALL, False: ""})
    return status.mask(new == "", HIDDEN)


def _differs(report: Report, measure: Measure, step: Step, groups: pd.Index, hides: bool) -> pd.Series:
    """Whether the step changed the figure; where a protected one is not shown, nothing is known of it."""
    before, after = _by_group(report, step.before), _by_group(report, step.after)
    if measure.column_name not in before or measure.column_name not in after:
        return pd.Series(False, range(len(groups)))
    old, new = _values(before, measure, groups, hides), _values(after, measure, groups, hides)
    return (old != new) & (((old != "") & (new != "")) | (not hides))
