"""Commands that fetch what others publish: the only ones that need a network."""

import re
from pathlib import Path
from typing import Annotated

import typer

from sobstat.cli.options import AsJson
from sobstat.cli.terminal import print_json, progress, say
from sobstat.scb.params import PARAMS, read_params

app = typer.Typer(help="Fetch what others publish; nothing else of sobstat asks a server for anything.")

OUT, CACHE = Path("data/in"), Path("data/cache/scb")


def _years(text: str | None) -> list[int] | None:
    """`2015-2025` or `2025` as years."""
    if text is None:
        return None
    if not (found := re.fullmatch(r"(\d{4})(?:-(\d{4}))?", text)):
        raise typer.BadParameter(f"{text!r} is not years: write 2015-2025, or 2025.")
    first, last = int(found[1]), int(found[2] or found[1])
    if last < first:
        raise typer.BadParameter(f"{text} ends before it starts.")
    return list(range(first, last + 1))


def befolkning(
    years: Annotated[
        str | None,
        typer.Option(metavar="YEARS", help="As 2015-2025; default from 2014 to the latest. A load replaces all years."),
    ] = None,
    out: Annotated[Path, typer.Option(help="The extract folder.")] = OUT,
    params: Annotated[Path, typer.Option(help="Where it is taken from.")] = PARAMS,
    cache: Annotated[Path, typer.Option(help="Folder that keeps SCB's answers.")] = CACHE,
    as_json: AsJson = False,
) -> None:
    """Fetch the population by län, kön and one-year age from SCB, as files of an extract."""
    from sobstat.scb.population import fetch_population

    wanted = _years(years)
    with progress() as show:
        fetched = fetch_population(out, read_params(params), wanted, cache=cache, progress=show)
    if as_json:
        print_json(fetched)
    for table in fetched["tables"]:
        first, last = table["years"][0], table["years"][-1]
        say(f"{table['table']} ({table['label']}): {first if first == last else f'{first}–{last}'}.")
    last, residents = list(fetched["riket"].items())[-1]
    files = ", ".join(f"{name} ({file['rows']} rows)" for name, file in fetched["files"].items())
    say(f"{out} holds SCB's population: {files}; Riket {residents} on 31 December {last}.")
