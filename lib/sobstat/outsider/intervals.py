"""How narrow an interval linear programming can put about each unknown count, from what is known about them.

The solver is HiGHS. Two linear programmes for each of some ten thousand unknowns would take hours, so:

1. bounds are passed on from row to row until they stand still: the true interval is never outside these;
2. each linear programme pushes many counts at once, up or down, and every solution is a possible world: the true
   interval reaches at least from the lowest to the highest value seen. Most counts soon vary enough;
3. only those between get two linear programmes of their own, in the part of the system that they hang together with.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import highspy
import numpy as np
from highspy._core import _Highs  # highspy.Highs is the same with callbacks, and prints a banner when it is made

# No count is larger: twice the population of Sweden.
MOST = 20_000_000.0
# Values nearer than this are the same to the solver.
NEAR = 1e-6
# So many are pushed at once that the solver had better look at the whole system first.
MANY = 4000
# Joint pushes that settle nothing before the unknowns that are left are tried one by one.
VAIN_PUSHES = 3


class ContradictionError(Exception):
    """No counts fit everything that is known."""


@dataclass
class System:
    """Unknown whole numbers, from 0 on, and rows: low <= sum of coefficient * unknown <= high."""

    size: int = 0
    rows: list[list[tuple[int, float]]] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)

    def unknown(self) -> int:
        """A new unknown; returns its number."""
        self.size += 1
        return self.size - 1

    def add(self, terms: list[tuple[int, float]], low: float, high: float) -> None:
        """A new row; raises ContradictionError for a row without unknowns that does not hold."""
        if terms:
            self.rows.append(terms)
            self.low.append(low)
            self.high.append(high)
        elif low > NEAR or high < -NEAR:
            raise ContradictionError


@dataclass(frozen=True)
class Interval:
    """What is known of an unknown: it lies within `low`..`high`, and takes `low_seen` and `high_seen`."""

    low: float
    high: float
    low_seen: float
    high_seen: float

    @property
    def width(self) -> float:
        """Its width, or what it is at least where nobody has looked for its ends."""
        return max(self.high_seen - self.low_seen, 0)

    def protects(self, enough: float) -> bool:
        """Whether it is sure to be `enough` wide and to end above `enough`."""
        return self.width >= enough - NEAR and self.high_seen > enough + NEAR


def intervals(system: System, enough: list[float]) -> list[Interval]:
    """An interval for each unknown, as exact as is needed to tell whether it is `enough[unknown]` wide and ends above
    that; `math.inf` asks for the exact one.

    Raises ContradictionError.
    """
    matrix = _Matrix(system.rows, system.low, system.high, system.size)
    search = _Search(*_bounds(matrix), np.array(enough, float))
    for unknowns, part in _parts(matrix, search):
        search.explore(unknowns, _Programme(part, search.low[unknowns], search.high[unknowns]))
    ends = (search.low, search.high, search.low_seen, search.high_seen)
    return [Interval(*map(float, found)) for found in zip(*ends, strict=True)]


def contradicted(system: System, doubtful: list[int]) -> list[int]:
    """Which of the doubtful rows to give up so that the others can hold, giving way by as little as possible.

    Raises ContradictionError if even the rows beyond doubt cannot hold.
    """
    rows = list(system.rows)
    slack = {}
    for row in doubtful:
        slack[row] = (system.size + 2 * len(slack), system.size + 2 * len(slack) + 1)
        rows[row] = [*rows[row], (slack[row][0], 1.0), (slack[row][1], -1.0)]
    size = system.size + 2 * len(slack)
    programme = _Programme(_Matrix(rows, system.low, system.high, size), np.zeros(size), np.full(size, MOST))
    gives_way = np.arange(system.size, size)
    values = programme.push(gives_way, np.full(len(gives_way), -1.0), np.zeros(len(gives_way)))
    return [row for row, (more, less) in slack.items() if values[more] + values[less] > NEAR]


class _Matrix:
    """The rows as arrays: entry k says that unknown `column[k]` stands in row `row[k]` with `value[k]`."""

    def __init__(self, rows: list[list[tuple[int, float]]], low: list[float], high: list[float], size: int):
        lengths = [len(row) for row in rows]
        self.size = size
        self.low, self.high = np.array(low, float), np.array(high, float)
        self.row = np.repeat(np.arange(len(rows)), lengths)
        self.column = np.fromiter((column for row in rows for column, _ in row), np.int32, sum(lengths))
        self.value = np.fromiter((value for row in rows for _, value in row), float, sum(lengths))

    def sums(self, terms: np.ndarray) -> np.ndarray:
        """Per row, the sum of a number per entry."""
        return np.bincount(self.row, terms, len(self.low))

    def range(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The least and the most that each entry can be."""
        low, high = self.value * low[self.column], self.value * high[self.column]
        return np.minimum(low, high), np.maximum(low, high)


