"""The population from SCB as files of an extract, all or none of them.

The whole story is `fetch_population`: ask for the tables that have the years, read a year at a time, check that totals
and parts agree, and write. The pages are made from files alone: nothing else asks SCB for anything.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from sobstat.errors import SobstatError
from sobstat.extract import SUFFIXES
from sobstat.months import FIRST_MONTH
from sobstat.scb.cache import Cache
from sobstat.scb.calls import Unreachable
from sobstat.scb.interface import Interface, open_interface
from sobstat.scb.params import ScbParams, Source, Table
from sobstat.scb.questions import RIKET, TOTAL, Figures, Questions
from sobstat.scb.totals import check_totals
from sobstat.warehouse import TEMPORARY

PARTS, TOTALS, INFORMATION = "befolkning.csv", "befolkning_totalt.csv", "kalla_befolkning.json"
HEADER = "ar,lan_kod,kon,alder,antal\n"
# The first month's rates are of the population at the end of the year before.
FIRST_YEAR = FIRST_MONTH.year - 1

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Origin:
    """A table that years were taken from, as SCB names it, and when it last changed there."""

    address: str
    table: str
    label: str
    updated: str
    years: list[int]


@dataclass(frozen=True)
class Population:
    """What was fetched: the figures of each year, where they come from, and SCB's licence for them."""

    figures: dict[int, Figures]
    origins: list[Origin]
    licence: str


def fetch_population(
    out: Path,
    params: ScbParams,
    years: list[int] | None = None,
    *,
    cache: Path,
    progress: Progress = lambda step, done, total: None,
) -> dict:
    """Write the population of the years (by default, from 2014 to the latest that SCB has) to folder `out`.

    Beside the files stands one that says where they come from; its content is returned. Folder `cache` keeps answers.
    Raises SobstatError if SCB cannot be reached or answers otherwise than expected, if totals and parts disagree, or if
    the folder holds another population; then nothing is written.
    """
    _refuse_another(out)
    kept = Cache(cache)
    population = _first_that_answers(params, years, kept, progress)
    information = _write(out, population)
    kept.forget_others()
    return information


def _refuse_another(out: Path) -> None:
    """Raises SobstatError if the folder holds a population that no fetch wrote: both would be loaded."""
    own = {PARTS, TOTALS} if (out / INFORMATION).exists() else set()
    held = sorted(path.name for path in out.glob("*") if path.name.lower().startswith("befolkning"))
    if other := [name for name in held if name.lower().endswith(SUFFIXES) and name not in own]:
        raise SobstatError(
            f"{out} holds {', '.join(other)}, which no fetch wrote: move it away, or name another folder."
        )


def _first_that_answers(params: ScbParams, years: list[int] | None, cache: Cache, progress: Progress) -> Population:
    """From the first interface that can be reached; another than the first must have all years, and those be named."""
    unreached: list[str] = []
    for source in params.interfaces:
        if unreached and not (years and all(source.table_of(year) for year in years)):
            last = max((table.last for table in source.tables if table.last), default="the latest")
            unreached.append(f"{source.address} has years to {last}; it is asked if --years names such years alone.")
            continue
        try:
            return _fetch(open_interface(source, params), source, params, years, cache, progress)
        except Unreachable as error:
            unreached.append(str(error))
        except SobstatError as error:
            for why in unreached:
                error.add_note(f"It was asked because {why}")
            raise
    raise SobstatError("\n".join(["SCB cannot be reached; nothing was written.", *unreached]))


def _fetch(
    interface: Interface, source: Source, params: ScbParams, years: list[int] | None, cache: Cache, progress: Progress
) -> Population:
    """Every year from its table."""
    origins: list[Origin] = []
    wanted: list[tuple[Questions, int]] = []
    for table in source.tables:
        if years and not any(source.table_of(year) == table for year in years):
            continue
        metadata = interface.metadata(table.table)
        questions = Questions(metadata, params, interface.max_cells, table.noise)
        if own := _years_of(table, source, years, questions.years):
            origins.append(Origin(interface.address, table.table, metadata.label, metadata.updated, own))
            wanted += [(questions, year) for year in own]
    if years and (none := sorted(set(years) - {year for _, year in wanted})):
        raise SobstatError(f"No table in params/scb.yml has {', '.join(map(str, none))}.")
    if not wanted:
        raise SobstatError(f"No table in params/scb.yml has a year from {FIRST_YEAR} on.")
    figures = {}
    for done, (questions, year) in enumerate(wanted):
        progress("Fetching years from SCB", done, len(wanted))
        figures[year] = _fetch_year(interface, questions, year, cache)
    progress("Fetching years from SCB", len(wanted), len(wanted))
    return Population(figures, origins, interface.licence)


def _fetch_year(interface: Interface, questions: Questions, year: int, cache: Cache) -> Figures:
    """A year's figures, checked. Their answers are kept where the table says when it changes."""
    metadata, queries = questions.metadata, questions.queries(year)
    asked = [interface.address, metadata.table, metadata.updated, queries]
    known = cache.get(asked) if metadata.updated else None
    answers = known or [interface.answer(metadata.table, query) for query in queries]
    figures = questions.read(year, answers)
    check_totals(figures, questions.noise, f"{metadata.table} {year}")
    if metadata.updated and not known:
        cache.keep(asked, answers)
    return figures


def _years_of(table: Table, source: Source, years: list[int] | None, held: set[int]) -> list[int]:
    """The years to take from a table; raises SobstatError if it lacks one of them."""
    if years is None:
        last = max(held, default=0) if table.last is None else table.last
        years = list(range(max(FIRST_YEAR, table.first), last + 1))
    own = [year for year in years if source.table_of(year) == table]
    if missing := [year for year in own if year not in held]:
        span = f"{min(held)}–{max(held)}" if held else "no year"
        raise SobstatError(f"{table.table} lacks {', '.join(map(str, missing))}; it has {span}.")
    return own


def _write(out: Path, population: Population) -> dict:
    """Write what was fetched. What befolkning.csv lacks is not counted, so that file comes last."""
    parts = HEADER + "".join(_lines(population.figures, totals=False))
    totals = HEADER + "".join(_lines(population.figures, totals=True))
    files = {TOTALS: totals, PARTS: parts}
    information = {
        "source": "SCB (Statistics Sweden)",
        "licence": population.licence,
        "fetched": datetime.now(UTC).isoformat(timespec="seconds"),
        "tables": [asdict(origin) for origin in population.origins],
        "riket": {year: figures[RIKET, TOTAL, TOTAL] for year, figures in sorted(population.figures.items())},
        "files": {
            name: {"rows": text.count("\n") - 1, "sha256": hashlib.sha256(text.encode()).hexdigest()}
            for name, text in files.items()
        },
    }
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=TEMPORARY, dir=out) as folder:
        written = {INFORMATION: json.dumps(information, ensure_ascii=False, indent=1) + "\n", **files}
        for name, text in written.items():
            Path(folder, name).write_text(text, "utf-8")
        for name in written:
            Path(folder, name).replace(out / name)
    return information


def _lines(figures: dict[int, Figures], *, totals: bool) -> Iterator[str]:
    """The rows of a file, without the totals or of these alone."""
    for year in sorted(figures):
        for (lan, kon, alder), count in sorted(figures[year].items(), key=_order):
            if (lan == RIKET or TOTAL in (kon, alder)) == totals:
                yield f"{year},{lan},{kon},{alder},{count}\n"


def _order(figure: tuple) -> tuple:
    (lan, kon, alder), _ = figure
    return lan, kon, int(alder) if alder != TOTAL else -1
