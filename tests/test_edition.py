"""The edition, end to end: a synthetic extract, two regions, real notebooks and kernels."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

import forking
from sobstat.declarations import reports
from sobstat.demo import write_demo
from sobstat.edition import workers
from sobstat.edition.check import check_edition
from sobstat.edition.manifest import made_from, read_edition
from sobstat.edition.plan import EditionParams, plan_pages, read_params
from sobstat.edition.publish import publish, rerun
from sobstat.edition.run import check_notebook
from sobstat.edition.site import locked
from sobstat.errors import ReportError, SobstatError
from sobstat.files import to_csv
from sobstat.load import load_extract
from sobstat.months import Month, Period
from sobstat.periods import MAIN
from sobstat.regions import REGIONS, RIKET, parse_region
from sobstat.report import open_report

ROOT = Path(__file__).parent.parent
NOTEBOOKS = ROOT / "notebooks"
GOTLAND, SKANE = parse_region("gotland"), parse_region("skane")
MONTH = Month(2025, 10)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    folder = tmp_path_factory.mktemp("edition")
    write_demo(folder / "in", arenden=1000, to_month=str(MONTH))
    load_extract(folder / "in", folder / "sobstat.duckdb", now=datetime(2025, 11, 1, 5, tzinfo=UTC))
    return folder / "sobstat.duckdb"


@pytest.fixture(scope="module")
def params():
    """The edition's own, with two of its periods."""
    return read_params(ROOT / "params" / "edition.yml").model_copy(update={"periods": [MAIN, "manad"]})


@pytest.fixture(scope="module")
def quick(params):
    """One notebook, and a period for which nothing else has to be looked at."""
    return params.model_copy(
        update={"months": 3, "periods": [MAIN], "notebooks": {"invanare": params.notebooks["invanare"]}}
    )


@pytest.fixture(scope="module")
def site(warehouse, params, tmp_path_factory):
    """A site with the edition of October 2025 for Riket and Gotland."""
    site = tmp_path_factory.mktemp("published") / "site"
    publish(warehouse, site, params, month=MONTH, regions=[RIKET, GOTLAND], notebooks=NOTEBOOKS)
    return site


def tree(site: Path) -> dict[str, bytes]:
    """Everything that a reader can reach, and what stands behind it."""
    files = (path.relative_to(site) for path in sorted(site.rglob("*")) if path.is_file())
    return {str(path): (site / path).read_bytes() for path in files if path.parts[0] != ".build"}


def test_every_page_and_table_is_there(site):
    edition = site / "2025-10"
    pages = {str(path.relative_to(edition)) for path in edition.rglob("*.html")}
    assert pages == {
        "index.html",
        *[f"{name}.html" for name in ("definitioner", "kvalitet", "om", "tillganglighet")],
        *[
            f"{region}/{period}{name}.html"
            for region in ("riket", "gotland")
            for period in ("", "manad/")
            for name in ("oversikt", "invanare")
        ],
        "riket/laddningar.html",
    }
    for folder in ("riket", "riket/manad", "gotland", "gotland/manad"):
        assert {path.stem for path in (edition / folder / "data").glob("*.csv")} == set(reports())


def test_the_latest_edition_has_stable_addresses(site):
    assert (site / "senaste" / "riket" / "oversikt.html").read_bytes() == (
        site / "2025-10" / "riket" / "oversikt.html"
    ).read_bytes()
    assert "2025-10/riket/oversikt.html" in (site / "index.html").read_text("utf-8")


