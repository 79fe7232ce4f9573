"""A delivered HSA catalogue as the contract's two sources, hsa_vardgivare and hsa_vardenhet.

* A unit that is flagged as one is a vårdgivare. Where a delivery has no such flag at all, every unit is taken for one:
  only those that an ärende names matter.
* Every unit is a vårdenhet, flagged or not, since an ärende may name any of them.
* Of several units with one id a flagged one counts; the others (a mailbox, say) are twins. One without an id cannot be
  named: it is counted, and left out.
* Archived units, and those whose end date has passed, are as good as others: earlier ärenden name them.
* A row of the warehouse that the catalogue no longer gives keeps its last name and county, and is marked as gone.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path

import duckdb
import pandas as pd

from sobstat.contract import Source, quoted, sources
from sobstat.delivered.county import OVERRIDES, WAYS, county, read_overrides
from sobstat.delivered.hsa_units import Fields, read_units
from sobstat.errors import SobstatError
from sobstat.extract import ExtractFile, FileFault
from sobstat.fingerprints import sha256
from sobstat.names import visible
from sobstat.warehouse import attach, session

NAMES = re.compile(r"(?!hsa_vard(givare|enhet))(hsa|filegethsaunits).*\.(zip|(xml|json)(\.gz)?)", re.IGNORECASE)
# The sources, and which of the chosen units each holds, in SQL.
SOURCES = {"hsa_vardgivare": "vardgivare", "hsa_vardenhet": "true"}
GONE = " (utgången ur HSA)"
DOCUMENTATION = f"""\
## HSA catalogue as it is delivered: `hsa*.zip`, `.xml`, `.xml.gz`, `.json` or `.json.gz`, also `FileGetHsaUnits*`

Instead of hsa_vardgivare and hsa_vardenhet: the file service's zip or XML, or JSON such as newer services give.

* Units flagged as one are vårdgivare (all, where no unit has that flag); every unit with an id is a vårdenhet.
* County: the unit's own code; else `l=` in its DN; else the organisation number of a region, which also tells Gotland
  from Stockholm; else `{OVERRIDES}`; else Okänt län.
