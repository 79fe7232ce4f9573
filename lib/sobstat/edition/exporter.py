"""A run notebook's contents as HTML: its prose and what its cells show, nothing else."""

import re
from functools import cache
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter

from sobstat.errors import ReportError

TEMPLATES = Path(__file__).parents[1] / "templates"
_TITLE = re.compile(r"\A\s*# .*\n?")
_SCRIPT = re.compile(r"<script\b(?![^>]*\btype=\"application/json\")", re.IGNORECASE)
# pandas styles its tables inline, which the pages' Content-Security-Policy refuses.
_PANDAS_STYLE = re.compile(r"<style scoped>.*?</style>| style=\"text-align: \w+;\"| border=\"1\"", re.DOTALL)


class BodyExporter(HTMLExporter):
    """The body of a page, by the template `templates/body`: no code, no prompts, headings from h2 on."""

    def __init__(self):
        super().__init__(
            template_name="body",
            extra_template_basedirs=[str(TEMPLATES)],
            exclude_input=True,
            exclude_anchor_links=True,
        )


@cache
def body_exporter() -> BodyExporter:
    """The one exporter of a process: making it takes ten times as long as a page."""
    return BodyExporter()


def export_body(notebook: nbformat.NotebookNode) -> str:
    """The notebook's prose and outputs as HTML, without an h1.

    Raises ReportError for an output that is an error, that brings a script (pages run none but their own), or that is
    a chart without what a figure says of it.
    """
    copy = nbformat.from_dict(notebook)
    shown: list[str] = []  # set aside while nbconvert works: it would rewrite them
    for number, cell in enumerate(copy.cells, 1):
        if number == 1 and cell.cell_type == "markdown":
            cell.source = _TITLE.sub("", cell.source)  # the page has a title of its own
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                raise ReportError(f"cell {number} failed: {output.ename}: {output.evalue}")
            data = output.get("data", {})
            html = data.get("text/html")
            if "image/svg+xml" in data or _SCRIPT.search(html or ""):
                raise ReportError(f"cell {number} shows a chart on its own: show it with report.figure(…, chart)")
            if html is not None:
                shown.append(_PANDAS_STYLE.sub("", html) if 'class="dataframe"' in html else html)
                output.data["text/html"] = f"<!--output {len(shown) - 1}-->"
    body, _ = body_exporter().from_notebook_node(copy)
    body = re.sub(r"<(/?)h1\b", r"<\1h2", body)
    return re.sub(r"<!--output (\d+)-->", lambda found: shown[int(found[1])], body)
