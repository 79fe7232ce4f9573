"""The run report: what happened when an edition was made, for a person as text and for a machine as JSON.

It names pages, cells, errors and counts of what was checked, never a figure from a table.
"""

import json
import logging
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import duckdb

from sobstat.edition.plan import PARAMS, Edition, EditionParams, Page
from sobstat.edition.run import PageFailed
from sobstat.edition.server import Made
from sobstat.engines import DUCKDB
from sobstat.errors import ReportError, SobstatError
from sobstat.files import write_whole
from sobstat.operation.log import event, failure

PUBLISHED, UNCHANGED, FAILED = "published", "unchanged", "failed"
MADE, KEPT, NOT_MADE = "made", "kept", "not made"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass
class PageRecord:
    """What became of a page: made, kept from an interrupted run, failed or not made.

    A made one has its seconds, and whether its kernel was forked or had to be started anew. A failed one has the cell
    of its notebook (counted from 1), the error, and the command that shows it again.
    """

    notebook: str
    region: str
    period: str
    outcome: str = NOT_MADE
    seconds: float | None = None
    forked: bool | None = None
    cell: int | None = None
    error: str | None = None
    command: str | None = None


@dataclass
class Record:
    """One run: what counted, started (UTC), its outcome, its pages, and what the gates counted."""

    site: str
    month: str = ""
    engine: str = DUCKDB
    outcome: str = FAILED
    started: str = field(default_factory=_now)
    ended: str = ""
    edition: str = ""
    build: str | None = None
    made_from: dict = field(default_factory=dict)
    pages: list[PageRecord] = field(default_factory=list)
    gates: dict = field(default_factory=dict)
    error: str | None = None

    def plan(self, edition: Edition, edition_id: str, origin: dict) -> None:
        """Note what is going to be made, and from which load."""
        self.edition = edition_id
        self.made_from = {"loaded": edition.loaded, **origin}
        self.pages = [PageRecord(page.notebook, page.region.slug, page.window) for page in edition.pages]
        event("edition planned", edition=edition_id, load=origin["load"], pages=len(self.pages))

    def page(self, page: Page) -> PageRecord:
        """The record of one of the planned pages."""
        wanted = (page.notebook, page.region.slug, page.window)
        return next(entry for entry in self.pages if (entry.notebook, entry.region, entry.period) == wanted)

    def made(self, page: Page, how: Made) -> None:
        """Note that a page was made."""
        entry = self.page(page)
        entry.outcome, entry.seconds, entry.forked = MADE, round(how.seconds, 1), how.forked
        event("page made", page=page.address, seconds=entry.seconds, forked=entry.forked)

    def failed(self, failure: PageFailed, command: str) -> None:
        """Note how a page failed."""
        entry = self.page(failure.page)
        entry.outcome, entry.cell, entry.error, entry.command = FAILED, failure.cell, failure.reason, command
        event("page failed", logging.ERROR, page=failure.page.address, cell=failure.cell)

    def text(self) -> str:
        """The report for a person."""
        done = {outcome: [page for page in self.pages if page.outcome == outcome] for outcome in (MADE, KEPT, FAILED)}
        told = f"{len(done[MADE])} made, {len(done[KEPT])} kept, {len(done[FAILED])} failed"
        outcome = "is published" if self.outcome == PUBLISHED else "was NOT published"
        lines = [
            f"The edition {self.month} {outcome}: {self.site}",
            *([self.error, "The site is as it was."] if self.error else []),
            "",
            f"Started  {self.started}",
            f"Ended    {self.ended}",
            f"Edition  {self.edition or 'none'}",
            f"Engine   {self.engine}",
        ]
        if self.made_from:
            lines.append(f"Data     loaded {self.made_from['loaded']}, {len(self.made_from['inputs'])} files")
            lines.append(f"Code     sobstat {self.made_from['code']['version']}")
        lines.append(f"Pages    {len(self.pages)}: {told}, {len(self.pages) - sum(map(len, done.values()))} not made")
        if self.build:
            lines.append(f"Built in {self.build}, for inspection; the next run keeps what is done")
        for page in done[FAILED]:
            cell = f" at cell {page.cell}" if page.cell else ""
            lines += ["", f"{page.notebook} for {page.region} failed{cell}: {page.error}", f"  Try it: {page.command}"]
        if self.gates:
            lines += ["", "Checked before publication"]
            lines += [f"  {gate}: {_listed(facts)}" for gate, facts in self.gates.items()]
        if done[MADE]:
            forked = sum(page.forked for page in done[MADE])
            lines += ["", f"Kernels  {forked} forked, {len(done[MADE]) - forked} started anew"]
            slowest = sorted(done[MADE], key=lambda page: -page.seconds)
            lines += ["", "Seconds per page", *(f"  {p.seconds:6.1f}  {p.region}/{p.notebook}" for p in slowest)]
        return "\n".join(lines) + "\n"

    def json(self) -> str:
        """The report for a machine: the same, with every input's hash."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n"


@dataclass(frozen=True)
class RunReport:
    """A run report: its text, and the files that hold it (None where the disk would not take them)."""

    record: Record
    text: str
    text_file: Path | None
    json_file: Path | None


@contextmanager
def recorded(record: Record, folder: Path, tell: Callable[[RunReport], None]) -> Iterator[None]:
    """Write the record when the run ends, however it ends, to `folder/<time>-<month>.txt` and `.json`, and tell of it.

    A run that found nothing to do leaves none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    event("publication started", site=record.site, month=record.month)
    try:
        yield
    except BaseException as error:
        record.error = _said(error)
        report = _write(record, folder)
        failure("publication failed", error, month=record.month, report=report.json_file)
        error.add_note(f"The run report is {report.text_file or 'not written: the disk takes no more'}.")
        tell(report)
        raise
    if record.outcome == UNCHANGED:
        event("edition is published already", month=record.month)
    else:
        report = _write(record, folder)
        event("edition placed", month=record.month, edition=record.edition, report=report.json_file)
        tell(report)


