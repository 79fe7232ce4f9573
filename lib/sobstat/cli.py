"""The command `sobstat`.

Exit codes: 0 done; 1 a report failed; 2 wrong use or wrong input. Messages go to standard error.
"""

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import duckdb
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sobstat import contract
from sobstat.edition.plan import PARAMS
from sobstat.errors import ReportError, SobstatError
from sobstat.names import visible
from sobstat.warehouse import DEFAULT_WAREHOUSE

# typer keeps its click to itself; the base of its BadParameter is every error of usage.
UsageError = typer.BadParameter.__base__

app = typer.Typer(
    help="Monthly national statistics on Stöd och behandling.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
console = Console(stderr=True, highlight=False, soft_wrap=True)
FLAGS = ("--quiet", "--verbose")
flags: set[str] = set()

Warehouse = Annotated[Path, typer.Option(help="The warehouse file.", show_default=True)]
Params = Annotated[Path, typer.Option(help="What the edition contains.", show_default=True)]
Site = Annotated[Path, typer.Option(help="The site's folder.")]
SITE = Path("output/site")
MONTH = "YYYY-MM"


def main() -> None:
    """Run the command line; `--quiet` and `--verbose` may stand anywhere in it."""
    flags.update(argument for argument in sys.argv[1:] if argument in FLAGS)
    arguments = [argument for argument in sys.argv[1:] if argument not in FLAGS]
    sys.exit(_run(arguments or ["--help"]))


def _run(arguments: list[str]) -> int:
    try:
        return app(arguments, standalone_mode=False) or 0
    except UsageError as error:
        _say_wrong(f"{error.format_message()} See `sobstat --help`.")
    except SobstatError as error:
        _say_wrong(str(error), error)
    except ReportError as error:
        _say_wrong(str(error), error)
        return 1
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        _say_wrong(f"The warehouse cannot be read or written; it may be damaged, or the disk full. ({reason})", error)
    except OSError as error:
        _say_wrong(f"{error.filename or 'A file'} cannot be used: {error.strerror or error}.", error)
    except KeyboardInterrupt:
        _say_wrong("Interrupted: a load or an edition that was not finished is not there.")
        return 130
    return 2


def _say_wrong(message: str, error: Exception | None = None) -> None:
    """Say what went wrong, and the notes that the error gathered on its way here."""
    if "--verbose" in flags and error:
        traceback.print_exception(error)
    for line in (message, *getattr(error, "__notes__", [])):
        _print(line)


def _say(message: str) -> None:
    if "--quiet" not in flags:
        _print(message)


def _print(message: str) -> None:
    """Print lines in which no name can steer the terminal."""
    console.print("\n".join(visible(line) for line in message.split("\n")), markup=False)


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar per step on a terminal; nothing where nobody watches."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    hidden = "--quiet" in flags or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as bars:
        tasks: dict[str, int] = {}

        def show(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done)

        yield show


@app.callback(invoke_without_command=True)
def options(
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but what went wrong.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the traceback of what went wrong.")] = False,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if show_version:
        typer.echo(f"sobstat {version('sobstat')}")


@app.command(epilog="Example: sobstat demo --out data/in --arenden 300000 --to 2025-10")
def demo(
    out: Annotated[Path, typer.Option(help="Folder to write the extract to.")],
    arenden: Annotated[int, typer.Option(help="How many ärenden.")] = 300_000,
    to: Annotated[
        str | None, typer.Option(help="Last month with data; default the last whole month.", metavar=MONTH)
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
) -> None:
    """Write a synthetic extract that looks like the real service."""
    from sobstat.demo import write_demo
    from sobstat.months import this_month

    with _progress() as progress:
        write_demo(
            out,
            arenden,
            to or str(this_month() + -1),
            seed,
            lambda n, total: progress("Making ärenden", n, total),
        )
    _say(f"A synthetic extract of {arenden} ärenden stands in {out}.")


@app.command(epilog="Example: sobstat load data/in")
def load(
    folder: Annotated[Path, typer.Argument(help="The extract folder.", metavar="DIR")],
    warehouse: Warehouse = DEFAULT_WAREHOUSE,
    max_set_aside: Annotated[
        float,
        typer.Option(
            help="Fail if more than this share of the rows cannot be used; 1 to go on whatever.", min=0, max=1
        ),
    ] = 0.01,
) -> None:
    """Load an extract folder into the warehouse, all or nothing."""
    from sobstat.load import load_extract
    from sobstat.load_log import logged

    with logged(folder, warehouse, _say_wrong) as log, _progress() as progress:
        result = load_extract(folder, warehouse, max_set_aside=max_set_aside, progress=progress)
        log.outcome = "loaded" if result.changed else "nothing new"
    total = result.total
    for name in result.ignored:
        _say(f"{name} was passed over: it is named as a source, but is no .csv, .csv.gz or .parquet file.")
    if not result.changed:
        _say(f"Nothing new: all {total.read} rows of {folder} are in {warehouse} already; it was left as it is.")
        return
    _say(
        f"Loaded {folder} into {warehouse}: {total.read} rows read = {total.kept} kept + {total.repeats} repeats "
        f"+ {total.set_aside} set aside."
    )
    if result.created:
        _say(f"  {warehouse} is a new warehouse.")
    if result.removed:
        _say(f"  {result.removed} rows of replaced sources are gone.")
    for source, reason, rows in [*result.reasons, *result.notices]:
        _say(f"  {source}: {rows} row(s): {reason}")


@app.command(epilog="Example: sobstat table per-lan --from 2024-11 --to 2025-10 --region skane --format csv")
def table(
    report_id: Annotated[str, typer.Argument(help="The report's id, such as per-lan.", metavar="ID")],
    from_: Annotated[str, typer.Option("--from", help="First month.", metavar=MONTH)],
    to: Annotated[str, typer.Option(help="Last month.", metavar=MONTH)],
    region: Annotated[str, typer.Option(help="riket, or a län by code, slug or name.")] = "riket",
    format: Annotated[str, typer.Option(help="csv, json or text.")] = "text",
    warehouse: Warehouse = DEFAULT_WAREHOUSE,
    min_antal: Annotated[
        int | None, typer.Option(help="Show counts of residents that exceed this; default the params file's.", min=0)
    ] = None,
    params: Params = PARAMS,
) -> None:
    """Print one report's table."""
    from sobstat.disclosure.rule import Thresholds
    from sobstat.edition.plan import read_params
    from sobstat.files import FORMATS
    from sobstat.report import find_report, open_report

    if format not in FORMATS:
        raise SobstatError(f"There is no format {format!r}: choose among {', '.join(FORMATS)}.")
    find_report(report_id)
    # Away from the project's folder there is no params file, and its defaults hold.
    thresholds = read_params(params).thresholds if params.exists() or params != PARAMS else Thresholds()
    if min_antal is not None:
        thresholds = replace(thresholds, min_antal=min_antal)
    report = open_report(region, from_, to, warehouse, **thresholds.as_dict())
    if report.last_day is None or report.last_day < report.period.last.first_day:
        _say(f"The last transaction in {warehouse} is of {report.last_day}: months after it are counted as empty.")
    with _progress() as report.progress:
        found = report.table(report_id)
    sys.stdout.buffer.write(FORMATS[format](found).encode("utf-8"))
    report.close()


@app.command(epilog="Example: sobstat publish --month 2025-10 --region riket --region skane")
def publish(
    month: Annotated[
        str | None,
        typer.Option(help="The edition's month, or `latest`; default every month that is due.", metavar=MONTH),
    ] = None,
    params: Params = PARAMS,
    region: Annotated[list[str] | None, typer.Option(help="Only this region; may be repeated.")] = None,
    site: Site = SITE,
    warehouse: Warehouse = DEFAULT_WAREHOUSE,
    keep_going: Annotated[bool, typer.Option("--keep-going", help="Make the other pages too when one fails.")] = False,
    runs: Annotated[Path | None, typer.Option(help="Folder for run reports; default `runs` beside the site.")] = None,
    on_success: Annotated[str | None, typer.Option(help="Command that gets the run report of an edition.")] = None,
    on_failure: Annotated[str | None, typer.Option(help="Command that gets the run report of a failure.")] = None,
) -> None:
    """Publish every month that is due, oldest first, or one month: every notebook for every region."""
    from sobstat.edition import publish as edition
    from sobstat.edition.hooks import Hooks
    from sobstat.edition.plan import read_params
    from sobstat.months import Month
    from sobstat.regions import parse_region

    with Hooks(on_success, on_failure, _say_wrong) as hooks, _progress() as progress:
        months = [None if month in (None, "latest") else Month.parse(month)]
        chosen, regions = read_params(params), [parse_region(name) for name in region or []]
        if month is None:
            months = edition.due_months(warehouse, site, chosen)
        if not months:
            _say(f"Nothing is due: {site} has every month that {warehouse} holds.")
        for place, wanted in enumerate(months, 1):
            try:
                folder = edition.publish(
                    warehouse,
                    site,
                    chosen,
                    month=wanted,
                    regions=regions,
                    keep_going=keep_going,
                    runs_folder=runs,
                    progress=progress,
                    tell=hooks.tell,
                )
            except Exception as error:
                if later := months[place:]:
                    error.add_note(f"Later months are due too, and were not tried: {', '.join(map(str, later))}.")
                raise
            if hooks.reports:
                report = hooks.reports[-1].text_file or "missing: the disk takes no more"
                _say(f"The edition {folder.name} is published; its run report is {report}. Open:")
            else:
                _say(f"The edition {folder.name} is published already, just as it would be made now. Open:")
            typer.echo(folder / "index.html")


Reason = Annotated[str, typer.Option(help="Why, in a line that readers will see.")]
Published = Annotated[str, typer.Option(help="The edition's month.", metavar=MONTH)]


@app.command(epilog='Example: sobstat republish --month 2025-10 --reason "Rättade uppgifter från Region Skåne"')
def republish(
    month: Published,
    reason: Reason,
    params: Params = PARAMS,
    site: Site = SITE,
    warehouse: Warehouse = DEFAULT_WAREHOUSE,
    runs: Annotated[Path | None, typer.Option(help="Folder for run reports; default `runs` beside the site.")] = None,
) -> None:
    """Replace a published edition openly: the new one says when and why, the former is kept beside it."""
    from sobstat.edition import publish as edition
    from sobstat.edition.plan import read_params
    from sobstat.months import Month

    with _progress() as progress:
        folder = edition.publish(
            warehouse,
            site,
            read_params(params),
            month=Month.parse(month),
            replace=reason,
            runs_folder=runs,
            progress=progress,
        )
    _say(f"The edition {month} is replaced. Open:")
    typer.echo(folder / "index.html")


@app.command(epilog='Example: sobstat withdraw --month 2025-10 --reason "Ett fel i uppgifterna utreds"')
def withdraw(month: Published, reason: Reason, site: Site = SITE) -> None:
    """Take a published edition with all its versions off the site: its addresses say when and why."""
    from sobstat.edition import versions
    from sobstat.months import Month

    others = versions.withdraw(site, Month.parse(month), reason)
    _say(f"The edition {month} is withdrawn; a copy for you alone is kept in {site.parent / 'withdrawn'}. Open:")
    typer.echo(site / month / "index.html")
    for other in others:
        _say(
            f"The edition {other} tells in {other}/andringar.csv what {month} showed: republish it if that must go too."
        )


@app.command(epilog="Example: sobstat rerun --from 2025-03 --to 2025-06 --region skane --notebook oversikt")
def rerun(
    from_: Annotated[str, typer.Option("--from", help="First month.", metavar=MONTH)],
    to: Annotated[str, typer.Option(help="Last month.", metavar=MONTH)],
    region: Annotated[str, typer.Option(help="riket, or a län by code, slug or name.")],
    notebook: Annotated[list[str] | None, typer.Option(help="Only this notebook; may be repeated.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("output/adhoc"),
    warehouse: Warehouse = DEFAULT_WAREHOUSE,
    params: Params = PARAMS,
) -> None:
    """Make an ad-hoc report for a region and any period, outside the publication."""
    from sobstat.edition import publish as edition
    from sobstat.edition.plan import read_params
    from sobstat.months import Period
    from sobstat.regions import parse_region

    with _progress() as progress:
        pages = edition.rerun(
            warehouse,
            out,
            read_params(params),
            Period.parse(from_, to),
            [parse_region(region)],
            only=notebook or (),
            progress=progress,
        )
    _say("The report is not for publication. Open:")
    for page in pages:
        typer.echo(page)


@app.command()
def sources() -> None:
    """Print what an extract must hold: every source, its columns and what they accept."""
    typer.echo(contract.documentation())
