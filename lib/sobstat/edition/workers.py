"""Several pages at a time, each in a process and kernel of its own, none of which outlives the publisher."""

import multiprocessing
import multiprocessing.connection
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from sobstat.edition.plan import Page
from sobstat.edition.run import Job, PageFailed, make_page
from sobstat.errors import ReportError

Progress = Callable[[str, int, int], None]


def run_jobs(
    jobs: list[Job],
    progress: Progress,
    *,
    keep_going: bool = False,
    made: Callable[[Page, float], None] = lambda page, seconds: None,
    workers: int | None = None,
) -> list[PageFailed]:
    """Make every page, several at a time, each in a process and kernel of its own; returns the failures.

    After the first one no other page is started, unless `keep_going`. `made` is told of each page and its seconds.
    Raises ReportError if a worker is killed.
    """
    progress("Making pages", 0, len(jobs))
    failures: list[PageFailed] = []
    if not jobs:
        return failures
    count = min(workers or os.cpu_count() or 1, len(jobs))
    with tempfile.TemporaryDirectory(prefix="sobstat-") as scratch:
        pool = ProcessPoolExecutor(
            count, mp_context=multiprocessing.get_context("spawn"), initializer=_leave_with_parent, initargs=(scratch,)
        )
        try:
            futures = {pool.submit(make_page, job): job.page for job in jobs}
            for done, future in enumerate(as_completed(futures), 1):
                if future.cancelled():
                    continue
                try:
                    made(futures[future], future.result())
                except PageFailed as failure:
                    failures.append(failure)
                    if not keep_going:
                        pool.shutdown(wait=False, cancel_futures=True)
                progress("Making pages", done, len(jobs))
        except BrokenProcessPool as error:
            raise ReportError("A process that made a page was killed (by the system, for lack of memory?).") from error
        finally:
            pool.shutdown(cancel_futures=True)
    return failures


def raise_failures(failures: list[PageFailed]) -> None:
    """Raise the only failure as it is, or several as one ReportError that lists them."""
    if len(failures) == 1:
        raise failures[0]
    if failures:
        listed = "\n".join(f"  {failure}" for failure in failures)
        raise ReportError(f"{len(failures)} pages failed.\n{listed}")


def _leave_with_parent(scratch: str) -> None:
    """Let this worker end, and with it its kernel, as soon as the publisher is gone, even if it was killed.

    `scratch` is the run's folder of temporary files, which goes too.
    """
    tempfile.tempdir = scratch
    sentinel = multiprocessing.parent_process().sentinel

    def watch() -> None:
        multiprocessing.connection.wait([sentinel])
        end = time.monotonic() + 10
        while os.path.exists(scratch) and time.monotonic() < end:  # a kernel may be writing there still
            shutil.rmtree(scratch, ignore_errors=True)
            time.sleep(0.1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