def command_for(page: Page, edition: Edition, params: EditionParams, warehouse: Path, engine: str) -> str:
    """The command that runs a page's notebook once more, outside the publication."""
    period = edition.period_of(page.window)
    words = ["sobstat", "rerun", "--from", period.first, "--to", period.last]
    words += ["--region", page.region.slug, "--notebook", page.notebook, "--warehouse", warehouse, "--verbose"]
    words += [] if engine == params.engine else ["--engine", engine]
    words += [] if params.file == PARAMS else ["--params", params.file]
    return shlex.join(map(str, words))


def _write(record: Record, folder: Path) -> RunReport:
    record.ended = _now()
    stem = f"{record.started[:19].replace(':', '')}Z-{record.month or 'none'}"
    # The clock may have been set back: no earlier report is overwritten.
    names = (stem if number == 1 else f"{stem}-{number}" for number in count(1))
    name = next(name for name in names if not (folder / f"{name}.json").exists())
    text, text_file, json_file = record.text(), folder / f"{name}.txt", folder / f"{name}.json"
    try:
        write_whole(text_file, text)
        write_whole(json_file, record.json())
    except OSError:
        return RunReport(record, text, None, None)
    return RunReport(record, text, text_file, json_file)


def _said(error: BaseException) -> str:
    """The error as the command line says it; what nobody foresaw goes by its kind alone, since it may quote data."""
    if isinstance(error, SobstatError | ReportError | OSError):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "Interrupted."
    if isinstance(error, duckdb.Error):
        return "The warehouse cannot be read; it may be damaged."
    return type(error).__name__


def _listed(facts: dict) -> str:
    return ", ".join(f"{value} {name}" for name, value in facts.items()) or "nothing found"
