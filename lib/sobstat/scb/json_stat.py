"""JSON-stat 2, the form of SCB's answers: dimensions, and a figure for each combination of their values.

The order of dimensions is that of `id`, the order of a dimension's values that of the *numbers* in its
`category.index`, whatever order they stand in.
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from sobstat.errors import SobstatError

NO_VALUE = object()  # a figure that a sparse answer leaves out


@dataclass(frozen=True)
class Dimension:
    """A dimension of a table: its values' labels by code, in order; `eliminable` if leaving it out gives the total."""

    code: str
    label: str
    values: dict[str, str]
    eliminable: bool = False


def dimensions(answer: dict, what: str) -> list[Dimension]:
    """The dimensions of an answer about `what`; raises SobstatError if it is no JSON-stat 2."""
    try:
        found = [_dimension(code, answer["dimension"][code]) for code in answer["id"]]
        sizes = [len(dimension.values) for dimension in found]
    except (KeyError, TypeError, AttributeError) as error:
        raise SobstatError(
            f"{what}: the answer is not JSON-stat 2 ({type(error).__name__}: {error}); expected a dataset with id, "
            "size, dimension and value."
        ) from error
    if sizes != answer.get("size"):
        raise SobstatError(
            f"{what}: the answer has dimensions of {sizes} values, but its size is {answer.get('size')}."
        )
    return found


def _dimension(code: str, block: dict) -> Dimension:
    category = block["category"]
    labels = category.get("label", {})
    index = category.get("index", list(labels))  # may be left out where there is one value
    codes = sorted(index, key=index.__getitem__) if isinstance(index, dict) else map(str, index)
    eliminable = bool(block.get("extension", {}).get("elimination"))
    return Dimension(code, str(block.get("label") or code), {c: str(labels.get(c) or c) for c in codes}, eliminable)


def figures(answer: dict, what: str) -> Iterator[tuple[dict[str, str], object]]:
    """Every combination of values (code of dimension → code of value) with its figure.

    A figure is what the answer says, None where it has none, NO_VALUE where a sparse answer leaves it out.
    Raises SobstatError if there are fewer or more figures than combinations.
    """
    found = dimensions(answer, what)
    values, status = answer.get("value"), answer.get("status")
    count = math.prod(len(dimension.values) for dimension in found)
    if isinstance(values, dict):
        places = [str(place) for place in range(count)]
        if beyond := values.keys() - set(places):
            raise SobstatError(f"{what}: the answer has a figure at {min(beyond)!r}, but only {count} combinations.")
        explained = status if isinstance(status, dict) else {}
        values = [values.get(place, None if place in explained else NO_VALUE) for place in places]
    if not isinstance(values, list) or len(values) != count:
        held = f"{len(values)} figures" if isinstance(values, list) else "no figures"
        raise SobstatError(f"{what}: the answer has {held}; its dimensions have {count} combinations.")
    codes = [dimension.code for dimension in found]
    for combination, value in zip(itertools.product(*(d.values for d in found)), values, strict=True):
        yield dict(zip(codes, combination, strict=True)), value
