"""The synthetic extract as a folder of Parquet files, in chunks of ärenden so that memory stays flat."""

import re
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from sobstat.demo import arenden as course
from sobstat.demo.activity import DAY_ZERO, build_activity, day_number
from sobstat.demo.population import FIRST_YEAR, population
from sobstat.demo.world import World, build_world
from sobstat.errors import SobstatError
from sobstat.months import FIRST_MONTH, STOCKHOLM, Month

DEFAULT_ARENDEN = 300_000
DEFAULT_TO_MONTH = "2025-10"
CHUNK = 100_000  # ärenden at a time: about 200 000 transactions
STAGING = ".demo-part"  # folder for files in the making; inside `out`, so that finishing is a rename

README_FIRST_LINE = "SYNTETISKT UTDRAG – SYNTHETIC EXTRACT (sobstat demo)"
README = """{first_line}

Svenska: Alla personer, vårdgivare, vårdenheter och ärenden i denna mapp är påhittade. Varje transaktion har
ett id som börjar med SYN-, varje vårdgivare och vårdenhet ett namn som slutar med (syntetisk).
Befolkningen är SCB:s (CC0): 2015 är verklig, likaså länens totaler 2023 och rikets till och med 2024,
resten är framskrivet.

English: Every person, provider, unit and case in this folder is invented. Every transaction id begins with
SYN-, every provider's and unit's name ends with (syntetisk). The population is Statistics Sweden's (CC0):
2015 is real, so are the county totals of 2023 and the national totals up to 2024, the rest is estimated.

Made with: arenden={arenden} to_month={to_month} seed={seed}

Files (bytes, name):
"""

# From the codes of `arenden.draw_rows` to the contract's columns; an instant is a TIMESTAMP WITH TIME ZONE.
ARENDEN_SQL = """
    SELECT 'SYN-' || lpad(CAST(nummer AS VARCHAR), 11, '0') AS transaktion_id,
           'SYN-A' || lpad(CAST(arende AS VARCHAR), 10, '0') AS arende_id,
           CAST(arendetyp AS VARCHAR) AS arendetyp, CAST(status AS VARCHAR) AS status, tidpunkt,
           CAST(process AS VARCHAR) AS process, CAST(moment AS VARCHAR) AS moment,
           CAST(vardgivare_id AS VARCHAR) AS vardgivare_id, CAST(vardenhet_id AS VARCHAR) AS vardenhet_id,
           CASE WHEN person >= 0 THEN 'SYN-P' || lpad(CAST(person AS VARCHAR), 10, '0') END AS vardtagare_id,
           CAST(kon AS VARCHAR) AS kon, CAST(alder AS INTEGER) AS alder,
           CAST(avslutningsorsak AS VARCHAR) AS avslutningsorsak
    FROM rader ORDER BY nummer"""
BEHANDLARE_SQL = """
    SELECT 'SYN-A' || lpad(CAST(arende AS VARCHAR), 10, '0') AS arende_id,
           'SYN-B' || lpad(CAST(behandlare AS VARCHAR), 10, '0') AS behandlare_id
    FROM rader ORDER BY arende, behandlare"""


