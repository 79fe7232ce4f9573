"""One page: a notebook run for a region through papermill, its files and its HTML.

`make_page` runs in a process of its own (server.py); what it needs and what comes back can be pickled.
"""

import json
import logging
import os
import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import nbformat
import papermill
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError
from traitlets import default

from sobstat.declarations import reports
from sobstat.disclosure.thresholds import Thresholds
from sobstat.edition.one_file import in_one_file
from sobstat.edition.pages import render_adhoc, render_page
from sobstat.edition.plan import Edition, Page
from sobstat.errors import ReportError, SobstatError
from sobstat.files import as_json, not_for_publication, write_whole
from sobstat.months import Period
from sobstat.open_data.workbook import make_workbook

PARAMETERS = {"region", "from_month", "to_month", "warehouse", *Thresholds().as_dict()}
INJECTED = "injected-parameters"
LONGEST_MESSAGE = 300
FILES_OUTPUT = "application/vnd.sobstat.files+json"


class LocalKernelManager(AsyncKernelManager):
    """Kernels over sockets in a folder of their own that only their owner can open.

    No TCP port, which two kernels could race for and others could listen on.
    """

    transport = "ipc"

    @default("ip")
    def _own_sockets(self) -> str:
        self._sockets = tempfile.TemporaryDirectory(prefix="k-")  # short: a socket's path has 107 characters at most
        return f"{self._sockets.name}/k"


@dataclass(frozen=True)
class Job:
    """A page to make. It goes to `target/<page.address>`, its tables to `data/` beside it.

    A cell may take `cell_timeout` seconds. `assets` are the names of the site's shared files; an ad-hoc page, which
    stands alone, gets their texts.
    """

    page: Page
    edition: Edition
    notebook: Path
    warehouse: Path
    target: Path
    assets: dict[str, str]
    cell_timeout: int
    adhoc: bool = False

    @property
    def period(self) -> Period:
        return self.edition.period_of(self.page.window)

    @property
    def file(self) -> Path:
        return self.target / self.page.address


class PageFailed(ReportError):
    """A page that could not be made: at which cell of its notebook, counted from 1 (None: after the last), and why."""

    def __init__(self, page: Page, cell: int | None, reason: str):
        super().__init__(page, cell, reason)
        self.page, self.cell, self.reason = page, cell, reason

    def __str__(self) -> str:
        where = f"cell {self.cell}: " if self.cell else ""
        return f"{self.page.notebook} for {self.page.region.namn}: {where}{self.reason}"


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


def make_page(job: Job) -> float:
    """Run the notebook, and write its tables and then its page; a page that is there is complete. Returns the seconds.

    Raises PageFailed, whatever it was that failed.
    """
    start = time.monotonic()
    reached: list[str] = []  # the ids of the cells that were started
    try:
        notebook = _execute(job, reached)
        files = _files(job, notebook)
        for name, content in _with_other_forms(files, job).items():
            write_whole(job.file.parent / "data" / name, content)
        write_whole(job.file, _html(job, notebook))
    except Exception as error:
        in_cell = isinstance(error, PapermillExecutionError | CellTimeoutError | DeadKernelError)
        cell = _cell_number(job.notebook, reached[-1]) if in_cell and reached else None
        raise PageFailed(job.page, cell, _reason(error, job)) from error
    return time.monotonic() - start


def _html(job: Job, notebook: nbformat.NotebookNode) -> str:
    if not job.adhoc:
        return render_page(notebook, job.page, job.edition, job.assets)
    names = {name: name for name in job.assets}
    html = render_adhoc(notebook, job.page, job.edition, names, root="")
    return in_one_file(html, job.assets, job.file.parent)


