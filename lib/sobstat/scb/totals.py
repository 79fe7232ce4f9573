"""Whether a year's totals agree with their parts: the sum of the län, of the kön, and of the ages."""

import math
from itertools import product

from sobstat.errors import SobstatError
from sobstat.scb.questions import AGES, COUNTIES, KON, RIKET, TOTAL, Figures, in_words

# Each total is that of one place in a figure's key.
PARTS = ((RIKET, COUNTIES), (TOTAL, KON), (TOTAL, AGES))
# With noise, of the tens of thousands of totals that are compared none is off by more than so many standard deviations.
DEVIATIONS = 5


def check_totals(figures: Figures, noise: float, what: str) -> None:
    """Raises SobstatError, naming the worst, if a total disagrees with its parts.

    `noise` is the standard deviation of the noise in every figure; a total and its parts have noise of their own, so
    their difference has that of a sum. Without noise they must be equal.
    """
    faults = []
    for key, place in product(figures, range(len(PARTS))):
        total, parts = PARTS[place]
        if key[place] != total:
            continue
        added = sum(figures[(*key[:place], part, *key[place + 1 :])] for part in parts)
        if (off := abs(added - figures[key])) > DEVIATIONS * noise * math.sqrt(len(parts) + 1):
            faults.append((off, key, added, len(parts)))
    if faults:
        off, key, added, parts = max(faults)
        raise SobstatError(
            f"{what}: {len(faults)} totals do not agree with their parts. The worst is {in_words(key)}: SCB's total is "
            f"{figures[key]}, the sum of its {parts} parts {added}. Nothing was written; fetch it again, and tell SCB "
            "if it stays so."
        )
