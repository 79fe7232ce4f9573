"""What the page about loads shows: how fresh and how complete the data are, what was set aside and why, releases.

Each function takes a report and returns a DataFrame whose columns are ready to read; `StatusTable` shows it. Rows
that were set aside are only ever counted: their contents stay in the quarantine.
"""

import re
from datetime import date

import pandas as pd
from babel.dates import format_datetime

from sobstat import declarations
from sobstat.declarations import measures
from sobstat.load import MAX_SET_ASIDE
from sobstat.months import STOCKHOLM
from sobstat.regions import LAN
from sobstat.report import RegionReport
from sobstat.swedish import day_in_words, enumerate_words, percent, whole
from sobstat.templating import render

# Above this share of unknown values the figures that rest on them are told to be read with care.
MAX_UNKNOWN = 0.05
HOLDS = "Stämmer"
# So many vårdgivare that got another län stand on the page.
LISTED = 50

SOURCES = {
    "arenden": "Ärendelogg",
    "behandlare": "Behandlare",
    "hsa_vardgivare": "HSA-katalogen: vårdgivare",
    "hsa_vardenhet": "HSA-katalogen: vårdenheter",
    "befolkning": "SCB: folkmängd",
    "befolkning_totalt": "SCB: folkmängd, totaler",
}
# What the load notes, in words for readers. A row may have several reasons, `; ` between them.
WORDING = {
    r"(\w+) is missing": r"\1 saknas",
    r"(\w+) is missing or unknown": r"\1 saknas eller är okänt",
    r"(\w+) is in the future": r"\1 ligger i framtiden",
    r"(\w+) is not a number": r"\1 är inte ett tal",
    r"(\w+) is not a whole number of 0 or more": r"\1 är inte ett heltal från 0 och uppåt",
    r"(\w+) is not a time in ISO 8601": r"\1 är inte en tidpunkt enligt ISO 8601",
    r"another row with the same .* comes later": "en senare rad har samma nyckel",
    r"\d+ fields, the header has \d+": "antalet fält stämmer inte med rubrikraden",
    r"lan_kod is not a county code, counted as unknown": "länskoden finns inte, räknas som Okänt län",
    r"unknown kon, counted as Okänt": "könet går inte att tolka, räknas som Okänt",
    r"control characters in a name, shown as signs": "styrtecken i ett namn, visas som symboler",
    r"age outside 0–120, counted as Okänd": "åldern är inte 0–120 år, räknas som Okänd",
}


def in_swedish(reason: str) -> str:
    """The load's reason or notice in words for readers; one that isn't known is not repeated, only named as other."""
    for pattern, words in WORDING.items():
        if found := re.fullmatch(pattern, reason):
            return found.expand(words)
    return "annat skäl"


class StatusTable:
    """A DataFrame as a table for a page: whole numbers, shares and times in Swedish, names escaped."""

    def __init__(self, frame: pd.DataFrame, title: str):
        self.frame, self.title = frame, title

    def _repr_html_(self) -> str:
        _, *numbers = [dtype.kind in "iufM" for dtype in self.frame.dtypes]
        columns = [
            {"name": name, "css": "number" if is_number else "text"}
            for name, is_number in zip(self.frame.columns, [False, *numbers], strict=True)
        ]
        rows = [[_written(value) for value in row] for row in self.frame.astype(object).itertuples(index=False)]
        return render("status.html", title=self.title, columns=columns, rows=rows)


# Filled in when an edition is published: it compares all of its pages with an earlier edition (edition/told.py).
CHANGES_PLACE = re.compile("<!--changes-->.*?<!--/changes-->", re.DOTALL)


class Changes:
    """The place on the page where the published edition tells what has changed since the one before it."""

    def _repr_html_(self) -> str:
        return "<!--changes--><p>Jämförelsen med den förra utgåvan görs när en utgåva publiceras.</p><!--/changes-->"


def _written(value) -> str:
    """`12 345`, `4,2 %`, `2026-11-23 02:32` or `31 oktober 2026`; empty where there is no value."""
    if pd.isna(value):
        return ""
    if isinstance(value, pd.Timestamp):
        return format_datetime(value, "y-MM-dd HH:mm", locale="sv")
    if isinstance(value, date):
        return day_in_words(value)
    if isinstance(value, float):
        return percent(value)
    return whole(value) if isinstance(value, int) else str(value)


