"""A server that answers as SCB does, over real HTTP: its limits, its two interfaces, its tables, its bad days.

The figures are those that a test gives, by year, län, kön and age; the server adds up totals itself, as SCB does.
"""

import gzip
import json
import random
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from math import prod
from urllib.parse import parse_qs, urlsplit

import numpy as np

from sobstat.regions import LAN

COUNTIES = [lan.lan_kod for lan in LAN]
CIVIL = {"OG": "ogifta", "G": "gifta", "SK": "skilda", "ÄNKL": "änkor/änklingar"}
SEXES = {"1": "män", "2": "kvinnor"}
REGIONS = {"00": "Riket", "01": "Stockholms län", "0114": "Upplands Väsby", "0180": "Stockholm"} | {
    lan.lan_kod: lan.namn for lan in LAN
}
AGES = {str(age): f"{age} år" for age in range(100)}
UPDATED = "2026-02-21T07:00:00Z"


@dataclass
class Variable:
    """A dimension of a table: its values' labels by code, and whether it may be left out."""

    code: str
    label: str
    values: dict[str, str]
    eliminable: bool = False


class Table:
    """A table of population: `figures[year]` has a number for each län, kön (Man, Kvinna) and age.

    noise    what is added to every figure, from its coordinates
    updated  when it last changed
    shape    how answers about it are written
    """

    def __init__(self, figures: dict[int, np.ndarray], variables: list[Variable], noise=lambda *place: 0):
        self.figures = {year: _with_totals(counts).tolist() for year, counts in figures.items()}
        self.variables = {variable.code: variable for variable in variables}
        self.noise, self.updated, self.shape = noise, UPDATED, Shape()

    def count(self, place: dict[str, str]) -> int:
        """What stands at a place; a dimension that it lacks is summed."""
        region, sex, age = place.get("Region", "00"), place.get("Kon", "TotSa"), place.get("Alder", "tot").lower()
        lan = -1 if region == "00" else COUNTIES.index(region)
        kon = list(SEXES).index(sex) if sex in SEXES else -1
        count = self.figures[int(place["Tid"])][lan][kon][-1 if age.startswith("tot") else int(age.partition("+")[0])]
        if "Civilstand" in place and place["Civilstand"] in CIVIL:  # in four parts, whatever they are in truth
            part = list(CIVIL).index(place["Civilstand"])
            return count // 4 + (part < count % 4)
        return count + self.noise(region, sex, age)


def _with_totals(counts: np.ndarray) -> np.ndarray:
    """The same with the total last along every axis."""
    for axis in range(counts.ndim):
        counts = np.concatenate([counts, counts.sum(axis=axis, keepdims=True)], axis=axis)
    return counts


@dataclass
class Shape:
    """What JSON-stat 2 leaves to the writer; `shuffled`: values are told in another order than they have."""

    shuffled: bool = True
    index_as_list: bool = False
    sparse: bool = False


def old_table(figures: dict[int, np.ndarray], **changes: Variable) -> Table:
    """TAB638: no totals of kön and civilstånd, `tot` is an age."""
    variables = {
        "Region": Variable("Region", "region", REGIONS, True),
        "Civilstand": Variable("Civilstand", "civilstånd", CIVIL, True),
        "Alder": Variable("Alder", "ålder", AGES | {"100+": "100+ år", "tot": "totalt ålder"}, True),
        "Kon": Variable("Kon", "kön", SEXES, True),
        "ContentsCode": Variable("ContentsCode", "tabellinnehåll", {"BE0101N2": "Folkökning", "BE0101N1": "Folkmängd"}),
        "Tid": Variable("Tid", "år", {str(year): str(year) for year in figures}),
    }
    return Table(figures, list((variables | changes).values()))


def new_table(figures: dict[int, np.ndarray], noise) -> Table:
    """TAB5557: totals are values, and groups of ages stand beside the ages."""
    groups = {"-4": "0-4 år", "5-9": "5-9 år", "100+5": "100+ år", "100+10": "100+ år", "100+1": "100+ år"}
    totals = dict.fromkeys(("TOT5", "TotSA", "TOT1"), "totalt, samtliga åldrar")
    return Table(
        figures,
        [
            Variable("Region", "region", REGIONS),
            Variable("Civilstand", "civilstånd", CIVIL | {"SC": "totalt, samtliga civilstånd"}),
            Variable("Alder", "ålder", groups | AGES | totals),
            Variable("Kon", "kön", {"TotSa": "totalt, samtliga män och kvinnor"} | SEXES),
            Variable("ContentsCode", "tabellinnehåll", {"000007ME": "Folkmängd", "000007MG": "Folkökning"}),
            Variable("Tid", "år", {str(year): str(year) for year in figures}),
        ],
        noise,
    )


