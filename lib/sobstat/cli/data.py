"""Commands that bring data in."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from sobstat.cli.options import AsJson, LastMonth, Warehouse
from sobstat.cli.terminal import print_json, progress, say, say_wrong
from sobstat.engines import DUCKDB
from sobstat.warehouse import DEFAULT_WAREHOUSE


def demo(
    out: Annotated[Path, typer.Option(help="Folder to write the extract to.")],
    arenden: Annotated[int, typer.Option(help="How many ärenden.")] = 300_000,
    to: LastMonth = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
) -> None:
    """Write a synthetic extract that looks like the real service."""
    from sobstat.demo import write_demo
    from sobstat.months import this_month

    with progress() as show:
        last = to or str(this_month() + -1)
        write_demo(out, arenden, last, seed, lambda n, total: show("Making ärenden", n, total))
    say(f"A synthetic extract of {arenden} ärenden stands in {out}.")


def load(
    source: Annotated[
        str,
        typer.Argument(help="The extract folder, one file of it, or the address of a database.", metavar="DIR|ADDRESS"),
    ],
    warehouse: Warehouse = DEFAULT_WAREHOUSE,
    mapping: Annotated[
        Path | None, typer.Option(help="How files or tables that are not as the contract says become its sources.")
    ] = None,
    max_set_aside: Annotated[
        float,
        typer.Option(
            help="Fail if more than this share of the rows cannot be used; 1 to go on whatever.", min=0, max=1
        ),
    ] = 0.01,
    engine: Annotated[
        str,
        typer.Option(
            help="What loads: duckdb into a file; spark, or a Spark Connect server's sc://host:port, into a folder."
        ),
    ] = DUCKDB,
    as_json: AsJson = False,
) -> None:
    """Load an extract folder, or what is new in a database, into the warehouse, all or nothing."""
    from sobstat.delivered.mapping import read_mapping
    from sobstat.load import load_extract
    from sobstat.load_log import logged

    mapped = read_mapping(mapping) if mapping else {}
    folder = Path(source)
    if "://" in source:
        from sobstat.delivered.database import open_database

        folder = open_database(source, mapped)
    with logged(folder, warehouse, say_wrong) as log, progress() as show:
        result = load_extract(
            folder, warehouse, mapping=mapped, max_set_aside=max_set_aside, progress=show, engine=engine
        )
        log.outcome = "loaded" if result.changed else "nothing new"
        log.hsa = result.hsa and asdict(result.hsa)
        log.rows = asdict(result.total)
    total = result.total
    if as_json:
        print_json({"outcome": log.outcome, "warehouse": warehouse, "rows": asdict(total), **asdict(result)})
    for name in result.ignored:
        say(f"{name} was passed over: it is named as a source, but is no .csv, .csv.gz or .parquet file.")
    for line in result.hsa.in_words() if result.hsa else []:
        say(line)
    if result.upgraded:
        say(f"{warehouse} was upgraded to this program's schema; as it was, it is kept in {result.upgraded}.")
    if not result.changed:
        say(f"Nothing new: all {total.read} rows of {folder} are in {warehouse} already; it was left as it is.")
        return
    say(
        f"Loaded {folder} into {warehouse}: {total.read} rows read = {total.kept} kept + {total.repeats} repeats "
        f"+ {total.set_aside} set aside."
    )
    if result.created:
        say(f"  {warehouse} is a new warehouse.")
    if result.removed:
        say(f"  {result.removed} rows of replaced sources are gone.")
    for source, reason, rows in [*result.reasons, *result.notices]:
        say(f"  {source}: {rows} row(s): {reason}")


def export(
    out: Annotated[Path, typer.Option(help="The folder: a new one, or one that an earlier export made.")],
    warehouse: Warehouse = DEFAULT_WAREHOUSE,
) -> None:
    """Write the warehouse as a folder of Parquet files, which DuckDB and Spark both read."""
    from sobstat import folder
    from sobstat.warehouse import attach, session

    with session() as con:
        attach(con, warehouse)
        folder.export(con, out)
    say(f"{out} holds {warehouse} as Parquet files: `sobstat table … --warehouse {out} --engine spark` counts there.")


def sources() -> None:
    """Print what an extract must hold: every source, its columns and what they accept."""
    from sobstat.contract import documentation
    from sobstat.delivered import hsa

    typer.echo(f"{documentation()}\n{hsa.DOCUMENTATION}")
