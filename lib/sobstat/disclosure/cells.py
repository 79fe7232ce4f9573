"""Every count that an edition publishes under a threshold, and how these counts are tied to each other.

A cell is a measure and a group: `(("period", "2025-01--2025-10"), ("lan", "12"), ("moment", "KBT"))`. The same group
on two pages, or in two tables, is one cell: the page of a län holds Riket's cells of that län, and a period of a single
month is that `manad` of a table by month. From the breakdowns alone follows which cells are parts of which.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from sobstat.declarations import Measure, Report, dimensions, measures, reports
from sobstat.disclosure.choose import Progress, System
from sobstat.disclosure.thresholds import Thresholds
from sobstat.engines import open_warehouse
from sobstat.months import Month, Period
from sobstat.query import WINDOWED_FACT
from sobstat.regions import RIKET, Region
from sobstat.tables import build_facts, count

Group = tuple[tuple[str, str], ...]  # (dimension, group), `period` first, then in the order of dimensions.yml
TIME = ("period", "manad")
ORDER = {name: place for place, name in enumerate(["period", *dimensions()])}


class Row(NamedTuple):
    """What ties some cells: the sum of factor × count is 0 if `exact`, else at least 0."""

    cells: list[int]
    factors: list[float]
    exact: bool


@dataclass
class Cells:
    """The cells by measure and group: true count, and whether any page shows it; and what else tells of them.

    events  those that are always shown: where there are no more of them, there are no more persons
    lists   of a measure by the same dimensions, the groups that each table lists
    """

    number: dict[tuple[str, Group], int] = field(default_factory=dict)
    counts: list[int] = field(default_factory=list)
    published: list[bool] = field(default_factory=list)
    events: dict[tuple[str, Group], int] = field(default_factory=dict)
    lists: dict[tuple[str, frozenset[str]], list[set[Group]]] = field(default_factory=dict)

    def add(self, measure: str, group: Group, count: int, published: bool) -> None:
        """Add a cell, unless it is there; one that any page shows is published."""
        at = self.number.setdefault((measure, group), len(self.counts))
        if at == len(self.counts):
            self.counts.append(count)
            self.published.append(published)
        self.published[at] |= published

    def left_out(self) -> list[int]:
        """The cells that a table leaves out of a time that it lists others of: they are zero, whichever lists them."""
        found: set[tuple[str, Group]] = set()
        for (measure, _), lists in self.lists.items():
            everything = set().union(*lists)
            for listed in lists:
                times = {_time(group) for group in listed}
                found |= {(measure, group) for group in everything - listed if _time(group) in times}
        return [self.number[cell] for cell in found]

    def events_of(self, measure: str, group: Group) -> int | None:
        """How many events are shown of those that a measure's persons have; None if not all are."""
        sums = [[self.events.get((name, group)) for name in names] for names in measures()[measure].at_most]
        return min((sum(counts) for counts in sums if None not in counts), default=None)


def row_groups(table: pd.DataFrame, by: list[str], measure: Measure, region: Region, period: Period) -> list[Group]:
    """The group of each row of a table (`count`) for a measure: the row's own, the region, and the time."""
    common = {} if region.lan_kod is None else {"lan": region.lan_kod}
    if "manad" not in by:
        single = measure.kind == "stock" or period.first == period.last
        common |= {"manad": str(period.last)} if single else {"period": f"{period.first}--{period.last}"}
    orders = {niva: sorted({*common, *by[:depth]}, key=ORDER.__getitem__) for depth, niva in enumerate(["totalt", *by])}
    names = zip(*(table[dimensions()[name].columns[0]].tolist() for name in by), strict=True)
    groups = []
    for niva, ids in zip(table["niva"].tolist(), names, strict=True):
        own = dict(zip(by, ids, strict=True)) | common  # a total above the län is that of the region
        groups.append(tuple((name, own[name]) for name in orders[niva]))
    return groups


def collect(
    warehouse: Path,
    periods: list[Period],
    thresholds: Thresholds,
    progress: Progress = lambda step, done, total: None,
    engine: str | None = None,
) -> Cells:
    """The cells of every report and region of some periods."""
    cells = Cells()
    protected = {name for name, measure in measures().items() if thresholds.of(measure)}
    bounds = {name for measure in protected for names in measures()[measure].at_most for name in names}
    concerned = [report for report in reports().values() if (protected | bounds) & set(report.measures)]
    done, total = 0, len(periods) * len(concerned)
    for period in periods:
        with open_warehouse(warehouse, engine) as con:
            build_facts(con, period, RIKET)
            for report in concerned:
                progress("Counting what may be small", done, total)
                # All län at once, as their own pages have them; drill-downs and tables by län hold them already.
                for by in [report.by] if "lan" in report.by else [report.by, ["lan", *report.by]]:
                    names = [measure.id for measure in _counted(report)]
                    table = count(con, names, by, drilldown=report.drilldown)
                    if by != report.by and not report.drilldown:
                        table = table[_on_own_page(table, report)]
                    _add_table(cells, table, report, by, thresholds, period)
                done += 1
    progress("Counting what may be small", total, total)
    _add_wholes(cells)
    return cells