@dataclass
class Scb:
    """The server's state, which a test reads and changes.

    faults   what becomes of the next calls for data: a status, `slow`, `dripping`, `cut`, `cut short`, `reset`, `html`
    asked    the paths and bodies of all calls
    refused  why calls were refused, for limits or for what does not exist
    """

    tables: dict[str, Table]
    max_cells: int = 150_000
    max_calls: int = 500
    window: int = 1
    address: str = ""
    faults: deque = field(default_factory=deque)
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, dict | None]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    @property
    def queries(self) -> list[tuple[str, dict]]:
        return [(path, body) for path, body in self.asked if body is not None]

    def respond(self, path: str, body: dict | None) -> tuple[int, dict]:
        """Status and answer of a call that no fault befalls."""
        now = time.monotonic()
        self.times.append(now)
        if sum(now - at < self.window for at in self.times) > self.max_calls:
            return self._refuse(429, "Too many calls")
        parts = urlsplit(path)
        if parts.path == "/v2/config":
            limits = {
                "maxDataCells": self.max_cells,
                "maxCallsPerTimeWindow": self.max_calls,
                "timeWindow": self.window,
            }
            return 200, limits | {"license": "https://creativecommons.org/share-your-work/public-domain/cc0/"}
        if parts.path == "/v1/" and "config" in parts.query:
            return 200, {"maxCells": self.max_cells, "maxCalls": self.max_calls, "timeWindow": self.window}
        version, _, rest = parts.path.removeprefix("/").partition("/")
        name, _, what = rest.removeprefix("tables/").partition("/") if version == "v2" else (rest, "", "")
        if name not in self.tables:
            return self._refuse(404, "Non-existent table")
        table = self.tables[name]
        if body is None:
            return 200, _variables(table) if version == "v1" else _dataset(table, _all(table), [])
        if version == "v2":
            assert (what, parse_qs(parts.query)["outputFormat"]) == ("data", ["json-stat2"])
            query = {part["variableCode"]: part["valueCodes"] for part in body["selection"]}
        else:
            assert body["response"] == {"format": "json-stat2"}
            query = {part["code"]: part["selection"]["values"] for part in body["query"]}
        return self._data(table, query)

    def _data(self, table: Table, query: dict[str, list[str]]) -> tuple[int, dict]:
        for code, variable in table.variables.items():
            if code not in query and not variable.eliminable:
                return self._refuse(400, f"Missing selection for mandatory variable {code}")
        if any(set(values) - table.variables[code].values.keys() for code, values in query.items()):
            return self._refuse(400, "Non-existent value")
        if prod(map(len, query.values())) > self.max_cells:
            return self._refuse(403, "Too many cells selected")
        # As SCB does: in the table's order, whatever the order of the query.
        chosen = {
            code: [value for value in variable.values if value in query[code]]
            for code, variable in table.variables.items()
            if code in query
        }
        places = (dict(zip(chosen, combination, strict=True)) for combination in product(*chosen.values()))
        return 200, _dataset(table, chosen, [table.count(place) for place in places])

    def _refuse(self, status: int, why: str) -> tuple[int, dict]:
        self.refused.append(why)
        return status, {"type": "Parameter error", "title": why, "status": status}


def _all(table: Table) -> dict[str, list[str]]:
    return {code: list(variable.values) for code, variable in table.variables.items()}


def _dataset(table: Table, chosen: dict[str, list[str]], values: list) -> dict:
    blocks = {}
    for code, codes in chosen.items():
        variable, told = table.variables[code], list(codes)
        if table.shape.shuffled:
            random.Random(code).shuffle(told)
        index = codes if table.shape.index_as_list else {value: codes.index(value) for value in told}
        category = {"index": index, "label": {value: variable.values[value] for value in told}}
        blocks[code] = {
            "label": variable.label,
            "category": category,
            "extension": {"elimination": variable.eliminable, "show": "value"},
        }
    if table.shape.sparse:
        values = {str(place): value for place, value in enumerate(values) if value}
    return {
        "version": "2.0",
        "class": "dataset",
        "label": "Folkmängd efter region, civilstånd, ålder, kön och år",
        "source": "SCB",
        "updated": table.updated,
        "role": {"time": ["Tid"], "metric": ["ContentsCode"]},
        "id": list(chosen),
        "size": [len(codes) for codes in chosen.values()],
        "dimension": blocks,
        "extension": {"px": {"decimals": 0}},
        "value": values,
    }


def _variables(table: Table) -> dict:
    return {
        "title": "Folkmängden efter region, civilstånd, ålder och kön",
        "variables": [
            {
                "code": variable.code,
                "text": variable.label,
                "values": list(variable.values),
                "valueTexts": list(variable.values.values()),
                **({"elimination": True} if variable.eliminable else {}),
            }
            for variable in table.variables.values()
        ],
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self._answer(None)

    def do_POST(self):
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _answer(self, body: dict | None) -> None:
        scb: Scb = self.server.scb
        scb.asked.append((self.path, body))
        fault = scb.faults.popleft() if scb.faults and body is not None else None
        status, answer = (fault, {}) if isinstance(fault, int) else scb.respond(self.path, body)
        content = json.dumps(answer, ensure_ascii=False).encode()
        if fault == "reset":
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        if fault == "slow":
            self.server.over.wait(5)
        if fault == "html":
            content = b"<!doctype html><title>Underh\xc3\xa5ll</title>"
        content = gzip.compress(content)
        chunked = fault != "cut short"
        self.send_response(status)
        for name, value in scb.headers.items() if status != 200 else ():
            self.send_header(name, value)
        self.send_header("Content-Encoding", "gzip")
        self.send_header(*(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(len(content)))))
        self.end_headers()
        self.close_connection = fault is not None
        if not chunked:
            self.wfile.write(content[: len(content) // 2])
            return
        step = 1 if fault == "dripping" else 5000
        for place in range(0, len(content) // 2 if fault == "cut" else len(content), step):
            part = content[place : place + step]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
            if fault == "dripping" and self.server.over.wait(0.02):
                return
        if fault != "cut":
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *arguments):
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a client that hung up


@contextmanager
def serve(scb: Scb) -> Iterator[Scb]:
    """Run the server on a free port of this machine."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.scb, server.over = scb, threading.Event()
        scb.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield scb
        finally:
            server.over.set()
            server.shutdown()
            thread.join()
