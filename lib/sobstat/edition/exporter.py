"""A run notebook's contents as HTML: its prose and what its cells show, nothing else."""

import re
from functools import cache
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter

from sobstat.errors import ReportError

TEMPLATES = Path(__file__).parents[1] / "templates"
_STYLE = re.compile(r"<style.*?</style>|(?<=<)(\w+)([^<>]*?) style=\"[^\"]*\"", re.DOTALL)


class BodyExporter(HTMLExporter):
    """The body of a page, by the template `templates/body`: no code, no prompts, headings from h2 on."""

    template_name = "body"
    extra_template_basedirs = [str(TEMPLATES)]  # noqa: RUF012 - a traitlet's default
    exclude_input = True
    exclude_anchor_links = True
    language_code = "sv"


@cache
def _exporter() -> BodyExporter:
    return BodyExporter()


def export_body(notebook: nbformat.NotebookNode) -> str:
    """The notebook's prose and outputs as HTML, without an h1 and without inline styles.

    Raises ReportError for an output that is an error, or that holds a script: pages run none but their own.
    """
    for number, cell in enumerate(notebook.cells, 1):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                raise ReportError(f"cell {number} failed: {output.ename}: {output.evalue}")
            if _has_script(output):
                raise ReportError(f"cell {number} shows a chart or widget on its own: show it with report.figure(…)")
    body, _ = _exporter().from_notebook_node(_without_title(notebook))
    return body


def _has_script(output: nbformat.NotebookNode) -> bool:
    html = output.get("data", {}).get("text/html", "")
    scripts = re.findall(r"<script\b[^>]*>", html, re.IGNORECASE)
    return any('type="application/json"' not in script for script in scripts)


def _without_title(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A copy whose first heading of the first level is left out: the page has its own."""
    copy = nbformat.from_dict(notebook)
    for cell in copy.cells:
        if cell.cell_type == "markdown":
            cell.source, found = re.subn(r"\A\s*# .*\n?", "", cell.source, count=1)
            if found:
                break
    return copy
