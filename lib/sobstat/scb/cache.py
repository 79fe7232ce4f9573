"""Answers that are kept, so that an interrupted fetch goes on where it was, and a new one asks for what is new.

What is kept is found again by what was asked and by when the table last changed, so nothing in it grows old.
"""

import hashlib
import json
from pathlib import Path

from sobstat.files import write_whole


class Cache:
    """A folder with a file per year and table."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._used: set[Path] = set()

    def get(self, asked: list) -> list[dict] | None:
        """The answers to what was asked; None if they are not there, or damaged."""
        try:
            return json.loads(self._path(asked).read_text("utf-8"))
        except (OSError, ValueError):
            return None

    def keep(self, asked: list, answers: list[dict]) -> None:
        """Keep answers that were found good."""
        write_whole(self._path(asked), json.dumps(answers, ensure_ascii=False))

    def forget_others(self) -> None:
        """Remove what was neither got nor kept since this object was made."""
        for path in self._folder.glob("*.json"):
            if path not in self._used:
                path.unlink()

    def _path(self, asked: list) -> Path:
        path = self._folder / f"{hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:32]}.json"
        self._used.add(path)
        return path
