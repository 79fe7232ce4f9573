"""The process that pages are made by: it imports what they need, once, and forks a process for each page.

It starts as the publisher's work begins, and takes orders when it is ready. It has a single thread and nothing open, so
that forking is safe, and ends with the publisher, and so do the pages.
"""

import gc
import multiprocessing
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

import altair as alt
import pandas as pd
from nbformat.v4 import new_markdown_cell, new_notebook

from sobstat.charts import amounts, county_circles, month_axis, tooltips
from sobstat.declarations import dimensions, measures, reports
from sobstat.edition.exporter import export_body
from sobstat.edition.kernels import can_fork, prepare_kernel
from sobstat.edition.run import Job, PageFailed, make_page
from sobstat.engines import ENGINE_VARIABLE
from sobstat.figures.drawing import DRAWER_VARIABLE, serve_drawings
from sobstat.figures.svg import specification
from sobstat.files import to_csv
from sobstat.months import Month
from sobstat.templating import ENVIRONMENT
from sobstat.warehouse import shared

# What kernels import as they start; what notebooks import, and what they use without naming it.
PRELOADED = (
    "IPython.extensions.storemagic",
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.logger",
    "IPython.core.oinspect",
    "babel.numbers",
    "faulthandler",
    "ipykernel.debugger",
    "ipykernel.kernelapp",
    "ipykernel.kernelspec",
    "tornado.platform.asyncio",
    "tornado.queues",
    "sqlite3",
    "sobstat.disclosure.mask",
    "sobstat.figures.figure",
    "sobstat.loads",
)


@dataclass(frozen=True)
class Made:
    """A page that was made: in so many seconds, its kernel forked or started anew."""

    seconds: float
    forked: bool


@dataclass(frozen=True)
class Orders:
    """The pages to make, `count` at a time, what counts for them, and whether to go on when one fails."""

    jobs: list[Job]
    count: int
    keep_going: bool
    engine: str
    make: Callable[[Job], float] = make_page


def serve(orders: Connection, results: Connection, scratch: Path) -> None:
    """Be ready for pages, take the Orders, make every page, and send each with its Made or PageFailed.

    Temporary files stand in `scratch`, which goes if the publisher is killed.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # kernels hear it
    _warm_up()
    try:
        with orders:
            ordered = orders.recv()
    except EOFError:
        _leave([], scratch)
    os.environ.update(shared(ordered.count) | {ENGINE_VARIABLE: ordered.engine})
    forking = can_fork()
    if forking:
        _start_drawers(min(ordered.count, os.cpu_count() or 1), f"{scratch}/drawer")
    publisher = multiprocessing.parent_process().sentinel
    todo, running = list(ordered.jobs), {}
    while todo or running:
        while todo and len(running) < ordered.count:
            job = todo.pop(0)
            process, outcome = _start(ordered.make, job, scratch, forking)
            running[outcome] = job, process
        for ready in wait([publisher, *running]):
            if ready == publisher:
                _leave([process for _, process in running.values()], scratch)
            job, process = running.pop(ready)
            try:
                outcome = ready.recv()
            except EOFError:
                outcome = PageFailed(job.page, None, "its process was killed (by the system, for lack of memory?)")
            ready.close()
            process.join()
            if isinstance(outcome, PageFailed) and not ordered.keep_going:
                todo.clear()
            results.send((job.page, outcome))
    gc.unfreeze()  # all of it is let go at the end, which DuckDB complains of otherwise


def _warm_up() -> None:
    """Do what would be the same for every page, and take the result out of the garbage collector's way."""
    for name in PRELOADED:
        import_module(name)
    for once in (reports, measures, dimensions):
        once()
    for template in ("base.html", "cell.html", "figure.html", "notices.html", "report.html"):
        ENVIRONMENT.get_template(template)
    export_body(new_notebook(cells=[new_markdown_cell("## Rubrik\n\nText")]))  # compiles templates and patterns
    _draw_up_a_chart()
    gc.collect()
    gc.freeze()


def _draw_up_a_chart() -> None:
    """Altair, pandas and Babel import and compile much as they do this for the first time."""
    table = pd.DataFrame({"manad": ["2025-10"], "lan_kod": ["01"], "lan": ["Stockholms län"], "startade": [1]})
    lines = alt.Chart(table).mark_line().encode(month_axis(), amounts(alt.Y, table, "startade"))
    lines = lines.encode(tooltip=tooltips("lan", "startade"))
    whole = county_circles(table, "startade", ["lan"]) | lines
    specification(whole.properties(description=Month(2025, 10).title))
    to_csv(table)


def _start_drawers(count: int, address: str) -> None:
    """Processes that draw the kernels' charts; they end with this one."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        for _ in range(count):
            multiprocessing.get_context("fork").Process(target=_draw, args=(listening,), daemon=True).start()
    os.environ[DRAWER_VARIABLE] = address


def _draw(listening: socket.socket) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    serve_drawings(listening)


def _start(make: Callable[[Job], float], job: Job, scratch: Path, forking: bool) -> tuple[BaseProcess, Connection]:
    """The process of a page, and where its outcome comes."""
    context = multiprocessing.get_context("fork" if forking else "spawn")
    outcome, sender = context.Pipe(duplex=False)
    process = context.Process(target=_make, args=(make, job, scratch, forking, sender))
    process.start()
    sender.close()
    return process, outcome


def _make(make: Callable[[Job], float], job: Job, scratch: Path, forking: bool, sender: Connection) -> None:
    """The life of a page's process: it forks the kernel before it does anything else."""
    tempfile.tempdir = str(scratch)
    kernel = prepare_kernel() if forking else None
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        outcome = Made(make(job), forked=kernel is not None and kernel.launched)
    except PageFailed as failure:
        outcome = failure
    finally:
        if kernel:
            kernel.kill()
    sender.send(outcome)


def _end_with_parent() -> None:
    wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


def _leave(processes: list[BaseProcess], scratch: Path) -> None:
    """The publisher was killed: end what it wanted made, and remove its temporary files."""
    for process in processes:
        process.kill()
    end = time.monotonic() + 10
    while scratch.exists() and time.monotonic() < end:  # a kernel may be writing there still
        shutil.rmtree(scratch, ignore_errors=True)
        time.sleep(0.1)
    os._exit(1)
