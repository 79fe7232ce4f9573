"""Which cells are hidden besides those that the primary rule hides: linear programming, by HiGHS.

Whoever reads an edition knows the shown counts, and every equation and bound that ties the cells. A table of counts
that agrees with all of that, and in which a hidden count is as low (or as high) as it must be able to be, proves
the count to be protected; one such table proves it for many cells at once. For a cell for which there is none, the
cheapest table in which shown counts differ too says which of them must be hidden with it.

A table is sought as how far each count rises or falls from the true one. Then to stay is where the solver starts, and
to move a few cells takes it a few steps, however large the system.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import highspy
import numpy as np
from highspy._core import _Highs  # highspy.Highs is the same with callbacks, and prints a banner when it is made
from scipy.sparse import bmat, csr_matrix, hstack
from scipy.sparse.csgraph import connected_components

# Counts are whole numbers, so differences below this are the solver's.
TOLERANCE = 1e-6
# When a further table proves so few of the remaining cells, those that are left are served, picked apart.
WORTHWHILE = 0.1
# To move so many cells at once, the solver had better look at the whole system first.
MANY = 4000

# How a count can differ from the true one: the rows of an array of moves.
RISE, FALL = 0, 1

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

    @property
    def needed(self) -> np.ndarray:
        """How far each hidden count must be able to rise (past the threshold; cells that exceed it are there already)
        and to fall (by the threshold, or to 0).
        """
        return np.stack([np.maximum(self.thresholds + 1 - self.counts, 0), np.minimum(self.counts, self.thresholds)])


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

    Tables that agree with the rows can be enlarged: as long as one has some of these cells above 0, one has such a cell
    at 1, and those that are there no longer stand in the way of others.
    """
    nothing = np.zeros(len(system.counts))
    programme = _Programme(replace(system, counts=nothing, thresholds=nothing))
    zero, everything = system.counts == 0, np.ones(len(nothing), dtype=bool)
    while True:
        moves = programme.pull(everything, np.stack([zero, np.zeros_like(zero)]))
        if not (above := zero & programme.proved(moves)[RISE]).any():
            return zero
        zero &= ~above


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
    """The cells to hide, primary ones included; `tell` hears how many moves of them are not proved yet."""
    programme, chance = _Programme(system), np.random.default_rng(1)
    hidden, needed = system.primary, programme.needed
    todo = _unproven(programme, hidden, hidden & (needed > 0), chance)
    while todo.any():
        for way in (FALL, RISE):
            tell(int(todo.sum()))
            pulled = np.zeros_like(todo)
            pulled[way] = _apart(system, todo[way], 1)
            todo = todo & ~programme.proved(programme.pull(hidden, pulled))
            stuck = pulled[way] & todo[way]
            if not stuck.any():
                continue
            served = _apart(system, stuck, 2)
            more, moves = programme.hide_for(hidden, way, served)
            hidden = hidden | more
            todo[way] &= ~served
            todo = (todo | more & (needed > 0)) & ~programme.proved(moves)
            if more.any():  # and may be enough for others
                todo = _unproven(programme, hidden, todo, chance)
    return hidden


