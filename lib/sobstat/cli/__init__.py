"""The command `sobstat`, on one page: its commands, grouped by who needs them, each with examples.

Exit codes: 0 done; 1 a report failed; 2 wrong use or wrong input. Messages go to standard error.
"""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from sobstat.cli import data, fetch, figures, operation, publication, upkeep
from sobstat.cli.terminal import FLAGS, flags, run

START = """Monthly national statistics on Stöd och behandling.

First time here? These make an example and show a table of it:

    sobstat demo --out data/in --arenden 3000 --to 2025-10

    sobstat load data/in

    sobstat table per-process --from 2024-11 --to 2025-10

`sobstat COMMAND --help` shows examples of each command."""

app = typer.Typer(help=START, epilog="`sobstat --install-completion` lets the Tab key complete names and months.")


def _add(panel: str, function, *examples: str, name: str | None = None, to: typer.Typer = app) -> None:
    """Add a command; its help ends with the examples."""
    epilog = "\n\n".join(["Examples:", *(f"sobstat {example}" for example in examples)])
    to.command(name, epilog=epilog, rich_help_panel=panel)(function)


_add(
    "Figures",
    figures.table,
    "table per-lan --from 2024-11 --to 2025-10",
    "table per-process --from 2025-10 --to 2025-10 --region skane --format csv > processer.csv",
    "table per-lan --from 2024-11 --to 2025-10 --warehouse data/lager --engine spark",
)
_add("Figures", figures.list_names, "list", "list --json", name="list")
_add(
    "Figures",
    figures.rerun,
    "rerun --from 2025-03 --to 2025-06 --region skane --notebook oversikt",
    'rerun --from 2015-10 --to 2025-10 --region "Region Skåne" --no-open',
)
_add(
    "Data",
    data.load,
    "load data/in",
    "load data/in --json",
    "load hsaunits.zip",
    "load data/logg --mapping params/mapping_example.yml",
    "load data/in --warehouse data/lager --engine spark",
    "load postgresql://lasare@db.example/sob --mapping params/sob_postgresql.yml",
)
app.add_typer(fetch.app, name="fetch", rich_help_panel="Data")
_add("Data", fetch.befolkning, "fetch befolkning", "fetch befolkning --years 2015-2025 --out data/in", to=fetch.app)
_add("Data", data.export, "export --out data/lager")
_add("Data", data.sources, "sources")
_add("Data", data.demo, "demo --out data/in --arenden 300000 --to 2025-10")
_add(
    "Publication",
    publication.publish,
    "publish",
    "publish --month 2025-10 --region riket --region skane",
)
_add(
    "Publication",
    publication.republish,
    'republish --month 2025-10 --reason "Rättade uppgifter från Region Skåne"',
)
_add("Publication", publication.withdraw, 'withdraw --month 2025-10 --reason "Ett fel i uppgifterna utreds"')
_add("Upkeep", operation.status, "status", "status --json")
_add("Upkeep", upkeep.backup, "backup --out /backup/sobstat-2025-11-05")
_add("Upkeep", upkeep.check_backup, "check-backup /backup/sobstat-2025-11-05")
_add(
    "Upkeep",
    upkeep.restore,
    "restore /backup/sobstat-2025-11-05",
    "restore /backup/sobstat-2025-11-05 --warehouse prov/sobstat.duckdb --site prov/site",
)
_add("Upkeep", upkeep.rotate_key, "rotate-key")
_add("Upkeep", upkeep.upgrade, "upgrade")


@app.callback(invoke_without_command=True)
def options(
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but what went wrong.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Tell each step, and the traceback of an error.")] = False,
    log: Annotated[bool, typer.Option("--log", help="Write a log: each event as a line of JSON.")] = False,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if show_version:
        typer.echo(f"sobstat {version('sobstat')}")


def main() -> None:
    """Run the command line; `--quiet`, `--verbose` and `--log` may stand anywhere in it."""
    flags.update(argument for argument in sys.argv[1:] if argument in FLAGS)
    arguments = [argument for argument in sys.argv[1:] if argument not in FLAGS]
    sys.exit(run(app, arguments or ["--help"]))