def _on_own_page(table: pd.DataFrame, report: Report) -> pd.Series:
    """Which rows of a report's table by län the län's own pages list: groups of a fixed list, and those that hold
    something in that län. What a page leaves out is known to be zero.
    """
    holds = table[[measure.column_name for measure in _counted(report)]].gt(0).any(axis=1)
    listed = pd.Series(True, table.index)
    for dimension in (dimensions()[name] for name in report.by):
        if not isinstance(dimension.fixed, str):
            groups = pd.MultiIndex.from_frame(table[["lan_kod", dimension.columns[0]]])
            listed &= table[dimension.columns[0]].isin(dimension.fixed) | groups.isin(groups[holds])
    return listed


def _counted(report: Report) -> list[Measure]:
    return [measures()[name] for name in report.measures if measures()[name].counted]


def _add_table(
    cells: Cells, table: pd.DataFrame, report: Report, by: list[str], thresholds: Thresholds, period: Period
) -> None:
    """The cells of one table. Okänt län has no page of its own."""
    own_page = (table["lan_kod"] != "") | ("lan" in report.by) if "lan" in by else pd.Series(True, table.index)
    groups: dict[str, list[Group]] = {}  # by kind: a stock is counted at the last month, whatever the period
    for measure in _counted(report):
        if measure.kind not in groups:
            groups[measure.kind] = row_groups(table, by, measure, RIKET, period)
        listed: dict[frozenset[str], set[Group]] = {}
        for group, number, published in zip(groups[measure.kind], table[measure.column_name], own_page, strict=True):
            if thresholds.of(measure):
                cells.add(measure.id, group, int(number), bool(published))
                listed.setdefault(frozenset(name for name, _ in group), set()).add(group)
            elif measure.kind == "flow":
                cells.events[measure.id, group] = int(number)
        for names, some in listed.items():
            cells.lists.setdefault((measure.id, names), []).append(some)


def _add_wholes(cells: Cells) -> None:
    """Persons of all kön and ages together, where no table shows them: each person stands in one group."""
    sums: dict[tuple[str, Group], dict[frozenset, int]] = {}
    for (measure, group), at in cells.number.items():
        own = tuple(pair for pair in group if pair[0] == "period" or not dimensions()[pair[0]].person)
        if own != group and measures()[measure].fact == WINDOWED_FACT:
            breakdown = frozenset(name for name, _ in group)
            by_breakdown = sums.setdefault((measure, own), {})
            by_breakdown[breakdown] = by_breakdown.get(breakdown, 0) + cells.counts[at]
    for (measure, group), by_breakdown in sums.items():
        cells.add(measure, group, min(by_breakdown.values()), False)


def tie(cells: Cells, thresholds: Thresholds) -> System:
    """The cells with every equation and bound between them that holds for the true counts.

    Nearly all hold by what the cells mean; that a month's women are among the year's holds for all but the few
    whose registered kön changed, and what does not hold is no knowledge.
    """
    counts = np.array(cells.counts, dtype=float)
    events = [cells.events_of(*cell) for cell in cells.number]
    zero = np.array([antal == 0 for antal in events])
    zero[cells.left_out()] = True
    rows: list[Row] = []
    by_measure: dict[str, dict[Group, int]] = {}
    for (name, group), at in cells.number.items():
        by_measure.setdefault(name, {})[group] = at
    by_time = {name: _by_time(here) for name, here in by_measure.items()}
    by_group = {name: _by_group(times) for name, times in by_time.items()}
    for name in by_measure:
        measure = measures()[name]
        for at_one_time in by_time[name].values():
            for coarse, fine, added in _breakdowns(at_one_time):
                exact = measure.additive or (
                    measure.fact == WINDOWED_FACT and all(dimensions()[name].person for name in added)
                )
                for whole, parts in _parts(at_one_time, coarse, fine, added).items():
                    if whole is None or not parts:  # what a table does not list is zero
                        zero[parts if whole is None else whole] = True
                    else:
                        rows += _whole_and_parts(whole, parts, exact)
        for group, times in by_group[name].items():
            rows += _in_time(times, measure.kind == "flow", events)
            for names in measure.at_most:
                rows += _at_most(times, [by_group.get(other, {}).get(group, {}) for other in names])
    held = [row for row in rows if _holds(counts, row)]
    matrix = csr_matrix(
        (
            [factor for row in held for factor in row.factors],
            [cell for row in held for cell in row.cells],
            np.cumsum([0, *(len(row.cells) for row in held)]),
        ),
        shape=(len(held), len(counts)),
    )
    exact = np.array([row.exact for row in held], dtype=bool)
    return System(
        counts=counts,
        thresholds=np.array([thresholds.of(measures()[name]) for name, _ in cells.number], dtype=float),
        published=np.array(cells.published, dtype=bool),
        known_zero=zero & (counts == 0),
        # A small count is less of a loss than a large one, and a detail less than a total.
        costs=(1 + np.log1p(counts) / 5) * np.array([0.5 ** len(group) for _, group in cells.number]),
        rows=matrix,
        exact=exact,
    )


