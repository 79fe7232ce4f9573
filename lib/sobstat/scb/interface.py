"""SCB's two interfaces, PxWebApi 2 and its predecessor, with one face: a table's metadata, and answers to queries.

A query names the values of each dimension (code of dimension → codes of values); a dimension that it leaves out is
eliminated, which gives the total. The number of calls is kept to what the server's own configuration allows.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import quote

from sobstat.errors import SobstatError
from sobstat.scb.calls import Calls
from sobstat.scb.json_stat import Dimension, dimensions
from sobstat.scb.params import ScbParams, Source

Query = dict[str, list[str]]
# SCB's open data; PxWebApi 2 says so itself.
LICENCE = "CC0 1.0"


@dataclass(frozen=True)
class Metadata:
    """What a table holds; `updated` is when it last changed, empty where the server does not say."""

    table: str
    label: str
    updated: str
    dimensions: list[Dimension]


class Interface(ABC):
    """A server of SCB's; the first call asks for its limits.

    max_cells  how many figures a query may ask for
    licence    of the data, in the server's words
    """

    # The path of the server's configuration, and what it calls the most figures, the most calls, and in how long.
    LIMITS: ClassVar[tuple[str, str, str, str]]

    def __init__(self, source: Source, params: ScbParams):
        self.address = source.address
        self._calls = Calls(source.address, params.tries, params.pause, params.timeout)
        path, cells, calls, window = self.LIMITS
        config = self._calls.json(path)
        self.max_cells = _limit(config, cells, self.address + path)
        self._calls.limit(_limit(config, calls, self.address + path), _limit(config, window, self.address + path))
        self.licence = str(config.get("license") or LICENCE)

    @abstractmethod
    def metadata(self, table: str) -> Metadata:
        """What a table holds; raises SobstatError if the server has no such table, or says it in an unknown way."""

    @abstractmethod
    def answer(self, table: str, query: Query) -> dict:
        """The answer to a query in JSON-stat 2; raises SobstatError if it is refused."""


class Version2(Interface):
    """PxWebApi 2."""

    LIMITS = ("/config", "maxDataCells", "maxCallsPerTimeWindow", "timeWindow")

    def metadata(self, table: str) -> Metadata:
        answer = self._calls.json(f"/tables/{quote(table)}/metadata?lang=sv")
        if "variables" in answer:
            return _of_variables(table, answer)
        label, updated = str(answer.get("label", "")), str(answer.get("updated") or "")
        return Metadata(table, label, updated, dimensions(answer, f"The metadata of {table}"))

    def answer(self, table: str, query: Query) -> dict:
        selection = [{"variableCode": code, "valueCodes": values} for code, values in query.items()]
        return self._calls.json(
            f"/tables/{quote(table)}/data?lang=sv&outputFormat=json-stat2", {"selection": selection}
        )


class Version1(Interface):
    """The predecessor, in which a table's name is a path."""

    LIMITS = ("/?config", "maxCells", "maxCalls", "timeWindow")

    def metadata(self, table: str) -> Metadata:
        return _of_variables(table, self._calls.json(f"/{quote(table)}"))

    def answer(self, table: str, query: Query) -> dict:
        selected = [{"code": code, "selection": {"filter": "item", "values": values}} for code, values in query.items()]
        return self._calls.json(f"/{quote(table)}", {"query": selected, "response": {"format": "json-stat2"}})


def open_interface(source: Source, params: ScbParams) -> Interface:
    """The interface of a server; raises Unreachable if it does not answer, SobstatError if it tells no limits."""
    return {1: Version1, 2: Version2}[source.version](source, params)


def _limit(config: dict, name: str, where: str) -> int:
    value = config.get(name)
    if not isinstance(value, int) or value < 1:
        raise SobstatError(f"{where} says {name} = {value!r}; expected a whole number of 1 or more.")
    return value


def _of_variables(table: str, answer: dict) -> Metadata:
    """Metadata in the predecessor's form: a list of variables with their values."""
    try:
        found = [
            Dimension(
                variable["code"],
                variable.get("text") or variable["code"],
                dict(zip(variable["values"], variable.get("valueTexts") or variable["values"], strict=True)),
                bool(variable.get("elimination")),
            )
            for variable in answer["variables"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise SobstatError(
            f"The metadata of {table} cannot be read ({type(error).__name__}: {error}); expected variables, each with "
            "code, values and valueTexts."
        ) from error
    return Metadata(table, str(answer.get("title", "")), "", found)
