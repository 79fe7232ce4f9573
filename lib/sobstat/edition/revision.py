"""What has changed since an earlier edition: its figures counted again from today's data, and why they differ.

The warehouse can be read as it was after any load. So causes are told apart by counting: what today's program makes
of the data that the earlier edition had, then of those with today's transactions, with today's HSA catalogue, with
today's population. Where only one cause is possible, nothing needs to be counted for it.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from sobstat.contract import sources
from sobstat.declarations import Report, measures, reports
from sobstat.disclosure.thresholds import Thresholds
from sobstat.edition.changes import COLUMNS, Step, changed_figures, renamed, shown_figures
from sobstat.edition.manifest import read_edition, read_manifest
from sobstat.edition.plan import Edition
from sobstat.engines import open_warehouse
from sobstat.files import to_csv
from sobstat.fingerprints import code_hash
from sobstat.months import Period
from sobstat.regions import LAN, Region
from sobstat.report import open_report
from sobstat.tables import build_facts, make_table
from sobstat.warehouse import as_loaded, attach, load_history, session, table_of

PROGRAM, DEFINITION = "ändrat program", "ny definition"
TRANSACTIONS = "sena eller rättade transaktioner"
CATALOGUE = "vårdgivare har bytt län i HSA"
POPULATION = "ny folkmängd"
REBUILT = "datalagret har byggts om"
LATER_EVENTS = "senare händelser i samma ärenden"
# In the order in which they are told apart; the sources are those of a cause.
DATA_CAUSES = {
    TRANSACTIONS: ("arenden", "behandlare"),
    CATALOGUE: ("hsa_vardgivare", "hsa_vardenhet"),
    POPULATION: ("befolkning", "befolkning_totalt"),
}
MOVED_COLUMNS, RENAMED_COLUMNS = ["id", "namn", "fran", "till"], ["matt", "id", "fran", "till"]
Tables = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Revision:
    """What has changed since an earlier edition, if there is one.

    figures   one row per changed figure, columns as in changes.COLUMNS
    names     one row per group with a new name: `matt` (the column of its id), `id`, `fran`, `till`
    moved     one row per vårdgivare that the HSA catalogue files under another län: `id`, `namn`, `fran`, `till`
    compared  how many figures the earlier edition shows
    """

    earlier: Edition | None
    figures: pd.DataFrame
    names: pd.DataFrame
    moved: pd.DataFrame
    compared: int


def find_revision(
    folder: Path,
    edition: Edition,
    earlier: Path | None,
    warehouse: Path,
    progress: Callable[[str, int, int], None] = lambda step, done, total: None,
) -> Revision:
    """What has changed since the edition that stands in `earlier`, for all of its regions.

    `folder` holds the pages and tables of `edition`. A figure that both editions show (a month's, or any of one and
    the same period) is now what `edition` shows; others are what the earlier period gives if it is counted again.
    """
    nothing = pd.DataFrame(columns=MOVED_COLUMNS)
    if earlier is None:
        return Revision(None, pd.DataFrame(columns=COLUMNS), pd.DataFrame(columns=RENAMED_COLUMNS), nothing, 0)
    past, manifest = read_edition(earlier), read_manifest(earlier)
    causes, moved = _possible_causes(warehouse, manifest, past.period)
    figures, names, compared = [], [], 0
    for done, region in enumerate(past.regions):
        progress("Comparing with the earlier edition", done, len(past.regions))
        before, published = _read(earlier, region), _read(folder, region)
        again = before
        if past.period == edition.period and published:
            again = published
        elif causes:
            again = _count_again(warehouse, region, past.period, edition.thresholds)
        now = {name: _as_published(name, table, published.get(name), past.period) for name, table in again.items()}
        steps = _steps(causes, before, again, warehouse, region, past.period, manifest["load"])
        steps.append((LATER_EVENTS, again, now))
        for name in before.keys() & now.keys() & reports().keys():
            told = [Step(cause, old[name], new[name]) for cause, old, new in steps if name in old and name in new]
            found = changed_figures(reports()[name], before[name], now[name], told, edition.thresholds)
            found["skal"] = _with_definitions(found, reports()[name], manifest["definitions"])
            figures.append(found.assign(region=region.slug))
            names.append(renamed(before[name], now[name]))
            compared += shown_figures(reports()[name], before[name])
    progress("Comparing with the earlier edition", len(past.regions), len(past.regions))
    return Revision(
        past,
        _stack(figures, COLUMNS).fillna(""),
        _stack(names, RENAMED_COLUMNS).drop_duplicates(),
        moved,
        compared,
    )


def _stack(frames: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """The frames below each other, with these columns; an edition without a table has none."""
    return pd.concat([pd.DataFrame(columns=columns, dtype=object), *frames], ignore_index=True).reindex(columns=columns)


def _read(folder: Path, region: Region) -> Tables:
    """An edition's tables of a region, by report, as the files have them."""
    files = sorted((folder / region.slug / "data").glob("*.csv"))
    return {file.stem: _as_text(file.read_text("utf-8")) for file in files if file.stem in reports()}


def _as_text(csv: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(csv), dtype=str, keep_default_na=False)


