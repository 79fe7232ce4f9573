"""One page: a notebook run for a region through papermill, its files and its HTML.

`make_page` runs in a worker process of its own; what it needs and what comes back can be pickled.
"""

import json
import logging
import multiprocessing.connection
import os
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

import nbformat
import papermill
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError
from traitlets import default

from sobstat.declarations import reports
from sobstat.disclosure.rule import Thresholds
from sobstat.edition.pages import render_adhoc, render_page
from sobstat.edition.plan import Edition, Page
from sobstat.errors import ReportError, SobstatError
from sobstat.pseudonyms import KEY_VARIABLE

PARAMETERS = {"region", "from_month", "to_month", "warehouse", *Thresholds().as_dict()}
CELL_TIMEOUT_SECONDS = 600
TABLE_OUTPUT = "application/vnd.sobstat.table+json"


class LocalKernelManager(AsyncKernelManager):
    """Kernels over sockets in a folder of their own that only their owner can open.

    No TCP port, which two kernels could race for and others could listen on.
    """

    transport = "ipc"

    @default("ip")
    def _own_sockets(self) -> str:
        self._sockets = tempfile.TemporaryDirectory(prefix="sobstat-")
        return f"{self._sockets.name}/kernel"


@dataclass(frozen=True)
class Job:
    """A page to make. It goes to `target/<page.address>`, its tables to `data/` beside it."""

    page: Page
    edition: Edition
    notebook: Path
    warehouse: Path
    target: Path
    assets: dict[str, str]
    adhoc: bool = False

    @property
    def file(self) -> Path:
        return self.target / self.page.address


def check_notebook(path: Path) -> None:
    """Raises SobstatError unless the notebook exists and has just the parameters that every report takes.

    papermill itself would run a notebook with a misspelt parameter, for the wrong region.
    """
    if not path.is_file():
        raise SobstatError(f"There is no notebook {path}.")
    logging.getLogger("papermill").setLevel(logging.ERROR)
    found = set(papermill.inspect_notebook(str(path)))
    if found != PARAMETERS:
        raise SobstatError(
            f"{path.name} takes the parameters {', '.join(sorted(found)) or 'none'}; "
            f"expected {', '.join(sorted(PARAMETERS))} in a cell tagged `parameters`."
        )


def make_page(job: Job) -> None:
    """Run the notebook, and write its tables and then its page; a page that is there is complete.

    Raises ReportError that names page, region, cell and error if the notebook fails, or its kernel dies (RuntimeError).
    """
    try:
        notebook = _execute(job)
        tables = _tables(job, notebook)
        html = (render_adhoc if job.adhoc else render_page)(notebook, job.page, job.edition, job.assets)
    except (PapermillExecutionError, CellTimeoutError, RuntimeError, ReportError) as error:
        raise ReportError(f"{job.page.notebook} for {job.page.region.namn}: {_reason(error)}") from error
    for report_id, csv in tables.items():
        write_whole(job.file.parent / "data" / f"{report_id}.csv", csv)
    write_whole(job.file, html)


def leave_with_parent() -> None:
    """Let this worker end, and with it its kernel, as soon as the publisher is gone, even if it was killed."""
    sentinel = multiprocessing.parent_process().sentinel

    def watch() -> None:
        multiprocessing.connection.wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def write_whole(path: Path, text: str) -> None:
    """Write a UTF-8 file that is either whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8", newline="")
    os.replace(part, path)


def _execute(job: Job) -> nbformat.NotebookNode:
    # Notebooks read pseudonyms only: their kernels do not get the key.
    os.environ.pop(KEY_VARIABLE, None)
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    logging.getLogger("papermill").setLevel(logging.ERROR)
    # The kernel is killed when it is done: its temporary files go with this folder.
    with tempfile.TemporaryDirectory(prefix="sobstat-") as temporary:
        os.environ["TMPDIR"] = temporary
        notebook = papermill.execute_notebook(
            str(job.notebook),
            None,
            parameters={
                "region": job.page.region.slug,
                "from_month": str(job.edition.period.first),
                "to_month": str(job.edition.period.last),
                "warehouse": str(job.warehouse),
                **job.edition.thresholds.as_dict(),
            },
            cwd=str(job.notebook.parent),
            kernel_name="python3",
            progress_bar=False,
            log_output=False,
            execution_timeout=CELL_TIMEOUT_SECONDS,
            kernel_manager_class=LocalKernelManager,
            shutdown_kernel="immediate",
        )
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type == "code" and cell.metadata.papermill.status != "completed":
            raise ReportError(f"cell {number} was {cell.metadata.papermill.status}, not completed")
    return notebook


def _tables(job: Job, notebook: nbformat.NotebookNode) -> dict[str, str]:
    """The CSV of every report that the page shows, from the outputs of its own cells."""
    shown: dict[str, str] = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if table := output.get("data", {}).get(TABLE_OUTPUT):
                table = json.loads(table) if isinstance(table, str) else table
                shown[table["id"]] = table["csv"]
    expected = {report.id for report in reports().values() if report.notebook == job.page.notebook}
    if missing := expected - shown.keys():
        raise ReportError(
            f"it does not show {', '.join(sorted(missing))}, as reports.yml says: end a cell with report.figure(…)"
        )
    if unexpected := shown.keys() - expected:
        raise ReportError(f"it shows {', '.join(sorted(unexpected))}, which reports.yml gives to another notebook")
    return shown


def _reason(error: Exception) -> str:
    if isinstance(error, PapermillExecutionError):
        return f"cell {error.cell_index + 1}: {error.ename}: {error.evalue}"
    if isinstance(error, CellTimeoutError):
        return f"a cell took longer than {CELL_TIMEOUT_SECONDS} seconds"
    if isinstance(error, DeadKernelError):
        return "its kernel died"
    return str(error)