def history(report: RegionReport) -> pd.DataFrame:
    """One row per load, the latest first: when, how many files and rows, and what became of the rows."""
    loads = _read(
        report,
        """
        SELECT laddning, tidpunkt, (SELECT count(*) FROM lager.laddad_fil AS f WHERE f.laddning = l.laddning) AS filer,
            lasta, behallna, upprepade, undantagna, program
        FROM lager.laddning AS l ORDER BY laddning DESC
        """,
    )
    loads["tidpunkt"] = _in_stockholm(loads["tidpunkt"])
    names = ["Laddning", "Tidpunkt", "Filer", "Lästa rader", "Nya eller ändrade", "Upprepade", "Undantagna", "Version"]
    return loads.set_axis(names, axis="columns")


def latest_load(report: RegionReport) -> pd.DataFrame:
    """One row per source of the latest load: how many files and rows, and what became of the rows."""
    loaded = _read(
        report,
        """
        SELECT kalla, count(*), sum(lasta)::BIGINT, sum(behallna)::BIGINT, sum(upprepade)::BIGINT,
            sum(undantagna)::BIGINT
        FROM lager.laddad_fil WHERE laddning = (SELECT max(laddning) FROM lager.laddning) GROUP BY ALL ORDER BY kalla
        """,
    )
    loaded["kalla"] = loaded["kalla"].map(SOURCES)
    return loaded.set_axis(
        ["Källa", "Filer", "Lästa rader", "Nya eller ändrade", "Upprepade", "Undantagna"], axis="columns"
    )


def files(report: RegionReport) -> pd.DataFrame:
    """The files of the latest load: source, load, size, rows, and the beginning of their SHA-256."""
    loaded = _read(
        report,
        """
        SELECT fil, kalla, laddning, storlek, lasta, left(sha256, 12)
        FROM lager.laddad_fil WHERE laddning = (SELECT max(laddning) FROM lager.laddning) ORDER BY fil
        """,
    )
    loaded["kalla"] = loaded["kalla"].map(SOURCES)
    return loaded.set_axis(["Fil", "Källa", "Laddning", "Byte", "Lästa rader", "SHA-256, början"], axis="columns")


def set_aside(report: RegionReport) -> pd.DataFrame:
    """How many rows were set aside, by source and reason; a row with two reasons stands under both."""
    return _reasons(report, "SELECT laddning, kalla, skal, count(*) FROM lager.karantan GROUP BY ALL", "Skäl")


def notices(report: RegionReport) -> pd.DataFrame:
    """How many values could not be read and are counted as unknown, by source."""
    return _reasons(report, "SELECT laddning, kalla, anmarkning, antal FROM lager.anmarkning", "Anmärkning")


def _reasons(report: RegionReport, query: str, title: str) -> pd.DataFrame:
    """Rows by source and reason: how many in the latest load, and in all; what comes again counts again."""
    counted = _read(report, query).set_axis(["laddning", "Källa", title, "Alla laddningar"], axis="columns")
    counted[title] = counted[title].astype("str").str.split("; ")
    counted = counted.explode(title)
    counted[title] = counted[title].map(in_swedish).astype("str")
    counted["Källa"] = counted["Källa"].map(SOURCES).astype("str")
    latest = counted["laddning"] == history(report)["Laddning"].max()
    counted.insert(3, "Senaste laddningen", counted["Alla laddningar"].where(latest, 0))
    groups = counted.drop(columns="laddning").groupby(["Källa", title], as_index=False).sum()
    return groups.sort_values(["Senaste laddningen", "Alla laddningar"], ascending=False, kind="stable")


