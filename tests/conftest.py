"""What several modules of tests share: a small site, built once."""

import pytest

from months import publish_months
from sites import build_site, make_warehouse


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
