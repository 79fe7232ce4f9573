"""The publishing story: plan, run, check, sign, appear."""

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

from sobstat.disclosure.mask import choose_mask
from sobstat.edition import site as published
from sobstat.edition.assets import contents, write_assets
from sobstat.edition.check import check_edition
from sobstat.edition.due import refuse_a_clock_that_is_behind
from sobstat.edition.front import make_front, read_tables
from sobstat.edition.information import write_information
from sobstat.edition.manifest import build_id, differences, edition_id, made_from, read_edition, write_manifest
from sobstat.edition.notices import Notice
from sobstat.edition.overview import render_edition_index
from sobstat.edition.plan import Edition, EditionParams, Page, plan_pages
from sobstat.edition.record import KEPT, PUBLISHED, UNCHANGED, Record, RunReport, command_for, recorded
from sobstat.edition.revision import find_revision
from sobstat.edition.run import Job, check_notebook
from sobstat.edition.server import Made
from sobstat.edition.spark_server import counted_on
from sobstat.edition.told import tell_changes
from sobstat.edition.versions import as_replacement, before, compared_with, folder_of, keep_former
from sobstat.edition.workers import PageServer, Progress, page_server, raise_failures, run_jobs
from sobstat.engines import check_engine, without_token
from sobstat.errors import ReportError, SobstatError, no_such
from sobstat.files import public_files, write_whole
from sobstat.months import Month, Period, this_month
from sobstat.open_data.describe import describe_edition
from sobstat.periods import months_ending
from sobstat.regions import Region
from sobstat.warehouse import Holdings, holdings

NOTEBOOKS = Path("notebooks")


def publish(
    warehouse: Path,
    site: Path,
    params: EditionParams,
    *,
    month: Month | None = None,
    regions: Iterable[Region] = (),
    notebooks: Path = NOTEBOOKS,
    keep_going: bool = False,
    replace: str | None = None,
    engine: str | None = None,
    runs_folder: Path | None = None,
    progress: Progress = lambda step, done, total: None,
    tell: Callable[[RunReport], None] = lambda report: None,
) -> Path:
    """Publish a month's edition, by default the latest that the warehouse holds; returns its folder on the site.

    With `regions`, only those, and those that the month's published edition has already: an edition never loses a
    page. Pages that an interrupted run of the very same edition finished are kept. `keep_going` makes the other pages
    too when one fails. Only with `replace`, the reason why, may an edition take the place of one from other data, code
    or parameters; that one is kept beside it, and both say so.
    `engine` counts (see engines/), by default that of the parameters; what it counts is the same on each.
    A run report is written to `runs_folder` (default: `runs` beside the site), and given to `tell`.

    Raises SobstatError before anything runs if the parameters are wrong, the warehouse does not hold the month, or it
    is published differently; and ReportError if a page fails or a check does not hold. The site is then as it was.
    """
    engine = engine or params.engine
    run = Record(str(site), str(month or ""), engine=without_token(engine))
    with recorded(run, runs_folder or published.runs_folder(site), tell), public_files(), ExitStack() as stack:
        check_engine(engine, warehouse)
        server = stack.enter_context(page_server())
        for name in params.notebooks:
            check_notebook(notebooks / f"{name}.ipynb")
        held = holdings(warehouse)
        refuse_a_clock_that_is_behind(held)
        month = month or held.latest_whole_month
        run.month = str(month)
        _refuse_unless_held(held, month)
        published.prepare(site)
        with published.locked(site):
            published.settle(site)
            editions = published.addresses(site)
            standing = read_edition(site / str(month)) if str(month) in editions else None
            pages = _pages(params, list(regions), standing)
            origin = made_from(warehouse, notebooks, params.notebooks)
            earlier = compared_with(site, editions, month, standing if replace is None else None)
            notices = standing.notices if standing else ()
            edition = _plan(params, months_ending(month, params.months), held, pages, earlier, notices)
            if replace is not None:
                _refuse_to_replace(site, edition, standing, origin)
                edition = as_replacement(edition, standing, editions[str(month)], replace)
            identity = edition_id(edition, origin)
            if editions.get(str(month)) == identity:
                published.tidy(site)
                run.outcome = UNCHANGED
                return site / str(month)
            if standing and replace is None:
                _refuse_other(site, standing, edition, origin)
            edition = dataclasses.replace(edition, previous=before(site, edition))
            run.plan(edition, identity, origin)
            assets = write_assets(site / "assets")
            if not published.edition_folder(site, identity).is_dir():
                build = published.build_folder(site, build_id(edition, origin))
                run.build = str(build)
                stack.enter_context(counted_on(engine, warehouse))
                jobs = [
                    Job(page, edition, *_paths(notebooks, page, warehouse), build, assets, params.cell_timeout)
                    for page in pages
                ]
                mask = choose_mask(warehouse, edition.period, edition.thresholds, progress)
                _make_pages(run, server, jobs, origin["notebooks"], params, warehouse, keep_going, progress)
                since = folder_of(site, edition.earlier) if edition.earlier else None
                tell_changes(build, edition, find_revision(build, edition, since, warehouse, progress))
                if made_from(warehouse, notebooks, params.notebooks) != origin:
                    _throw_away(run, build)
                write_information(build, edition, assets, warehouse)
                describe_edition(build, edition)
                write_whole(build / "index.html", render_edition_index(edition, assets, read_tables(build, edition)))
                run.gates = check_edition(build, edition, site, params.max_page_kb, progress) | {"choice": mask.facts()}
                write_manifest(build, edition, origin, [site / "assets" / name for name in assets.values()])
                published.keep(site, build, identity)
            former = keep_former(site, edition, editions[str(month)]) if replace is not None else {}
            editions |= {str(month): identity, **former}
            published.switch(site, editions, *make_front(site, editions, assets))
            run.build, run.outcome = None, PUBLISHED
    return site / str(month)


