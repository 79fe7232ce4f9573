"""A publisher that is killed at any instant: the site stays as it was or is wholly new, and the next run ends well.

What a kill after each change to the file system leaves is looked at; a real command is killed at random times too.
"""

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

import dying
from small import readable, small_base
from sobstat.edition import publish as publishing
from sobstat.errors import ReportError


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    """Per scenario a folder with a site whose next edition has its pages and nothing else, and what to publish."""
    start = small_base(tmp_path_factory.mktemp("kills"))
    first = about_to_publish(start, start.with_name("first"), "2025-09", ["riket"])
    published = copy(first, start.with_name("published"))
    dying.publish_once(published, "2025-09", ["riket"])
    return {
        "the first edition": (first, "2025-09", ["riket"]),
        "another month": (about_to_publish(published, start.with_name("month"), "2025-10", []), "2025-10", []),
        "another region": (about_to_publish(published, start.with_name("region"), "2025-09", []), "2025-09", []),
    }


def about_to_publish(base: Path, target: Path, month: str, regions: list[str]) -> Path:
    """A copy of a folder whose publisher got as far as the gates."""

    def stop(*_args):
        raise ReportError("stopped before the gates")

    copy(base, target)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publishing, "check_edition", stop)
        with pytest.raises(ReportError, match="stopped"):
            dying.publish_once(target, month, regions)
    return target


def copy(base: Path, target: Path) -> Path:
    return Path(shutil.copytree(base, target, symlinks=True))


def check_site(site: Path) -> None:
    """What readers find is whole: editions as their manifests sign them, and a start page of the latest of them."""
    for manifest_file in site.glob("*/manifest.json"):
        folder = manifest_file.parent
        manifest = json.loads(manifest_file.read_text("utf-8"))
        files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
        del files["manifest.json"]
        assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()} == manifest[
            "files"
        ]
        for name, digest in manifest["assets"].items():
            assert hashlib.sha256((site / "assets" / name).read_bytes()).hexdigest() == digest
    months = [path for path in site.iterdir() if path.name[:2] == "20"]
    assert all((month / "manifest.json").is_file() for month in months)
    if (site / "index.html").exists():
        latest = json.loads((site / "senaste" / "manifest.json").read_text("utf-8"))
        start = BeautifulSoup((site / "index.html").read_text("utf-8"), "html.parser")
        links = [urlsplit(a["href"]) for a in start.find_all("a", href=True)]
        links = [unquote(link.path) for link in links if not link.scheme]
        assert all((site / link).is_file() for link in links if link)
        pages = {f"{latest['month']}/{page['region']}/{page['notebook']}.html" for page in latest["pages"]}
        assert {link for link in links if link.count("/") == 2} == pages


def only_what_readers_need(site: Path) -> bool:
    """Whether nothing is left over of earlier runs."""
    editions = {path.resolve() for path in site.iterdir() if path.name[:2] == "20"}
    return (
        os.listdir(site / ".build") == ["lock"]
        and len(os.listdir(site / ".states")) == 1
        and {path.resolve() for path in (site / ".editions").iterdir()} == editions
    )


SCENARIOS = ("the first edition", "another month", "another region")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_killed_after_any_change_to_the_file_system(bases, tmp_path, scenario):
    base, month, regions = bases[scenario]
    own = copy(base, tmp_path / "own")
    site, before = own / "site", readable(base / "site")
    left = dying.left_by_kills(site, tmp_path, lambda: dying.publish_once(own, month, regions))
    after = readable(site)
    assert only_what_readers_need(site)
    assert before != after
    seen = set()
    for point, killed in enumerate(left):
        check_site(killed)
        now = readable(killed)
        new_month = {name for name in now if name.startswith(f"{month}/")}
        announced = now.get("index.html") == after["index.html"]
        assert now.items() >= (after if announced else before).items(), f"a mixture at change {point}"
        assert announced or now.keys() - before.keys() <= new_month | {name for name in now if name[:7] == "assets/"}
        seen.add(announced)
        if point % 3 == SCENARIOS.index(scenario):  # the three together try nearly all
            shutil.rmtree(site)
            killed.rename(site)
            dying.publish_once(own, month, regions)
            assert readable(site) == after, f"not completed after change {point}"
            assert only_what_readers_need(site)
    assert seen == {False, True}


def test_killed_at_random_times(bases, tmp_path):
    """The real command, kernels and all: killed again and again, then let alone."""
    base, _, _ = bases["another month"]
    folder = copy(base, tmp_path / "x")
    before = readable(folder / "site")
    shutil.rmtree(folder / "site" / ".build")
    command = [sys.executable, "-m", "sobstat", "publish", "--params", "p.yml", "--warehouse", "w.duckdb"]
    command += ["--site", "site", "--month", "2025-10"]
    chance = random.Random(3)
    for _ in range(3):
        publisher = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.5, 4))
        publisher.kill()
        publisher.wait()
        check_site(folder / "site")
        assert readable(folder / "site").items() >= before.items() or (folder / "site" / "2025-10").exists()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    check_site(folder / "site")
    assert (folder / "site" / "senaste").resolve() == (folder / "site" / "2025-10").resolve()
    assert only_what_readers_need(folder / "site")
