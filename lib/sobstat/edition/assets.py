"""The site's shared files: style, script and the one offline Vega bundle, named by their contents.

A page names the files that it was made with, so older editions keep working when these change.
"""

import json
import os
import tempfile
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import vl_convert

from sobstat.charts import theme, topology
from sobstat.figures.svg import MAP
from sobstat.swedish import vega_locale

STYLE, SCRIPT, VEGA = "sobstat.css", "sobstat.js", "vega.js"
# The style sheet's parts, in their order: a rule of a later one holds where two speak of the same.
STYLES = ("tokens", "page", "figures", "tables", "drilldown", "front", "status", "small", "print")
SCRIPTS = ("sobstat", "months")


def _own() -> dict[str, str]:
    """Style and script, by their logical names."""
    static = files("sobstat").joinpath("static")
    style = "\n".join(static.joinpath("style", f"{part}.css").read_text("utf-8") for part in STYLES)
    script = "\n".join(static.joinpath(f"{part}.js").read_text("utf-8") for part in SCRIPTS)
    return {STYLE: style, SCRIPT: script}


@cache
def _statement() -> str:
    """What the bundle says: how to embed a chart, and what all charts share, which is how they look, Swedish numbers
    and months, and the county map.
    """
    locale = vega_locale()
    shared = {"formatLocale": locale["number"], "timeFormatLocale": locale["time"]}
    shared |= {"config": theme()["config"], "datasets": {MAP: topology()}}
    told = json.dumps(shared, ensure_ascii=False, separators=(",", ":"))
    return f"window.sobstatVega = {{embed: vegaEmbed, ...{told}}};"


@cache
def _vega_bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one classic script, which only says `sobstatVega = {embed, …}`."""
    return f"(() => {{\n{vl_convert.javascript_bundle(_statement())}\n}})();\n"


def contents() -> dict[str, str]:
    """Every asset's text, by its logical name."""
    return _own() | {VEGA: _vega_bundle()}


def write_assets(folder: Path) -> dict[str, str]:
    """Write the assets to `folder` under names that hold their hash; returns logical name → file name.

    A file that is there with the same bytes is left alone; another is replaced whole. To make the Vega bundle takes
    seconds: its name holds the hash of what it is made of too, by which one that is there, undamaged, is found.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = {name: _keep(folder, name, text.encode()) for name, text in _own().items()}
    stem = f"vega-{_short_hash(f'{vl_convert.__version__} {_statement()}'.encode())}"
    there = (path for path in sorted(folder.glob(f"{stem}-*.js")) if path.is_file())
    whole = (path.name for path in there if path.name == _named(f"{stem}.js", path.read_bytes()))
    return names | {VEGA: next(whole, None) or _keep(folder, f"{stem}.js", _vega_bundle().encode())}


def _short_hash(data: bytes) -> str:
    return sha256(data).hexdigest()[:8]


def _named(name: str, data: bytes) -> str:
    stem, suffix = name.rsplit(".", 1)
    return f"{stem}-{_short_hash(data)}.{suffix}"


def _keep(folder: Path, name: str, data: bytes) -> str:
    """Have the asset in the folder; returns its file's name."""
    path = folder / _named(name, data)
    if not path.is_file() or path.read_bytes() != data:
        _write(path, data)
    return path.name


def _write(path: Path, data: bytes) -> None:
    """Write a file that is either whole or not there, also when two runs write it at once."""
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(part, 0o644)
        os.replace(part, path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
