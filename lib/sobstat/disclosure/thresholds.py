"""The thresholds; light, since the command line reads them before it counts anything."""

from dataclasses import asdict, dataclass

from sobstat.declarations import Measure

MIN_ANTAL = 10


@dataclass(frozen=True)
class Thresholds:
    """Counts at or below these are hidden; 0 hides nothing. `min_antal` is for counts of residents."""

    min_antal: int = MIN_ANTAL
    min_startade: int = 0
    min_avslutade: int = 0
    min_pagaende: int = 0
    min_behandlare: int = 0

    def of(self, measure: Measure) -> int:
        """A measure's threshold; 0 where it has none."""
        return self.min_antal if measure.persons else getattr(self, f"min_{measure.id}", 0)

    def as_dict(self) -> dict[str, int]:
        """The parameters by name."""
        return asdict(self)
