"""One set of versions, whoever installs: pyproject.toml, the lock file and environment.yml agree."""

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, version
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
DIRECT = [name.partition("[")[0] for name in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]]
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
PINNED = set(re.findall(r"^([a-z0-9.-]+)==", LOCK, flags=re.MULTILINE))
# Every Python that is started with this finds no package of those named.
SITECUSTOMIZE = """
import sys
from importlib.machinery import PathFinder

class Everyday(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {absent} else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Everyday
"""


def test_every_dependency_is_locked_with_hashes():
    assert set(DIRECT) <= PINNED
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


def test_the_everyday_install_makes_pages(tmp_path):
    """Without what `make spark` and `make bench` add, which is here where these tests run."""
    absent = {
        package
        for package, owners in packages_distributions().items()
        if not PINNED & {re.sub("[-_.]+", "-", owner).lower() for owner in owners} and owners != ["sobstat"]
    }
    (tmp_path / "sitecustomize.py").write_text(SITECUSTOMIZE.format(absent=sorted(absent)), "utf-8")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}

    def run(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command], cwd=ROOT, env=environment, text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run("-c", f"from importlib.util import find_spec; print(any(map(find_spec, {sorted(absent)})))") == "False\n"
    made, warehouse = str(tmp_path / "in"), str(tmp_path / "w.duckdb")
    run("-m", "sobstat", "demo", "--out", made, "--arenden", "300")
    run("-m", "sobstat", "load", made, "--warehouse", warehouse)
    period = ["--from", "2025-09", "--to", "2025-10", "--region", "gotland"]
    run("-m", "sobstat", "rerun", "--warehouse", warehouse, *period, "--out", str(tmp_path / "out"))
    assert len(list(tmp_path.glob("out/*/gotland/*.html"))) == 3
