"""Which cells are hidden besides those that the primary rule hides: linear programming, by HiGHS (in scipy).

Whoever reads an edition knows the shown counts, and every equation and bound that ties the cells. A table of counts
that agrees with all of that, and in which a hidden count is as low (or as high) as it must be able to be, proves
the count to be protected; one such table proves it for many cells at once. For a cell for which there is none, the
cheapest table in which shown counts differ too says which of them must be hidden with it.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import bmat, csr_matrix, eye, hstack
from scipy.sparse.csgraph import connected_components

# Counts are whole numbers, so differences below this are the solver's.
TOLERANCE = 1e-6
# When a further table proves so few of the remaining cells, those that are left are looked at one by one.
WORTHWHILE = 0.01

# So many cells are not served a few at a time; so few are served at once.
MANY = 500
FEW = 60
# Cells tied to a cell over more steps than this are not asked to help it, where nearer ones can.
NEAR = 4

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class System:
    """Cells and what ties them: `rows @ counts` is 0 where `exact`, and at least 0 elsewhere.

    thresholds  of each cell's measure
    published   whether any page shows the cell; others are unknown, and need no protection
    known_zero  cells that anybody knows to be 0
    costs       what is lost when a cell is hidden, compared with others
    """

    counts: np.ndarray
    thresholds: np.ndarray
    published: np.ndarray
    known_zero: np.ndarray
    costs: np.ndarray
    rows: csr_matrix
    exact: np.ndarray

    @property
    def primary(self) -> np.ndarray:
        """Cells that do not exceed their threshold."""
        return self.published & (self.counts <= self.thresholds)


@dataclass(frozen=True, eq=False)
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
    """The cells to hide besides the primary ones, as a boolean array. Deterministic."""
    condensed, number = _condensed(system)
    hidden = condensed.primary
    parts = [part for part in _separate(condensed) if hidden[part].any()]
    total, done = sum(len(part) for part in parts), 0
    for part in parts:

        def tell(left: int, sofar: int = done + len(part)) -> None:
            progress("Protecting small counts", max(sofar - left, 0), total)

        hidden[part] = _choose(_only(condensed, part), tell)
        done += len(part)
    progress("Protecting small counts", total, total)
    # What is known to be 0 has no number (-1).
    return np.append(hidden, False)[number] & system.published & ~system.primary


def _condensed(system: System) -> tuple[System, np.ndarray]:
    """The system with cells that are known to be equal as one, and without those that are known to be 0; and the number
    that each cell has there, -1 for these.
    """
    condensed, number = _merged(system)
    zero = _implied_zero(condensed)
    if not zero.any():
        return condensed, number
    return _merged(replace(system, known_zero=system.known_zero | np.append(zero, True)[number]))


def _merged(system: System) -> tuple[System, np.ndarray]:
    """`_condensed`, for the zeros that are noted, and for cells of which each is known to be at least the other."""
    live = np.flatnonzero(~system.known_zero)
    rows = system.rows[:, live]
    short = np.flatnonzero(np.diff(rows.indptr) == 2)
    first, second = (rows.indptr[short] + place for place in (0, 1))
    comparing = rows.data[first] == -rows.data[second]
    short, first, second = short[comparing], first[comparing], second[comparing]
    turned = rows.data[first] < 0
    more = rows.indices[np.where(turned, second, first)]
    less = rows.indices[np.where(turned, first, second)]
    exact = system.exact[short]
    more, less = np.append(more, less[exact]), np.append(less, more[exact])
    at_least = csr_matrix((np.ones(len(more)), (more, less)), shape=(len(live), len(live)))
    many, label = connected_components(at_least, connection="strong")
    merged = (rows @ csr_matrix((np.ones(len(live)), (np.arange(len(live)), label)), shape=(len(live), many))).tocsr()
    merged.eliminate_zeros()
    # A row that no counts could break tells nothing.
    falls = np.asarray(merged.minimum(0).sum(axis=1)).ravel() < 0
    telling = (np.diff(merged.indptr) > 0) & (system.exact | falls)

    counts, thresholds, costs = np.zeros(many), np.zeros(many), np.zeros(many)
    published = np.zeros(many, dtype=bool)
    counts[label] = system.counts[live]
    np.maximum.at(thresholds, label, system.thresholds[live])
    np.logical_or.at(published, label, system.published[live])
    np.add.at(costs, label, np.where(system.published, system.costs, 0)[live])
    number = np.full(len(system.counts), -1)
    number[live] = label
    known_zero = np.zeros(many, dtype=bool)
    return System(counts, thresholds, published, known_zero, costs, merged[telling], system.exact[telling]), number


def _implied_zero(system: System) -> np.ndarray:
    """Cells that must be 0 since others are: the parts of a zero, a whole of zeros, and so on.

    Tables that agree with the rows can be added up, so one table has every cell above 0 that can be.
    """
    open_, many = np.flatnonzero(system.counts == 0), len(system.counts)
    zero = np.zeros(many, dtype=bool)
    if not len(open_):
        return zero
    raised = csr_matrix((np.ones(len(open_)), (np.arange(len(open_)), open_)), shape=(len(open_), many))
    values = _solve(
        bmat([[system.rows, None], [raised, -eye(len(open_))]]).tocsr(),
        np.zeros(system.rows.shape[0] + len(open_)),
        np.append(system.exact, np.zeros(len(open_), dtype=bool)),
        np.append(np.zeros(many), -np.ones(len(open_))),
        np.zeros(many + len(open_)),
        np.append(np.full(many, np.inf), np.ones(len(open_))),
    )
    zero[open_] = values[many:] < 1 - TOLERANCE
    return zero


def _separate(system: System) -> list[np.ndarray]:
    """Groups of cells of which none is tied to another group's."""
    ties = bmat([[None, system.rows], [system.rows.T, None]])
    _, label = connected_components(ties, directed=False)
    of_cell = label[system.rows.shape[0] :]
    order = np.argsort(of_cell, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(of_cell[order])) + 1)