def rerun(
    warehouse: Path,
    out: Path,
    params: EditionParams,
    period: Period,
    regions: Iterable[Region],
    *,
    only: Iterable[str] = (),
    engine: str | None = None,
    notebooks: Path = NOTEBOOKS,
    progress: Progress = lambda step, done, total: None,
) -> list[Path]:
    """Make an ad-hoc report for a region and any period, outside the publication and marked so; returns its pages.

    Each is a file that needs no other. `only` names notebooks; by default all of the params file.
    Raises SobstatError and ReportError as `publish` does.
    """
    if unknown := [name for name in only if name not in params.notebooks]:
        raise no_such("notebook", unknown[0], params.notebooks)
    chosen = list(only) or list(params.notebooks)
    with page_server() as server:
        for name in chosen:
            check_notebook(notebooks / f"{name}.ipynb")
        held = holdings(warehouse)
        _refuse_unless_held(held, period.last)
        pages = [Page(name, params.notebooks[name].title, region) for region in regions for name in chosen]
        edition = _plan(params, period, held, tuple(pages))
        assets = contents()
        target = out / f"{period.first}--{period.last}-ej-for-publicering"
        jobs = [
            Job(page, edition, *_paths(notebooks, page, warehouse), target, assets, params.cell_timeout, adhoc=True)
            for page in pages
        ]
        with counted_on(engine or params.engine, warehouse):
            choose_mask(warehouse, period, params.thresholds, progress)  # once, not in every kernel
            raise_failures(run_jobs(server, jobs, progress))
    return [job.file for job in jobs]


def _make_pages(
    run: Record,
    server: PageServer,
    jobs: list[Job],
    notebooks: dict[str, str],
    params: EditionParams,
    warehouse: Path,
    keep_going: bool,
    progress: Progress,
) -> None:
    """Make the pages that no earlier run finished from the same notebook, and record each.

    `notebooks` are the notebooks' hashes by file name. Raises PageFailed or ReportError.
    """
    note = jobs[0].target.parent / "made.json"  # page → hash of the notebook that it was made from
    made = json.loads(note.read_text("utf-8")) if note.is_file() else {}
    todo = []
    for job in jobs:
        if made.get(job.page.address) == notebooks[job.notebook.name]:
            run.page(job.page).outcome = KEPT
        else:
            todo.append(job)
            made.pop(job.page.address, None)
    write_whole(note, json.dumps(made))

    def finished(page: Page, how: Made) -> None:
        run.made(page, how)
        made[page.address] = notebooks[f"{page.notebook}.ipynb"]
        write_whole(note, json.dumps(made))

    failures = run_jobs(server, todo, progress, keep_going=keep_going, made=finished)
    for failure in failures:
        run.failed(failure, command_for(failure.page, jobs[0].edition, params, warehouse, run.engine))
    raise_failures(failures)


def _pages(params: EditionParams, only: list[Region], standing: Edition | None) -> tuple[Page, ...]:
    """The pages to publish: those asked for, and those that the month's published edition has already."""
    planned = plan_pages(params, only)
    if not standing:
        return planned
    pages = {page.address: page for page in (*standing.pages, *planned)}.values()
    order = {slug: place for place, slug in enumerate(params.regions)}
    return tuple(sorted(pages, key=lambda page: order.get(page.region.slug, len(order))))


def _plan(
    params: EditionParams,
    period: Period,
    held: Holdings,
    pages: tuple[Page, ...],
    earlier: str | None = None,
    notices: tuple[Notice, ...] = (),
) -> Edition:
    return Edition(
        period.last,
        period,
        params.thresholds,
        pages,
        held.loaded,
        held.synthetic,
        earlier,
        notices,
        params.publisher,
        params.publication_day,
    )


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


def _refuse_other(site: Path, standing: Edition, edition: Edition, origin: dict) -> None:
    """What is published stays: only pages may be added to it, made from the very same data, code and parameters."""
    month = edition.month
    if standing.withdrawn:
        raise SobstatError(
            f"The edition {month} was withdrawn on {standing.notices[-1].day}. It stays so until "
            f"`sobstat republish --month {month} --reason …` puts another in its place."
        )
    if differing := differences(site / str(month), edition, origin):
        raise SobstatError(
            f"The edition {month} is published already, and what it would be made from now differs in "
            f"{', '.join(differing)}. It stays as it is; `sobstat republish --month {month} --reason …` "
            "replaces it openly, and another --site is for trying things out."
        )


def _refuse_to_replace(site: Path, edition: Edition, standing: Edition | None, origin: dict) -> None:
    """Only what is published can be replaced, and only by something else."""
    if standing is None:
        raise SobstatError(f"{edition.month} is not published in {site}, so there is nothing to replace: publish it.")
    if not standing.withdrawn and not differences(site / str(edition.month), edition, origin):
        raise SobstatError(
            f"The edition {edition.month} would be made from just what it is made from, so there is nothing to replace."
        )


def _throw_away(run: Record, build: Path) -> None:
    """Somebody loaded data or changed code while the pages were made: they do not belong together."""
    run.build = None
    shutil.rmtree(build.parent)
    raise ReportError(
        "The warehouse, the code or a notebook changed while the edition was made, so its pages may not agree. "
        "They are thrown away: publish again."
    )
