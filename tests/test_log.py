"""The log: one line of JSON per event, and nothing of what an extract holds, however malformed it is."""

import json
import logging
from pathlib import Path

import pytest
import typer

from sobstat import cli
from sobstat.cli import terminal
from sobstat.contract import sources
from sobstat.edition.plan import Page
from sobstat.edition.record import PageRecord, Record, recorded
from sobstat.edition.run import PageFailed
from sobstat.operation import log
from sobstat.periods import MAIN
from sobstat.regions import RIKET

# What must not be told: a person's id, which comes in where none belongs.
ID = "19121212-1212"
COLUMNS = list(sources()["arenden"].columns)


def events(stderr: str) -> list[dict]:
    """The lines of a log, each a whole event."""
    lines = [json.loads(line) for line in stderr.splitlines()]
    assert all({"time", "level", "event", "program", "run"} <= line.keys() for line in lines)
    assert all(line["time"].endswith("+00:00") for line in lines)
    return lines


def told(lines: list[dict], name: str) -> dict:
    """The only event of a name."""
    (line,) = [line for line in lines if line["event"] == name]
    return line


@pytest.fixture
def logged(monkeypatch, capfd):
    """Runs a command with `--log` in this process; returns its exit code and what it logged."""
    monkeypatch.setattr(terminal, "flags", {"--log", "--verbose"})
    handlers, level = log.LOG.handlers, log.LOG.level

    def run(*arguments: object, app: typer.Typer = cli.app) -> tuple[int, str]:
        code = terminal.run(app, [str(argument) for argument in arguments])
        return code, capfd.readouterr().err

    yield run
    log.LOG.handlers = handlers
    log.LOG.setLevel(level)


def test_a_failed_page_is_told_without_its_error(logged, tmp_path):
    app = typer.Typer(callback=lambda: None)

    @app.command()
    def publish() -> None:
        record = Record("site", "2025-10", pages=[PageRecord("oversikt", "riket", MAIN)])
        failed = PageFailed(Page("oversikt", "Översikt", RIKET), 3, f"ValueError: {ID}")
        with recorded(record, tmp_path, lambda report: None):
            record.failed(failed, "sobstat rerun …")
            raise failed

    code, stderr = logged("publish", app=app)
    assert code == 1
    assert told(events(stderr), "page failed")["cell"] == 3
    failed = told(events(stderr), "publication failed")
    assert (failed["level"], failed["why"]) == ("error", "PageFailed")
    assert ID in Path(failed["report"]).read_text("utf-8")
    assert ID not in stderr


def test_a_load_is_told_with_what_became_of_its_rows(logged, tmp_path):
    code, stderr = logged("load", Path(__file__).parent / "example", "--warehouse", tmp_path / "w.duckdb")
    assert code == 0
    ended = told(events(stderr), "load ended")
    assert ended["outcome"] == "loaded"
    assert ended["rows"]["read"] == ended["rows"]["kept"] > 0
    [line] = (tmp_path / "w.loads.jsonl").read_text("utf-8").splitlines()
    assert json.loads(line)["rows"] == ended["rows"]


def row(**cells: str) -> str:
    """A transaction as a line."""
    whole = {"transaktion_id": "1", "arende_id": "A", "arendetyp": "Process", "status": "Done"}
    whole |= {"tidpunkt": "2025-10-01", "vardtagare_id": ID, **cells}
    return ",".join(whole.get(name, "") for name in COLUMNS) + "\n"


HEADER = ",".join(COLUMNS) + "\n"
HOSTILE = {
    "an id as the name of a column": HEADER.replace("status", ID) + row(),
    "no header": row(),
    "an open quote": HEADER + row().replace(ID, f'"{ID}'),
    "a field too many": HEADER + row(kon=f"{ID},{ID}"),
    "an id as a time": HEADER + row(tidpunkt=ID),
    "an id as an age": HEADER + row(alder=ID),
    "an id as a transaction's, twice": HEADER + row(transaktion_id=ID) + row(transaktion_id=ID, status="Inprogress"),
    "half a character": HEADER + row(kon=f"{ID}\udcc3"),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_an_id_in_a_malformed_file_is_not_told(logged, tmp_path, text):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "arenden.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    code, stderr = logged("load", tmp_path / "in", "--warehouse", tmp_path / "w.duckdb")
    assert code == 2
    assert told(events(stderr), "load ended")["outcome"] == "failed"
    assert told(events(stderr), "failed")["error"] == "SobstatError"
    assert ID not in stderr
    assert ID not in (tmp_path / "w.loads.jsonl").read_text("utf-8")


def test_an_error_that_nobody_foresaw_is_told_by_its_kind(logged):
    app = typer.Typer(callback=lambda: None)

    @app.command()
    def count() -> None:
        raise KeyError(ID)

    code, stderr = logged("count", app=app)
    assert code == 1
    assert told(events(stderr), "failed")["error"] == "KeyError"
    assert ID not in stderr


def test_without_it_nothing_is_logged(capfd):
    log.event("step", logging.ERROR, step="Reading files")
    assert capfd.readouterr() == ("", "")
