"""What a test does where the machine lacks what it needs."""

import os
from typing import NoReturn

import pytest


def go_without(why: str) -> NoReturn:
    """Skip the test, since people need not have everything; fail in CI, where nothing may go untested."""
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)