def _only(system: System, part: np.ndarray) -> System:
    """The system of some of the cells, with what ties them."""
    columns = system.rows[:, part]
    rows = np.diff(columns.indptr) > 0
    return System(
        system.counts[part],
        system.thresholds[part],
        system.published[part],
        system.known_zero[part],
        system.costs[part],
        columns[rows],
        system.exact[rows],
    )


def _choose(system: System, tell: Callable[[int], None]) -> np.ndarray:
    """The cells to hide besides the primary ones; `tell` hears how many hidden cells are not proved yet."""
    hidden = system.primary.copy()
    down, up = sides(system)
    open_ = {down: hidden, up: hidden}
    while any(todo.any() for todo in open_.values()):
        for side in open_:
            todo = unproven(system, hidden, side, open_[side])
            open_[side] = np.zeros_like(todo)
            while todo.any():
                picked = _apart(system, side, todo)
                more = _hide_for(system, hidden, side, picked)
                todo[picked] = False
                hidden |= more
                # Others may need nothing more now; where these needed nothing, only far cells may prove it of others.
                todo = unproven(system, hidden, side, todo, look_near=more.any())
                tell(int(todo.sum() + sum(others.sum() for others in open_.values())))
                open_[down] = open_[down] | more  # they exceed the threshold: upwards they are where they must be
    return hidden & ~system.primary


def unproven(system: System, hidden: np.ndarray, side: Side, todo: np.ndarray, look_near: bool = False) -> np.ndarray:
    """Those of `todo` for which no table was found in which they reach the side's goal."""
    todo = todo.copy()
    free = hidden | ~system.published
    if look_near and todo.sum() <= MANY:
        free &= _near(system, todo, NEAR, free)
    rows = (abs(system.rows) @ free) > 0
    matrix, exact = system.rows[rows], system.exact[rows]
    while todo.any():
        lower = np.where(free, 0.0, system.counts)
        upper = np.where(free, np.inf, system.counts)
        (lower if side.sign > 0 else upper)[todo] = side.goal[todo]
        values = system.counts.copy()
        values[free] = _solve(
            matrix[:, free],
            matrix @ np.where(free, 0, system.counts),
            exact,
            side.sign * todo[free].astype(float),
            lower[free],
            upper[free],
        )
        reached = todo & (side.sign * (values - side.goal) <= TOLERANCE)
        todo &= ~reached
        if reached.sum() <= WORTHWHILE * todo.sum():
            break
    return todo


