"""Which cells are hidden besides those that the primary rule hides: linear programming, by HiGHS (in scipy).

Whoever reads an edition knows the shown counts, and every equation and bound that ties the cells. A table of counts
that agrees with all of that, and in which a hidden count is as low (or as high) as it must be able to be, proves
the count to be protected; one such table proves it for many cells at once. For a cell for which there is none, the
cheapest table in which shown counts differ too says which of them must be hidden with it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_matrix, hstack

# Counts are whole numbers, so differences below this are the solver's.
TOLERANCE = 1e-6
# When a further table proves so few of the remaining cells, those that are left are looked at one by one.
WORTHWHILE = 0.01

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class System:
    """Cells and what ties them: `rows @ counts` is 0 where `exact`, and at least 0 elsewhere.

    thresholds  of each cell's measure
    published   whether any page shows the cell; others are unknown, and need no protection
    known_zero  cells that anybody knows to be 0
    """

    counts: np.ndarray
    thresholds: np.ndarray
    published: np.ndarray
    known_zero: np.ndarray
    rows: csr_matrix
    exact: np.ndarray

    @property
    def primary(self) -> np.ndarray:
        """Cells that do not exceed their threshold."""
        return self.published & (self.counts <= self.thresholds)


@dataclass(frozen=True)
class Side:
    """Up to where a hidden count must be able to move: downwards (`sign` 1) or upwards (-1)."""

    sign: int
    goal: np.ndarray


def sides(system: System) -> tuple[Side, Side]:
    """Lower by the threshold, or 0; and past the threshold (cells that exceed it are there already)."""
    down = Side(1, np.maximum(system.counts - system.thresholds, 0))
    up = Side(-1, np.maximum(system.counts, system.thresholds + 1))
    return down, up


def choose_complementary(system: System, progress: Progress = lambda step, done, total: None) -> np.ndarray:
    """The cells to hide besides the primary ones, as a boolean array.

    Deterministic. Each cell hidden is chosen by the cheapest change that protects others; a small count costs less
    than a large one.
    """
    hidden = system.primary.copy()
    open_ = [(side, hidden & ~system.known_zero) for side in sides(system)]
    total = int(hidden.sum())
    while any(todo.any() for _, todo in open_):
        for number, (side, todo) in enumerate(open_):
            todo = unproven(system, hidden, side, todo)
            progress("Protecting small counts", total - int(todo.sum()), total)
            picked = _apart(system, todo)
            more = _hide_for(system, hidden, side, picked)
            todo[picked] = False
            hidden |= more
            open_[number] = (side, todo)
            down, still = open_[0]  # those that exceed the threshold are past it already
            open_[0] = (down, still | (more & ~system.known_zero))
    return hidden & ~system.primary


def unproven(system: System, hidden: np.ndarray, side: Side, todo: np.ndarray) -> np.ndarray:
    """Those of `todo` for which no table was found in which they reach the side's goal."""
    todo = todo.copy()
    free = hidden | ~system.published
    while todo.any():
        lower = np.where(free, 0.0, system.counts)
        upper = np.where(free, np.inf, system.counts)
        upper[system.known_zero] = 0.0
        (lower if side.sign > 0 else upper)[todo] = side.goal[todo]
        table = _solve(system.rows[:, free], system, free, side.sign * todo[free].astype(float), lower[free], upper[free])
        values = system.counts.copy()
        values[free] = table
        reached = todo & (side.sign * (values - side.goal) <= TOLERANCE)
        todo &= ~reached
        if reached.sum() <= WORTHWHILE * todo.sum():
            break
    return todo


def _apart(system: System, todo: np.ndarray) -> np.ndarray:
    """Some of the cells, the largest first, of which no two are tied directly: one table can serve them all."""
    columns = system.rows.tocsc()
    used = np.zeros(system.rows.shape[0], dtype=bool)
    picked = []
    for cell in sorted(np.flatnonzero(todo), key=lambda cell: (-system.counts[cell], cell)):
        own = columns.indices[columns.indptr[cell] : columns.indptr[cell + 1]]
        if not used[own].any():
            used[own] = True
            picked.append(cell)
    return np.array(picked, dtype=int)


def _hide_for(system: System, hidden: np.ndarray, side: Side, picked: np.ndarray) -> np.ndarray:
    """The shown cells that differ in the cheapest table in which every picked cell reaches the side's goal."""
    more = np.zeros(len(hidden), dtype=bool)
    if not len(picked):
        return more
    free = hidden | ~system.published
    shown = ~free
    lower, upper = np.zeros(len(hidden)), np.full(len(hidden), np.inf)
    upper[system.known_zero] = 0.0
    (upper if side.sign > 0 else lower)[picked] = side.goal[picked]
    cost = 1 + np.log1p(system.counts) / 5
    rises, falls = system.rows[:, shown], -system.rows[:, shown]
    table = _solve(
        hstack([system.rows[:, free], rises, falls]).tocsr(),
        system,
        free,
        np.concatenate([np.zeros(free.sum()), cost[shown], cost[shown]]),
        np.concatenate([lower[free], np.zeros(2 * shown.sum())]),
        np.concatenate([upper[free], np.full(shown.sum(), np.inf), system.counts[shown]]),
    )
    rise, fall = np.split(table[free.sum() :], 2)
    more[np.flatnonzero(shown)[(rise > TOLERANCE) | (fall > TOLERANCE)]] = True
    return more


def _solve(matrix: csr_matrix, system: System, free: np.ndarray, cost, lower, upper) -> np.ndarray:
    """The cheapest values of the matrix's columns, beside the shown counts."""
    shown = system.rows[:, ~free] @ system.counts[~free]
    exact = system.exact
    result = linprog(
        cost,
        A_ub=-matrix[~exact],
        b_ub=shown[~exact],
        A_eq=matrix[exact],
        b_eq=-shown[exact],
        bounds=np.column_stack([lower, upper]),
        method="highs",
    )
    if result.status != 0:
        raise RuntimeError(f"The cells to hide could not be chosen: {result.message}")
    return result.x
