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


@cache
def vega_bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one classic script, which only says `sobstatVega = {embed, …}`.

    With them stands what all charts share: how they look, Swedish numbers and months, and the county map.
    """
    locale = vega_locale()
    shared = {"formatLocale": locale["number"], "timeFormatLocale": locale["time"]}
    shared |= {"config": theme()["config"], "datasets": {MAP: topology()}}
    told = json.dumps(shared, ensure_ascii=False, separators=(",", ":"))
    bundle = vl_convert.javascript_bundle(f"window.sobstatVega = {{embed: vegaEmbed, ...{told}}};")
    return f"(() => {{\n{bundle}\n}})();\n"


def contents() -> dict[str, str]:
    """Every asset's text, by its logical name."""
    static = files("sobstat").joinpath("static")
    style = "\n".join(static.joinpath("style", f"{part}.css").read_text("utf-8") for part in STYLES)
    script = "\n".join(static.joinpath(f"{part}.js").read_text("utf-8") for part in SCRIPTS)
    return {STYLE: style, SCRIPT: script, VEGA: vega_bundle()}


def write_assets(folder: Path) -> dict[str, str]:
    """Write the assets to `folder` under names that hold their hash; returns logical name → file name.

    A file that is there with the same bytes is left alone; another is replaced whole.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = {}
    for name, text in contents().items():
        data = text.encode("utf-8")
        stem, suffix = name.rsplit(".", 1)
        names[name] = f"{stem}-{sha256(data).hexdigest()[:8]}.{suffix}"
        path = folder / names[name]
        if not path.is_file() or path.read_bytes() != data:
            _write(path, data)
    return names


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
