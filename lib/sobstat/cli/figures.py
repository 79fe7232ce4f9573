"""Commands for those who want figures: what there is, a table, a report of one's own."""

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from sobstat.cli.options import (
    AsJson,
    EditionEngine,
    Engine,
    Format,
    From,
    Notebooks,
    OneRegion,
    Params,
    ReportId,
    To,
    Warehouse,
)
from sobstat.cli.terminal import is_watched, print_json, progress, say
from sobstat.edition.plan import PARAMS
from sobstat.engines import DUCKDB
from sobstat.warehouse import DEFAULT_WAREHOUSE


def list_names(as_json: AsJson = False) -> None:
    """List what can be asked for: reports, measures, and what they can be broken down by."""
    from sobstat.declarations import dimensions, measures, reports

    kinds = {"reports": reports(), "measures": measures(), "breakdowns": dimensions()}
    if as_json:
        return print_json({kind: [block.model_dump() for block in blocks.values()] for kind, blocks in kinds.items()})
    for kind, blocks in kinds.items():
        typer.secho(kind.capitalize(), bold=True)
        width = max(map(len, blocks))
        for name, block in blocks.items():
            typer.echo(f"  {name:{width}}  {block.title}")


def table(
    report_id: ReportId,
    from_: From,
    to: To,
    region: OneRegion = "riket",
    format: Format = "text",
    warehouse: Warehouse = DEFAULT_WAREHOUSE,
    min_antal: Annotated[
        int | None, typer.Option(help="Show counts of residents that exceed this; default the params file's.", min=0)
    ] = None,
    params: Params = PARAMS,
    engine: Engine = DUCKDB,
) -> None:
    """Print one report's table."""
    from sobstat.disclosure.thresholds import Thresholds
    from sobstat.edition.plan import read_params
    from sobstat.errors import no_such
    from sobstat.files import FORMATS
    from sobstat.report import find_report, open_report

    if format not in FORMATS:
        raise no_such("format", format, FORMATS)
    find_report(report_id)
    # Away from the project's folder there is no params file, and its defaults hold.
    thresholds = read_params(params).thresholds if params.exists() or params != PARAMS else Thresholds()
    if min_antal is not None:
        thresholds = replace(thresholds, min_antal=min_antal)
    report = open_report(region, from_, to, warehouse, **thresholds.as_dict(), engine=engine)
    if report.last_day is None or report.last_day < report.period.last.first_day:
        say(f"The last transaction in {warehouse} is of {report.last_day}: months after it are counted as empty.")
    with progress() as report.progress:
        found = report.table(report_id)
    sys.stdout.buffer.write(FORMATS[format](found).encode("utf-8"))
    report.close()


def rerun(
    from_: From,
    to: To,
    region: OneRegion,
    notebook: Notebooks = None,
    out: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("output/adhoc"),
    warehouse: Warehouse = DEFAULT_WAREHOUSE,
    params: Params = PARAMS,
    engine: EditionEngine = None,
    show: Annotated[
        bool | None, typer.Option("--open/--no-open", help="Open it in the browser; default where there is a desktop.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a report for a region and any period, outside the publication: one file, which can be mailed."""
    from sobstat.edition import publish as edition
    from sobstat.edition.plan import read_params
    from sobstat.months import Period
    from sobstat.regions import parse_region

    with progress() as steps:
        pages = edition.rerun(
            warehouse,
            out,
            read_params(params),
            Period.parse(from_, to),
            [parse_region(region)],
            only=notebook or (),
            engine=engine,
            progress=steps,
        )
    say("The report is not for publication. Each file holds all that it needs, and can be mailed. Open:")
    if as_json:
        print_json({"pages": pages})
    else:
        for page in pages:
            typer.echo(page)
    if show or (show is None and is_watched() and _has_desktop()):
        typer.launch(pages[0].resolve().as_uri())


def _has_desktop() -> bool:
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
