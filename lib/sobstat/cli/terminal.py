"""How the command line talks: what it says, its progress bars, and what it makes of an error.

Results go to standard output; all else, in colour where the terminal has colours, to standard error.
"""

import json
import logging
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import duckdb
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sobstat.errors import ReportError, SobstatError
from sobstat.names import visible
from sobstat.operation import log

# typer keeps its click to itself; the base of its BadParameter is every error of usage.
UsageError = typer.BadParameter.__base__

console = Console(stderr=True, highlight=False, soft_wrap=True)
FLAGS = ("--quiet", "--verbose", "--log")
flags: set[str] = set()


def run(app: typer.Typer, arguments: list[str]) -> int:
    """Run a command; returns its exit code, and says in a sentence what went wrong. With `--log`, it is logged."""
    if "--log" in flags:
        log.start()
    begun = time.monotonic()
    log.event("command started", command=arguments[0])
    code = _run(app, arguments)
    seconds = round(time.monotonic() - begun, 1)
    log.event("command ended", command=arguments[0], exit_code=code, seconds=seconds)
    return code


def _run(app: typer.Typer, arguments: list[str]) -> int:
    try:
        return app(arguments, prog_name="sobstat", standalone_mode=False) or 0
    except UsageError as error:
        command = error.ctx.command_path if error.ctx else "sobstat"
        say_wrong(f"{error.format_message()} See `{command} --help`.")
    except SobstatError as error:
        say_wrong(str(error), error)
    except ReportError as error:
        say_wrong(str(error), error)
        return 1
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        say_wrong(f"The warehouse cannot be read or written; it may be damaged, or the disk full. ({reason})", error)
    except OSError as error:
        say_wrong(f"{error.filename or 'A file'} cannot be used: {error.strerror or error}.", error)
    except KeyboardInterrupt:
        say_wrong("Interrupted: a load or an edition that was not finished is not there.")
        return 130
    except Exception as error:
        if not log.started():
            raise
        say_wrong("", error)  # its own message, which Python would print, may quote a cell
        return 1
    return 2


def say_wrong(message: str, error: Exception | None = None) -> None:
    """Say what went wrong, and the notes that the error gathered on its way here; a log gets no more than its kind."""
    if log.started():
        return log.failure("failed", error) if error else log.event("warning", logging.WARNING, message=message)
    if "--verbose" in flags and error:
        traceback.print_exception(error)
    first, *rest = message.split("\n")
    _print(first, "bold red")
    for line in (*rest, *getattr(error, "__notes__", [])):
        _print(line)


def say(message: str) -> None:
    """Say what was done, unless nobody wants to know."""
    if "--quiet" not in flags and not log.started():
        _print(message)


def print_json(data: dict | list) -> None:
    """Print a result for a script."""
    typer.echo(json.dumps(data, ensure_ascii=False, indent=1, default=str))


def is_watched() -> bool:
    """Whether a person sits at the terminal."""
    return sys.stdout.isatty() and console.is_terminal


def _print(message: str, style: str | None = None) -> None:
    """Print lines in which no name can steer the terminal."""
    console.print("\n".join(visible(line) for line in message.split("\n")), markup=False, style=style)


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar per step on a terminal; elsewhere, with --verbose or --log, each step is told as it begins."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    hidden = "--quiet" in flags or not console.is_terminal or log.started()
    with Progress(*columns, console=console, transient=True, disable=hidden) as bars:
        tasks: dict[str, int] = {}

        def show(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total)
                log.event("step", step=step)
                if "--verbose" in flags and not console.is_terminal:
                    say(f"{step} …")
            bars.update(tasks[step], completed=done)

        yield show
