"""Publishing in no time: notebooks that open no report, so that nothing has to be hidden. And what readers find on the
site that is made of them.
"""

import os
from pathlib import Path

import nbformat

from extracts import NOW
from sobstat.demo import write_demo
from sobstat.edition.run import PARAMETERS
from sobstat.load import load_extract

PARAMS = "months: 2\nmin_antal: 0\nregions: [riket, gotland]\nnotebooks: {liten: {title: Liten}}\n"


def small_base(folder: Path) -> Path:
    """A folder with a warehouse `w.duckdb` that holds all to October 2025, `notebooks`, and `p.yml`."""
    write_demo(folder / "in", arenden=300, to_month="2025-10")
    load_extract(folder / "in", folder / "w.duckdb", now=NOW)
    small_notebook(folder / "notebooks", "liten", "region")
    (folder / "p.yml").write_text(PARAMS, "utf-8")
    (folder / "tmp").mkdir()
    return folder


def small_notebook(folder: Path, name: str, *cells: str) -> None:
    """A notebook of a heading (cell 1), its parameters (cell 2) and the given cells."""
    notebook = nbformat.v4.new_notebook()
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    parameters = "\n".join(f'{name} = "x"' for name in sorted(PARAMETERS))
    notebook.cells = [
        nbformat.v4.new_markdown_cell("# Liten\n\nEn liten sida.", id="intro"),
        nbformat.v4.new_code_cell(parameters, id="parameters", metadata={"tags": ["parameters"]}),
        *(nbformat.v4.new_code_cell(source, id=f"cell-{number}") for number, source in enumerate(cells)),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, folder / f"{name}.ipynb")


def readable(site: Path) -> dict[str, bytes]:
    """What readers find at the site's addresses: path → bytes."""
    found = {}
    for name in sorted(os.listdir(site)) if site.is_dir() else []:
        if not name.startswith("."):
            for folder, _, files in os.walk(site / name, followlinks=True):
                found |= {str((Path(folder) / f).relative_to(site)): (Path(folder) / f).read_bytes() for f in files}
            if (site / name).is_file():
                found[name] = (site / name).read_bytes()
    return found
