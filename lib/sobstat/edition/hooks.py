"""Commands that the operator wants to be run when an edition is published, or was not: a mail, a message in a chat."""

import os
import shlex
import signal
import subprocess
from collections.abc import Callable

from sobstat.edition.record import FAILED, PUBLISHED, RunReport
from sobstat.errors import SobstatError

TIMEOUT_SECONDS = 60


class Hooks:
    """Runs the command for success or failure as each run report comes in, and when a run ends without one.

    What a command complains of is said through `say`; it changes nothing of what is published.
    """

    def __init__(self, on_success: str | None, on_failure: str | None, say: Callable[[str], None]):
        self._success, self._failure = parse_command(on_success), parse_command(on_failure)
        self._say = say
        self.reports: list[RunReport] = []

    def tell(self, report: RunReport) -> None:
        """Run the command that a run report is for."""
        self.reports.append(report)
        record = report.record
        self._run(record.outcome != PUBLISHED, report.text, record.month, record.outcome, str(report.json_file or ""))

    def __enter__(self) -> "Hooks":
        return self

    def __exit__(self, kind, error: BaseException | None, traceback) -> None:
        if error and not any(report.record.outcome == FAILED for report in self.reports):
            self._run(True, f"Nothing was published: {error}\n", "", FAILED, "")

    def _run(self, failed: bool, text: str, month: str, outcome: str, file: str) -> None:
        command = self._failure if failed else self._success
        environment = {"SOBSTAT_MONTH": month, "SOBSTAT_OUTCOME": outcome, "SOBSTAT_REPORT": file}
        if command and (complaint := run_hook(command, text, environment)):
            self._say(complaint)


def parse_command(line: str | None) -> list[str] | None:
    """A command line as words; no shell reads it. Raises SobstatError if a quote is left open, or it is empty."""
    if line is None:
        return None
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise SobstatError(f"The command {line!r} cannot be read: {str(error).lower()}.") from error
    if not words:
        raise SobstatError("A command to run is empty: give a program, or leave the option out.")
    return words


def run_hook(
    command: list[str], text: str, environment: dict[str, str], timeout: float = TIMEOUT_SECONDS
) -> str | None:
    """Run a command with `text` on its standard input; returns a complaint if it failed, else None.

    A command that is not done after `timeout` seconds is killed, with all that it started.
    """
    try:
        hook = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=os.environ | environment,
            start_new_session=True,
        )
    except OSError as error:
        return f"The command {command[0]} could not be run: {error.strerror}."
    try:
        hook.communicate(text.encode("utf-8"), timeout)
    except subprocess.TimeoutExpired:
        os.killpg(hook.pid, signal.SIGKILL)
        hook.wait()
        return f"The command {command[0]} was not done after {timeout:g} seconds and was stopped."
    return f"The command {command[0]} failed with exit code {hook.returncode}." if hook.returncode else None
