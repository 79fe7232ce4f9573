"""The sentence that says what a table shows, computed from the values that are shown: hidden ones are not in it."""

import pandas as pd

from sobstat.additive import allow_sums
from sobstat.declarations import Dimension, Measure, Report, dimensions, measures
from sobstat.figures.cells import dimensions_of, known, label, measures_of
from sobstat.months import Month
from sobstat.names import isolated, shortened
from sobstat.swedish import change, enumerate_words, number, percent, whole

# How a group stands in a sentence: "flest startade i Skåne län".
PHRASES = {
    "manad": "i {}",
    "veckodag": "på {}ar",
    "lan": "i {}",
    "vardgivare": "hos {}",
    "vardenhet": "på {}",
    "process": "inom {}",
    "moment": "inom {}",
    "avslutningsorsak": "med orsaken {}",
    "kon": "för kön {}",
    "aldersgrupp": "i åldern {}",
}
OWN_PHRASES = {
    ("kon", "Kvinna"): "bland kvinnor",
    ("kon", "Man"): "bland män",
    ("kon", "Okänt"): "med okänt kön",
    ("aldersgrupp", "Okänd"): "med okänd ålder",
    ("lan", "Okänt län"): "i okänt län",
    ("vardgivare", "Okänd vårdgivare"): "hos okänd vårdgivare",
    ("vardenhet", "Okänd vårdenhet"): "på okänd vårdenhet",
    ("process", "Okänt"): "inom okänd process",
    ("moment", "Okänt"): "inom okänt moment",
    ("avslutningsorsak", "Okänt"): "med okänd orsak",
    ("avslutningsorsak", "Ej avslutat"): "utan avslut",
}
# A longer name is cut in a sentence; the table beside it has all of it.
LONGEST_NAME = 80
NOTHING_SHOWN = "Inga antal kan visas."


def main_finding(table: pd.DataFrame, report: Report) -> str:
    """One or two Swedish sentences."""
    if table.empty:
        return "Det finns inget att visa för perioden."
    by, shown = dimensions_of(report), measures_of(report)
    if report.drilldown:
        return _of_drilldown(table, by, shown)
    if report.by == ["manad"]:
        return _over_time(table, shown)
    if "manad" in report.by:
        return _over_time_by_group(table, by, shown[0])
    rates = [measure for measure in shown if measure.kind == "ratio" and measure.scale != 1]
    rates = [rate for rate in rates if table[rate.column_name].notna().any()] or rates[:1]
    rates.sort(key=lambda rate: not measures()[rate.numerator].persons)
    if len(table) == 1:
        return _all_of(table.iloc[0], by, rates or shown)
    return _highest_and_lowest(table, by, rates[0]) if rates else _largest(table, by, shown[0])


def _phrase(row: pd.Series, by: list[Dimension]) -> str:
    """`bland kvinnor i åldern 25–34`."""
    words = []
    for dimension in by:
        name = row[dimension.name_column]
        words.append(OWN_PHRASES.get((dimension.id, name)) or PHRASES[dimension.id].format(_named(dimension, name)))
    return " ".join(words)


def _named(dimension: Dimension, name: str) -> str:
    return isolated(shortened(label(dimension, name), LONGEST_NAME))


def _counted(row: pd.Series, shown: list[Measure]) -> str:
    """`10 startade, 8 avslutade och 3 behandlare`, of those that are shown."""
    parts = [
        f"{number(row[measure.column_name], measure)} {measure.title.lower()}"
        for measure in shown
        if known(row[measure.column_name]) and (measure.counted or measure.scale != 1)
    ]
    return enumerate_words(parts) if parts else ""


def _all_of(row: pd.Series, by: list[Dimension], shown: list[Measure]) -> str:
    counted = _counted(row, shown)
    return f"{_named(by[0], row[by[0].name_column])}: {counted}." if counted else NOTHING_SHOWN


def _largest(table: pd.DataFrame, by: list[Dimension], measure: Measure, when: str = "") -> str:
    """The group with the most; its share where the groups add up to a whole, or the table holds the shares."""
    title = f"{measure.title.lower()}{when}"
    values = table[measure.column_name].dropna()
    if values.empty:
        return NOTHING_SHOWN
    most = int(values.max())
    if most == 0:
        return f"Inga {title}."
    first = table.loc[values[values == most].index]
    if len(first) > 2:
        groups = "/".join(dimension.title.lower() for dimension in by)
        return f"Högsta antalet {title} per {groups} är {whole(most)} och gäller {len(first)} av {whole(len(table))}."
    where = " och ".join(_phrase(row, by) for _, row in first.iterrows())
    each = " vardera" if len(first) == 2 else ""
    of = ""
    if measure.additive and not each and len(values) == len(table):
        total = int(allow_sums(values).sum())
        of = f" av {whole(total)} ({percent(most / total)})"
    elif "andel" in table and known(first.iloc[0]["andel"]):
        of = f" ({percent(first.iloc[0]['andel'])})"
    return f"Flest {title} {where}: {whole(most)}{each}{of}."


