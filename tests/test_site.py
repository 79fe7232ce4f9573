"""The site's links: what readers reach, in one step; what nothing reaches goes."""

import os
from pathlib import Path

import pytest

from sobstat.edition import site as published
from sobstat.edition.front import absent
from sobstat.errors import SobstatError
from sobstat.files import public_files
from sobstat.months import Month


@pytest.fixture
def site(tmp_path):
    published.prepare(tmp_path)
    return tmp_path


def build(site: Path, name: str) -> str:
    """An edition of one page, kept where editions stand; returns its name."""
    folder = published.build_folder(site, name)
    (folder / "page.html").write_text("x", "utf-8")
    published.keep(site, folder, name)
    return name


def test_a_switch_changes_everything_at_once(site):
    a, b = build(site, "2025-09-a"), build(site, "2025-10-b")
    published.switch(site, {"2025-09": a}, {"index.html": "september"}, Month(2025, 9))
    assert (site / "senaste" / "page.html").is_file()
    published.switch(
        site, {"2025-09": a, "2025-10": b}, {"index.html": "oktober", "feed.xml": "<feed/>"}, Month(2025, 10)
    )
    assert published.addresses(site) == {"2025-09": a, "2025-10": b}
    assert published.months(published.addresses(site)) == [Month(2025, 10), Month(2025, 9)]
    assert (site / "senaste").resolve() == (site / ".editions" / b).resolve()
    assert ((site / "index.html").read_text(), (site / "feed.xml").read_text()) == ("oktober", "<feed/>")
    assert {os.readlink(path) for path in site.iterdir() if path.is_symlink()} == {
        ".states/2",
        *(f".now/{name}" for name in ("2025-09", "2025-10", "feed.xml", "index.html", "senaste")),
    }


def test_what_nothing_leads_to_is_removed_and_a_former_version_with_an_address_stays(site):
    a = build(site, "2025-10-a")
    published.switch(site, {"2025-10": a}, {}, Month(2025, 10))
    b, c = build(site, "2025-10-b"), build(site, "2025-10-c")
    published.switch(site, {"2025-10": b, "2025-10-tidigare": a}, {}, Month(2025, 10))
    assert {path.name for path in (site / ".editions").iterdir()} == {a, b}
    assert not (site / ".editions" / c).exists()
    assert os.listdir(site / ".states") == ["2"]
    assert (site / "2025-10-tidigare" / "page.html").is_file()


def test_a_page_that_only_a_former_month_has_keeps_its_address_in_senaste(site):
    folder = published.build_folder(site, "2025-10-b")
    for name in ("index.html", "riket/oversikt.html", "riket/data/per-lan.csv"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("oktober", "utf-8")
    published.keep(site, folder, "2025-10-b")
    pages = {Month(2025, 10): ["index.html", "riket/oversikt.html"], Month(2025, 9): ["index.html", "skane/a.html"]}
    pages[Month(2025, 8)] = ["skane/a.html", "riket/b.html"]
    found = absent(pages)
    assert found == {"riket/b.html": Month(2025, 8), "skane/a.html": Month(2025, 9)}
    editions = {"2025-10": "2025-10-b"}
    files = {f"senaste/{name}": str(month) for name, month in found.items()}
    published.switch(site, editions, {"index.html": "x"} | files, Month(2025, 10))
    read = {name: (site / "senaste" / name).read_text() for name in [*pages[Month(2025, 10)], *found]}
    assert read == {
        "index.html": "oktober",
        "riket/oversikt.html": "oktober",
        "riket/b.html": "2025-08",
        "skane/a.html": "2025-09",
    }
    assert (site / "senaste" / "riket" / "data" / "per-lan.csv").read_text() == "oktober"
    published.switch(site, editions, {"index.html": "x"}, Month(2025, 10))
    assert os.readlink((site / ".now").resolve() / "senaste") == "2025-10"
    assert os.listdir(site / ".states") == ["2"]


def test_half_written_files_of_a_killed_run_do_not_come_along(site):
    (published.build_folder(site, "2025-10-a") / ".page.html.part").touch()
    assert list(published.build_folder(site, "2025-10-a").iterdir()) == []


def test_a_site_of_the_version_before_states_keeps_its_editions(site):
    name = build(site, "2025-09-a")
    (site / "2025-09").symlink_to(f".editions/{name}")
    (site / "senaste").symlink_to("2025-09")
    (site / "index.html").write_text("september", "utf-8")
    published.prepare(site)
    editions = published.addresses(site)
    assert editions == {"2025-09": name}
    published.switch(site, editions | {"2025-10": build(site, "2025-10-b")}, {"index.html": "oktober"}, Month(2025, 10))
    assert (site / "2025-09" / "page.html").is_file()
    assert (site / "index.html").read_text() == "oktober"
    assert (site / "senaste").resolve().name == "2025-10-b"


@pytest.mark.parametrize("name", ["thesis.docx", "2025-10"])
def test_a_folder_of_something_else_is_refused(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(SobstatError, match=f"holds {name}, which is no part of a published site"):
        published.prepare(tmp_path)


def test_public_files_are_public_and_the_umask_comes_back():
    umask = os.umask(0o077)
    try:
        with public_files():
            assert os.umask(0o022) == 0o022
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(umask)
