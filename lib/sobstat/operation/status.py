"""How things stand, for whoever keeps the publication running and for monitoring: `read_status`.

Wrong is what somebody should do something about: a month whose publication day has passed without an edition, a load
that failed last, a publication that failed while months are due, a key that others can read or that is missing, and a
disk without room for the next load.
"""

import json
import os
import shutil
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path

import duckdb

from sobstat.contract import sources
from sobstat.edition import site as published
from sobstat.edition.due import lacking_months, planned_day, refuse_a_clock_that_is_behind
from sobstat.edition.manifest import read_edition
from sobstat.edition.notices import REPLACED
from sobstat.edition.plan import EditionParams
from sobstat.errors import SobstatError
from sobstat.load_log import FAILED, log_file
from sobstat.months import STOCKHOLM, Month
from sobstat.pseudonyms import KEY_VARIABLE, key_file
from sobstat.warehouse import Holdings, attach, holdings, schema_version, session, table_of

PRIVATE, PUBLIC, IN_ENVIRONMENT, MISSING = "its owner's alone", "others can read it", "in the environment", "missing"
# What a load needs beside the warehouse, as often as the warehouse's own size.
ROOM = 2


@dataclass
class Status:
    """How things stand. Sizes in bytes, times in UTC, days in Stockholm; `wrong` has a sentence for each fault.

    sources     one per source: `rows` that are held, and the `load` and `time` that brought the latest of them
    due         months that are over and not published: `day` planned, `overdue`, and whether they are `held` at all
    published   one per month, latest first: `edition`, `version`, `regions`, `loaded`, `withdrawn`
    last_load   the latest line of the load log: `time`, `outcome`, `why`, `folder`; None without one
    last_run    the latest run report: `started`, `month`, `outcome`, and the `report`'s file; None without one
    """

    time: str
    program: str
    warehouse: str
    schema: int
    size: int
    first_month: str
    whole_to: str
    last_day: str
    synthetic: bool
    sources: list[dict]
    due: list[dict]
    published: list[dict]
    last_load: dict | None
    last_run: dict | None
    free: int
    needed: int
    key: str
    wrong: list[str] = field(default_factory=list)


def read_status(warehouse: Path, site: Path, runs: Path, params: EditionParams, now: datetime | None = None) -> Status:
    """How things stand at a time (default: the clock's).

    Raises SobstatError if the warehouse, the log of loads or a run report cannot be read, or if the clock is wrong.
    """
    now = now or datetime.now(UTC)
    held = holdings(warehouse)
    refuse_a_clock_that_is_behind(held)
    with session() as con:
        attach(con, warehouse)
        schema, last_day, loaded = _read_warehouse(con)
    size = warehouse.stat().st_size
    status = Status(
        time=now.astimezone(UTC).isoformat(timespec="seconds"),
        program=version("sobstat"),
        warehouse=str(warehouse),
        schema=schema,
        size=size,
        first_month=str(held.first_month),
        whole_to=str(held.latest_whole_month),
        last_day=last_day,
        synthetic=held.synthetic,
        sources=loaded,
        due=_due(held, site, params, now.astimezone(STOCKHOLM).date()),
        published=_published(site),
        last_load=_last_load(warehouse),
        last_run=_last_run(runs),
        free=shutil.disk_usage(warehouse.resolve().parent).free,
        needed=ROOM * size,
        key=_key(warehouse),
    )
    status.wrong = _wrong(status)
    return status


def _read_warehouse(con: duckdb.DuckDBPyConnection) -> tuple[int, str, list[dict]]:
    """Schema version, day of the last transaction, and what is held of each source."""
    ((last_day,),) = con.execute("SELECT CAST(max(dag) AS VARCHAR) FROM lager.transaktion").fetchall()
    held = []
    for source in sources().values():
        load, time, rows = con.execute(
            f"""
            SELECT max(laddning), CAST(max(tidpunkt) AS VARCHAR), (SELECT count(*) FROM lager.{table_of(source)})
            FROM lager.laddad_fil JOIN lager.laddning USING (laddning) WHERE kalla = ?
            """,
            [source.name],
        ).fetchall()[0]
        held.append({"source": source.name, "rows": rows, "load": load, "time": time})
    return schema_version(con), last_day, held


def _due(held: Holdings, site: Path, params: EditionParams, today: date) -> list[dict]:
    over = Month.of(today) + -1
    return [
        {
            "month": str(month),
            "day": str(planned_day(month, params)),
            "overdue": today > planned_day(month, params),
            "held": month <= held.latest_whole_month,
        }
        for month in lacking_months(held, site, params, over)
    ]


def _published(site: Path) -> list[dict]:
    editions = published.addresses(site)
    found = []
    for month in published.months(editions):
        edition = read_edition(site / str(month))
        found.append(
            {
                "month": str(month),
                "edition": editions[str(month)],
                "version": 1 + sum(notice.kind == REPLACED for notice in edition.notices),
                "regions": len(edition.regions),
                "loaded": edition.loaded,
                "withdrawn": edition.withdrawn,
            }
        )
    return found


def _last_load(warehouse: Path) -> dict | None:
    file = log_file(warehouse)
    if not file.is_file():
        return None
    line = _read_json(file, file.read_text("utf-8").splitlines()[-1])
    return {name: line[name] for name in ("time", "outcome", "why", "folder")}


def _last_run(runs: Path) -> dict | None:
    # Their names begin with the time; of two in one second the later has a number, which its stem ends with.
    file = max(runs.glob("*.json"), key=lambda path: path.stem, default=None)
    if file is None:
        return None
    run = _read_json(file, file.read_text("utf-8"))
    return {**{name: run[name] for name in ("started", "month", "outcome")}, "report": str(file)}


def _read_json(file: Path, text: str) -> dict:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise SobstatError(f"{file} cannot be read: it is no JSON. Move it away; nothing depends on it.") from error


def _key(warehouse: Path) -> str:
    file = key_file(warehouse)
    if KEY_VARIABLE in os.environ:
        return IN_ENVIRONMENT
    if not file.exists():
        return MISSING
    return PUBLIC if file.stat().st_mode & 0o077 else PRIVATE


def _wrong(status: Status) -> list[str]:
    overdue = [month for month in status.due if month["overdue"]]
    wrong = [
        f"{month['month']} was to be published on {month['day']}, and is not." for month in overdue if month["held"]
    ]
    if missing := [month for month in overdue if not month["held"]]:
        which = " to ".join(dict.fromkeys([missing[0]["month"], missing[-1]["month"]]))
        wrong.append(
            f"{which} was to be published by {missing[-1]['day']}, and is not loaded: {status.warehouse} is whole to "
            f"{status.whole_to}."
        )
    load, run = status.last_load, status.last_run
    if load and load["outcome"] == FAILED:
        wrong.append(f"The last load failed, of {load['folder']} at {load['time']}: {load['why']}")
    if run and run["outcome"] == FAILED and any(month["held"] for month in status.due):
        wrong.append(f"The last publication failed at {run['started']}: {run['report']} says why.")
    if status.key in (PUBLIC, MISSING):
        wrong.append(f"The key {key_file(Path(status.warehouse))} is not as it must be: {status.key}.")
    if status.free < status.needed:
        wrong.append(f"The next load needs {status.needed} bytes of room, and {status.free} are free.")
    return wrong
