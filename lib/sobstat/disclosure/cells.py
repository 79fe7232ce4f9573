"""Every count that an edition publishes under a threshold, and how these counts are tied to each other.

A cell is a measure and a group: `(("lan", "12"), ("moment", "KBT"))`. The same group on two pages, or in two tables,
is one cell: the page of a län holds Riket's cells of that län. Each report of reports.yml brings its cells for
every region; from the breakdowns alone follows which cells are parts of which.
"""

from dataclasses import dataclass, field
from itertools import combinations

import duckdb
import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from sobstat.declarations import Measure, Report, dimensions, measures, reports
from sobstat.disclosure.choose import Progress, System
from sobstat.disclosure.rule import Thresholds
from sobstat.months import Period
from sobstat.regions import LAN, RIKET, Region
from sobstat.tables import FACTS, WINDOWED_FACT, build_facts, count

Key = tuple[tuple[str, str], ...]  # (dimension, group) in the order of dimensions.yml

# What no page is about, but part of Riket.
UNKNOWN_LAN = Region("okant", "Okänt län", "")


@dataclass
class Cells:
    """The cells by measure and key: true count, whether any page shows it, whether it is known to be zero."""

    number: dict[tuple[str, Key], int] = field(default_factory=dict)
    counts: list[int] = field(default_factory=list)
    published: list[bool] = field(default_factory=list)
    known_zero: list[bool] = field(default_factory=list)

    def add(self, measure: str, key: Key, count: int, published: bool, known_zero: bool = False) -> None:
        """Add a cell, unless it is there; one that any page shows is published."""
        at = self.number.setdefault((measure, key), len(self.counts))
        if at == len(self.counts):
            self.counts.append(count)
            self.published.append(published)
            self.known_zero.append(known_zero)
        self.published[at] |= published


def row_keys(table: pd.DataFrame, by: list[str], measure: Measure, region: Region, period: Period) -> list[Key]:
    """The key of each row of a table (`count`) for a measure: its groups, the region, and a stock's month."""
    common = {} if region.lan_kod is None else {"lan": region.lan_kod}
    if measure.kind == "stock" and "manad" not in by:
        common["manad"] = str(period.last)
    order = {name: place for place, name in enumerate(dimensions())}
    depth = {name: depth for depth, name in enumerate(["totalt", *by])}
    groups = zip(*(table[dimensions()[name].columns[0]] for name in by), strict=True)
    return [
        tuple(sorted((common | dict(zip(by[: depth[niva]], ids, strict=False))).items(), key=lambda p: order[p[0]]))
        for niva, ids in zip(table["niva"], groups, strict=True)
    ]


def collect(
    con: duckdb.DuckDBPyConnection,
    period: Period,
    thresholds: Thresholds,
    progress: Progress = lambda step, done, total: None,
) -> Cells:
    """The cells of every report and region of a period. `con` is a session with a warehouse attached."""
    cells = Cells()
    build_facts(con, period, RIKET)
    for name in ("lan", *FACTS):
        con.execute(f"ALTER TABLE {name} RENAME TO riket_{name}")
    everywhere = (RIKET, *LAN, UNKNOWN_LAN)
    for done, region in enumerate(everywhere):
        progress("Counting what may be small", done, len(everywhere))
        _restrict(con, region)
        for report in reports().values():
            # Riket's drill-downs hold those of the län.
            if not (report.drilldown and region != RIKET):
                _add_table(cells, con, report, thresholds, region, period)
    progress("Counting what may be small", len(everywhere), len(everywhere))
    _add_wholes(cells)
    return cells


def _restrict(con: duckdb.DuckDBPyConnection, region: Region) -> None:
    """Let the facts be those of one region."""
    here = "true" if region.lan_kod is None else f"lan_kod = '{region.lan_kod}'"
    for name in FACTS:
        con.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS FROM riket_{name} WHERE {here}")
    con.execute(f"CREATE OR REPLACE TEMP VIEW lan AS SELECT lan_kod, lan, {here} AS i_regionen FROM riket_lan")


def _add_table(
    cells: Cells,
    con: duckdb.DuckDBPyConnection,
    report: Report,
    thresholds: Thresholds,
    region: Region,
    period: Period,
) -> None:
    """The cells of one table; one whose upper bound in the same row is zero is known to be zero."""
    counted = [m for m in map(measures().get, report.measures) if m.counted]
    protected = [m for m in counted if thresholds.of(m)]
    if not protected:
        return
    table = count(con, [m.id for m in counted], report.by, drilldown=report.drilldown)
    for measure in protected:
        # A count that is hidden itself is no knowledge.
        singles = [name for name, *more in measure.at_most if not more]
        bounds = [name for name in singles if name in table and not thresholds.of(measures()[name])]
        zero = (table[bounds] == 0).any(axis=1)
        keys = row_keys(table, report.by, measure, region, period)
        for key, antal, none in zip(keys, table[measure.column_name], zero, strict=True):
            cells.add(measure.id, key, int(antal), region != UNKNOWN_LAN, none)


