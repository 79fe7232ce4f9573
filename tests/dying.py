"""What a publisher that is killed (SIGKILL) leaves of a site, after each of its changes to the file system.

A kill leaves the disk as it is at that moment: the site is copied there and then, and the publisher goes on.
"""

import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sobstat.edition.plan import read_params
from sobstat.edition.publish import publish
from sobstat.months import Month
from sobstat.regions import parse_region

CHANGES = ("replace", "rename", "symlink", "unlink", "rmdir", "mkdir")


def left_by_kills(site: Path, folder: Path, change: Callable[[], None]) -> list[Path]:
    """Make the change; returns copies of the site in `folder`, as kills in the course of it would have left it."""
    left: list[Path] = []
    copying = False

    def followed_by_a_copy(function):
        def call(*args, **kwargs):
            nonlocal copying
            result = function(*args, **kwargs)
            if not copying:
                copying = True
                left.append(Path(shutil.copytree(site, folder / str(len(left)), symlinks=True)))
                copying = False
            return result

        return call

    read_only, created = io.open, followed_by_a_copy(io.open)  # the file is there by then, and empty

    def opened(file, mode="r", *args, **kwargs):
        return (read_only if mode in ("r", "rb") else created)(file, mode, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        for name in CHANGES:
            patch.setattr(os, name, followed_by_a_copy(getattr(os, name)))
        patch.setattr(io, "open", opened)
        change()
    return left


def publish_once(base: Path, month: str, regions: list[str], replace: str | None = None) -> None:
    """Publish `base/site` from what stands beside it."""
    publish(
        base / "w.duckdb",
        base / "site",
        read_params(base / "p.yml"),
        month=Month.parse(month),
        regions=[parse_region(name) for name in regions],
        notebooks=base / "notebooks",
        replace=replace,
    )