* What is no longer in the catalogue keeps its last name and county, and its name ends with `{GONE.strip()}`.
"""
UNITS_AT_A_TIME = 10_000
FLAGS = ["vardgivare", "vardenhet", "arkiverad"]
COLUMNS = ["hsa_id", "namn", "vardgivare_id", "kommun_kod", "lan_kod", "vag", *FLAGS]


@dataclass(frozen=True)
class Catalogue:
    """A delivered catalogue: the file, its name as shown, its size and hash, and the counties given by hand."""

    path: Path
    name: str
    size: int
    sha256: str
    overrides: dict[str, str]


@dataclass
class CatalogueReport:
    """What became of a delivered catalogue: `units == rows["hsa_vardenhet"] + twins + without_id`.

    rows              how many rows of each source the delivery gave
    flagged           how many of the vårdenheter are flagged as such
    archived          how many units are archived, or ended
    unknown_provider  how many units name a vårdgivare that the catalogue lacks
    gone              how many rows of the warehouse's each source keeps, marked
    counties          by which way the county of each source's rows is known, and of how many: see county.py
    unused            ids of the overrides that the catalogue lacks, or whose county it tells
    """

    file: str
    units: int
    without_id: int
    twins: int
    flagged: int
    archived: int
    unknown_provider: int
    rows: dict[str, int] = field(default_factory=dict)
    gone: dict[str, int] = field(default_factory=dict)
    counties: dict[str, dict[str, int]] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)

    def in_words(self) -> list[str]:
        """The report in sentences."""
        lines = [
            f"{self.file}: {self.units} units read = {self.rows['hsa_vardenhet']} kept + {self.twins} twins "
            f"+ {self.without_id} without an id; {self.rows['hsa_vardgivare']} are vårdgivare, {self.flagged} are "
            f"flagged as vårdenhet, {self.archived} are archived or ended, {self.unknown_provider} name a vårdgivare "
            "that is not there."
        ]
        for source in SOURCES:
            ways = ", ".join(f"{way} {count}" for way, count in self.counties[source].items())
            lines.append(f"{source}: county by {ways}; {self.gone[source]} gone from the catalogue and marked so.")
        if self.unused:
            lines.append(f"{OVERRIDES} was not needed for, or names what is not there: {', '.join(self.unused)}.")
        return lines


def find_catalogue(folder: Path) -> Catalogue | None:
    """The delivered catalogue in an extract folder, or that is given itself; None if there is none.

    Raises SobstatError if there are several, if the folder also holds the catalogue as the contract has it, or if the
    overrides cannot be used.
    """
    paths = [folder] if folder.is_file() else sorted(folder.iterdir()) if folder.is_dir() else []
    found = [path for path in paths if NAMES.fullmatch(path.name)]
    if not found:
        return None
    others = [path for path in paths if path.name.lower().startswith(tuple(SOURCES))]
    if len(found + others) > 1:
        names = ", ".join(visible(path.name) for path in found + others)
        raise SobstatError(f"{folder} holds the HSA catalogue more than once: {names}. Keep the one that is to count.")
    (path,) = found
    return Catalogue(path, visible(path.name), path.stat().st_size, sha256(path), read_overrides())


def convert(
    catalogue: Catalogue,
    folder: Path,
    warehouse: Path,
    now: datetime,
    number: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[list[ExtractFile], CatalogueReport]:
    """Write the catalogue into a private folder as files of the two sources, numbered from `number`.

    `now` (UTC) tells what has ended; `progress` is told how many bytes of how many are read.
    Raises FileFault if the catalogue cannot be read.
    """
    files = []
    with session(spill_in=folder) as con:
        _stage(con, catalogue, f"{now:%Y%m%d}", lambda done: progress(done, catalogue.size))
        _choose(con)
        report = _report(con, catalogue)
        if known := warehouse.exists():
            attach(con, warehouse, older=True)
        for at, (name, which) in enumerate(SOURCES.items(), number):
            source, path = sources()[name], folder / f"{name}.parquet"
            report.rows[name], report.gone[name] = _write(con, source, which, path, known=known)
            report.counties[name] = _counties(con, which)
            shown = f"{catalogue.name}: {name}"
            files.append(ExtractFile(at, source, path, shown, catalogue.size, catalogue.sha256, catalogue.path))
    return files, report


def _stage(con: duckdb.DuckDBPyConnection, catalogue: Catalogue, today: str, progress: Callable[[int], None]) -> None:
    """The table `enhet`: every unit that was delivered, in order.

    Raises FileFault if there is none, or none with an id.
    """
    columns = ", ".join(f"{name} {'BOOLEAN' if name in FLAGS else 'VARCHAR'}" for name in COLUMNS)
    con.execute("CREATE SEQUENCE ordning")
    con.execute(f"CREATE TABLE enhet ({columns}, nummer BIGINT DEFAULT nextval('ordning'))")
    units = (_row(unit, today, catalogue.overrides) for unit in read_units(catalogue.path, progress))
    while block := list(islice(units, UNITS_AT_A_TIME)):
        con.append("enhet", pd.DataFrame(block, columns=COLUMNS), by_name=True)
    if not con.execute("SELECT count(*) FROM enhet WHERE hsa_id <> ''").fetchone()[0]:
        raise FileFault(
            "it holds no unit with an id; expected hsaUnit elements with hsaIdentity, or a JSON list of such."
        )


def _row(unit: Fields, today: str, overrides: dict[str, str]) -> tuple:
    """A unit as a row of `enhet`; a flag that is not given is missing."""
    first = {name: given[0] for name, given in unit.items()}
    hsa_id = first.get("hsa_id", "").upper()
    kommun_kod = first.get("kommun_kod", "").rjust(4, "0")
    lan_kod, way = county(
        hsa_id, unit.get("lan", []), kommun_kod, first.get("dn", ""), first.get("org_nr", ""), overrides
    )
    ended = "" < re.sub(r"\D", "", first.get("slut", ""))[:8] < today
    return (
        hsa_id,
        first.get("namn"),
        first.get("vardgivare_id", "").upper(),
        first.get("kommun_kod") and kommun_kod,
        lan_kod,
        way,
        _holds(first.get("vardgivare")),
        _holds(first.get("vardenhet")),
        bool(_holds(first.get("arkiverad"))) or ended,
    )


def _holds(flag: str | None) -> bool | None:
    """Whether a flag is set; None if it is not given."""
    return None if flag is None else flag.lower() in ("true", "1", "ja", "yes")


def _choose(con: duckdb.DuckDBPyConnection) -> None:
    """The table `vald`: one unit for each id. Raises FileFault if all are flagged as no vårdgivare."""
    con.execute(
        """
        CREATE TABLE vald AS
        SELECT * REPLACE (coalesce(vardgivare, (SELECT count(vardgivare) = 0 FROM enhet)) AS vardgivare)
        FROM enhet WHERE hsa_id <> ''
        QUALIFY row_number() OVER (
            PARTITION BY hsa_id
            ORDER BY coalesce(vardgivare, false) DESC, coalesce(vardenhet, false) DESC, arkiverad, vag = 'unknown',
                nummer DESC
        ) = 1
        """
    )
    if not con.execute("SELECT bool_or(vardgivare) FROM vald").fetchone()[0]:
        raise FileFault("none of its units is flagged as a vårdgivare: every ärende would get Okänt län.")


def _write(con: duckdb.DuckDBPyConnection, source: Source, which: str, path: Path, *, known: bool) -> tuple[int, int]:
    """Write a source's file; returns how many rows the catalogue gives, and how many only the warehouse still has.

    `known`: whether there is a warehouse, attached as `lager`.
    """
    name, columns, gone = source.name, ", ".join(source.columns), 0
    (given,) = con.execute(f"CREATE TABLE {name} AS SELECT {columns} FROM vald WHERE {which}").fetchone()
    if known:
        (gone,) = con.execute(
            f"INSERT INTO {name} SELECT {columns} FROM (SELECT * REPLACE (CASE WHEN ends_with(namn, {quoted(GONE)}) "
            f"THEN namn ELSE coalesce(namn, hsa_id) || {quoted(GONE)} END AS namn) FROM lager.{name}) "
            f"ANTI JOIN {name} USING (hsa_id)"
        ).fetchone()
    con.execute(f"COPY (FROM {name} ORDER BY hsa_id) TO {quoted(path)} (FORMAT parquet)")
    return given, gone


def _report(con: duckdb.DuckDBPyConnection, catalogue: Catalogue) -> CatalogueReport:
    """The counts of what was delivered, but for those of each source."""
    units, without_id, kept, *others = con.execute(
        """
        SELECT count(*), count(*) FILTER (hsa_id = ''), (SELECT count(*) FROM vald),
            (SELECT count(*) FILTER (vardenhet) FROM vald), (SELECT count(*) FILTER (arkiverad) FROM vald),
            (SELECT count(*) FROM vald AS v WHERE vardgivare_id <> ''
             AND NOT EXISTS (FROM vald AS g WHERE g.vardgivare AND g.hsa_id = v.vardgivare_id))
        FROM enhet
        """
    ).fetchone()
    needed = {id_ for (id_,) in con.execute("SELECT hsa_id FROM vald WHERE vag = 'override'").fetchall()}
    unused = sorted(catalogue.overrides.keys() - needed)
    return CatalogueReport(catalogue.name, units, without_id, units - without_id - kept, *others, unused=unused)


def _counties(con: duckdb.DuckDBPyConnection, which: str) -> dict[str, int]:
    """By which way the county of such units is known, and of how many; every way is named."""
    found = dict(con.execute(f"SELECT vag, count(*) FROM vald WHERE {which} GROUP BY vag").fetchall())
    return {way: found.get(way, 0) for way in WAYS}