def _highest_and_lowest(table: pd.DataFrame, by: list[Dimension], rate: Measure) -> str:
    values = table[rate.column_name].dropna()
    if values.empty:
        return NOTHING_SHOWN
    high, low = table.loc[values.idxmax()], table.loc[values.idxmin()]
    most, least = number(values.max(), rate), number(values.min(), rate)
    if most == least:
        return f"{rate.title}: {most} i alla grupper som visas."
    lowest = "lägst" if len(values) == len(table) else "lägst, bland de grupper som visas,"
    return f"{rate.title} är högst {_phrase(high, by)} ({most}) och {lowest} {_phrase(low, by)} ({least})."


def _moved(what: str, before: int, now: int, first: str = "", last: str = "") -> str:
    """`startade ökade från 10 i maj 2025 till 12 i juni 2025 (+20,0 %)`."""
    verb = "ökade" if now > before else "minskade"
    share = f" ({percent_of})" if (percent_of := change(before, now)) else ""
    if now == before:
        return f"{what} var lika många{first}{' som' if last else ''}{last}, {whole(now)}"
    return f"{what} {verb} från {whole(before)}{first} till {whole(now)}{last}{share}"


def _sentence(parts: list[str]) -> str:
    text = enumerate_words(parts)
    return f"{text[0].upper()}{text[1:]}."


def _over_time(table: pd.DataFrame, shown: list[Measure]) -> str:
    """First month against last, for the first two measures."""
    first, last = table.iloc[0], table.iloc[-1]
    if len(table) == 1:
        counted = _counted(last, shown)
        return f"{_in_month(table).strip().capitalize()}: {counted}." if counted else NOTHING_SHOWN
    parts: list[str] = []
    for measure in shown[:2]:
        before, now = first[measure.column_name], last[measure.column_name]
        if known(before) and known(now):
            months = [] if parts else [_in_month(table.head(1)), _in_month(table.tail(1))]
            parts.append(_moved(measure.title.lower(), int(before), int(now), *months))
    return _sentence(parts) if parts else _largest(table, [dimensions()["manad"]], shown[0])


def _over_time_by_group(table: pd.DataFrame, by: list[Dimension], measure: Measure) -> str:
    """First month against last: all groups together and the largest, or each group where they cannot be added."""
    groups = [dimension for dimension in by if dimension.id != "manad"]
    first, last = table["manad"].iloc[0], table["manad"].iloc[-1]
    latest = table[table["manad"] == last]
    if measure.additive and table[measure.column_name].notna().all():
        counts = table.assign(**{measure.column_name: allow_sums(table[measure.column_name])})
        totals = counts.groupby("manad", as_index=False)[[measure.column_name]].sum()
        if len(totals) == 1:
            return _largest(latest, groups, measure, _in_month(latest))
        return f"{_over_time(totals, [measure])} {_largest(latest, groups, measure, _in_month(latest))}"
    if first == last:
        return _largest(latest, groups, measure, _in_month(latest))
    parts: list[str] = []
    for _, row in latest.iterrows():
        same = (table[[d.name_column for d in groups]] == row[[d.name_column for d in groups]]).all(axis=1)
        earlier = table[same & (table["manad"] == first)][measure.column_name]
        before, now = earlier.iloc[0] if len(earlier) else pd.NA, row[measure.column_name]
        if known(before) and known(now):
            what = f"{'' if parts else measure.title.lower() + ' '}{_phrase(row, groups)}"
            months = [] if parts else [f" i {Month.parse(first).title}", f" i {Month.parse(last).title}"]
            parts.append(_moved(what, int(before), int(now), *months))
    return _sentence(parts) if parts else _largest(table, [*groups, dimensions()["manad"]], measure)


def _in_month(rows: pd.DataFrame) -> str:
    return f" i {Month.parse(rows['manad'].iloc[0]).title}"


def _of_drilldown(table: pd.DataFrame, by: list[Dimension], shown: list[Measure]) -> str:
    """The total, and the largest group of the top level."""
    total = _counted(table[table["niva"] == "totalt"].iloc[0], [m for m in shown if m.additive])
    top = table[table["niva"] == by[0].id]
    largest = f" {_largest(top, by[:1], shown[0])}" if len(top) > 1 else ""
    return (f"Totalt {total}.{largest}" if total else largest.strip()) or NOTHING_SHOWN