def _unproven(programme: "_Programme", hidden: np.ndarray, todo: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Those of `todo` that are left when all are pulled at once, again and again for as long as that proves many.

    Each has a weight of its own, so that one can win where two cannot, and what must rise and fall one way at a time.
    """
    many = True
    while todo.any() and many:
        rises = np.where(todo.all(axis=0), chance.random(todo.shape[1]) < 0.5, todo[RISE])
        weights = chance.uniform(0.5, 1.5, todo.shape[1])
        proved = todo & programme.proved(programme.pull(hidden, todo & np.stack([rises, ~rises]), weights))
        todo = todo & ~proved
        many = proved.sum() > WORTHWHILE * todo.sum()
    return todo


class _Programme:
    """The linear programmes about a system: how cells move in the cheapest table of some kind.

    Moves have shape (2, cells): rises and falls. needed  how far each hidden count must be able to move
    """

    def __init__(self, system: System):
        self._system, self.needed = system, system.needed
        self._solver = _Highs()
        self._solver.setOptionValue("output_flag", False)
        self._solver.setOptionValue("threads", 1)
        matrix = hstack([system.rows, -system.rows]).tocsr()
        model = highspy.HighsLp()
        model.num_row_, model.num_col_ = matrix.shape
        model.row_lower_ = np.where(system.exact, 0, -(system.rows @ system.counts))
        model.row_upper_ = np.where(system.exact, 0, np.inf)
        model.col_cost_ = model.col_lower_ = model.col_upper_ = np.zeros(matrix.shape[1])
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.start_ = matrix.indptr
        model.a_matrix_.index_ = matrix.indices
        model.a_matrix_.value_ = matrix.data
        self._solver.passModel(model)
        self._columns = np.arange(matrix.shape[1], dtype=np.int32)

    def pull(self, hidden: np.ndarray, pulled: np.ndarray, weights: np.ndarray | float = 1.0) -> np.ndarray:
        """The moves when only hidden cells move, and those of `pulled` (one way each) as far as they need, or as they
        can together.
        """
        low, high = self._limits()
        high[:, self._shown(hidden)] = 0
        high[pulled] = self.needed[pulled]
        cost = (pulled[::-1].astype(float) - pulled) * weights
        return self._cheapest(cost, low, high, presolve=pulled.sum() > MANY)

    def proved(self, moves: np.ndarray) -> np.ndarray:
        """How cells move as far as they need."""
        net = moves[RISE] - moves[FALL]
        return np.stack([net, -net]) >= self.needed - TOLERANCE

    def hide_for(self, hidden: np.ndarray, way: int, picked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The shown cells that differ in the cheapest table in which every picked cell moves as far as it needs, and
        all moves of that table.
        """
        shown, (low, high) = self._shown(hidden), self._limits()
        low[way, picked] = self.needed[way, picked]
        high[1 - way, picked] = 0
        moves = self._cheapest(np.tile(np.where(shown, self._system.costs, 0), (2, 1)), low, high)
        return shown & (moves.sum(axis=0) > TOLERANCE), moves

    def _shown(self, hidden: np.ndarray) -> np.ndarray:
        return self._system.published & ~hidden

    def _limits(self) -> tuple[np.ndarray, np.ndarray]:
        """The least and the farthest moves of any table of counts."""
        counts = self._system.counts
        return np.zeros((2, len(counts))), np.stack([np.full(len(counts), np.inf), counts])

    def _cheapest(self, cost: np.ndarray, low: np.ndarray, high: np.ndarray, presolve: bool = False) -> np.ndarray:
        """The cheapest moves. Each programme starts anew, so that none depends on those before it."""
        solver = self._solver
        solver.clearSolver()
        solver.setOptionValue("presolve", "on" if presolve else "off")
        solver.changeColsCost(len(self._columns), self._columns, cost.ravel())
        solver.changeColsBounds(len(self._columns), self._columns, low.ravel(), high.ravel())
        solver.run()
        if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            raise RuntimeError(f"The cells to hide could not be chosen: {solver.getModelStatus()}")
        return np.array(solver.getSolution().col_value).reshape(2, -1)


def _apart(system: System, todo: np.ndarray, steps: int) -> np.ndarray:
    """Some of the cells, the largest first: no two of them tied directly (1 step), or to the same cell (2)."""
    columns = system.rows.tocsc()
    used = np.zeros(max(system.rows.shape), dtype=bool)
    picked = np.zeros_like(todo)
    for cell in sorted(np.flatnonzero(todo), key=lambda cell: (-system.counts[cell], cell)):
        near = columns.indices[columns.indptr[cell] : columns.indptr[cell + 1]]
        if steps == 2:
            near = system.rows[near].indices
        if not used[near].any():
            used[near] = True
            picked[cell] = True
    return picked
