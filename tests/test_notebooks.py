"""The notebooks: plain, short, complete, stored without outputs, and they run."""

import ast
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import pytest

from sobstat.declarations import reports
from sobstat.demo import write_demo
from sobstat.disclosure.thresholds import Thresholds
from sobstat.load import load_extract

FOLDER = Path(__file__).parent.parent / "notebooks"
NAMES = ("oversikt", "invanare", "laddningar")
ALL = (*NAMES, "guide")  # the guide is for people at work, and no part of an edition
PARAMETERS = {
    "region": "riket",
    "from_month": "2024-11",
    "to_month": "2025-10",
    "warehouse": "../data/sobstat.duckdb",
    **Thresholds().as_dict(),
}
# What a statistician does not have to see in a cell.
PLUMBING = {
    "SQL": r"\b(SELECT|FROM|JOIN|WHERE)\b|\.con\b|\.execute\(",
    "HTML": r"</?[a-z]+[ >]|display\(|HTML\(",
    "files": r"\bopen\(|\bPath\b|\bos\.|\.to_csv|\.to_excel|read_csv|(?<!report)\.save\(",
}


def cells(name: str, kind: str) -> list:
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", nbformat.NO_CONVERT)
    return [cell for cell in notebook.cells if cell.cell_type == kind]


def code(name: str) -> str:
    return "\n".join(cell.source for cell in cells(name, "code"))


def test_nothing_else_is_in_the_folder():
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_is_a_valid_notebook_without_outputs(name):
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in cells(name, "code"):
        assert not cell.outputs
        assert cell.execution_count is None


@pytest.mark.parametrize("name", ALL)
def test_parameters_stand_in_one_plain_cell(name):
    (cell,) = [cell for cell in cells(name, "code") if "parameters" in cell.metadata.get("tags", [])]
    values = {line.targets[0].id: ast.literal_eval(line.value) for line in ast.parse(cell.source).body}
    assert values == PARAMETERS
    assert re.fullmatch(r'(\w+ = ("[^"]*"|\d+)\n?)+', cell.source)


def test_every_report_is_shown_once_by_its_own_notebook():
    shown = {name: re.findall(r'report\.figure\("([\w-]+)"', code(name)) for name in NAMES}
    assert shown == {name: [report.id for report in reports().values() if report.notebook == name] for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_is_introduced_by_a_few_sentences(name):
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", nbformat.NO_CONVERT)
    for before, cell in zip(notebook.cells, notebook.cells[1:], strict=False):
        if "report.figure(" in cell.source or "StatusTable(" in cell.source:
            assert before.cell_type == "markdown"
            prose = before.source.split("\n\n")[-1]
            assert 1 <= len(re.findall(r"[.?!](?=\s|$)", prose)) <= 3


@pytest.mark.parametrize("name", ALL)
def test_cells_are_short_and_free_of_plumbing(name):
    for cell in cells(name, "code"):
        assert len(cell.source.splitlines()) <= 12, cell.id
        for what, pattern in PLUMBING.items():
            assert not re.search(pattern, cell.source), f"{what} in {cell.id}"


def test_they_run_as_they_are(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    write_demo(tmp_path / "in", arenden=1000, to_month="2025-10")
    load_extract(tmp_path / "in", tmp_path / "data" / "sobstat.duckdb", now=datetime(2025, 11, 1, 5, tzinfo=UTC))
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbval-lax", "-p", "no:cacheprovider", "-q", "notebooks"],
        cwd=tmp_path,
        env=os.environ | {"JUPYTER_PREFER_ENV_PATH": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
    assert (tmp_path / "output" / "startade-per-process.csv").read_text("utf-8").endswith(",ej för publicering\n")
    assert f"{sum(len(cells(name, 'code')) for name in ALL)} passed" in run.stdout