def _apart(system: System, side: Side, todo: np.ndarray) -> np.ndarray:
    """Some of the cells, the largest first, that one table can serve: of which no two are tied directly.

    Upwards, of which no two are tied to the same cell, unless they are many: it would have to rise for all of them.
    Downwards, a few can be served together: what falls for one falls for what is tied to it.
    """
    if side.sign > 0 and todo.sum() <= FEW:
        return np.flatnonzero(todo)
    columns = system.rows.tocsc()
    used = np.zeros(max(system.rows.shape), dtype=bool)
    careful = side.sign < 0 and todo.sum() <= MANY
    picked = []
    for cell in sorted(np.flatnonzero(todo), key=lambda cell: (-system.counts[cell], cell)):
        own = columns.indices[columns.indptr[cell] : columns.indptr[cell + 1]]
        near = system.rows[own].indices if careful else own
        if not used[near].any():
            used[near] = True
            picked.append(cell)
    return np.array(picked, dtype=int)


def _hide_for(system: System, hidden: np.ndarray, side: Side, picked: np.ndarray) -> np.ndarray:
    """The shown cells that differ in the cheapest table in which every picked cell reaches the side's goal.

    Cells far from the picked ones stay as they are, if there is such a table.
    """
    own = np.zeros(len(hidden), dtype=bool)
    own[picked] = True
    everything = np.ones_like(own)
    near, nearer = (_near(system, own, steps, everything) for steps in (NEAR, NEAR // 2))
    for moving in (nearer, near, near | hidden | ~system.published):
        with suppress(RuntimeError):
            return _cheapest(system, hidden, side, picked, moving)
    return _cheapest(system, hidden, side, picked, everything)


def _near(system: System, cells: np.ndarray, steps: int, through: np.ndarray) -> np.ndarray:
    """The cells that are tied to some cells over so many steps, each of them through such cells."""
    ties = abs(system.rows)
    near = cells
    for _ in range(steps):
        near = ((ties.T @ ((ties @ near) > 0)) > 0) & through
    return near


def _cheapest(system: System, hidden: np.ndarray, side: Side, picked: np.ndarray, near: np.ndarray) -> np.ndarray:
    free = near & (hidden | ~system.published)
    shown = near & ~free
    lower, upper = np.zeros(len(hidden)), np.full(len(hidden), np.inf)
    (upper if side.sign > 0 else lower)[picked] = side.goal[picked]
    rows = (abs(system.rows) @ near) > 0
    matrix, exact = system.rows[rows], system.exact[rows]
    rises, falls = matrix[:, shown], -matrix[:, shown]
    table = _solve(
        hstack([matrix[:, free], rises, falls]).tocsr(),
        matrix @ np.where(free, 0, system.counts),
        exact,
        np.concatenate([np.zeros(free.sum()), system.costs[shown], system.costs[shown]]),
        np.concatenate([lower[free], np.zeros(2 * shown.sum())]),
        np.concatenate([upper[free], np.full(shown.sum(), np.inf), system.counts[shown]]),
    )
    rise, fall = np.split(table[free.sum() :], 2)
    more = np.zeros_like(hidden)
    more[np.flatnonzero(shown)[(rise > TOLERANCE) | (fall > TOLERANCE)]] = True
    return more


def _solve(matrix: csr_matrix, fixed: np.ndarray, exact: np.ndarray, cost, lower, upper) -> np.ndarray:
    """The cheapest values of the matrix's columns, beside what the other cells bring to each row.

    Raises RuntimeError if there are none.
    """
    result = linprog(
        cost,
        A_ub=-matrix[~exact],
        b_ub=fixed[~exact],
        A_eq=matrix[exact],
        b_eq=-fixed[exact],
        bounds=np.column_stack([lower, upper]),
        method="highs",
    )
    if result.status != 0:
        raise RuntimeError(f"The cells to hide could not be chosen: {result.message}")
    return result.x
