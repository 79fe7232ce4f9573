"""What people at work in JupyterLab are told: names with their descriptions, and what a table shows.

report.measures.startade     the Tab key lists the measures, Shift-Tab and `?` tell what one is
report.breakdown(report.measures.startade, by=report.by.lan)
report.table("per-lan").attrs
"""

import html
import sys
from collections.abc import Mapping
from types import SimpleNamespace

import pandas as pd

from sobstat import SERVICE
from sobstat.declarations import Dimension, Measure, Report, dimensions, measures
from sobstat.errors import no_such


class Name(str):
    """A name that can tell what it is the name of; else it is the string that it looks like."""


class Names(SimpleNamespace):
    """The names of measures, dimensions or reports as attributes, `_` for `-`; shown, they are a table."""

    def __init__(self, blocks: Mapping[str, Measure | Dimension | Report]):
        super().__init__()
        for block in blocks.values():
            name = Name(block.id)
            name.__doc__ = _description(block)
            setattr(self, block.id.replace("-", "_"), name)

    def __getattr__(self, name: str):
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(str(no_such("name", name, vars(self))))

    def _titles(self) -> pd.Series:
        return pd.Series({name: name.__doc__.splitlines()[0] for name in vars(self).values()}, name="titel")

    def __repr__(self) -> str:
        return self._titles().to_string()

    def _repr_html_(self) -> str:
        return self._titles().to_frame().to_html()


def about_table(title: str | None, names: list[str], by: list[str]) -> dict:
    """What a table of measures shows, in words for its `attrs`: its title and each measure's, by its column."""
    shown = [measures()[name] for name in names]
    groups = [dimensions()[name].title for name in by]
    return {
        "title": title or f"{', '.join(m.title for m in shown)} per {', '.join(groups).lower()}",
        "by": groups,
        "measures": {
            measure.column_name: measure.model_dump(include={"title", "unit", "definition", "caveats", "version"})
            for measure in shown
        },
        "source": SERVICE,
    }


def show_captions() -> None:
    """Let a table say what it shows above itself in JupyterLab; elsewhere, nothing."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell:
        shell.display_formatter.formatters["text/html"].for_type(pd.DataFrame, _with_caption)


def _with_caption(table: pd.DataFrame) -> str | None:
    about, body = table.attrs, table._repr_html_()
    if not body or "region" not in about:
        return body
    made_up = " Påhittade uppgifter." if about["synthetic"] else ""
    return f"<p>{html.escape(about['title'])}. {about['region']}, {about['period']}.{made_up}</p>\n{body}"


def _description(block: Measure | Dimension | Report) -> str:
    """What a declared block is, its title first."""
    if isinstance(block, Measure):
        return "\n".join([f"{block.title} ({block.unit})", "", block.definition, *(f"- {c}" for c in block.caveats)])
    if isinstance(block, Report):
        return "\n".join([block.title, "", f"Per {', '.join(block.by)}: {', '.join(block.measures)}.", *block.caveats])
    listed = f"Alltid med: {', '.join(block.fixed)}." if isinstance(block.fixed, list) and block.fixed else ""
    return "\n\n".join(filter(None, [block.title, f"Kolumner: {', '.join(block.columns)}.", listed]))
