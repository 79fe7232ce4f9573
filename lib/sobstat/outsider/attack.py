"""The attack on a finished edition: how narrow an interval its figures leave about each hidden count.

The criterion: an interval protects a count of a measure with the threshold T if it is at least T wide and ends above
T. A reader then can tell neither the count, nor whether it is a small one. Anything narrower is a fault.

The intervals are those of linear programming over everything that the edition's files show (knowledge.py). Pages and
charts show nothing else: that is the gate in agreement.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sobstat.outsider.counts import Counts, describe
from sobstat.outsider.intervals import ContradictionError, intervals
from sobstat.outsider.knowledge import Knowledge
from sobstat.outsider.reading import read_tables, thresholds


@dataclass(frozen=True)
class Attack:
    """What an attack found: how many counts there are and how many are hidden, each counted once however often it
    stands; the width of the narrowest interval (at least that: nobody looks further once a count is safe), None where
    nothing is hidden; and the faults, which name counts but never a value or a bound.
    """

    cells: int
    hidden: int
    narrowest: float | None
    faults: list[str]


def attack(edition: Path, parameters: Mapping) -> Attack:
    """Attack an edition's folder; `parameters` are those in its manifest (`from`, `to`, `periods`, `min_antal`, …)."""
    threshold = thresholds(parameters)
    tables = read_tables(edition, parameters)
    counts = Counts(tables, [name for name, least in threshold.items() if least > 0])
    faults = list(counts.faults)
    faults += [
        f"{', '.join(dict.fromkeys(places))} hides {describe(cell)}, which another file shows"
        for cell, places in counts.hidden.items()
        if cell in counts.shown
    ]
    total = len(counts.shown.keys() | counts.hidden.keys())
    try:
        knowledge = Knowledge(tables, counts, threshold)
        enough = [-1.0] * knowledge.system.size
        for cell in counts.hidden:
            if cell in knowledge.number:
                enough[knowledge.number[cell]] = threshold[cell[0]]
        found = intervals(knowledge.system, enough)
    except ContradictionError:
        return Attack(total, len(counts.hidden), None, [*faults, "the figures of the edition contradict each other"])
    widths = []
    for cell, places in counts.hidden.items():
        if cell in counts.shown:
            widths.append(0.0)
            continue
        if cell in knowledge.empty:
            continue
        interval = found[knowledge.number[cell]]
        widths.append(interval.width)
        if not interval.protects(threshold[cell[0]]):
            faults.append(f"{places[0]} hides {describe(cell)}, but the edition's other figures leave too little doubt")
    return Attack(total, len(counts.hidden), min(widths, default=None), knowledge.faults + faults)
