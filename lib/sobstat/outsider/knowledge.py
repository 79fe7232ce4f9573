"""How the counts of an edition hang together: a system of rows about the hidden ones.

Counts of the same measure, of a group and of its parts by another dimension (or several, where no table has fewer):

    adds        the group is the sum of its parts: flows and stocks
    placed      the same: vårdtagare by kön and age, where each person stands in one part
    overlaps    a person can stand in several parts: each part is at most the group, the group at most the sum

A group that a table with its dimensions leaves out is empty; so is what it consists of, and one without any event.
The periods of an edition end with the same month, so each is made up of a shorter one and the months before that: their
events add, their persons overlap. Where vårdtagare of one kön (and age) are compared over months or län, they overlap
*as a rule*: the recorded kön of a few persons changes from one event to the next. Such rows are taken for true unless
the published numbers contradict them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from sobstat.declarations import Measure, dimensions, measures
from sobstat.months import Period
from sobstat.outsider.counts import Counts, describe, names_of, within
from sobstat.outsider.intervals import ContradictionError, System, contradicted
from sobstat.outsider.reading import TIMES, Cell, Group, Table

INFINITE = float("inf")
# Persons counted in the group of their latest event: each stands in one group of kön and age.
PLACED = "vardtagare"
PERSONAL = frozenset(name for name, dimension in dimensions().items() if dimension.person)
Step = tuple[frozenset[str], frozenset[str]]  # the dimensions of a group, and of its parts


class Knowledge:
    """The system of the hidden counts of an edition.

    `number` is each hidden cell's number in `system`. What no file holds but ties others together, such as all
    vårdtagare of a month, or those of a län without a page, has a number too. `empty` are the hidden cells that the
    files tell to be 0, by leaving groups out, or by showing no event. `faults` names published counts that
    contradict each other.
    """

    def __init__(self, tables: list[Table], counts: Counts, threshold: Mapping[str, int]):
        self.counts = counts
        self.faults: list[str] = []
        self.system = System()
        self.number = {cell: self.system.unknown() for cell in counts.hidden if cell not in counts.shown}
        self.empty: set[Cell] = set()
        self._last = tables[0].last if tables else ""
        self._guessed: set[Cell] = set()
        self._doubtful: list[int] = []
        self._at_most: list[tuple[Cell, list[Cell]]] = []  # a cell, and what it is at most the sum of
        national = [row.group for table in tables if table.region == "riket" for row in table.rows]
        self._lan = sorted({value for group in national for name, value in group if name == "lan"})
        for name in sorted(counts.names, key=lambda name: name != PLACED):
            self._connect(measures()[name])
            self._connect_times(measures()[name])
            if name == PLACED:
                about_placed = len(self.system.rows)
        self._connect_measures(threshold)
        for cell in self._find_empty():
            self._row([(cell, 1.0)], 0, 0)
        if self._doubtful:
            self._give_up_contradicted(about_placed)
        for table in tables:
            for measure in table.measures:
                if not measure.counted:
                    self._connect_computed(table, measure)

    def _connect(self, measure: Measure) -> None:
        groups = self.counts.groups[measure.id]
        if measure.id == PLACED:
            for names in list(groups):
                for whole, lists in list(self.counts.wholes(PLACED, names).items()):
                    unplaced = {within(group, names - PERSONAL) for listed in lists for group in listed}
                    self._imagine(PLACED, names - PERSONAL, whole, unplaced)
        steps = [
            (whole, part)
            for whole in groups
            for part in groups
            if whole < part and not any(whole < between < part for between in groups)
        ]
        for whole, part in steps:
            if part - whole == {"lan"}:
                self._imagine_other_lan(measure, whole, part)
        for step in steps:
            self._split(measure, step)

    def _connect_times(self, measure: Measure) -> None:
        """Each group in a period, and in the shorter period and the months before that which make it up.

        Whoever is counted in a shorter period is in the longer one, with the same kön: both end with the same event.
        """
        times: dict[Group, dict[Period, Cell]] = defaultdict(dict)
        for groups in self.counts.groups[measure.id].values():
            for group in groups:
                ((kind, first),) = time = within(group, TIMES)
                times[group - time][Period.parse(first, first if kind == "manad" else self._last)] = (measure.id, group)
        for group, cells in times.items():
            doubtful = measure.id == PLACED and bool(names_of(group) & PERSONAL)
            nested = [time for time in cells if str(time.last) == self._last]
            inner: Period | None = None
            months = sorted(time for time in cells if time.first == time.last)
            for outer in sorted(nested, key=lambda time: time.last - time.first):
                if outer.first < outer.last:
                    until = inner.first if inner else outer.last + 1
                    parts = [cells[month] for month in months if outer.first <= month.first < until]
                    wanted = until - outer.first
                    self._connect_period(measure, cells[outer], inner and cells[inner], parts, doubtful, wanted)
                inner = outer

    def _connect_period(
        self, measure: Measure, outer: Cell, inner: Cell | None, months: list[Cell], doubtful: bool, wanted: int
    ) -> None:
        """The rows of one group's count in a period; of the months before the shorter one, so many are `wanted`."""
        parts = [*months, inner] if inner else months
        for part in parts:
            unsure = doubtful and part != inner
            self._row([(outer, 1.0), (part, -1.0)], 0, INFINITE, unsure)
            if not unsure:
                self._at_most.append((part, [outer]))
        if len(months) == wanted:
            self._row([(outer, -1.0), *((part, 1.0) for part in parts)], 0, 0 if measure.kind == "flow" else INFINITE)
            self._at_most.append((outer, parts))
        events = self.counts.events(outer)
        if inner and events is not None and events == self.counts.events(inner):
            self._row([(outer, 1.0), (inner, -1.0)], 0, 0)

    def _imagine(self, name: str, names: frozenset[str], whole: Group, groups: set[Group]) -> None:
        """Give counts that no file holds a number; they are all that `whole` is made up of."""
        for group in groups:
            if (name, group) not in self.counts.shown and (name, group) not in self.number:
                self.number[name, group] = self.system.unknown()
                self.counts.groups[name][names][group] = None
        self.counts.lists_all(name, names, whole, groups)

    def _imagine_other_lan(self, measure: Measure, whole: frozenset[str], part: frozenset[str]) -> None:
        """The parts in län, and Okänt län, that have no page of their own."""
        for lan in self._lan:
            missing = defaultdict(set)
            for group in self.counts.groups[measure.id][whole]:
                inside = group | {("lan", lan)}
                if not any(self.counts.lists(measure.id, part, inside)):
                    missing[within(inside, ("lan", *TIMES))].add(inside)
            for where, groups in missing.items():
                self._guessed |= {(measure.id, group) for group in groups}
                self._imagine(measure.id, part, where, groups)

    def _sure(self, measure: Measure, step: Step) -> bool:
        """Whether parts hang together with their groups beyond doubt."""
        whole, part = step
        return measure.id != PLACED or part - whole <= PERSONAL or not whole & PERSONAL

    def _split(self, measure: Measure, step: Step) -> None:
        """The rows of every group with certain dimensions, and its parts by more."""
        whole, part = step
        adds = measure.additive or (measure.id == PLACED and part - whole <= PERSONAL)
        parts = defaultdict(list)
        for group in self.counts.groups[measure.id][part]:
            parts[within(group, whole)].append((measure.id, group))
        for group in self.counts.groups[measure.id][whole]:
            cell, cells = (measure.id, group), parts[group]
            guessed = measure.id == PLACED and part & PERSONAL and self._guessed.intersection(cells)
            doubtful = bool(guessed) or not self._sure(measure, step)
            complete = self._lists_all(measure, group, step)
            if not doubtful:
                self._at_most += [(one, [cell]) for one in cells] + [(cell, cells)] * complete
            if not adds:
                for one in cells:
                    self._row([(cell, 1.0), (one, -1.0)], 0, INFINITE, doubtful)
            if adds or complete:
                difference = [(cell, -1.0), *((one, 1.0) for one in cells)]
                self._row(difference, 0 if complete else -INFINITE, 0 if adds else INFINITE, doubtful)

    def _lists_all(self, measure: Measure, group: Group, step: Step) -> bool:
        """Whether all parts of a group stand in some file, or in several that cover it län by län."""
        whole, part = step
        if any(True for _ in self.counts.lists(measure.id, part, group)):
            return True
        by_lan = [group | {("lan", lan)} for lan in self._lan if "lan" in part - whole]
        return bool(by_lan) and all(any(True for _ in self.counts.lists(measure.id, part, one)) for one in by_lan)

    def _row(self, terms: Iterable[tuple[Cell, float]], low: float, high: float, doubtful: bool = False) -> None:
        """low <= the sum of coefficient * count <= high."""
        unknown, known, about = [], 0.0, ""
        for cell, coefficient in terms:
            about = about or describe(cell)
            if cell in self.counts.shown:
                known += coefficient * self.counts.shown[cell]
            else:
                unknown.append((self.number[cell], coefficient))
        try:
            self.system.add(unknown, low - known, high - known)
        except ContradictionError:
            if not doubtful:
                self.faults.append(f"{about} does not fit its parts, or what it is computed from")
        else:
            if doubtful and unknown:
                self._doubtful.append(len(self.system.rows) - 1)

    def _find_empty(self) -> set[Cell]:
        """Cells that are known to be 0: those that are at most nothing, or at most what is known to be 0."""
        empty = {cell for cell, value in self.counts.shown.items() if value == 0} | self._left_out()
        empty |= {cell for cell in self.number if self.counts.events(cell) == 0}
        waits = [len(greater) for _, greater in self._at_most]
        bounds = defaultdict(list)
        for number, (_, greater) in enumerate(self._at_most):
            for cell in greater:
                bounds[cell].append(number)
        empty |= {lesser for lesser, greater in self._at_most if not greater}
        found = list(empty)
        while found:
            for number in bounds[found.pop()]:
                waits[number] -= 1
                lesser, _ = self._at_most[number]
                if not waits[number] and lesser not in empty:
                    empty.add(lesser)
                    found.append(lesser)
        self.empty = empty & self.number.keys()
        return self.empty

    def _left_out(self) -> set[Cell]:
        """Hidden cells that another table with the same dimensions, or fewer, leaves out."""
        found = set()
        for name, groups in self.counts.groups.items():
            for names in groups:
                wider = [some for some in groups if some <= names and self._sure(measures()[name], (some, names))]
                for group in groups[names]:
                    if (name, group) in self.counts.hidden and any(
                        within(group, some) not in listed
                        for some in wider
                        for listed in self.counts.lists(name, some, within(group, some))
                    ):
                        found.add((name, group))
        return found

    def _give_up_contradicted(self, about_placed: int) -> None:
        """Let go of doubtful rows that the shown counts contradict; the first `about_placed` rows are about them."""
        zeros = [[(self.number[cell], 1.0)] for cell in self.empty if cell[0] == PLACED]
        bounds = [0.0] * len(zeros)
        rows, low, high = (part[:about_placed] for part in (self.system.rows, self.system.low, self.system.high))
        for row in contradicted(System(self.system.size, rows + zeros, low + bounds, high + bounds), self._doubtful):
            self.system.low[row], self.system.high[row] = -INFINITE, INFINITE

    def _connect_measures(self, threshold: Mapping[str, int]) -> None:
        """What residents are at most, by counts that may be hidden themselves.

        Where counts of events are shown, that few of them mean few residents is the source's own choice.
        """
        for lesser in self.counts.names:
            for greater in measures()[lesser].at_most:
                if not all(threshold[name] for name in (lesser, *greater)):
                    continue
                for names, groups in self.counts.groups[lesser].items():
                    for group in groups if not names & PERSONAL else ():
                        others = [(name, group) for name in greater]
                        if all(cell in self.number or cell in self.counts.shown for cell in others):
                            self._row([((lesser, group), -1.0), *((cell, 1.0) for cell in others)], 0, INFINITE)
                            self._at_most.append(((lesser, group), others))

    def _connect_computed(self, table: Table, measure: Measure) -> None:
        """What a rounded ratio or share tells about the hidden counts that it is computed from."""
        numerator, denominator = measures()[measure.numerator], measures().get(measure.denominator or "")
        parts = [part for part in (numerator, denominator) if part]
        hides = [row for row in table.rows if any(row.hidden(part.column_name) for part in parts)]
        for row in table.rows if denominator is None and hides else hides:
            value = row.number(measure.column_name)
            if value is None:
                continue
            decimals = len(row.shown[measure.column_name].partition(".")[2])
            half = 0.5 * 10**-decimals + 1e-9
            whole = [(row, denominator)] if denominator else [(other, numerator) for other in table.rows]
            for least, low, high in ((value - half, 0, INFINITE), (value + half, -INFINITE, 0)):
                terms = [(row, numerator, float(measure.scale)), *((other, part, -least) for other, part in whole)]
                shown = sum(c * r.number(p.column_name) for r, p, c in terms if not r.hidden(p.column_name))
                hidden = [(table.cell(p, r.group), c) for r, p, c in terms if r.hidden(p.column_name)]
                self._row(hidden, low - shown, high - shown)
