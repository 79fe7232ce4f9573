"""The log of what the program does: with `--log`, one line of JSON per event on standard error.

A journal or a container's platform keeps and rotates it. Every line has the time (UTC), level, event, version and run:
systemd's invocation where there is one, so that the lines of one service belong together. An event holds names of
files, pages and steps, and counts of rows; never a cell of an extract, an id, or a message that may quote one.
"""

import json
import logging
import os
import sys
import uuid
from datetime import UTC, datetime
from importlib.metadata import version

from sobstat.errors import in_a_line

LOG = logging.getLogger("sobstat")
LOG.propagate = False
LOG.setLevel(logging.CRITICAL)  # without `--log`, nothing is told


class _Lines(logging.Formatter):
    """Events as lines of JSON."""

    def __init__(self):
        super().__init__()
        self.common = {"program": version("sobstat"), "run": os.environ.get("INVOCATION_ID") or uuid.uuid4().hex}

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": time, "level": record.levelname.lower(), "event": record.msg, **self.common, **record.facts}
        return json.dumps(line, ensure_ascii=False, default=str)


def start() -> None:
    """Write events from here on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    LOG.handlers = [handler]
    LOG.setLevel(logging.INFO)


def started() -> bool:
    """Whether events are written, and people at a terminal told nothing."""
    return LOG.isEnabledFor(logging.INFO)


def event(name: str, level: int = logging.INFO, **facts) -> None:
    """Tell that something happened; `facts` are what JSON can hold, paths and times."""
    LOG.log(level, name, extra={"facts": facts})


def failure(name: str, error: BaseException, **facts) -> None:
    """Tell that something failed: the kind of error, and of the project's own its first line, which names no cell."""
    event(name, logging.ERROR, error=type(error).__name__, why=in_a_line(error), **facts)
