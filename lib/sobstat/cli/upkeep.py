"""Commands that keep a publication for years: backups, keys, upgrades."""

from pathlib import Path
from typing import Annotated

import typer

from sobstat.cli.options import SITE, Site, Warehouse
from sobstat.cli.terminal import progress, say
from sobstat.warehouse import DEFAULT_WAREHOUSE, SCHEMA_VERSION

Backup = Annotated[Path, typer.Argument(help="The backup's folder.", metavar="DIR")]


def backup(
    out: Annotated[Path, typer.Option(help="The folder to make, on another disk if possible.")],
    warehouse: Warehouse = DEFAULT_WAREHOUSE,
    site: Site = SITE,
) -> None:
    """Copy warehouse and site to a new folder, also while a load or a publication is at work. The key is not in it."""
    from sobstat.operation.backup import backup

    with progress() as show:
        manifest = backup(warehouse, site, out, show)
    if not site.is_dir():
        say(f"There is no site {site}: the backup holds the warehouse alone.")
    rows = f"{manifest['rows']['transaktion']} transactions, {len(manifest['files'])} files"
    say(f"{out} holds {warehouse} and {site}: {rows}. Keep a copy of the key somewhere else.")


def check_backup(folder: Backup, warehouse: Warehouse = DEFAULT_WAREHOUSE) -> None:
    """Read a backup whole: each file as it was made, the warehouse opens, and the key in use is the one of it."""
    from sobstat.operation.backup import about_key, check

    manifest = check(folder)
    said = about_key(manifest, warehouse)
    say(
        f"{folder} is whole: made {manifest['made']}, {manifest['rows']['transaktion']} transactions, "
        f"{len(manifest['files'])} files, schema version {manifest['schema']}. {said}"
    )


def restore(
    folder: Backup,
    warehouse: Warehouse = DEFAULT_WAREHOUSE,
    site: Site = SITE,
    replace: Annotated[bool, typer.Option("--replace", help="Lose what stands there.")] = False,
) -> None:
    """Put a backup in its place, all or nothing; the former warehouse and site go only with --replace."""
    from sobstat.operation.backup import restore

    said = restore(folder, warehouse, site, replace=replace)
    say(f"{warehouse} and {site} are restored from {folder}. {said}")


def rotate_key(warehouse: Warehouse = DEFAULT_WAREHOUSE) -> None:
    """Give every person in the warehouse another pseudonym, with a new part of the key; every figure stays."""
    from sobstat.operation.rotation import rotate_key

    with progress() as show:
        rotate_key(warehouse, show)
    say(
        f"The key of {warehouse} has a new part: keep a copy of the whole key. Earlier backups, exported folders and "
        "what `sobstat upgrade` kept are as they were: if the old key leaked, destroy them."
    )


def upgrade(warehouse: Warehouse = DEFAULT_WAREHOUSE) -> None:
    """Bring a warehouse of an earlier program to the schema of this one; a load does so too."""
    from sobstat.operation.upgrade import upgrade

    kept = upgrade(warehouse)
    if kept is None:
        say(f"{warehouse} has schema version {SCHEMA_VERSION} already.")
    else:
        say(f"{warehouse} has schema version {SCHEMA_VERSION} now. As it was, it is kept in {kept}.")