def _execute(job: Job, reached: list[str]) -> nbformat.NotebookNode:
    """The notebook as it is after it ran, in the order of the stored one; `reached` takes the ids of started cells."""
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    for name in ("papermill", "traitlets"):  # what goes wrong is told once, by the error
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # The kernel is killed when it is done: its temporary files go with this folder.
    with tempfile.TemporaryDirectory(prefix="sobstat-") as temporary:
        os.environ["TMPDIR"] = temporary
        notebook = papermill.execute_notebook(
            str(job.notebook),
            None,
            parameters={
                "region": job.page.region.slug,
                "from_month": str(job.period.first),
                "to_month": str(job.period.last),
                "warehouse": str(job.warehouse),
                **job.edition.thresholds.as_dict(),
            },
            cwd=str(job.notebook.parent),
            kernel_name="python3",
            progress_bar=False,
            log_output=False,
            execution_timeout=job.cell_timeout,
            on_cell_start=lambda cell, cell_index: reached.append(cell.id),
            kernel_manager_class=LocalKernelManager,
            shutdown_kernel="immediate",
        )
    notebook.cells = [cell for cell in notebook.cells if INJECTED not in cell.metadata.get("tags", [])]
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type == "code" and cell.metadata.papermill.status != "completed":
            raise ReportError(f"cell {number} was {cell.metadata.papermill.status}, not completed")
    return notebook


def _cell_number(notebook: Path, cell_id: str) -> int | None:
    """The place of a cell in the stored notebook, from 1."""
    cells = nbformat.read(notebook, nbformat.NO_CONVERT).cells
    return next((number for number, cell in enumerate(cells, 1) if cell.get("id") == cell_id), None)


def _files(job: Job, notebook: nbformat.NotebookNode) -> dict[str, str]:
    """The files of every report that the page shows, by name, from the outputs of its own cells."""
    shown: dict[str, dict[str, str]] = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if figure := output.get("data", {}).get(FILES_OUTPUT):
                figure = json.loads(figure) if isinstance(figure, str) else figure
                shown[figure["id"]] = figure["files"]
    expected = {report.id for report in reports().values() if report.notebook == job.page.notebook}
    if missing := expected - shown.keys():
        raise ReportError(
            f"it does not show {', '.join(sorted(missing))}, as reports.yml says: end a cell with report.figure(…)"
        )
    if unexpected := shown.keys() - expected:
        raise ReportError(f"it shows {', '.join(sorted(unexpected))}, which reports.yml gives to another notebook")
    return {name: text for files in shown.values() for name, text in files.items()}


def _with_other_forms(files: dict[str, str], job: Job) -> dict[str, str | bytes]:
    """The files, with each table as JSON and all in one spreadsheet; marked if they are not for publication."""
    tables = {name.removesuffix(".csv"): text for name, text in files.items() if name.endswith(".csv")}
    if job.adhoc:
        tables = {name: not_for_publication(csv) for name, csv in tables.items()}
    forms: dict[str, str | bytes] = {**files, **{f"{name}.csv": csv for name, csv in tables.items()}}
    forms |= {f"{name}.json": as_json(csv) for name, csv in tables.items()}
    if tables:
        forms[f"{job.page.notebook}.xlsx"] = make_workbook(job.page, job.edition, tables, job.adhoc)
    return forms


def _reason(error: Exception, job: Job) -> str:
    if isinstance(error, PapermillExecutionError):
        return _quoted(error.ename, error.evalue)
    if isinstance(error, CellTimeoutError):
        return f"it took longer than {job.cell_timeout} seconds (cell_timeout in the params file)"
    if isinstance(error, DeadKernelError):
        return "its kernel died (killed by the system, for lack of memory?)"
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'} cannot be used: {error.strerror or error}"
    return str(error) if isinstance(error, ReportError) else _quoted(type(error).__name__, str(error))


def _quoted(name: str, message: str) -> str:
    """An error's name and message in one line. Other people's messages may quote what they stumbled on: figures that
    are hidden, or persons' pseudonyms. Their digits are not repeated, and of a long message only the beginning.
    """
    line = " ".join(message.split())
    if name not in (SobstatError.__name__, ReportError.__name__):
        line = re.sub(r"\d+", "#", line)
    line = line if len(line) <= LONGEST_MESSAGE else f"{line[:LONGEST_MESSAGE]} …"
    return f"{name}: {line}".removesuffix(": ")