def test_the_manifest_signs_every_file(site):
    edition = site / "2025-10"
    manifest = json.loads((edition / "manifest.json").read_text("utf-8"))
    found = {
        str(path.relative_to(edition)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in edition.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    assert manifest["files"] == found
    assert manifest["regions"] == ["riket", "gotland"]
    assert (manifest["from"], manifest["to"], manifest["min_antal"]) == ("2024-11", "2025-10", 10)
    assert {entry["file"] for entry in manifest["inputs"]} >= {"arenden.parquet", "befolkning.parquet"}
    for name, digest in manifest["assets"].items():
        assert hashlib.sha256((site / "assets" / name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize(
    ("folder", "first"), [("riket", "2024-11"), ("gotland", "2024-11"), ("gotland/manad", "2025-10")]
)
def test_files_hold_what_the_table_command_prints(site, warehouse, folder, first):
    report = open_report(folder.split("/")[0], first, "2025-10", warehouse)
    for name in reports():
        published = (site / "2025-10" / folder / "data" / f"{name}.csv").read_bytes()
        assert published == to_csv(report.table(name)).encode("utf-8"), name
    report.close()


def test_pages_speak_swedish_say_that_data_are_synthetic_and_show_no_code(site):
    for path in (site / "2025-10").rglob("*.html"):
        page = BeautifulSoup(path.read_text("utf-8"), "html.parser")
        assert page.html["lang"] == "sv"
        assert len(page.find_all("h1")) == 1
        assert "Påhittade" in page.get_text(), path
        assert "open_report" not in page.get_text(), path


def test_the_same_edition_again_gives_the_same_bytes_also_from_ordinary_kernels(
    warehouse, params, tmp_path, monkeypatch
):
    params = params.model_copy(update={"periods": [MAIN]})  # a page of each notebook is enough
    publish(warehouse, tmp_path / "forked", params, month=MONTH, regions=[RIKET], notebooks=NOTEBOOKS)
    monkeypatch.setattr(workers, "serve", forking.serve_without_forking)
    publish(warehouse, tmp_path / "ordinary", params, month=MONTH, regions=[RIKET], notebooks=NOTEBOOKS)
    assert tree(tmp_path / "forked") == tree(tmp_path / "ordinary")


def test_a_second_publisher_is_told_who_is_at_work(site, warehouse, params):
    with locked(site), pytest.raises(SobstatError, match=rf"is being published by process {os.getpid()} on \S+ since"):
        publish(warehouse, site, params, month=MONTH, regions=[GOTLAND], notebooks=NOTEBOOKS)


def test_publishing_one_region_keeps_the_others(site, warehouse, params, tmp_path):
    copy = tmp_path / "site"
    shutil.copytree(site, copy, symlinks=True)
    publish(warehouse, copy, params, month=MONTH, regions=[SKANE], notebooks=NOTEBOOKS)
    assert [region.slug for region in read_edition(copy / "2025-10").regions] == ["riket", "gotland", "skane"]


def test_the_periods_of_a_page_are_a_click_apart(site):
    edition = site / "2025-10"
    for here, others in {
        "gotland/oversikt.html": {"Senaste 12 månaderna": "", "Senaste månaden": "manad/oversikt.html"},
        "gotland/manad/invanare.html": {"Senaste 12 månaderna": "../invanare.html", "Senaste månaden": ""},
    }.items():
        page = BeautifulSoup((edition / here).read_text("utf-8"), "html.parser")
        tabs = {link.get_text(): link for link in page.select("nav.periods a")}
        assert tabs.keys() == others.keys()
        for title, address in others.items():
            if address:
                assert (edition / here).parent.joinpath(tabs[title]["href"]).resolve() == (
                    edition / here
                ).parent.joinpath(address).resolve()
            else:
                assert tabs[title]["aria-current"] == "page"


def test_an_earlier_month_leaves_the_latest_one_latest(site, warehouse, quick, tmp_path):
    copy = tmp_path / "site"
    shutil.copytree(site, copy, symlinks=True)
    publish(warehouse, copy, quick, month=Month(2025, 9), regions=[GOTLAND], notebooks=NOTEBOOKS)
    assert (copy / "senaste").resolve() == (copy / "2025-10").resolve()
    start = (copy / "index.html").read_text("utf-8")
    assert "2025-09/" in start
    assert "2025-10/" in start


def broken_notebooks(folder: Path, name: str, old: str, new: str) -> Path:
    """The notebooks, with some text of one replaced."""
    copy = folder / "notebooks"
    shutil.copytree(NOTEBOOKS, copy, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    text = (copy / f"{name}.ipynb").read_text("utf-8")
    assert old in text
    (copy / f"{name}.ipynb").write_text(text.replace(old, new, 1), "utf-8")
    return copy


def test_a_failing_notebook_is_named_and_the_site_stays(site, warehouse, quick, tmp_path):
    before = tree(site)
    notebooks = broken_notebooks(tmp_path, "invanare", 'report.table(\\"', 'report.table(\\"no-')
    with pytest.raises(ReportError, match=r"invanare for Gotlands län: cell \d+: SobstatError: There"):
        publish(warehouse, site, quick, month=Month(2025, 9), regions=[GOTLAND], notebooks=notebooks)
    assert tree(site) == before


def test_a_report_that_its_notebook_does_not_show_fails_the_edition(warehouse, quick, tmp_path):
    notebooks = broken_notebooks(tmp_path, "invanare", "report.figure(", "print(")
    with pytest.raises(ReportError, match=r"it does not show .*, as reports\.yml says"):
        publish(warehouse, tmp_path / "site", quick, month=MONTH, regions=[GOTLAND], notebooks=notebooks)
    assert not (tmp_path / "site" / "2025-10").exists()


def test_a_misspelt_parameter_is_refused_before_anything_runs(warehouse, params, tmp_path):
    notebooks = broken_notebooks(tmp_path, "invanare", "from_month =", "frommonth =")
    with pytest.raises(SobstatError, match=r"takes the parameters .*frommonth"):
        publish(warehouse, tmp_path / "site", params, month=MONTH, regions=[GOTLAND], notebooks=notebooks)
    assert not (tmp_path / "site").exists()


REFUSED = {
    "not loaded yet": (Month(2025, 11), [], "does not hold 2025-11 yet: it is complete to 2025-10"),
    "not over": (Month(2999, 1), [], "is not over"),
    "too early": (Month(2015, 9), [], "data are shown from 2015-10"),
}


@pytest.mark.parametrize(("month", "regions", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_month_that_cannot_be_published_is_refused(warehouse, params, tmp_path, month, regions, message):
    with pytest.raises(SobstatError, match=message):
        publish(warehouse, tmp_path / "site", params, month=month, regions=regions, notebooks=NOTEBOOKS)
    assert not (tmp_path / "site" / str(month)).exists()


BAD_PARAMS = {
    "unknown name": ("months: 12\nmanader: 3\nnotebooks: {}\n", "manader"),
    "ill-typed": ("months: ett år\nnotebooks: {}\n", "months"),
    "unknown region and more": (
        "months: x\nregions: [skone]\nnotebooks: {}\n",
        r"2 fault\(s\).*nearest match is skane",
    ),
    "unknown period": ("periods: [manader]\nnotebooks: {}\n", r"no period 'manader': choose among 12-manader, manad"),
    "periods that are not published together": ("months: 6\nperiods: [ar]\nnotebooks: {}\n", "need months: 12"),
    "no notebooks": ("months: 12\n", "notebooks"),
    "no mapping": ("- 1\n", "not a YAML file of parameters"),
    "no YAML": ("a: [\n", "not a YAML file of parameters"),
}


@pytest.mark.parametrize(("text", "message"), BAD_PARAMS.values(), ids=BAD_PARAMS.keys())
def test_bad_params_are_refused(tmp_path, text, message):
    (tmp_path / "p.yml").write_text(text, "utf-8")
    with pytest.raises(SobstatError, match=message):
        read_params(tmp_path / "p.yml")


def test_the_full_edition_has_every_region(params):
    pages = plan_pages(params, [])
    assert {page.region for page in pages if page.notebook == "oversikt"} == set(REGIONS)
    assert {page.region for page in pages if page.notebook == "laddningar"} == {RIKET}


def test_nothing_to_publish_is_refused(warehouse, params, tmp_path):
    only = params.model_copy(update={"notebooks": {"laddningar": params.notebooks["laddningar"]}})
    with pytest.raises(SobstatError, match="nothing to publish"):
        publish(warehouse, tmp_path / "site", only, month=MONTH, regions=[GOTLAND], notebooks=NOTEBOOKS)


def test_a_folder_of_something_else_is_not_published_into(warehouse, params, tmp_path):
    (tmp_path / "thesis.docx").touch()
    with pytest.raises(SobstatError, match=r"thesis\.docx, which is no part of a published site"):
        publish(warehouse, tmp_path, params, month=MONTH, regions=[GOTLAND], notebooks=NOTEBOOKS)


FAULTS = {
    "other server": ("</head>", '<link rel="stylesheet" href="https://example.org/x.css"></head>', "another server"),
    "other server, same scheme": ("</body>", '<img src="//example.org/x.png"></body>', "another server"),
    "other server by srcset": ("</body>", '<img srcset="https://example.org/x.png"></body>', "another server"),
    "inline module": ("</body>", '<script type="module">1</script></body>', "inline code"),
    "inline style": ("</body>", "<style>@import 'https://example.org';</style></body>", "a style of its own"),
    "inline code": ("</body>", "<script>alert(1)</script></body>", "inline code"),
    "dead link": ("</body>", '<a href="finns-inte.html">x</a></body>', "does not exist"),
    "dead anchor": ("</body>", '<a href="#finns-inte">x</a></body>', "is not on the page"),
    "code in an attribute": ("</body>", '<p onclick="alert(1)">x</p></body>', "inline code in an attribute"),
    "code in a link": ("</body>", '<a href="javascript:alert(1)">x</a></body>', "inline code in a link"),
    "code that shows": ("</body>", '<div class="highlight">x</div></body>', "shows code"),
    "an error that shows": ("</body>", "<pre>Traceback (most recent call last)</pre></body>", "shows an error"),
    "no policy": ("Content-Security-Policy", "X", "lacks a strict Content-Security-Policy"),
    "a lax policy": ("script-src 'self'", "script-src 'self' 'unsafe-inline'", "lacks a strict"),
    "a script before the policy": (
        "<head>",
        '<head><script src="x.js"></script>',
        "before its Content-Security-Policy",
    ),
    "dead anchor of another page": (
        "</body>",
        '<a href="oversikt.html#x">x</a></body>',
        "not on gotland/oversikt.html",
    ),
    "dead script": ("</body>", '<script src="../../assets/x.js"></script></body>', "does not exist"),
    "own path": ("</body>", f"{Path.cwd()}/x</body>", "path of this machine"),
}


def test_the_checks_see_every_page_that_must_not_appear(site, tmp_path):
    build = tmp_path / "build"
    shutil.copytree(site / "2025-10", build)
    check_edition(build, read_edition(build), site)
    good = (build / "gotland" / "invanare.html").read_text("utf-8")
    for number, (old, new, _) in enumerate(FAULTS.values()):
        assert old in good
        (build / "gotland" / f"{number}.html").write_text(good.replace(old, new), "utf-8")
    (build / "gotland" / "invanare.html").write_text(good.replace('id="vardtagare-per-kon"', 'id="x"'), "utf-8")
    with pytest.raises(ReportError) as caught:
        check_edition(build, read_edition(build), site)
    found = str(caught.value).splitlines()
    assert "  gotland/invanare.html does not show vardtagare-per-kon" in found
    for number, (name, (_, _, message)) in enumerate(FAULTS.items()):
        assert any(f"gotland/{number}.html: " in line and message in line for line in found), name


def test_the_checks_see_what_is_missing(site, tmp_path):
    build = tmp_path / "build"
    shutil.copytree(site / "2025-10", build)
    (build / "gotland" / "data" / "per-lan.csv").unlink()
    with pytest.raises(ReportError, match=r"per-lan\.csv is missing"):
        check_edition(build, read_edition(build), site)


def test_a_notebook_that_the_params_file_does_not_name_is_no_part_of_an_edition(warehouse):
    assert (NOTEBOOKS / "guide.ipynb").is_file()
    assert set(made_from(warehouse, NOTEBOOKS, ["oversikt"])["notebooks"]) == {"oversikt.ipynb"}


def test_a_rerun_is_marked_and_stands_apart(warehouse, params, tmp_path):
    period = Period.parse("2025-03", "2025-06")
    [page] = rerun(warehouse, tmp_path, params, period, [GOTLAND], only=["invanare"], notebooks=NOTEBOOKS)
    assert "ej-for-publicering" in str(page)
    text = BeautifulSoup(page.read_text("utf-8"), "html.parser").get_text(" ")
    assert "Ej för publicering" in text
    assert "mars 2025–juni 2025" in text
    assert (page.parent / "data" / "vardtagare-per-kon.csv").is_file()


def test_an_unknown_notebook_is_refused(warehouse, params, tmp_path):
    with pytest.raises(SobstatError, match=r"no notebook 'oversyn': choose among oversikt"):
        rerun(warehouse, tmp_path, params, Period.parse("2025-03", "2025-06"), [GOTLAND], only=["oversyn"])
    with pytest.raises(SobstatError, match="no notebook"):
        check_notebook(tmp_path / "oversyn.ipynb")


def test_a_failed_report_exits_with_1(warehouse, tmp_path):
    broken_notebooks(tmp_path, "invanare", 'report.table(\\"', 'report.table(\\"no-')
    (tmp_path / "p.yml").write_text("regions: [gotland]\nnotebooks: {invanare: {title: X}}\n", "utf-8")
    command = [sys.executable, "-m", "sobstat", "publish", "--month", "2025-10", "--params", "p.yml"]
    done = subprocess.run([*command, "--warehouse", str(warehouse)], capture_output=True, cwd=tmp_path)
    assert done.returncode == 1
    assert "invanare for Gotlands län: cell" in done.stderr.decode().splitlines()[0]


def test_params_default_to_every_region():
    assert EditionParams(notebooks={}).regions == [region.slug for region in REGIONS]
