"""Every count of an edition, by measure and group, wherever it stands: shown, hidden, or left out because it is 0."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from sobstat.declarations import Measure, measures
from sobstat.outsider.reading import TIMES, Cell, Group, Table, lan_of

# By these, different files may cover different parts of the same whole.
COVERED_BY = ("lan", *TIMES)
NOT_COMPLETED = ("avslutningsorsak", "Ej avslutat")


def names_of(group: Group) -> frozenset[str]:
    """The dimensions of a group."""
    return frozenset(name for name, _ in group)


def within(group: Group, names: Collection[str]) -> Group:
    """The wider group that a group stands in, by fewer dimensions."""
    return frozenset(item for item in group if item[0] in names)


def describe(cell: Cell) -> str:
    """A cell for people: its measure and group, without any value; its period is that of the file."""
    name, group = cell
    where = ", ".join(f"{key} {value or 'unknown'}" for key, value in sorted(group) if key != "period")
    return f"{name} ({where or 'all'})"


class Counts:
    """The counts of some measures that the files of an edition hold.

    `shown` has each shown cell's value; `hidden` the files that hide a cell, also if another file shows it; `groups` a
    measure's groups by their dimensions; `faults` what the files contradict each other in.
    """

    def __init__(self, tables: Iterable[Table], names: Iterable[str]):
        self.names = set(names)
        self.shown: dict[Cell, float] = {}
        self.hidden: dict[Cell, list[str]] = defaultdict(list)
        self._events: dict[Cell, float] = {}
        self.groups: dict[str, dict[frozenset[str], dict[Group, None]]] = defaultdict(lambda: defaultdict(dict))
        self.faults: list[str] = []
        self._lists: dict[tuple[str, frozenset[str]], dict[Group, list[set[Group]]]] = defaultdict(dict)
        for table in tables:
            for measure in table.measures:
                if measure.id in self.names:
                    self._read(table, measure)
                elif measure.kind == "flow":
                    values = ((table.cell(measure, row.group), row.number(measure.column_name)) for row in table.rows)
                    self._events.update((cell, value) for cell, value in values if value is not None)

    def _read(self, table: Table, measure: Measure) -> None:
        listed = defaultdict(lambda: defaultdict(set))
        for row in table.rows:
            cell = name, group = table.cell(measure, row.group)
            self.groups[name][names_of(group)][group] = None
            listed[lan_of(table.region) | within(group, TIMES)][names_of(group)].add(group)
            value = row.number(measure.column_name)
            if name == "avslutade" and NOT_COMPLETED in group:
                value = 0  # by its definition
            if value is None:
                self.hidden[cell].append(table.name)
            elif self.shown.setdefault(cell, value) != value:
                self.faults.append(f"{table.name} shows another {describe(cell)} than another file")
        for whole, lists in listed.items():
            for names, groups in lists.items():
                self.lists_all(measure.id, names, whole, groups)

    def events(self, cell: Cell) -> float | None:
        """How many events are shown of those that a cell's persons have; None if some are not."""
        name, group = cell
        sums = [[self._events.get((other, group)) for other in greater] for greater in measures()[name].at_most]
        return min((sum(counts) for counts in sums if None not in counts), default=None)

    def lists_all(self, name: str, names: frozenset[str], whole: Group, groups: set[Group]) -> None:
        """Take note that these are all groups, by certain dimensions, that `whole` is made up of."""
        self._lists[name, names].setdefault(whole, []).append(groups)

    def wholes(self, name: str, names: frozenset[str]) -> dict[Group, list[set[Group]]]:
        """The groups for which all parts, by certain dimensions, are listed; with the lists."""
        return self._lists[name, names]

    def lists(self, name: str, names: frozenset[str], group: Group) -> Iterator[set[Group]]:
        """The lists of all groups by certain dimensions that `group`, or what it is a part of, is made up of."""
        known = self._lists[name, names]
        wholes = {frozenset()}
        for item in group:
            if item[0] in COVERED_BY:
                wholes |= {whole | {item} for whole in wholes}
        for whole in wholes:
            yield from known.get(whole, ())