def _add_wholes(cells: Cells) -> None:
    """Persons of all kön and ages together, where no table shows them: each person stands in one group."""
    sums: dict[tuple[str, Key], dict[frozenset, int]] = {}
    for (measure, key), at in cells.number.items():
        own = tuple(pair for pair in key if not dimensions()[pair[0]].person)
        if own != key and measures()[measure].fact == WINDOWED_FACT:
            breakdown = frozenset(name for name, _ in key)
            by_breakdown = sums.setdefault((measure, own), {})
            by_breakdown[breakdown] = by_breakdown.get(breakdown, 0) + cells.counts[at]
    for (measure, key), by_breakdown in sums.items():
        cells.add(measure, key, min(by_breakdown.values()), False)


def tie(cells: Cells, thresholds: Thresholds) -> System:
    """The cells with every equation and bound between them that holds for the true counts.

    Nearly all hold by what the cells mean; that a month's women are among the year's holds for all but the few
    whose registered kön changed, and what does not hold is no knowledge.
    """
    counts = np.array(cells.counts, dtype=float)
    zero = np.array(cells.known_zero, dtype=bool)
    rows: list[tuple[list[int], list[float], bool]] = []
    for measure in {name: measures()[name] for name, _ in cells.number}.values():
        here = {key: at for (name, key), at in cells.number.items() if name == measure.id}
        for coarse, fine, added in _breakdowns(here):
            exact = measure.additive or (
                measure.fact == WINDOWED_FACT and all(dimensions()[name].person for name in added)
            )
            for whole, parts in _parts(here, coarse, fine, added).items():
                if whole is None or not parts:  # what a table does not list is zero
                    zero[parts if whole is None else whole] = True
                    continue
                rows.append(([whole, *parts], [-1.0] + [1.0] * len(parts), exact))
                if not exact:
                    rows += [([whole, part], [1.0, -1.0], False) for part in parts]
        for names in measure.at_most:
            for key in here:
                uppers = [cells.number[name, key] for name in names if (name, key) in cells.number]
                if len(uppers) == len(names):
                    rows.append(([here[key], *uppers], [-1.0] + [1.0] * len(uppers), False))
    held = [row for row in rows if _holds(counts, row)]
    matrix = csr_matrix(
        (
            [factor for _, factors, _ in held for factor in factors],
            [cell for at, _, _ in held for cell in at],
            np.cumsum([0, *(len(at) for at, _, _ in held)]),
        ),
        shape=(len(held), len(counts)),
    )
    return System(
        counts=counts,
        thresholds=np.array([thresholds.of(measures()[name]) for name, _ in cells.number], dtype=float),
        published=np.array(cells.published, dtype=bool),
        known_zero=_spread(zero & (counts == 0), held),
        # A small count is less of a loss than a large one, and a detail less than a total.
        costs=(1 + np.log1p(counts) / 5) * np.array([0.9 ** len(key) for _, key in cells.number]),
        rows=matrix,
        exact=np.array([exact for _, _, exact in held], dtype=bool),
    )


def _breakdowns(here: dict[Key, int]) -> list[tuple[list[Key], list[Key], frozenset[str]]]:
    """Pairs of breakdowns of which one is the next finer: the keys of both, and what the finer adds."""
    by_breakdown: dict[frozenset[str], list[Key]] = {}
    for key in here:
        by_breakdown.setdefault(frozenset(name for name, _ in key), []).append(key)
    pairs = [(a, b) for a, b in combinations(sorted(by_breakdown, key=lambda b: (len(b), sorted(b))), 2) if a < b]
    nearest = [(a, b) for a, b in pairs if not any(a < c < b for c in by_breakdown)]
    return [(by_breakdown[a], by_breakdown[b], b - a) for a, b in nearest]


def _parts(
    here: dict[Key, int], coarse: list[Key], fine: list[Key], added: frozenset[str]
) -> dict[int | None, list[int]]:
    """The parts of each whole, by number; under None those whose whole no table lists.

    A stock's drill-down is of the last month only: it has no parts of other months.
    """
    months = {dict(key).get("manad") for key in fine}
    parts: dict[int | None, list[int]] = {
        here[key]: [] for key in coarse if "manad" in added or dict(key).get("manad") in months
    }
    for key in fine:
        whole = here.get(tuple(pair for pair in key if pair[0] not in added))
        parts.setdefault(whole, []).append(here[key])
    return parts


def _holds(counts: np.ndarray, row: tuple[list[int], list[float], bool]) -> bool:
    at, factors, exact = row
    value = float(np.dot(counts[at], factors))
    return value == 0 if exact else value >= 0


def _spread(zero: np.ndarray, rows: list[tuple[list[int], list[float], bool]]) -> np.ndarray:
    """Known zeros with all that follow: parts of a zero, and a whole of which every part is zero."""
    before = -1
    while before != (before := int(zero.sum())):
        for (first, *others), (factor, *_), _ in rows:
            if factor < 0 and all(zero[others]):
                zero[first] = True
            elif zero[first]:
                zero[others] = True
    return zero
