"""Editions that are replaced or withdrawn, openly; and the feed that tells of it."""

import dataclasses
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup

import dying
from months import NOVEMBER, OKTOBER, PARAMS
from small import readable, small_base, small_notebook
from sobstat.edition import notices
from sobstat.edition import publish as publishing
from sobstat.edition import site as published
from sobstat.edition.due import due_months
from sobstat.edition.feed import FEED, render_feed
from sobstat.edition.manifest import read_edition
from sobstat.edition.notices import REPLACED, WITHDRAWN, Notice
from sobstat.edition.publish import publish
from sobstat.edition.versions import withdraw
from sobstat.errors import SobstatError
from sobstat.months import Month
from sobstat.regions import parse_region
from test_edition import tree

REASON = "Fel i <uppgifter> från Region Skåne"
ATOM = "{http://www.w3.org/2005/Atom}"
LOOSE = PARAMS.model_copy(update={"min_antal": 9})


def copied(site: Path, folder: Path) -> Path:
    return Path(shutil.copytree(site, folder / "site", symlinks=True))


def page(site: Path, address: str) -> BeautifulSoup:
    return BeautifulSoup((site / address).read_text("utf-8"), "html.parser")


def signed(edition: Path) -> bool:
    """Whether the manifest holds the hash of each file that stands there, and no other."""
    files = {str(path.relative_to(edition)): path for path in edition.rglob("*") if path.is_file()}
    del files["manifest.json"]
    manifest = json.loads((edition / "manifest.json").read_text("utf-8"))
    return manifest["files"] == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}


def feed(site: Path) -> list[tuple[str, str]]:
    """The entries' titles and addresses, once the feed holds what RFC 4287 asks for."""
    root = ElementTree.fromstring((site / FEED).read_text("utf-8"))
    entries = root.findall(f"{ATOM}entry")
    assert root.tag == f"{ATOM}feed"
    assert root.find(f"{ATOM}author/{ATOM}name").text
    for element in (root, *entries):
        for name in ("id", "title", "updated"):
            assert len(element.findall(ATOM + name)) == 1
        assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", element.find(f"{ATOM}id").text)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00Z", element.find(f"{ATOM}updated").text)
    assert len({entry.find(f"{ATOM}id").text for entry in entries}) == len(entries)
    days = [entry.find(f"{ATOM}updated").text for entry in entries]
    assert days == sorted(days, reverse=True)
    assert root.find(f"{ATOM}updated").text == days[0]
    links = [entry.find(f"{ATOM}link[@rel='alternate']").get("href") for entry in entries]
    assert all((site / link).is_file() for link in links)
    return [(entry.find(f"{ATOM}title").text, link) for entry, link in zip(entries, links, strict=True)]


PUBLISHED = [("Utgåva november 2025", "2025-11/index.html"), ("Utgåva oktober 2025", "2025-10/index.html")]


@pytest.fixture(scope="module")
def replaced(two_months, tmp_path_factory):
    """The site with October replaced, from November's data."""
    site, warehouse = two_months
    site = copied(site, tmp_path_factory.mktemp("replaced"))
    publish(warehouse, site, PARAMS, month=OKTOBER, replace=REASON, notebooks=warehouse.parent / "notebooks")
    return site


def test_the_new_version_says_when_and_why_and_the_former_stands_beside(two_months, replaced):
    site, _ = two_months
    new, former = page(replaced, "2025-10/riket/invanare.html"), page(replaced, "2025-10-v1/riket/invanare.html")
    assert REASON in new.select_one(".banner.notice").get_text()
    assert "Ny version" in new.select_one(".banner.notice").get_text()
    assert "Ersatt version" in former.select_one(".banner.notice").get_text()
    assert former.select_one(".banner.notice a")["href"] == "../../2025-10/index.html"
    for table in (site / "2025-10").rglob("*.csv"):
        kept = replaced / "2025-10-v1" / table.relative_to(site / "2025-10")
        assert kept.read_bytes() == table.read_bytes()
    assert (replaced / "2025-10" / "riket" / "data" / "per-process.csv").read_text("utf-8") != (
        replaced / "2025-10-v1" / "riket" / "data" / "per-process.csv"
    ).read_text("utf-8")
    assert signed(replaced / "2025-10")
    assert signed(replaced / "2025-10-v1")


