"""Several pages at a time, each in a process and kernel of its own, none of which outlives the publisher.

Publisher → server → a process for each page → its kernel. server.py and kernels.py say why.
"""

import multiprocessing
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from sobstat.edition.plan import Page
from sobstat.edition.run import Job, PageFailed
from sobstat.edition.server import Made, Orders, serve
from sobstat.engines import default_engine
from sobstat.errors import ReportError, SobstatError
from sobstat.pseudonyms import KEY_VARIABLE

Progress = Callable[[str, int, int], None]
# How many pages at a time: one more than cores, since pages wait for messages too.
WORKERS = (os.cpu_count() or 1) + 1
# Libraries that start a thread as soon as they are imported do not: numpy's, and pyarrow's where it is installed. And
# the debugger, which kernels import, keeps quiet.
SINGLE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
QUIET = {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}
# A socket's path has 107 characters at most, and kernels' end with 32: /sobstat-12345678/k-12345678/k-1.
LONGEST_TEMPORARY = 107 - 32


class PageServer:
    """The process that pages are made by, as its publisher sees it."""

    def __init__(self, process: BaseProcess, orders: Connection, results: Connection):
        self._process, self._orders, self._results = process, orders, results

    def make(self, orders: Orders) -> Iterator[tuple[Page, Made | PageFailed]]:
        """What comes of each page; raises ReportError if the process is killed. It takes orders once."""
        with suppress(BrokenPipeError):  # it was killed before: no results come then
            self._orders.send(orders)
        yield from _received(self._results)
        self._process.join()
        if self._process.exitcode:
            raise ReportError("The process that pages are made by was killed (by the system, for lack of memory?).")


@contextmanager
def page_server() -> Iterator[PageServer]:
    """Start a server, which imports what pages need while its publisher prepares them; nothing of it is left at the
    end, however it ends.

    Raises SobstatError if TMPDIR is too long.
    """
    temporary = tempfile.gettempdir()
    if len(os.fsencode(temporary)) > LONGEST_TEMPORARY:
        raise SobstatError(
            f"The folder for temporary files, {temporary}, has a path of too many characters for sockets in it. "
            f"Let TMPDIR name one with at most {LONGEST_TEMPORARY} of them."
        )
    context = multiprocessing.get_context("spawn")
    orders, giver = context.Pipe(duplex=False)
    results, sender = context.Pipe(duplex=False)
    with tempfile.TemporaryDirectory(prefix="sobstat-", ignore_cleanup_errors=True) as scratch, giver, results:
        process = context.Process(target=serve, args=(orders, sender, Path(scratch)))
        with server_environment(), _unheard(signal.SIGINT), orders, sender:  # Ctrl-C is the publisher's
            process.start()
        try:
            yield PageServer(process, giver, results)
        finally:
            process.kill()
            process.join()
            list(_received(results))  # it ends when the last of the pages' processes has ended


def run_jobs(
    server: PageServer,
    jobs: list[Job],
    progress: Progress,
    *,
    keep_going: bool = False,
    made: Callable[[Page, Made], None] = lambda page, how: None,
    workers: int = WORKERS,
) -> list[PageFailed]:
    """Make every page, several at a time, each in a process and kernel of its own; returns the failures.

    After the first one no other page is started, unless `keep_going`. `made` is told of each page that was made.
    Raises ReportError if the process that pages are made by is killed.
    """
    progress("Making pages", 0, len(jobs))
    failures: list[PageFailed] = []
    if not jobs:
        return failures
    orders = Orders(_longest_first(jobs), min(workers, len(jobs)), keep_going, default_engine())
    for done, (page, outcome) in enumerate(server.make(orders), 1):
        if isinstance(outcome, PageFailed):
            failures.append(outcome)
        else:
            made(page, outcome)
        progress("Making pages", done, len(jobs))
    return failures


def raise_failures(failures: list[PageFailed]) -> None:
    """Raise the only failure as it is, or several as one ReportError that lists them."""
    if len(failures) == 1:
        raise failures[0]
    if failures:
        listed = "\n".join(f"  {failure}" for failure in failures)
        raise ReportError(f"{len(failures)} pages failed.\n{listed}")


def _longest_first(jobs: list[Job]) -> list[Job]:
    """So that no long page is left alone at the end: Riket before the län, long periods before short ones."""
    return sorted(jobs, key=lambda job: (bool(job.page.region.lan_kod), -len(job.period.months)))


def _received(results: Connection) -> Iterator[tuple[Page, Made | PageFailed]]:
    try:
        while True:
            yield results.recv()
    except EOFError:
        return


@contextmanager
def server_environment() -> Iterator[None]:
    """The surroundings of what is started: one thread, and without the key, since notebooks read pseudonyms only."""
    kept = dict(os.environ)
    os.environ.pop(KEY_VARIABLE, None)
    os.environ |= SINGLE_THREAD | QUIET
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


@contextmanager
def _unheard(number: signal.Signals) -> Iterator[None]:
    """What is started does not hear a signal until it says what to do then."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
