"""The publishing story: plan, run, check, sign, appear."""

import io
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

from sobstat.edition import site as published
from sobstat.edition.assets import write_assets
from sobstat.edition.check import check_edition
from sobstat.edition.manifest import MANIFEST, edition_id, read_edition, write_manifest
from sobstat.edition.pages import render_edition_index, render_start
from sobstat.edition.plan import Edition, EditionParams, Page, period_of, plan_pages
from sobstat.edition.run import Job, check_notebook, leave_with_parent, make_page, write_whole
from sobstat.errors import ReportError, SobstatError
from sobstat.months import Month, Period, this_month
from sobstat.regions import Region
from sobstat.warehouse import Holdings, holdings

NOTEBOOKS = Path("notebooks")
Progress = Callable[[str, int, int], None]


def publish(
    warehouse: Path,
    site: Path,
    params: EditionParams,
    *,
    month: Month | None = None,
    regions: Iterable[Region] = (),
    notebooks: Path = NOTEBOOKS,
    progress: Progress = lambda step, done, total: None,
) -> Path:
    """Publish a month's edition, by default the latest that the warehouse holds; returns its folder on the site.

    With `regions`, only those, and those that the month's published edition has already: an edition never loses a
    region. Pages that an interrupted run of the very same edition finished are kept.
    Raises SobstatError before anything runs if the parameters are wrong or the warehouse does not hold the month,
    and ReportError if a page fails or a check does not hold; the site is then as it was.
    """
    for name in params.notebooks:
        check_notebook(notebooks / f"{name}.ipynb")
    held = holdings(warehouse)
    month = month or held.latest_whole_month
    _refuse_unless_held(held, month)
    published.prepare(site)
    with published.locked(site):
        if only := list(regions):
            only += _published_regions(site / str(month))
        edition = _plan(params, period_of(month, params.months), held, plan_pages(params, only))
        identity = edition_id(edition, warehouse, notebooks)
        assets = write_assets(site / "assets")
        if not published.stands(site, identity):
            _build(published.build_folder(site, identity), edition, assets, warehouse, notebooks, site, progress)
        published.appear(site, month, identity)
        _write_start_page(site, assets)
    return site / str(month)


def _build(
    build: Path,
    edition: Edition,
    assets: dict[str, str],
    warehouse: Path,
    notebooks: Path,
    site: Path,
    progress: Progress,
) -> None:
    """Every page and table of the edition, checked and signed, in a folder beside the site."""
    jobs = [Job(page, edition, *_paths(notebooks, page, warehouse), build, assets) for page in edition.pages]
    run_jobs([job for job in jobs if not job.file.exists()], progress)
    write_whole(build / "index.html", render_edition_index(edition, assets, _read_tables(build, edition)))
    check_edition(build, edition, site)
    write_manifest(build, edition, warehouse, [site / "assets" / name for name in assets.values()])


def rerun(
    warehouse: Path,
    out: Path,
    params: EditionParams,
    period: Period,
    regions: Iterable[Region],
    *,
    only: Iterable[str] = (),
    notebooks: Path = NOTEBOOKS,
    progress: Progress = lambda step, done, total: None,
) -> list[Path]:
    """Make an ad-hoc report for a region and any period, outside the publication and marked so; returns its pages.

    `only` names notebooks; by default all of the params file.
    Raises SobstatError and ReportError as `publish` does.
    """
    if unknown := [name for name in only if name not in params.notebooks]:
        raise SobstatError(f"There is no notebook {unknown[0]!r}: choose among {', '.join(params.notebooks)}.")
    chosen = list(only) or list(params.notebooks)
    for name in chosen:
        check_notebook(notebooks / f"{name}.ipynb")
    held = holdings(warehouse)
    _refuse_unless_held(held, period.last)
    pages = [Page(name, params.notebooks[name].title, region) for region in regions for name in chosen]
    edition = _plan(params, period, held, tuple(pages))
    assets = write_assets(out / "assets")
    target = out / f"{period.first}--{period.last}-ej-for-publicering"
    jobs = [Job(page, edition, *_paths(notebooks, page, warehouse), target, assets, adhoc=True) for page in pages]
    run_jobs(jobs, progress)
    return [job.file for job in jobs]


def run_jobs(jobs: list[Job], progress: Progress, workers: int | None = None) -> None:
    """Make every page, several at a time, each in a process and kernel of its own.

    Raises ReportError as soon as one fails; pages that are running then are finished, others are not started.
    """
    progress("Making pages", 0, len(jobs))
    if not jobs:
        return
    count = min(workers or os.cpu_count() or 1, len(jobs))
    pool = ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=leave_with_parent)
    try:
        for done, future in enumerate(as_completed([pool.submit(make_page, job) for job in jobs]), 1):
            future.result()
            progress("Making pages", done, len(jobs))
    except BrokenProcessPool as error:
        raise ReportError("A process that made a page was killed (by the system, for lack of memory?).") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _plan(params: EditionParams, period: Period, held: Holdings, pages: tuple[Page, ...]) -> Edition:
    return Edition(period.last, period, params.thresholds, pages, held.loaded, held.synthetic)


def _paths(notebooks: Path, page: Page, warehouse: Path) -> tuple[Path, Path]:
    return (notebooks / f"{page.notebook}.ipynb").resolve(), warehouse.resolve()


def _refuse_unless_held(held: Holdings, month: Month) -> None:
    if month >= this_month():
        raise SobstatError(f"{month} is not over: the last whole month is {this_month() + -1}.")
    if month > held.latest_whole_month:
        raise SobstatError(
            f"The warehouse does not hold {month} yet: it is complete to {held.latest_whole_month}. Load the extract "
            "of that month first."
        )


def _published_regions(folder: Path) -> list[Region]:
    """The regions of a published edition; none if there is none."""
    return read_edition(folder).regions if (folder / MANIFEST).is_file() else []


def _read_tables(build: Path, edition: Edition) -> dict[tuple[str, str], pd.DataFrame]:
    """The edition's tables as they are published, by region and report."""
    return {
        (region.slug, file.stem): pd.read_csv(io.StringIO(file.read_text("utf-8")), dtype={"lan_kod": str})
        for region in edition.regions
        for file in sorted((build / region.slug / "data").glob("*.csv"))
    }


def _write_start_page(site: Path, assets: dict[str, str]) -> None:
    """The start page shows the site's latest edition, with every month in its archive."""
    months = published.months(site)
    folder = site / str(months[0])
    latest = read_edition(folder)
    published.write_start(site, render_start(latest, assets, _read_tables(folder, latest), months))