def test_nothing_else_changed(two_months, replaced):
    site, _ = two_months
    assert tree(replaced / "2025-11") == tree(site / "2025-11")
    assert (replaced / "senaste").resolve() == (replaced / "2025-11").resolve()


def test_the_replacement_tells_what_changed_since_the_former_version(replaced):
    rows = (replaced / "2025-10" / "andringar.csv").read_text("utf-8").splitlines()
    assert any(row.startswith("riket,per-process,") and ",startade,230,255," in row for row in rows)
    told = page(replaced, "2025-10/riket/laddningar.html").find("div", class_="changes").get_text(" ", strip=True)
    assert told.startswith("Den tidigare versionen av utgåvan oktober 2025")


def test_the_start_page_and_the_feed_tell_of_it(two_months, replaced):
    site, _ = two_months
    assert feed(site) == PUBLISHED
    assert feed(replaced) == [("Utgåvan oktober 2025 har ersatts av en ny version", "2025-10/index.html"), *PUBLISHED]
    archive = page(replaced, "arkiv.html").find("main")
    assert "2025-10-v1/index.html" in [link["href"] for link in archive.find_all("a")]
    assert page(replaced, "index.html").find("link", rel="alternate")["href"] == FEED


def test_a_replaced_edition_is_not_made_again_by_publishing(two_months, replaced):
    _, warehouse = two_months
    before = tree(replaced)
    publish(warehouse, replaced, PARAMS, month=OKTOBER, notebooks=warehouse.parent / "notebooks")
    assert tree(replaced) == before
    with pytest.raises(SobstatError, match="nothing to replace"):
        publish(warehouse, replaced, PARAMS, month=OKTOBER, replace="x", notebooks=warehouse.parent / "notebooks")
    with pytest.raises(SobstatError, match="nothing to replace: publish it"):
        publish(
            warehouse, replaced, PARAMS, month=Month(2025, 9), replace="x", notebooks=warehouse.parent / "notebooks"
        )
    with pytest.raises(SobstatError, match="differs in min_antal"):
        publish(warehouse, replaced, LOOSE, month=OKTOBER, notebooks=warehouse.parent / "notebooks")
    assert tree(replaced) == before


def test_a_withdrawn_edition_leaves_no_figure_that_readers_reach(replaced, tmp_path):
    site = copied(replaced, tmp_path)
    assert withdraw(site, OKTOBER, REASON) == [NOVEMBER]
    for address in ("2025-10", "2025-10-v1"):
        assert {path.suffix for path in (site / address).rglob("*") if path.is_file()} == {".html", ".json"}
        for path in (site / address).rglob("*.html"):
            text = BeautifulSoup(path.read_text("utf-8"), "html.parser").get_text(" ", strip=True)
            assert "Utgåvan oktober 2025 är indragen" in text
            assert REASON in text
            assert not BeautifulSoup(path.read_text("utf-8"), "html.parser").find("table")
        assert signed(site / address)
    editions = [path.name for path in (site / ".editions").iterdir()]
    assert len(editions) == 2, "former versions are still on the site"
    kept = site.parent / "withdrawn"
    assert len(list(kept.glob("*/riket/data/per-process.csv"))) == 2
    assert kept.stat().st_mode & 0o777 == 0o700
    assert feed(site)[0] == ("Utgåvan oktober 2025 är indragen", "2025-10/index.html")
    assert "indragen" in page(site, "arkiv.html").find("main").get_text().lower()
    for link in page(site, "2025-10/riket/oversikt.html").find_all(["a", "link"], href=True):
        path = link["href"].partition("#")[0]
        if path and not path.startswith(("data:", "mailto:")):
            assert os.path.exists(os.path.normpath(f"{site}/2025-10/riket/{path}"))