def _bounds(m: _Matrix) -> tuple[np.ndarray, np.ndarray]:
    """Outer bounds of every unknown, passed on from row to row until they stand still."""
    low, high = np.zeros(m.size), np.full(m.size, MOST)
    positive = m.value > 0
    while True:
        least, most = m.range(low, high)
        # What an entry may be at most and at least, when the others of its row leave as much room as they can.
        room = (m.high - m.sums(least))[m.row] + least
        need = (m.low - m.sums(most))[m.row] + most
        new_low, new_high = low.copy(), high.copy()
        np.minimum.at(new_high, m.column, np.floor(np.where(positive, room, need) / m.value + NEAR))
        np.maximum.at(new_low, m.column, np.ceil(np.where(positive, need, room) / m.value - NEAR))
        if np.any(new_low > new_high):
            raise ContradictionError
        if np.array_equal(new_low, low) and np.array_equal(new_high, high):
            return low, high
        low, high = new_low, new_high


class _Search:
    """Bounds from outside, and the lowest and highest values seen, of every unknown."""

    def __init__(self, low: np.ndarray, high: np.ndarray, enough: np.ndarray):
        self.low, self.high, self.enough = low, high, enough
        self.low_seen, self.high_seen = np.full(len(low), np.inf), np.full(len(low), -np.inf)
        self.random = np.random.default_rng(1)

    def see(self, unknowns: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
        """Take note of values that unknowns can have."""
        self.low_seen[unknowns] = np.minimum(self.low_seen[unknowns], low)
        self.high_seen[unknowns] = np.maximum(self.high_seen[unknowns], high)

    def open(self, unknowns: np.ndarray) -> np.ndarray:
        """Those of the unknowns that may be wide enough, and have not been seen to be."""
        low, high, enough = self.low[unknowns], self.high[unknowns], self.enough[unknowns]
        low_seen, high_seen = self.low_seen[unknowns], self.high_seen[unknowns]
        wide = (high_seen - low_seen >= enough) & (high_seen > enough)
        vain = ((high - low < enough) | (high <= enough)) & np.isfinite(enough)
        exact = (low_seen == low) & (high_seen == high)
        return unknowns[~(wide | vain | exact)]

    def explore(self, unknowns: np.ndarray, programme: "_Programme") -> None:
        """See what values the unknowns of a programme take."""

        def push(some: np.ndarray, costs: np.ndarray, goals: np.ndarray) -> None:
            at = np.searchsorted(unknowns, some)
            values = programme.push(at, costs, np.clip(goals, self.low[some], self.high[some]))
            # The solver's values are as near as NEAR to whole ones, and to its bounds.
            values = np.clip(np.round(values, 5), self.low[unknowns], self.high[unknowns])
            self.see(unknowns, values, values)

        left, vain = len(unknowns) + 1, 0
        while len(some := self.open(unknowns)) and vain < VAIN_PUSHES:
            vain = 0 if len(some) < left else vain + 1
            left = len(some)
            push(some, *self._pushes(some))
        for unknown in some:
            one = np.array([unknown])
            for ends, seen, sign in ((self.high, self.high_seen, 1.0), (self.low, self.low_seen, -1.0)):
                if len(self.open(one)):
                    push(one, np.array([sign]), ends[one])
                    ends[unknown] = seen[unknown]

    def _pushes(self, some: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A push for each of some unknowns in a direction where more must be seen of it, and how far is far enough.

        Each has a weight of its own, so that one can win where two cannot.
        """
        low, high, enough = self.low[some], self.high[some], self.enough[some]
        above = np.maximum(self.low_seen[some].clip(max=high) + enough, np.floor(enough) + 1)
        below = self.high_seen[some].clip(min=low) - enough
        up = (self.high_seen[some] <= enough) | (below < low)
        down = ~up & (above > high)
        sign = np.where(up, 1, np.where(down, -1, self.random.choice([-1, 1], len(some))))
        return sign * self.random.uniform(0.5, 1.5, len(some)), np.where(sign > 0, above, below)


class _Programme:
    """A linear programme whose objective changes, about how far each unknown rises or falls from its value in a world
    that is known to be possible. To stay there is where the solver starts, so that to move a few takes it a few steps.

    Raises ContradictionError if no world is possible.
    """

    def __init__(self, matrix: _Matrix, low: np.ndarray, high: np.ndarray):
        self.low, self.high = low, high
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = 2 * matrix.size, len(matrix.low)
        lp.col_cost_ = lp.col_lower_ = lp.col_upper_ = np.zeros(2 * matrix.size)
        lp.row_lower_ = lp.row_upper_ = np.zeros(len(matrix.low))
        lp.sense_ = highspy.ObjSense.kMaximize
        row = np.repeat(matrix.row, 2)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = np.searchsorted(row, np.arange(len(matrix.low) + 1)).astype(np.int32)
        lp.a_matrix_.index_ = np.column_stack([matrix.column, matrix.column + matrix.size]).ravel().astype(np.int32)
        lp.a_matrix_.value_ = np.column_stack([matrix.value, -matrix.value]).ravel()
        self.columns = np.arange(2 * matrix.size, dtype=np.int32)
        self.highs = _Highs()
        self.highs.setOptionValue("output_flag", False)
        self.highs.setOptionValue("threads", 1)
        self.highs.passModel(lp)
        self._allow(*self._room(matrix, low))
        nothing, ones = np.zeros(matrix.size), np.ones(matrix.size)
        self.world = low + self._moves(-ones, ones, high - low, nothing)  # the least, where values are most exact
        # This world fits to within the solver's tolerance, and may not be out by that where it is started from.
        least, most = self._room(matrix, self.world)
        self._allow(np.minimum(least, 0), np.maximum(most, 0))

    def push(self, some: np.ndarray, costs: np.ndarray, goals: np.ndarray) -> np.ndarray:
        """The unknowns' values where the sum of cost * unknown is greatest, over some of them, none beyond its goal."""
        rise, fall = np.zeros(len(self.low)), np.zeros(len(self.low))
        rise[some], fall[some] = costs, -costs
        up, down = (np.maximum(most, 0) for most in (self.high - self.world, self.world - self.low))
        farthest = np.abs(goals - self.world[some]) * (np.sign(goals - self.world[some]) == np.sign(costs))
        up[some] = np.where(costs > 0, farthest, up[some])
        down[some] = np.where(costs < 0, farthest, down[some])
        return self.world + self._moves(rise, fall, up, down)

    def _room(self, matrix: _Matrix, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """By how much each row can change from what it is for some values of the unknowns."""
        here = matrix.sums(matrix.value * values[matrix.column])
        return matrix.low - here, matrix.high - here

    def _allow(self, least: np.ndarray, most: np.ndarray) -> None:
        self.highs.changeRowsBounds(len(least), np.arange(len(least), dtype=np.int32), least, most)

    def _moves(self, rise: np.ndarray, fall: np.ndarray, up: np.ndarray, down: np.ndarray) -> np.ndarray:
        """How far the unknowns move, given what a rise and a fall of each is worth, and how far each can go."""
        self.highs.changeColsBounds(
            len(self.columns), self.columns, np.zeros(len(self.columns)), np.concatenate([up, down])
        )
        self.highs.changeColsCost(len(self.columns), self.columns, np.concatenate([rise, fall]))
        few = 0 < np.count_nonzero(rise) < MANY
        self.highs.setOptionValue("presolve", "off" if few else "on")
        self.highs.clearSolver()  # with other goals, its last solution is a bad one to start from
        self.highs.run()
        if self.highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            raise ContradictionError
        risen, fallen = np.split(np.array(self.highs.getSolution().col_value), 2)
        return risen - fallen


def _parts(m: _Matrix, search: _Search) -> Iterator[tuple[np.ndarray, _Matrix]]:
    """The independent parts of what is open: the unknowns and the rows of each.

    Rows that hold within the bounds anyway bind nothing together; an unknown without other rows is free.
    """
    low, high = search.low, search.high
    least, most = (m.sums(entries) for entries in m.range(low, high))
    loose, binds = low < high, (least < m.low - NEAR) | (most > m.high + NEAR)
    entries = np.flatnonzero(loose[m.column] & binds[m.row])
    label = _connected(m.size, m.row[entries], m.column[entries])
    bound = np.zeros(m.size, bool)
    bound[m.column[entries]] = True
    free = np.flatnonzero(~bound)
    search.see(free, low[free], high[free])
    fixed = m.sums(np.where(loose[m.column], 0, m.value * low[m.column]))
    entries = entries[np.argsort(label[m.column[entries]], kind="stable")]
    labels = label[m.column[entries]]
    for some in np.split(entries, np.flatnonzero(np.diff(labels)) + 1) if len(entries) else []:
        unknowns, column = np.unique(m.column[some], return_inverse=True)
        rows, row = np.unique(m.row[some], return_inverse=True)
        part = _Matrix([], m.low[rows] - fixed[rows], m.high[rows] - fixed[rows], len(unknowns))
        part.row, part.column, part.value = row, column.astype(np.int32), m.value[some]
        yield unknowns, part


def _connected(size: int, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """A label for each unknown, the same for those that stand in a row together, directly or through others."""
    label = np.arange(size)
    while True:
        smallest = np.full(row.max(initial=-1) + 1, size)
        np.minimum.at(smallest, row, label[column])
        new = label.copy()
        np.minimum.at(new, column, smallest[row])
        new = new[new]
        if np.array_equal(new, label):
            return label
        label = new
