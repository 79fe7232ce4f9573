"""A page with all that it needs in one file, which can be mailed and opened anywhere.

Its Content-Security-Policy names the style and the scripts by their hashes: nothing else runs, and nothing is fetched.
"""

import base64
import hashlib
import mimetypes
import re
from pathlib import Path

from sobstat.figures.drilldown import as_data

_STYLE = re.compile(r'<link rel="stylesheet" href="(?:\.\./)*assets/([^"]+)">')
_SCRIPT = re.compile(r'<script defer src="(?:\.\./)*([^"]+)"></script>\n?')
_DOWNLOAD = re.compile(r'href="(data/[^"]+)" download(?=[ >])')

_DRILLDOWN = re.compile(r'<div class="drilldown" data-name="([\w-]+)">')


def in_one_file(html: str, assets: dict[str, str], folder: Path) -> str:
    """The page with style, scripts and files to download put into it, and the rows of its drill-downs.

    `assets` are the shared files' texts, under the names by which the page asks for them; all else is read from
    `folder`, where the page belongs. Raises OSError for a file that is not there.
    """
    scripts = []
    for name in _SCRIPT.findall(html):
        shared = assets.get(name.removeprefix("assets/"))
        scripts.append((folder / name).read_text("utf-8") if shared is None else shared)
    styles = [assets[name] for name in _STYLE.findall(html)]
    html = _STYLE.sub(lambda found: f"<style>{assets[found[1]]}</style>", html)
    html = _DRILLDOWN.sub(lambda found: found[0] + _rows(found[1], folder), html)
    html = _DOWNLOAD.sub(lambda found: _download(folder / found[1]), _SCRIPT.sub("", html))
    html = html.replace("script-src 'self'", _allowed("script-src", scripts), 1)
    html = html.replace("style-src 'self'", _allowed("style-src", styles), 1)
    # Scripts that are no files of their own do not wait for the page: they stand last in it.
    before, end, after = html.rpartition("</body>")
    return f"{before}{''.join(f'<script>{script}</script>{chr(10)}' for script in scripts)}{end}{after}"


def _allowed(directive: str, texts: list[str]) -> str:
    hashes = (base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode() for text in texts)
    return " ".join([directive, *(f"'sha256-{digest}'" for digest in hashes)])


def _rows(report_id: str, folder: Path) -> str:
    script = (folder / "data" / f"{report_id}.js").read_text("utf-8")
    return f'<script type="application/json" class="drill-data">{as_data(report_id, script)}</script>'


def _download(file: Path) -> str:
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return f'href="data:{kind};base64,{base64.b64encode(file.read_bytes()).decode()}" download="{file.name}"'
