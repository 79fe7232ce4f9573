"""A chart as static SVG and as the specification that the page's script upgrades it from.

The same chart gives the same bytes: names that Altair makes up are numbered in their order. What all charts share, the
theme's configuration and the county map, stands in the pages' assets and not in every specification.
"""

import json
import re

import altair as alt
from markupsafe import Markup

from sobstat.charts import CHOICE, theme, topology
from sobstat.errors import SobstatError
from sobstat.figures.drawing import svg_of
from sobstat.swedish import vega_locale

# Drawn, but of no use to a reader: empty paths, empty or invisible labels, classes and roles.
_NOTHING = re.compile(
    r'<path class="(?:background|foreground)" aria-hidden="true" d="(?:M0,0h0v0h0Z)?"[^>]*/>'
    r'|<path(?![^>]* d=)[^>]*/>|<text [^>]*opacity="0"[^>]*>[^<]*</text>|<tspan [^>]*></tspan>|<text [^>]*></text>'
)
_TAG = re.compile(r"<[^>]*>")
_LONG = re.compile(r"-?\d+\.\d\d+")  # a tenth of a pixel is near enough
_FONT = re.compile(r' font-family="[^"]*"')
# Vega keeps groups in plain JavaScript objects, where these names are taken; an invisible joiner makes them free.
_TAKEN = frozenset(
    [
        "constructor",
        "hasOwnProperty",
        "isPrototypeOf",
        "propertyIsEnumerable",
        "toLocaleString",
        "toString",
        "valueOf",
        "__defineGetter__",
        "__defineSetter__",
        "__lookupGetter__",
        "__lookupSetter__",
        "__proto__",
    ]
)
_WORD_JOINER = "\u2060"
_NOISE = re.compile(r' (?:class|role|aria-[a-z]+|pointer-events)="[^"]*"| opacity="1"| transform="translate\(0,0\)"')
MAP = "lan"  # the name of the county map among a specification's data


def specification(chart: alt.TopLevelMixin) -> dict:
    """The chart's Vega-Lite specification, with its own description and names that do not change."""
    with alt.data_transformers.disable_max_rows():
        spec = chart.to_dict()
    datasets = spec.pop("datasets", {})
    spec = {key: value for key, value in spec.items() if key not in ("$schema", "usermeta")}
    text = json.dumps(spec, ensure_ascii=False)
    names = dict.fromkeys(re.findall(r"\b(?:param|view)_[0-9a-f]+(?:_\d+)?\b", text))
    for number, name in enumerate(names, 1):
        text = re.sub(rf"\b{name}\b", f"namn_{number}", text)
    for name in [name for name, rows in datasets.items() if rows == topology()]:
        text = text.replace(name, MAP)
        del datasets[name]
    spec = json.loads(text)
    shared = theme()["config"]
    config = {key: value for key, value in spec.pop("config", {}).items() if value != shared.get(key)}
    spec |= {"config": config} if config else {}
    used = set(re.findall(r"\w+", text))
    datasets = {
        name: [{column: value for column, value in row.items() if column in used} for row in rows]
        for name, rows in datasets.items()
    }
    return _without_taken_names(spec | ({"datasets": datasets} if datasets else {}))


def _without_taken_names(part):
    """The same specification; a group that is called `constructor`, say, does not break it."""
    if isinstance(part, dict):
        return {key: _without_taken_names(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_without_taken_names(value) for value in part]
    return f"{_WORD_JOINER}{part}" if isinstance(part, str) and part in _TAKEN else part


def description(spec: dict, name: str) -> str:
    """The chart's text alternative. Raises SobstatError for a chart without a description."""
    text = str(spec.get("description", "")).strip()
    if not text:
        raise SobstatError(
            f"The chart of {name} has no description: give it one with .properties(description=…), in Swedish."
        )
    return text


def draw(spec: dict, name: str, text: str) -> Markup:
    """The chart as SVG to stand in a page, described by `text`; ids begin with `name`, so that several can.

    vl-convert numbers its ids on from chart to chart; here they are numbered anew.
    """
    locale = vega_locale()
    spec = _at_once(spec)
    whole = {**spec, "datasets": {**spec.get("datasets", {}), MAP: topology()}}
    svg = svg_of(whole, config=theme()["config"], format_locale=locale["number"], time_format_locale=locale["time"])
    for number, own in enumerate(re.findall(r'<(?:clipPath|linearGradient|radialGradient) id="([^"]*)"', svg), 1):
        svg = svg.replace(f' id="{own}"', f' id="{name}-del{number}"').replace(
            f'="url(#{own})"', f'="url(#{name}-del{number})"'
        )
    width, height = re.match(r'<svg [^>]*?width="([\d.]+)" height="([\d.]+)"', svg).groups()
    body = _TAG.sub(_lighter, _NOTHING.sub("", svg[svg.index(">") + 1 :]))
    font = theme()["config"]["font"]
    start = Markup('<svg role="img" aria-label="{}" width="{}" height="{}" viewBox="0 0 {} {}" font-family="{}">')
    return start.format(text, width, height, width, height, font) + Markup(body)


def _at_once(spec: dict) -> dict:
    """A chart in which a reader can choose months, as one that shows all of them."""
    if not any(param["name"] == CHOICE for param in spec.get("params", [])):
        return spec
    rest = {key: value for key, value in spec.items() if key not in ("vconcat", "params")}
    detail = {key: value for key, value in spec["vconcat"][0].items() if key != "width"}
    layers = [{**layer, "transform": layer["transform"][1:]} for layer in detail["layer"]]  # the first is the choice
    alone = json.dumps({**detail, **rest, "layer": layers, "autosize": theme()["autosize"]}).replace("concat_0_x", "x")
    return json.loads(alone)


def _lighter(tag: re.Match) -> str:
    """A tag of a drawing without what a reader cannot see."""
    return _LONG.sub(lambda number: f"{round(float(number[0]), 1):g}", _FONT.sub("", _NOISE.sub("", tag[0])))