def _time(group: Group) -> str:
    return next(value for name, value in group if name in TIME)


def _split(group: Group) -> tuple[Period, Group]:
    """When a group is counted, and what else it is."""
    first, _, last = _time(group).partition("--")
    return Period(Month.parse(first), Month.parse(last or first)), tuple(p for p in group if p[0] not in TIME)


def _by_time(here: dict[Group, int]) -> dict[Period, dict[Group, int]]:
    """The cells of each period or single month, by what else they are."""
    found: dict[Period, dict[Group, int]] = {}
    for group, at in here.items():
        time, rest = _split(group)
        found.setdefault(time, {})[rest] = at
    return found


def _by_group(by_time: dict[Period, dict[Group, int]]) -> dict[Group, dict[Period, int]]:
    """The same cells the other way: of each group, by time."""
    found: dict[Group, dict[Period, int]] = {}
    for time, groups in by_time.items():
        for group, at in groups.items():
            found.setdefault(group, {})[time] = at
    return found


def _breakdowns(here: dict[Group, int]) -> list[tuple[list[Group], list[Group], frozenset[str]]]:
    """Pairs of breakdowns of which one is the next finer: the groups of both, and what the finer adds."""
    by_breakdown: dict[frozenset[str], list[Group]] = {}
    for group in here:
        by_breakdown.setdefault(frozenset(name for name, _ in group), []).append(group)
    pairs = [(a, b) for a, b in combinations(sorted(by_breakdown, key=lambda b: (len(b), sorted(b))), 2) if a < b]
    nearest = [(a, b) for a, b in pairs if not any(a < c < b for c in by_breakdown)]
    return [(by_breakdown[a], by_breakdown[b], b - a) for a, b in nearest]


def _parts(
    here: dict[Group, int], coarse: list[Group], fine: list[Group], added: frozenset[str]
) -> dict[int | None, list[int]]:
    """The parts of each whole, by number; under None those whose whole no table lists."""
    parts: dict[int | None, list[int]] = {here[group]: [] for group in coarse}
    for group in fine:
        whole = here.get(tuple(pair for pair in group if pair[0] not in added))
        parts.setdefault(whole, []).append(here[group])
    return parts


def _whole_and_parts(whole: int, parts: list[int], exact: bool) -> list[Row]:
    """The whole is the sum of its parts; or, where persons can stand in several, each at most the whole."""
    rows = [Row([whole, *parts], [-1.0] + [1.0] * len(parts), exact)]
    return rows if exact else [*rows, *(Row([whole, part], [1.0, -1.0], False) for part in parts)]


def _in_time(times: dict[Period, int], exact: bool, events: list[int | None]) -> list[Row]:
    """A group's counts in a period, and in the shorter period and the single months that make it up.

    A period without a single event more than the shorter one has the same persons.
    """
    rows: list[Row] = []
    months = [(time.first, at) for time, at in times.items() if time.first == time.last]
    for inner, outer in pairwise([None, *_nested(times)]):
        if outer.first == outer.last:
            continue
        end = inner.first if inner else outer.last + 1
        parts = [times[inner]] if inner else []
        parts += [at for month, at in months if outer.first <= month < end]
        if len(parts) == end - outer.first + (inner is not None):
            rows += _whole_and_parts(times[outer], parts, exact)
        else:
            rows += [Row([times[outer], part], [1.0, -1.0], False) for part in parts]
        if inner and events[times[inner]] is not None and events[times[inner]] == events[times[outer]]:
            rows.append(Row([times[outer], times[inner]], [-1.0, 1.0], True))
    return rows


def _at_most(times: dict[Period, int], others: list[dict[Period, int]]) -> list[Row]:
    """What a group's count is at most, the sum of others that may be hidden themselves: in each period, and in what it
    has more than a shorter one.
    """
    sums = {
        time: [at, *(other[time] for other in others)] for time, at in times.items() if all(time in o for o in others)
    }
    signs = [-1.0] + [1.0] * len(others)
    rows = [Row(cells, signs, False) for cells in sums.values()]
    for inner, outer in pairwise(_nested(sums)):
        rows.append(Row([*sums[outer], *sums[inner]], [*signs, *(-sign for sign in signs)], False))
    return rows


def _nested(times: Iterable[Period]) -> list[Period]:
    """The periods that end with the last month, each of which holds those before it."""
    last = max((time.last for time in times), default=None)
    return sorted((time for time in times if time.last == last), reverse=True)


def _holds(counts: np.ndarray, row: Row) -> bool:
    value = float(np.dot(counts[row.cells], row.factors))
    return value == 0 if row.exact else value >= 0
