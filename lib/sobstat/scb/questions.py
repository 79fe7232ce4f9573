"""What to ask a table for, so that its answers hold every figure and every total, and what these answers mean.

A figure is known by län, kön and age: `("12", "Kvinna", "37")`, with `00` for Riket, and `Totalt` for both kön and for
all ages. Totals are SCB's own: those of the table's values, or what it gives where a dimension is left out.
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from sobstat.errors import SobstatError
from sobstat.names import shortened, visible
from sobstat.regions import LAN
from sobstat.scb.interface import Metadata, Query
from sobstat.scb.json_stat import NO_VALUE, Dimension, dimensions, figures
from sobstat.scb.params import ScbParams, same_text

RIKET, TOTAL, OLDEST = "00", "Totalt", "100"
COUNTIES = tuple(lan.lan_kod for lan in LAN)
KON = ("Kvinna", "Man")
AGES = tuple(str(age) for age in range(int(OLDEST) + 1))
MOST = 1_000_000_000
CHARACTERS_SAID = 200

Key = tuple[str, str, str]
Figures = dict[Key, int]
EXPECTED = set(itertools.product([*COUNTIES, RIKET], [*KON, TOTAL], [*AGES, TOTAL]))


@dataclass(frozen=True)
class Axis:
    """A dimension that figures are known by: the table's code of a value → ours; `total` is ours for the total."""

    code: str
    values: dict[str, str]
    total: str

    @property
    def choices(self) -> list[Query]:
        """The parts of queries that together give every value and the total: without such a value, nothing is asked."""
        every = {self.code: list(self.values)}
        return [every] if self.total in self.values.values() else [every, {}]