def write_demo(
    out: Path,
    arenden: int = DEFAULT_ARENDEN,
    to_month: str = DEFAULT_TO_MONTH,
    seed: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write a synthetic extract of `arenden` ärenden, October 2015 to the end of `to_month`, to folder `out`.

    The same arguments give the same bytes. If `to_month` isn't over yet, the data end with yesterday.
    `progress` is told how many ärenden are made and how many there will be. An earlier synthetic extract in
    `out` is replaced; hidden files are left alone. Raises SobstatError for anything else in `out`, and for
    arguments that make no extract.
    """
    if arenden < 1:
        raise SobstatError(f"A synthetic extract needs at least 1 ärende, not {arenden}.")
    if seed < 0:
        raise SobstatError(f"The seed of a synthetic extract is a whole number from 0 up, not {seed}.")
    month = Month.parse(to_month)
    days = days_of_data(month)
    out = Path(out)
    earlier = earlier_files(out)
    staging = out / STAGING
    shutil.rmtree(staging, ignore_errors=True)  # what an interrupted run left
    try:
        staging.mkdir(parents=True)
        write_files(staging, arenden, month, days, seed, progress)
        label = README.format(first_line=README_FIRST_LINE, arenden=arenden, to_month=month, seed=seed)
        files = sorted(staging.iterdir())
        listing = "".join(f"{path.stat().st_size:>12} {path.name}\n" for path in files)
        (staging / "README.txt").write_text(label + listing, encoding="utf-8")
        for path in earlier:
            if path.name != "README.txt":  # is replaced: no data without the label, at any time
                path.unlink()
        for path in [staging / "README.txt", *files]:
            path.replace(out / path.name)
    except (OSError, duckdb.Error) as error:
        raise SobstatError(f"The synthetic extract cannot be written to {out}: {error}.") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def days_of_data(month: Month) -> int:
    """Days from 1 October 2015 to the end of the month, or to yesterday if the month isn't over."""
    if month < FIRST_MONTH:
        raise SobstatError(f"The synthetic extract cannot end in {month}: its data begin in {FIRST_MONTH}.")
    today = datetime.now(STOCKHOLM).date()
    end = min((month + 1).first_day, today)
    if end <= month.first_day:
        raise SobstatError(f"The synthetic extract cannot end in {month}: no day of that month is over yet.")
    return day_number(end)


def earlier_files(out: Path) -> list[Path]:
    """The files of an earlier synthetic extract in `out`, by its README; SobstatError if there is more."""
    if out.exists() and not out.is_dir():
        raise SobstatError(f"{out} is a file; a synthetic extract is written to a folder.")
    found = sorted(path for path in out.glob("*") if not path.name.startswith("."))
    own = {}
    readme = out / "README.txt"
    if readme.is_file():
        text = readme.read_text(encoding="utf-8", errors="replace")
        if text.startswith(README_FIRST_LINE):
            own = {name: int(size) for size, name in re.findall(r"^ *(\d+) ([\w-]+\.parquet)$", text, re.M)}
            own["README.txt"] = readme.stat().st_size
    foreign = [path.name for path in found if own.get(path.name) != path.stat().st_size]
    if foreign:
        names = ", ".join(foreign[:5])
        raise SobstatError(f"{out} holds files that are no synthetic extract ({names}): choose an empty folder.")
    return found


def write_files(staging: Path, arenden: int, month: Month, days: int, seed: int, progress) -> None:
    """Every Parquet file of the extract; one generator of random numbers for the world, one per chunk."""
    activity = build_activity(days)
    world = build_world(np.random.default_rng([seed, 0]), arenden, activity)
    with duckdb.connect(config={"threads": 1}) as con:  # one thread: the same bytes every time
        copy(con, hsa_vardgivare(world), "SELECT * FROM rader", staging / "hsa_vardgivare.parquet")
        copy(con, hsa_vardenhet(world), "SELECT * FROM rader", staging / "hsa_vardenhet.parquet")
        last_year = max(month.year - 1, FIRST_YEAR)
        copy(con, population(last_year), "SELECT * FROM rader", staging / "befolkning.parquet")
        codes = code_lists(world)
        for chunk, first in enumerate(range(0, arenden, CHUNK), start=1):
            rng = np.random.default_rng([seed, chunk])
            last = min(first + CHUNK, arenden)
            arende = course.draw_arenden(rng, world, activity, last - first)
            table, new_enhet = course.draw_transactions(rng, world, activity, arende)
            rows = course.draw_rows(rng, world, arende, table)
            therapists = course.draw_therapists(rng, world, arende, new_enhet)
            therapists["arende"] += first + 1
            name = "" if arenden <= CHUNK else f"-{chunk:04d}"
            copy(con, readable(rows, codes, first), ARENDEN_SQL, staging / f"arenden{name}.parquet")
            copy(con, therapists, BEHANDLARE_SQL, staging / f"behandlare{name}.parquet")
            if progress:
                progress(last, arenden)


def copy(con: duckdb.DuckDBPyConnection, table: pd.DataFrame, sql: str, path: Path) -> None:
    """Write what `sql` makes of the table, which it knows as `rader`."""
    con.register("rader", table)
    target = str(path).replace("'", "''")
    con.execute(f"COPY ({sql}) TO '{target}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)")
    con.unregister("rader")


def code_lists(world: World) -> dict:
    """Per code column of the rows: (number per code, texts), with HSA-ids as each unit writes them."""
    enhet = world.vardenhet
    owner = world.vardgivare["hsa_id"].to_numpy()[enhet["vardgivare"]]
    lists = {}
    for name, ids in [("vardenhet_id", enhet["hsa_id"].to_numpy()), ("vardgivare_id", owner)]:
        ids = np.where(enhet["gemener"], pd.Series(ids).str.lower(), ids)
        lists[name] = pd.factorize(np.where(enhet["blanksteg"], pd.Series(ids) + " ", ids))
    lists["process"] = pd.factorize(world.moment["process"])
    lists["moment"] = pd.factorize(world.moment["moment"])
    return lists


def readable(rows: pd.DataFrame, codes: dict, first: int) -> pd.DataFrame:
    """Codes as categories with the texts of the contract, numbers unique in the whole extract, UTC instants.

    `first` is the number of ärenden in earlier chunks.
    """

    def texts(name, of, empty=False):
        number, categories = codes[name]
        return pd.Categorical.from_codes(np.where(empty, -1, number[of]), categories)

    local = pd.Series(np.datetime64(DAY_ZERO, "s") + rows["tid"].to_numpy().astype("m8[s]"))
    # In the hour that occurs twice the first is meant; a time in the missing hour is its end.
    first_of_two = np.ones(len(local), bool)
    instant = local.dt.tz_localize(STOCKHOLM, ambiguous=first_of_two, nonexistent="shift_forward")
    return pd.DataFrame(
        {
            "nummer": first * course.MAX_TRANSACTIONS + np.arange(1, len(rows) + 1),
            "arende": first + 1 + rows["arende"],
            "arendetyp": pd.Categorical.from_codes(rows["arendetyp"], list(course.ARENDETYP)),
            "status": pd.Categorical.from_codes(rows["status"], course.STATUS),
            "tidpunkt": instant.dt.tz_convert("UTC").mask(rows["utan_tid"]),
            "process": texts("process", rows["moment"], rows["moment"] < 0),
            "moment": texts("moment", rows["moment"], rows["moment"] < 0),
            "vardgivare_id": texts("vardgivare_id", rows["skrivsatt"], rows["vardgivare"] < 0),
            "vardenhet_id": texts("vardenhet_id", rows["skrivsatt"], rows["enhet"] < 0),
            "person": rows["person"].where(rows["person"] < 0, rows["person"] + first + 1),
            "kon": pd.Categorical.from_codes(rows["kon"], course.KON),
            "alder": rows["alder"].astype("Int32"),
            "avslutningsorsak": pd.Categorical.from_codes(rows["orsak"], course.ORSAK),
        }
    )


def hsa_vardgivare(world: World) -> pd.DataFrame:
    """The catalogue's vårdgivare: some are missing, some have no county."""
    table = world.vardgivare.assign(lan_kod=world.lan["lan_kod"].to_numpy(object)[world.vardgivare["lan"]])
    table["lan_kod"] = table["lan_kod"].where(table["lan_i_hsa"], None)
    return table.loc[table["i_hsa"], ["hsa_id", "namn", "lan_kod"]]


def hsa_vardenhet(world: World) -> pd.DataFrame:
    """The catalogue's vårdenheter: some are missing, some name a vårdgivare that isn't there."""
    table = world.vardenhet.assign(
        lan_kod=world.lan["lan_kod"].to_numpy(object)[world.vardenhet["lan"]],
        vardgivare_id=world.vardgivare["hsa_id"].to_numpy()[world.vardenhet["vardgivare"]],
    )
    lower = table["i_hsa"] & (table["hsa_id"].str[-1] == "7") & ~table["flaggskepp"]  # one in ten or so
    table["hsa_id"] = table["hsa_id"].mask(lower, table["hsa_id"].str.lower())
    return table.loc[table["i_hsa"], ["hsa_id", "namn", "lan_kod", "vardgivare_id", "kommun_kod"]]