def _as_published(name: str, again: pd.DataFrame, published: pd.DataFrame | None, period: Period) -> pd.DataFrame:
    """The table with the rows of those months that the new edition shows too as it shows them."""
    if published is None or "manad" not in again:
        return again
    both = set(published["manad"]) & {str(month) for month in period.months}
    return pd.concat([again[~again["manad"].isin(both)], published[published["manad"].isin(both)]], ignore_index=True)


def _count_again(warehouse: Path, region: Region, period: Period, thresholds: Thresholds) -> Tables:
    """The tables of an earlier period from today's data, hidden as they would be today."""
    report = open_report(region.slug, str(period.first), str(period.last), warehouse, **thresholds.as_dict())
    try:
        return {name: _as_text(to_csv(report.table(name))) for name in reports()}
    finally:
        report.close()


def _count_as_of(warehouse: Path, region: Region, period: Period, after_load: dict[str, int]) -> Tables:
    """The same with some sources as they were after a load, nothing hidden: for the causes alone, never told."""
    with open_warehouse(warehouse) as con:
        build_facts(con, period, region, after_load)
        return {
            report.id: _as_text(
                to_csv(
                    make_table(con, report.measures, report.by, drilldown=report.drilldown, thresholds=Thresholds(0))
                )
            )
            for report in reports().values()
        }


def _steps(
    causes: list[str], before: Tables, again: Tables, warehouse: Path, region: Region, period: Period, load: int
) -> list[tuple[str, Tables, Tables]]:
    """From what was published to what is counted now, one cause at a time: cause, tables before it, tables after."""
    steps, left = [], dict(DATA_CAUSES)
    for cause in causes:
        left.pop(cause, None)
        if cause == causes[-1]:
            after = again
        else:
            after_load = {source: load for later in left.values() for source in later}
            after = _count_as_of(warehouse, region, period, after_load)
        steps.append((cause, before, after))
        before = after
    return steps


def _possible_causes(warehouse: Path, manifest: dict, period: Period) -> tuple[list[str], pd.DataFrame]:
    """Why the period's figures may differ from those of an edition with this manifest; the vårdgivare that moved."""
    inputs = load_history(warehouse)
    if inputs[: len(manifest["inputs"])] != manifest["inputs"]:
        return [REBUILT], pd.DataFrame(columns=MOVED_COLUMNS)
    load = manifest["load"]
    with session() as con:
        attach(con, warehouse)
        moved = _moved(con, period, load)
        possible = {
            PROGRAM: manifest["code"]["sha256"] != code_hash(),
            TRANSACTIONS: _changed(con, "arenden", load, f"dag < DATE '{period.end}'")
            or _changed(con, "behandlare", load),
            CATALOGUE: len(moved) > 0,
            POPULATION: any(
                _changed(con, source, load, f"make_date(ar, 12, 31) < DATE '{period.end}'")
                for source in DATA_CAUSES[POPULATION]
            ),
        }
    return [cause for cause, holds in possible.items() if holds], moved


def _changed(con: duckdb.DuckDBPyConnection, source: str, load: int, which: str = "true") -> bool:
    """Whether later loads brought, replaced or removed such rows of a source."""
    table = table_of(sources()[source])
    (changed,) = con.execute(
        f"SELECT EXISTS(FROM lager.{table} WHERE laddning > $load AND {which}) "
        f"OR EXISTS(FROM lager.ersatt_{table} WHERE laddning <= $load AND ersatt > $load AND {which})",
        {"load": load},
    ).fetchall()[0]
    return changed


def _moved(con: duckdb.DuckDBPyConnection, period: Period, load: int) -> pd.DataFrame:
    """The vårdgivare with transactions up to the period's end that stood under another län after that load."""
    catalogue = sources()["hsa_vardgivare"]
    found = con.execute(
        f"""
        WITH anvand AS (SELECT DISTINCT vardgivare_id AS id FROM lager.transaktion WHERE dag < ?)
        SELECT id, coalesce(nu.namn, da.namn, id) AS namn, da.lan_kod AS fran, nu.lan_kod AS till
        FROM anvand
        LEFT JOIN ({as_loaded(catalogue, load)}) AS da ON da.hsa_id = id
        LEFT JOIN ({as_loaded(catalogue)}) AS nu ON nu.hsa_id = id
        ORDER BY id
        """,
        [period.end],
    ).df()
    names = {lan.lan_kod: lan.namn for lan in LAN}
    for column in ("fran", "till"):
        found[column] = found[column].map(names).fillna("Okänt län")
    return found[found["fran"] != found["till"]].reset_index(drop=True)


def _with_definitions(figures: pd.DataFrame, report: Report, versions: dict[str, int]) -> pd.Series:
    """The causes, where the program's change is told as a new definition for measures that have one."""
    declared = [measures()[name] for name in report.measures]
    renewed = {
        measure.column_name
        for measure in declared
        for part in (measure.id, measure.numerator, measure.denominator)
        if part and versions.get(part) != measures()[part].version
    }
    told = figures["skal"].str.replace(PROGRAM, DEFINITION, regex=False)
    return figures["skal"].mask(figures["matt"].isin(renewed), told)
