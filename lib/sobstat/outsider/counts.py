"""Every count of an edition, by measure and group, wherever it stands: shown, hidden, or left out because it is 0."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from sobstat.declarations import Measure, measures
from sobstat.outsider.reading import Group, Table, lan_of

Cell = tuple[str, Group]  # a counted measure, and a group that it counts
# By these, different files may cover different parts of the same whole.
COVERED_BY = ("lan", "manad")
NOT_COMPLETED = ("avslutningsorsak", "Ej avslutat")


def names_of(group: Group) -> frozenset[str]:
    """The dimensions of a group."""
    return frozenset(name for name, _ in group)


def within(group: Group, names: frozenset[str]) -> Group:
    """The wider group that a group stands in, by fewer dimensions."""
    return frozenset(item for item in group if item[0] in names)


def describe(cell: Cell) -> str:
    """A cell for people: its measure and group, without any value."""
    name, group = cell
    where = ", ".join(f"{key} {value or 'unknown'}" for key, value in sorted(group))
    return f"{name} ({where or 'all'})"


class Counts:
    """The counts of some measures that the files of an edition hold.

    `shown` has each shown cell's value; `hidden` the files that hide a cell, also if another file shows it; `zero`
    the hidden cells beside which a 0 is shown that they are at most; `groups` a measure's groups by their
    dimensions; `faults` what the files contradict each other in.
    """

    def __init__(self, tables: Iterable[Table], names: Iterable[str], last_month: str):
        self.names = set(names)
        self.last_month = last_month
        self.shown: dict[Cell, float] = {}
        self.hidden: dict[Cell, list[str]] = defaultdict(list)
        self.zero: set[Cell] = set()
        self.groups: dict[str, dict[frozenset[str], dict[Group, None]]] = defaultdict(lambda: defaultdict(dict))
        self.faults: list[str] = []
        self._lists: dict[tuple[str, frozenset[str]], dict[Group, list[set[Group]]]] = defaultdict(dict)
        for table in tables:
            for measure in table.measures:
                if measure.id in self.names:
                    self._read(table, measure)

    def _read(self, table: Table, measure: Measure) -> None:
        listed = defaultdict(set)
        for row in table.rows:
            cell = name, group = self.cell(measure.id, row.group)
            self.groups[name][names_of(group)][group] = None
            listed[names_of(group)].add(group)
            value = row.number(measure.column_name)
            if name == "avslutade" and NOT_COMPLETED in group:
                value = 0  # by its definition
            if value is None:
                self.hidden[cell].append(table.name)
                if any(all(row.number(other) == 0 for other in greater) for greater in measure.at_most):
                    self.zero.add(cell)
            elif self.shown.setdefault(cell, value) != value:
                self.faults.append(f"{table.name} shows another {describe(cell)} than another file")
        whole = lan_of(table.region)
        if "manad" not in table.columns:
            _, whole = self.cell(measure.id, whole)
        for names, groups in listed.items():
            self.lists_all(measure.id, names, whole, groups)

    def cell(self, name: str, group: Group) -> Cell:
        """The cell of a group; a stock without a month is that of the last month."""
        if measures()[name].kind == "stock" and "manad" not in names_of(group):
            group |= {("manad", self.last_month)}
        return name, group

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
