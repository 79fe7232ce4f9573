"""An edition, all regions × notebooks, against the ways in which others make the same pages from the same data.

Ours writes each page's tables as files too, and a spreadsheet of them; so does the way without kernels, the others not.
"""

import ast
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import nbformat
import pandas as pd

from bench.data import MONTH, NOTEBOOKS, PARAMS, synthetic_warehouse
from sobstat.disclosure.mask import choose_mask
from sobstat.edition import run, server
from sobstat.edition.assets import write_assets
from sobstat.edition.plan import Edition, plan_pages
from sobstat.edition.run import Job, make_page
from sobstat.edition.workers import WORKERS, page_server, raise_failures, run_jobs, server_environment
from sobstat.periods import months_ending
from sobstat.regions import parse_region
from sobstat.warehouse import holdings, shared

# How many ärenden, which regions, and how often each way is taken: the slowest takes many minutes at full scale.
SCALES = {"small": (3_000, ["riket", "skane", "gotland"], 3), "whole": (300_000, PARAMS.regions, 1)}
WANTED = {
    "papermill and jupyter nbconvert, a command each per page": "at least 8",
    "papermill's API in a pool of processes, one exporter each": "at least 2.5",
    "plain function calls in processes that have imported all": "at least 1 / 1.5 = 0.67",
}


def measure(folder: Path, scale: str) -> list[pd.DataFrame]:
    arenden, slugs, repeats = SCALES[scale]
    jobs = plan(folder, arenden, slugs)
    ways = dict(zip(["sobstat", *WANTED], [sobstat, by_command, by_pool, by_function], strict=True))
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):  # by turns, so that other load on the machine meets all of them
        for name, way in ways.items():
            shutil.rmtree(folder / "out", ignore_errors=True)
            seconds[name].append(way(jobs))
    begun = statistics.median(server_start(jobs) for _ in range(3))
    ours = statistics.median(seconds["sobstat"])
    table = pd.DataFrame(
        {
            "way": name,
            "median, s": f"{statistics.median(taken):.1f}",
            "least, s": f"{min(taken):.1f}",
            "most, s": f"{max(taken):.1f}",
            "s a page": f"{statistics.median(taken) / len(jobs):.2f}",
            "times sobstat": f"{statistics.median(taken) / ours:.2f}",
            "wanted": WANTED.get(name, ""),
        }
        for name, taken in seconds.items()
    )
    table.attrs["title"] = (
        f"Edition: {len(jobs)} pages of 12 months, {len(slugs)} regions, {arenden} synthetic ärenden, "
        f"{WORKERS} workers, median of {repeats}; what is hidden was chosen before. Of sobstat's seconds {begun:.1f} "
        "pass before the first page begins: its server imports what the processes of the last way have imported already"
    )
    return [table]


def plan(folder: Path, arenden: int, slugs: list[str]) -> list[Job]:
    """The pages of the edition, with all that is made once for a month in place."""
    warehouse = synthetic_warehouse(folder, arenden)
    params = PARAMS.model_copy(update={"periods": PARAMS.periods[:1]})
    pages = plan_pages(params, [parse_region(slug) for slug in slugs])
    held, period = holdings(warehouse), months_ending(MONTH, params.months)
    edition = Edition(MONTH, period, params.thresholds, pages, held.loaded, held.synthetic)
    choose_mask(warehouse, period, params.thresholds)
    assets = write_assets(folder / "assets")
    return [
        Job(page, edition, NOTEBOOKS / f"{page.notebook}.ipynb", warehouse, folder / "out", assets, params.cell_timeout)
        for page in pages
    ]


def timed(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def sobstat(jobs: list[Job]) -> float:
    """As the publisher makes them, its server's start included."""

    def work() -> None:
        with page_server() as started:
            raise_failures(run_jobs(started, jobs, lambda step, done, total: None))

    return timed(work)


def server_start(jobs: list[Job]) -> float:
    """How long the server takes until a page begins."""
    begin, started = time.perf_counter(), []

    def made(_page, how: server.Made) -> None:
        started.append(time.perf_counter() - begin - how.seconds)

    with page_server() as ready:
        raise_failures(run_jobs(ready, jobs[:1], lambda step, done, total: None, made=made))
    return started[0]


def parameters(job: Job) -> dict:
    return {
        "region": job.page.region.slug,
        "from_month": str(job.period.first),
        "to_month": str(job.period.last),
        "warehouse": str(job.warehouse),
        **job.edition.thresholds.as_dict(),
    }


def executed(job: Job) -> Path:
    """Where the executed notebook goes; its folder is there."""
    job.file.parent.mkdir(parents=True, exist_ok=True)
    return job.file.with_suffix(".ipynb")


def by_command(jobs: list[Job]) -> float:
    def work() -> None:
        for job in jobs:
            given = [word for name, value in parameters(job).items() for word in ("-p", name, str(value))]
            papermill = ["papermill", str(job.notebook), str(executed(job)), *given, "--cwd", str(job.notebook.parent)]
            nbconvert = ["nbconvert", "--to", "html", "--no-input", "--log-level", "ERROR", str(executed(job))]
            for command in (papermill, nbconvert):
                done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True)
                assert done.returncode == 0, done.stderr

    return timed(work)


@cache
def exporter():
    from nbconvert import HTMLExporter

    return HTMLExporter(exclude_input=True)


def make_by_papermill(job: Job) -> None:
    import papermill

    papermill.execute_notebook(
        str(job.notebook), str(executed(job)), parameters(job), cwd=str(job.notebook.parent), progress_bar=False
    )
    html, _ = exporter().from_notebook_node(nbformat.read(executed(job), as_version=4))
    job.file.write_text(html, "utf-8")


def by_pool(jobs: list[Job]) -> float:
    def work() -> None:
        with multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
            pool.map(make_by_papermill, jobs, chunksize=1)

    return timed(work)


def execute_plainly(job: Job, _reached: list[str]) -> nbformat.NotebookNode:
    """The notebook as it is after its code ran in this process; what a cell's last line shows is its output."""
    notebook = nbformat.read(job.notebook, as_version=4)
    names: dict = {}
    os.chdir(job.notebook.parent)
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        if "parameters" in cell.metadata.get("tags", []):
            names |= parameters(job)
            continue
        *before, last = ast.parse(cell.source).body
        shows = isinstance(last, ast.Expr)
        exec(compile(ast.Module([*before, *([] if shows else [last])], []), cell.id, "exec"), names)
        if shows:
            shown = eval(compile(ast.Expression(last.value), cell.id, "eval"), names)
            data = (
                shown._repr_mimebundle_() if hasattr(shown, "_repr_mimebundle_") else {"text/html": shown._repr_html_()}
            )
            cell.outputs = [nbformat.v4.new_output("execute_result", data=data)]
    names["report"].close()
    return notebook


def prepare(ready) -> None:
    """Let a process have everything imported and started, and wait for the others."""
    os.environ.update(shared(WORKERS))
    server._warm_up()
    run._execute = execute_plainly
    from sobstat.figures.drawing import svg_of

    svg_of({"data": {"values": [{"a": 1}]}, "mark": "bar", "encoding": {"x": {"field": "a"}}})
    ready.wait()


def by_function(jobs: list[Job]) -> float:
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(WORKERS + 1)
    with ExitStack() as stack:
        with server_environment():
            pool = stack.enter_context(context.Pool(WORKERS, initializer=prepare, initargs=(ready,)))
        ready.wait()
        return timed(lambda: pool.map(make_page, jobs, chunksize=1))
