"""What several modules of tests share: a small site, built once."""

import pytest

from sites import build_site, make_warehouse


@pytest.fixture(scope="session")
def small_warehouse(tmp_path_factory):
    return make_warehouse(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def site(small_warehouse, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    build_site(small_warehouse, folder)
    return folder