class Questions:
    """What to ask a table for, a year at a time, at most `max_cells` figures in a query.

    years  those that the table has
    noise  the standard deviation of the noise in its figures

    Raises SobstatError, naming table, dimension, what was found and what was expected, where the table lacks something.
    """

    def __init__(self, metadata: Metadata, params: ScbParams, max_cells: int, noise: float):
        self.metadata, self.noise = metadata, noise
        self._max_cells = max_cells
        self._totals = params.values.Totalt
        self._left = {dimension.code: dimension for dimension in metadata.dimensions}
        names, values = params.dimensions, params.values
        lan, kon, alder = (self._take(name) for name in (names.lan, names.kon, names.alder))
        contents, time = self._take(names.innehall), self._take(names.ar)
        sexes = {"Kvinna": values.Kvinna, "Man": values.Man}
        self._axes = (
            self._axis(lan, {code: code for code in lan.values if code in COUNTIES}, COUNTIES, values.Riket, RIKET),
            self._axis(kon, _spelled(kon, sexes), KON, self._totals),
            self._axis(alder, _ages(alder) | _spelled(alder, {OLDEST: values.oldest}), AGES, self._totals),
        )
        population = _find(contents, values.population)
        if population is None and len(contents.values) > 1:
            raise self._lacks(contents, ", ".join(values.population))
        self._fixed = {contents.code: [population or next(iter(contents.values))]}
        for dimension in self._left.values():
            self._fixed |= self._collapsed(dimension)
        self._time = time.code
        self.years = {int(code) for code in time.values if code.isdigit() and len(code) == 4}

    def queries(self, year: int) -> list[Query]:
        """The queries that give every figure of a year."""
        parts = itertools.product(*(axis.choices for axis in self._axes))
        whole = [{**self._fixed, self._time: [str(year)], **lan, **kon, **alder} for lan, kon, alder in parts]
        return [query for query in whole for query in self._split(query)]

    def read(self, year: int, answers: list[dict]) -> Figures:
        """The figures of a year from the answers to its queries.

        Raises SobstatError if an answer is about something else, or if a figure is missing or no count.
        """
        found: Figures = {}
        for query, answer in zip(self.queries(year), answers, strict=True):
            for key, count in self._counts(query, answer, f"{self.metadata.table} {year}"):
                found[key] = found.get(key, 0) + count
        if missing := sorted(EXPECTED - found.keys()):
            raise SobstatError(
                f"{self.metadata.table} {year} lacks {len(missing)} figures, such as {in_words(missing[0])}."
            )
        return found

    def _take(self, spellings: list[str]) -> Dimension:
        """The dimension that is spelled so, which nothing else is then."""
        for dimension in self._left.values():
            if same_text(dimension.code, spellings) or same_text(dimension.label, spellings):
                return self._left.pop(dimension.code)
        raise SobstatError(
            f"{self.metadata.table} has no dimension {' or '.join(spellings)}; it has {', '.join(self._left)}. If "
            "it is named otherwise now, say so in params/scb.yml."
        )

    def _axis(
        self, dimension: Dimension, values: dict[str, str], expected: tuple[str, ...], totals: list[str], total=TOTAL
    ) -> Axis:
        if missing := [name for name in expected if name not in values.values()]:
            raise self._lacks(dimension, shortened(", ".join(missing), CHARACTERS_SAID))
        own = _find_total(dimension, totals)
        if own is None and not dimension.eliminable:
            raise self._lacks(dimension, f"a total ({', '.join(totals)})")
        return Axis(dimension.code, values | ({own: total} if own is not None else {}), total)

    def _collapsed(self, dimension: Dimension) -> Query:
        """What to ask of a dimension that figures are not known by, such as civilstånd, to get them for all of it."""
        total = _find_total(dimension, self._totals)
        if total is not None or len(dimension.values) == 1:
            return {dimension.code: [total or next(iter(dimension.values))]}
        if dimension.eliminable:
            return {}
        if self.noise:  # it would be added up
            raise self._lacks(dimension, f"a total ({', '.join(self._totals)})")
        return {dimension.code: list(dimension.values)}

    def _lacks(self, dimension: Dimension, expected: str) -> SobstatError:
        found = visible(shortened(", ".join(dimension.values), CHARACTERS_SAID))
        return SobstatError(
            f"{self.metadata.table}: dimension {dimension.code} lacks {expected}; found {found}. If they are written "
            "otherwise now, say so in params/scb.yml."
        )

    def _split(self, query: Query) -> Iterator[Query]:
        """The query as ones that ask for no more figures than the server allows."""
        if math.prod(len(values) for values in query.values()) <= self._max_cells:
            yield query
            return
        code, values = max(query.items(), key=lambda item: len(item[1]))
        for half in (values[: len(values) // 2], values[len(values) // 2 :]):
            yield from self._split(query | {code: half})

    def _counts(self, query: Query, answer: dict, what: str) -> Iterator[tuple[Key, int]]:
        answered = {dimension.code: dimension for dimension in dimensions(answer, what)}
        for code in answered.keys() | query.keys():
            asked = set(query.get(code, ()))
            found = set(answered[code].values) if code in answered else set()
            if found != asked and max(len(asked), len(found)) > 1:
                raise SobstatError(
                    f"{what}: the answer has {len(found)} values of {code}, where {len(asked)} were asked for; the "
                    f"first that differs is {visible(min(found ^ asked))}."
                )
        for place, figure in figures(answer, what):
            key = tuple(axis.values[place[axis.code]] if axis.code in query else axis.total for axis in self._axes)
            # What a sparse answer leaves out is 0 if anything: the totals tell.
            figure = 0 if figure is NO_VALUE else figure
            if not (isinstance(figure, int | float) and 0 <= figure <= MOST and figure == int(figure)):
                held = "no figure" if figure is None else repr(figure)
                raise SobstatError(f"{what}: {in_words(key)} has {held}; expected a count.")
            yield key, int(figure)


def in_words(key: Key) -> str:
    """What a figure is about: `län 12, Kvinna, 37 år`."""
    lan, kon, alder = key
    where = "Riket" if lan == RIKET else f"län {lan}"
    return f"{where}, {'kön totalt' if kon == TOTAL else kon}, {'ålder totalt' if alder == TOTAL else f'{alder} år'}"


def _find(dimension: Dimension, spellings: list[str]) -> str | None:
    """The code of the value that is spelled so; None if there is none. The spellings are tried in their order."""
    for spelling in spellings:
        for code, label in dimension.values.items():
            if same_text(code, [spelling]) or same_text(label, [spelling]):
                return code
    return None


def _find_total(dimension: Dimension, spellings: list[str]) -> str | None:
    """The same of the value for all others: `totalt, samtliga åldrar`."""
    beginning = (code for code, label in dimension.values.items() if label.casefold().startswith("totalt"))
    return _find(dimension, spellings) or next(beginning, None)


def _spelled(dimension: Dimension, spellings: dict[str, list[str]]) -> dict[str, str]:
    """The table's code → ours, of the values that are found."""
    return {code: name for name, spelled in spellings.items() if (code := _find(dimension, spelled)) is not None}


def _ages(dimension: Dimension) -> dict[str, str]:
    """The ages of one year below the oldest: the table's code → ours."""
    numbers = {code: code if code.isdigit() else label.removesuffix(" år") for code, label in dimension.values.items()}
    return {code: str(int(age)) for code, age in numbers.items() if age.isdigit() and str(int(age)) in AGES[:-1]}