def test_the_latest_that_is_not_withdrawn_is_the_latest(two_months, tmp_path):
    site = copied(two_months[0], tmp_path)
    assert withdraw(site, NOVEMBER, REASON) == []
    assert (site / "senaste").resolve() == (site / "2025-10").resolve()
    assert "oktober 2025" in page(site, "index.html").find("main").get_text()
    assert withdraw(site, OKTOBER, REASON) == []
    assert "Utgåvan november 2025 är indragen" in page(site, "index.html").get_text()
    assert len(feed(site)) == 4


def test_a_withdrawn_edition_stays_withdrawn_until_it_is_replaced(two_months, tmp_path):
    site, warehouse = copied(two_months[0], tmp_path), two_months[1]
    command = [sys.executable, "-m", "sobstat", "withdraw", "--month", "2025-11", "--reason", REASON]
    done = subprocess.run([*command, "--site", site, "--json"], capture_output=True)
    told = json.loads(done.stdout)
    assert (told["outcome"], told["told_in"]) == ("withdrawn", [])
    assert [Path(told["page"]).is_file(), Path(told["kept"]).is_dir()] == [True, True]
    assert NOVEMBER not in due_months(warehouse, site, PARAMS)
    with pytest.raises(SobstatError, match="withdrawn already"):
        withdraw(site, NOVEMBER, REASON)
    with pytest.raises(SobstatError, match="was withdrawn on"):
        publish(warehouse, site, PARAMS, month=NOVEMBER, notebooks=warehouse.parent / "notebooks")
    publish(warehouse, site, LOOSE, month=NOVEMBER, replace="Rättad", notebooks=warehouse.parent / "notebooks")
    assert (site / "senaste").resolve() == (site / "2025-11").resolve()
    assert not (site / "2025-11-v1").exists()
    assert read_edition(site / "2025-11").earlier == (site / "2025-10").resolve().name
    assert [title for title, _ in feed(site)][:2] == [
        "Utgåvan november 2025 har ersatts av en ny version",
        "Utgåvan november 2025 är indragen",
    ]


def test_a_region_can_be_added_to_a_replaced_edition(two_months, replaced, tmp_path):
    site, warehouse = copied(replaced, tmp_path), two_months[1]
    more = PARAMS.model_copy(update={"regions": ["riket", "skane", "gotland"]})
    only = [parse_region("gotland")]
    publish(warehouse, site, more, month=OKTOBER, regions=only, notebooks=warehouse.parent / "notebooks")
    assert read_edition(site / "2025-10").notices == read_edition(replaced / "2025-10").notices
    assert (site / "2025-10" / "gotland" / "invanare.html").is_file()
    absent = page(site, "senaste/gotland/invanare.html").find("main")  # November lacks it
    assert [link["href"] for link in absent.find_all("a")] == ["../../2025-10/gotland/invanare.html", "../index.html"]
    assert (site / "2025-10" / "andringar.csv").read_bytes() == (replaced / "2025-10" / "andringar.csv").read_bytes()


REFUSED = {
    "no such month": (Month(2025, 9), REASON, "not published"),
    "no reason": (OKTOBER, "  ", "Give a --reason"),
    "unreadable reason": (OKTOBER, "a\x00b", "Give a --reason"),
}