def moved(report: RegionReport) -> pd.DataFrame:
    """Each time that a vårdgivare with ärenden got another län in the HSA catalogue: by which load, from and to which
    län; the latest first, at most LISTED.
    """
    found = _read(
        report,
        """
        WITH brukad AS (
            SELECT vardgivare_id AS hsa_id, min(laddning) AS forst
            FROM (SELECT vardgivare_id, laddning FROM lager.transaktion UNION ALL
                SELECT vardgivare_id, laddning FROM lager.ersatt_transaktion) GROUP BY ALL
        ),
        fore AS (SELECT hsa_id, namn, lan_kod, ersatt AS laddning FROM lager.ersatt_hsa_vardgivare),
        efter AS (
            SELECT hsa_id, namn, lan_kod, laddning FROM lager.hsa_vardgivare UNION ALL
            SELECT hsa_id, namn, lan_kod, laddning FROM lager.ersatt_hsa_vardgivare
        )
        SELECT coalesce(efter.namn, fore.namn, hsa_id), laddning, tidpunkt,
            fore.lan_kod AS fran, efter.lan_kod AS till
        FROM fore FULL JOIN efter USING (hsa_id, laddning)
        JOIN brukad USING (hsa_id) JOIN lager.laddning USING (laddning)
        WHERE laddning > forst ORDER BY laddning DESC, 1
        """,
    )
    names = {lan.lan_kod: lan.namn for lan in LAN}
    for column in ("fran", "till"):
        found[column] = found[column].map(names).fillna("Okänt län")
    found = found[found["fran"] != found["till"]].head(LISTED).reset_index(drop=True)
    found["tidpunkt"] = _in_stockholm(found["tidpunkt"])
    return found.set_axis(
        ["Vårdgivare", "Laddning", "Tidpunkt", "Tidigare län", "Län efter laddningen"], axis="columns"
    )


def unknown(report: RegionReport) -> pd.DataFrame:
    """The period's counted starts with an unknown län, invånare, kön or ålder: how many, and their share."""
    (starts, *counts) = report.con.execute(
        """
        SELECT count(*), count(*) FILTER (lan_kod = ''), count(*) FILTER (vardtagare IS NULL),
            count(*) FILTER (kon = 'Okänt'), count(*) FILTER (aldersgrupp = 'Okänd')
        FROM handelse WHERE startad = 1
        """
    ).fetchall()[0]
    return pd.DataFrame(
        {
            "Uppgift": ["Län", "Invånare", "Kön", "Ålder"],
            "Startade utan uppgift": counts,
            "Andel": [count / starts if starts else None for count in counts],
        }
    ).astype({"Andel": "Float64"})


def status(report: RegionReport) -> pd.DataFrame:
    """The state in short: what is checked, whether it is as it should be, and what was found."""
    load = history(report).iloc[0]
    latest = report.last_day
    aside = load["Undantagna"] / load["Lästa rader"] if load["Lästa rader"] else 0.0
    lan, invanare = unknown(report)["Andel"].fillna(0.0)[:2]
    checks = [
        (
            "Senaste laddningen är gjord efter periodens slut",
            load["Tidpunkt"].date() >= report.period.end,
            load["Tidpunkt"],
        ),
        ("Ärendeloggen når in i periodens sista månad", latest and latest >= report.period.last.first_day, latest),
        (f"Högst {percent(MAX_SET_ASIDE)} av de lästa raderna är undantagna", aside <= MAX_SET_ASIDE, aside),
        (f"Högst {percent(MAX_UNKNOWN)} av de startade saknar län", lan <= MAX_UNKNOWN, lan),
        (f"Högst {percent(MAX_UNKNOWN)} av de startade saknar känd invånare", invanare <= MAX_UNKNOWN, invanare),
    ]
    rows = [(check, HOLDS if holds else "Stämmer inte", _written(found)) for check, holds, found in checks]
    return pd.DataFrame(rows, columns=["Kontroll", "Läge", "Uppmätt"])


class State:
    """How things are, at a glance: whether all checks of `status` hold, and each of them."""

    def __init__(self, report: RegionReport):
        self.checks = status(report)

    def _repr_html_(self) -> str:
        rows = [{"name": name, "holds": state == HOLDS, "found": found} for name, state, found in self.checks.values]
        return render("state.html", checks=rows, failed=sum(not row["holds"] for row in rows))


def releases() -> pd.DataFrame:
    """The publication's release notes with the definitions that are new, the latest first."""
    rows = []
    for note in declarations.releases():
        new = [f"{measures()[name].title} (definition {version})" for name, version in note.definitions.items()]
        rows.append((note.date, f"{note.text} Nya definitioner: {enumerate_words(new)}." if new else note.text))
    return pd.DataFrame(rows, columns=["Datum", "Vad som är nytt"])


def _read(report: RegionReport, query: str) -> pd.DataFrame:
    return report.log.execute(query).df()


def _in_stockholm(times: pd.Series) -> pd.Series:
    """Times in UTC as local ones."""
    return times.dt.tz_localize("UTC").dt.tz_convert(STOCKHOLM).dt.tz_localize(None)
