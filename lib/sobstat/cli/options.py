"""The options that several commands have, and what the Tab key offers for each (`sobstat --install-completion`)."""

from pathlib import Path
from typing import Annotated

import typer

from sobstat.declarations import reports
from sobstat.edition.plan import PARAMS, read_params
from sobstat.errors import SobstatError
from sobstat.months import FIRST_MONTH, Month, Period, this_month
from sobstat.regions import REGIONS

Offered = list[tuple[str, str]]


def _regions(incomplete: str) -> Offered:
    return [(region.slug, region.namn) for region in REGIONS if region.slug.startswith(incomplete.lower())]


def _reports(incomplete: str) -> Offered:
    return [(report.id, report.title) for report in reports().values() if report.id.startswith(incomplete)]


def _notebooks(ctx: typer.Context, incomplete: str) -> Offered:
    try:
        notebooks = read_params(Path(ctx.params.get("params") or PARAMS)).notebooks
    except SobstatError:
        return []
    return [(name, notebook.title) for name, notebook in notebooks.items() if name.startswith(incomplete)]


def _months(incomplete: str) -> list[str]:
    months: list[Month] = Period(FIRST_MONTH, this_month() + -1).months
    return [str(month) for month in reversed(months) if str(month).startswith(incomplete)]


def _formats(incomplete: str) -> list[str]:
    from sobstat.files import FORMATS

    return [name for name in FORMATS if name.startswith(incomplete)]


def _month_option(*names: str, help: str):
    return typer.Option(*names, help=help, metavar="YYYY-MM", autocompletion=_months)


ONE_REGION = typer.Option(help="riket, or a län by code, slug or name.", autocompletion=_regions)

ReportId = Annotated[
    str, typer.Argument(help="The report's id, such as per-lan.", metavar="ID", autocompletion=_reports)
]
From = Annotated[str, _month_option("--from", help="First month.")]
To = Annotated[str, _month_option(help="Last month.")]
LastMonth = Annotated[str | None, _month_option(help="Last month with data; default the last whole month.")]
Due = Annotated[str | None, _month_option(help="The edition's month, or `latest`; default every month that is due.")]
Published = Annotated[str, _month_option(help="The edition's month.")]
OneRegion = Annotated[str, ONE_REGION]
Regions = Annotated[list[str] | None, typer.Option(help="Only this region; may be repeated.", autocompletion=_regions)]
Notebooks = Annotated[
    list[str] | None, typer.Option(help="Only this notebook; may be repeated.", autocompletion=_notebooks)
]
Format = Annotated[str, typer.Option(help="csv, json or text.", autocompletion=_formats)]
Warehouse = Annotated[Path, typer.Option(help="The warehouse, a file or an exported folder.", show_default=True)]
Engine = Annotated[str, typer.Option(help="What counts: duckdb, spark, or a Spark Connect server's sc://host:port.")]
EditionEngine = Annotated[str | None, typer.Option(help="What counts, as `table` says; default the params file's.")]
Params = Annotated[Path, typer.Option(help="What the edition contains.", show_default=True)]
Site = Annotated[Path, typer.Option(help="The site's folder.")]
Runs = Annotated[Path | None, typer.Option(help="Folder for run reports; default `runs` beside the site.")]
Reason = Annotated[str, typer.Option(help="Why, in a line that readers will see.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON, for scripts.")]
SITE = Path("output/site")