@pytest.mark.parametrize(("month", "reason", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_withdrawn_is_refused_and_the_site_stays(two_months, month, reason, message):
    site, _ = two_months
    before = tree(site)
    with pytest.raises(SobstatError, match=message):
        withdraw(site, month, reason)
    assert tree(site) == before


def test_a_folder_without_a_site_has_nothing_to_withdraw(tmp_path):
    with pytest.raises(SobstatError, match="no published site"):
        withdraw(tmp_path, OKTOBER, REASON)


def test_the_same_withdrawal_gives_the_same_bytes(two_months, tmp_path):
    sites = [copied(two_months[0], tmp_path / name) for name in ("a", "b")]
    for site in sites:
        withdraw(site, OKTOBER, REASON)
    pages = [tree(site / "2025-10") | tree(site / "2025-11") for site in sites]
    assert pages[0] == pages[1]
    assert (sites[0] / FEED).read_bytes() == (sites[1] / FEED).read_bytes()


def test_entries_keep_their_ids_when_others_come(two_months):
    edition = read_edition(two_months[0] / "2025-10")
    withdrawn = Notice(WITHDRAWN, "2026-01-02", "Fel", edition.loaded)
    again = Notice(REPLACED, "2026-01-03", "Rättat", edition.loaded)
    ids = []
    for told in ((), (withdrawn,), (withdrawn, again)):
        text = render_feed([dataclasses.replace(edition, notices=told)])
        ids.append(re.findall(r"<entry>\s*<id>([^<]*)", text)[::-1])
    assert ids[2][:1] == ids[0]
    assert ids[2][:2] == ids[1]
    assert len(set(ids[2])) == 3


def test_a_notice_is_of_today_and_its_reason_one_line():
    notice = notices.make_notice(WITHDRAWN, "  Två \n rader ", "2025-11-01")
    assert notice.reason == "Två rader"
    assert date.fromisoformat(notice.day)


def check_kills(base: Path, folder: Path, change: Callable[[Path], None]) -> None:
    """Kill a change of the site after each of its steps: readers find all of it or nothing, and it can be completed."""
    own = Path(shutil.copytree(base, folder / "own", symlinks=True))
    site, before = own / "site", readable(base / "site")
    left = dying.left_by_kills(site, folder, lambda: change(own))
    after, outcomes = readable(site), set()
    for point, killed in enumerate(left):
        now = {name: content for name, content in readable(killed).items() if name[:7] != "assets/"}
        done = now["index.html"] == after["index.html"]
        # The address of a former version may stand a step before anything leads to it.
        now = {name: content for name, content in now.items() if done or not name.startswith("2025-09-v1/")}
        assert now.items() <= (after if done else before).items(), f"a mixture at change {point}"
        outcomes.add(done)
        if not done and point % 3 == 0:
            shutil.rmtree(site)
            killed.rename(site)
            change(own)
            assert readable(site) == after, f"not completed after change {point}"
    assert outcomes == {False, True}


@pytest.fixture(scope="module")
def small_site(tmp_path_factory):
    """A small site with September, whose notebook has been changed since, and a replacement built up to the gates."""
    base = small_base(tmp_path_factory.mktemp("small"))
    dying.publish_once(base, "2025-09", ["riket"])
    small_notebook(base / "notebooks", "liten", "region * 2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publishing, "check_edition", lambda *_: pytest.fail("at the gates"))
        with pytest.raises(pytest.fail.Exception, match="at the gates"):
            dying.publish_once(base, "2025-09", [], "Rättad")
    return base


def test_a_withdrawal_that_is_killed_leaves_the_site_as_it_was_or_withdrawn(small_site, tmp_path):
    check_kills(small_site, tmp_path, lambda base: withdraw(base / "site", Month(2025, 9), REASON))


def test_a_replacement_that_is_killed_leaves_the_site_as_it_was_or_replaced(small_site, tmp_path):
    check_kills(small_site, tmp_path, lambda base: dying.publish_once(base, "2025-09", [], "Rättad"))


def test_a_withdrawal_that_was_killed_before_it_tidied_is_tidied_when_repeated(small_site, tmp_path):
    base = Path(shutil.copytree(small_site, tmp_path / "x", symlinks=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(published, "tidy", lambda site: None)
        withdraw(base / "site", Month(2025, 9), REASON)
    assert len(list((base / "site" / ".editions").iterdir())) == 2
    with pytest.raises(SobstatError, match="withdrawn already"):
        withdraw(base / "site", Month(2025, 9), REASON)
    assert len(list((base / "site" / ".editions").iterdir())) == 1
