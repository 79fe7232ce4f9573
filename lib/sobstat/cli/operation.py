"""Commands for whoever keeps the publication running."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from sobstat.cli.options import SITE, AsJson, Params, Runs, Site, Warehouse
from sobstat.cli.terminal import print_json
from sobstat.edition.plan import PARAMS, read_params
from sobstat.names import visible
from sobstat.warehouse import DEFAULT_WAREHOUSE

if TYPE_CHECKING:
    from sobstat.operation.status import Status


def status(
    warehouse: Warehouse = DEFAULT_WAREHOUSE,
    site: Site = SITE,
    runs: Runs = None,
    params: Params = PARAMS,
    as_json: AsJson = False,
) -> None:
    """Tell how things stand: what is loaded, due, published and went wrong. Exit code 0 if all is well, 1 if not."""
    from sobstat.edition.site import runs_folder
    from sobstat.operation.status import read_status

    found = read_status(warehouse, site, runs or runs_folder(site), read_params(params))
    if as_json:
        print_json(asdict(found))
    else:
        typer.echo(in_words(found))
    raise typer.Exit(1 if found.wrong else 0)


def in_words(found: "Status") -> str:
    """The status for a person."""
    lines = ["All is well.", ""] if not found.wrong else ["This is wrong:", *(f"  {w}" for w in found.wrong), ""]
    made_up = ", made up" if found.synthetic else ""
    lines += [
        f"Warehouse  {found.warehouse}: {_mb(found.size)}, schema {found.schema}, program sobstat {found.program}",
        f"Data       {found.first_month} to {found.whole_to}, last transaction {found.last_day}{made_up}",
    ]
    for source in found.sources:
        loaded = f"load {source['load']} of {source['time'][:16]} UTC" if source["load"] else "never loaded"
        lines.append(f"           {source['source']:15} {source['rows']:>12} rows, {loaded}")
    if found.last_load:
        lines.append(f"Last load  {found.last_load['time'][:16]} UTC: {found.last_load['outcome']}")
    for month in found.due:
        loaded = "loaded" if month["held"] else "not loaded"
        lines.append(f"Due        {month['month']}, planned for {month['day']}, {loaded}")
    for month in found.published:
        became = ", withdrawn" if month["withdrawn"] else ""
        lines.append(
            f"Published  {month['month']}, version {month['version']} of data loaded {month['loaded']}, "
            f"{month['regions']} region(s){became}"
        )
    if found.last_run:
        lines.append(f"Last run   {found.last_run['started'][:16]} UTC: {found.last_run['outcome']}")
    lines += [f"Room       {_mb(found.free)} free, {_mb(found.needed)} needed by a load", f"Key        {found.key}"]
    return "\n".join(map(visible, lines))


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
