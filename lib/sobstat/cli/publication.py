"""Commands that change what is published."""

from typing import Annotated

import typer

from sobstat.cli.options import (
    SITE,
    AsJson,
    Due,
    EditionEngine,
    Params,
    Published,
    Reason,
    Regions,
    Runs,
    Site,
    Warehouse,
)
from sobstat.cli.terminal import print_json, progress, say, say_wrong
from sobstat.edition.plan import PARAMS
from sobstat.warehouse import DEFAULT_WAREHOUSE


def publish(
    month: Due = None,
    params: Params = PARAMS,
    region: Regions = None,
    site: Site = SITE,
    warehouse: Warehouse = DEFAULT_WAREHOUSE,
    engine: EditionEngine = None,
    keep_going: Annotated[bool, typer.Option("--keep-going", help="Make the other pages too when one fails.")] = False,
    runs: Runs = None,
    on_success: Annotated[str | None, typer.Option(help="Command that gets the run report of an edition.")] = None,
    on_failure: Annotated[str | None, typer.Option(help="Command that gets the run report of a failure.")] = None,
    as_json: AsJson = False,
) -> None:
    """Publish every month that is due, oldest first, or one month: every notebook for every region."""
    from sobstat.edition import publish as edition
    from sobstat.edition.due import due_months
    from sobstat.edition.hooks import Hooks
    from sobstat.edition.plan import read_params
    from sobstat.months import Month
    from sobstat.regions import parse_region

    published = []
    with Hooks(on_success, on_failure, say_wrong) as hooks, progress() as steps:
        months = [None if month in (None, "latest") else Month.parse(month)]
        chosen, regions = read_params(params), [parse_region(name) for name in region or []]
        if month is None:
            months = due_months(warehouse, site, chosen)
        if not months:
            say(f"Nothing is due: {site} has every month that {warehouse} holds.")
        for place, wanted in enumerate(months, 1):
            told = len(hooks.reports)
            try:
                folder = edition.publish(
                    warehouse,
                    site,
                    chosen,
                    month=wanted,
                    regions=regions,
                    keep_going=keep_going,
                    engine=engine,
                    runs_folder=runs,
                    progress=steps,
                    tell=hooks.tell,
                )
            except Exception as error:
                if later := months[place:]:
                    error.add_note(f"Later months are due too, and were not tried: {', '.join(map(str, later))}.")
                raise
            report = hooks.reports[-1].text_file if len(hooks.reports) > told else None
            outcome = "published" if len(hooks.reports) > told else "unchanged"
            published.append({"month": folder.name, "outcome": outcome, "page": folder / "index.html", "run": report})
            if outcome == "published":
                kept = report or "missing: the disk takes no more"
                say(f"The edition {folder.name} is published; its run report is {kept}. Open:")
            else:
                say(f"The edition {folder.name} is published already, just as it would be made now. Open:")
            if not as_json:
                typer.echo(folder / "index.html")
    if as_json:
        print_json(published)


def republish(
    month: Published,
    reason: Reason,
    params: Params = PARAMS,
    site: Site = SITE,
    warehouse: Warehouse = DEFAULT_WAREHOUSE,
    engine: EditionEngine = None,
    runs: Runs = None,
    as_json: AsJson = False,
) -> None:
    """Replace a published edition openly: the new one says when and why, the former is kept beside it."""
    from sobstat.edition import publish as edition
    from sobstat.edition.plan import read_params
    from sobstat.months import Month

    with progress() as steps:
        folder = edition.publish(
            warehouse,
            site,
            read_params(params),
            month=Month.parse(month),
            replace=reason,
            engine=engine,
            runs_folder=runs,
            progress=steps,
        )
    say(f"The edition {month} is replaced. Open:")
    if as_json:
        print_json({"month": month, "outcome": "replaced", "page": folder / "index.html"})
    else:
        typer.echo(folder / "index.html")


def withdraw(month: Published, reason: Reason, site: Site = SITE, as_json: AsJson = False) -> None:
    """Take a published edition with all its versions off the site: its addresses say when and why."""
    from sobstat.edition import versions
    from sobstat.edition.site import withdrawn_folder
    from sobstat.months import Month

    others = versions.withdraw(site, Month.parse(month), reason)
    page, kept = site / month / "index.html", withdrawn_folder(site)
    say(f"The edition {month} is withdrawn; a copy for you alone is kept in {kept}. Open:")
    if as_json:
        told = [str(other) for other in others]
        print_json({"month": month, "outcome": "withdrawn", "page": page, "kept": kept, "told_in": told})
    else:
        typer.echo(page)
    for other in others:
        say(
            f"The edition {other} tells in {other}/andringar.csv what {month} showed: republish it if that must go too."
        )
