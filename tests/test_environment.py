"""One set of versions, whoever installs: pyproject.toml, the lock file and environment.yml agree."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
DIRECT = [name.partition("[")[0] for name in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]]
LOCK = (ROOT / "requirements.lock").read_text("utf-8")


def test_every_dependency_is_locked_with_hashes():
    pinned = set(re.findall(r"^([a-z0-9.-]+)==", LOCK, flags=re.MULTILINE))
    assert set(DIRECT) <= pinned
    for block in re.split(r"\n(?=[a-z0-9])", LOCK.strip()):
        assert "--hash=sha256:" in block, block.splitlines()[0]


def test_what_runs_here_is_what_is_locked():
    for name in DIRECT:
        assert f"{name}=={version(name)}" in LOCK


def test_the_lock_names_no_server():
    assert "://" not in LOCK


def test_conda_users_get_the_lock_and_nothing_else():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    *conda, pip = environment["dependencies"]
    assert conda == [f"python {PROJECT['requires-python']}", "pip"]
    assert pip == {"pip": ["--require-hashes", "-r requirements.lock"]}


def test_the_readme_gives_every_dependency_a_reason():
    readme = (ROOT / "README.md").read_text("utf-8")
    for name in DIRECT:
        assert re.search(rf"^\|.*\b{name}\b.*\|.+\|$", readme, flags=re.MULTILINE), name
