"""A publisher that is killed (SIGKILL) right after a given change to the file system, for a process of its own."""

import io
import os
import signal
import tempfile
from pathlib import Path

import nbformat
from bs4 import BeautifulSoup
from nbformat.v4 import new_notebook

from sobstat.contract import sources
from sobstat.declarations import definitions, reports
from sobstat.edition.assets import vega_bundle
from sobstat.edition.plan import read_params
from sobstat.edition.publish import publish
from sobstat.edition.versions import withdraw
from sobstat.months import Month
from sobstat.regions import parse_region
from sobstat.templating import ENVIRONMENT

# Once, in the process that all of these are forked from: what each would do for the first time.
vega_bundle()
for declared in (sources, definitions, reports):
    declared()
for template in ENVIRONMENT.list_templates(extensions=["html", "xml", "rdf"]):
    ENVIRONMENT.get_template(template)
nbformat.validate(new_notebook())
BeautifulSoup("", "html.parser").select("a.b[c]")

CHANGES = ("replace", "rename", "symlink", "unlink", "rmdir", "mkdir")


def publish_and_die(
    base: Path, month: str, regions: list[str], after: int, changes, replace: str | None = None
) -> None:
    """Publish `base/site`, and die after so many changes; `changes` counts them. 0 lets it live."""
    die_after(base, after, changes)
    publish_once(base, month, regions, replace)


def withdraw_and_die(base: Path, month: str, after: int, changes) -> None:
    """Withdraw a month of `base/site`, and die likewise."""
    die_after(base, after, changes)
    withdraw(base / "site", Month.parse(month), "Fel")


def die_after(base: Path, after: int, changes) -> None:
    """Let this process count its changes to the file system, and die after so many."""

    def counted(function):
        def call(*args, **kwargs):
            result = function(*args, **kwargs)
            changes.value += 1
            if changes.value == after:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call

    for name in CHANGES:
        setattr(os, name, counted(getattr(os, name)))
    read_only = io.open
    created = counted(io.open)  # the file is there by then, and empty

    def opened(file, mode="r", *args, **kwargs):
        return (read_only if mode in ("r", "rb") else created)(file, mode, *args, **kwargs)

    io.open = opened
    tempfile.tempdir = str(base / "tmp")


def publish_once(base: Path, month: str, regions: list[str], replace: str | None = None) -> None:
    """Publish `base/site` from what stands beside it."""
    publish(
        base / "w.duckdb",
        base / "site",
        read_params(base / "p.yml"),
        month=Month.parse(month),
        regions=[parse_region(name) for name in regions],
        notebooks=base / "notebooks",
        replace=replace,
    )
