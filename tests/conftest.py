"""What several modules of tests share: a small site, built once, and a browser to look at sites with."""

import os
import shutil
from glob import glob
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright
from xdist.scheduler import LoadFileScheduling

from absent import go_without
from months import publish_months
from sites import REGIONS, build_site, make_warehouse

# What the pages' Content-Security-Policy refuses is an error on the console, in the same words in every browser.
VIOLATIONS = """
addEventListener("securitypolicyviolation",
    event => console.error("policy", event.violatedDirective, event.blockedURI || "inline"))
"""

# Each group's modules are run by one process, since what they share takes long to make.
SHARE_A_SITE = ("test_browser", "test_attack", "test_agreement", "test_pages", "test_html")
SHARE_TWO_MONTHS = ("test_versions", "test_revision", "test_open_data")

# Begun first, so that no process is left alone with one of them at the end.
LONGEST = [
    *("test_counting", "test_spark_connect", "test_failures", "test_browser", "test_invariants", "test_edition"),
    *("test_kernels", "test_disclosure", "test_versions", "test_load_on_spark", "test_interrupted_load", "test_kills"),
    *("test_hostile_names", "test_cli", "test_notebooks", "test_agreement"),
]


def pytest_addoption(parser):
    parser.addoption("--spark", action="store_true", help="count every case by itself on Spark too")


def pytest_generate_tests(metafunc):
    if "reader" in metafunc.fixturenames:
        spark = ["spark"] if metafunc.config.getoption("--spark") else []
        metafunc.parametrize("reader", ["reference", "duckdb", *spark])


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


class Together(LoadFileScheduling):
    """Gives a module's tests to one process, and those of several modules that share something."""

    def _split_scope(self, nodeid: str) -> str:
        module = super()._split_scope(nodeid)
        groups = [group for group in (SHARE_A_SITE, SHARE_TWO_MONTHS) if Path(module).stem in group]
        return " ".join(groups[0]) if groups else module


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return Together(config, log)


@pytest.fixture(scope="session")
def small_warehouse(tmp_path_factory):
    return make_warehouse(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def site(small_warehouse, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    build_site(small_warehouse, folder)
    return folder


@pytest.fixture(scope="session")
def two_months(tmp_path_factory):
    """A site with two months, and its warehouse."""
    return publish_months(tmp_path_factory.mktemp("months"))


@pytest.fixture(scope="session")
def page_types(site):
    """A page of every kind that there is on a site; of each report, a län's, and what an ad-hoc report is like."""
    found = [Path(path) for path in sorted(glob("**/*.html", root_dir=site, recursive=True))]
    slugs = {region.slug for region in REGIONS}
    kinds = {tuple(part for part in path.parts if part not in slugs): path for path in found}
    return [str(path) for path in kinds.values() if path.parts[0] != "senaste"]


def find_chromium() -> str | None:
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def browser():
    path = find_chromium()
    if not path:
        go_without("There is no Chromium to test the pages in: install chromium, or name one in CHROMIUM.")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def open_page(browser, site):
    """Opens a page of the site from its file; keeps what it asked for and complained about."""
    contexts = []

    def opened(address: str, *, width: int = 1280, charts: bool = True, **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.requests, page.faults = [], []
        page.add_init_script(VIOLATIONS)
        page.on("request", lambda request: page.requests.append(request.url))
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("console", lambda message: message.type == "error" and page.faults.append(message.text))
        page.goto((site / address).as_uri())
        if charts:
            page.locator(".chart:has(.vega-spec):not(.upgraded)").first.wait_for(state="detached")
        return page

    yield opened
    for context in contexts:
        context.close()
