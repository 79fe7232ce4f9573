"""A second opinion on the SQL: the twelve reports in plain Python, rows in, rows out.

Naive on purpose: it reads the whole log again for every question, so that each rule can be checked by eye.
An extract is a dictionary of source name to rows; rows are dictionaries of text, columns as in the contracts.
"""

import csv
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

STOCKHOLM = ZoneInfo("Europe/Stockholm")
LAN = {
    "01": "Stockholms län", "03": "Uppsala län", "04": "Södermanlands län", "05": "Östergötlands län",
    "06": "Jönköpings län", "07": "Kronobergs län", "08": "Kalmar län", "09": "Gotlands län",
    "10": "Blekinge län", "12": "Skåne län", "13": "Hallands län", "14": "Västra Götalands län",
    "17": "Värmlands län", "18": "Örebro län", "19": "Västmanlands län", "20": "Dalarnas län",
    "21": "Gävleborgs län", "22": "Västernorrlands län", "23": "Jämtlands län", "24": "Västerbottens län",
    "25": "Norrbottens län",
}  # fmt: skip
WEEKDAYS = ["måndag", "tisdag", "onsdag", "torsdag", "fredag", "lördag", "söndag"]
AGE_GROUPS = ["0–12", "13–17", "18–24", "25–34", "35–44", "45–54", "55–64", "65–74", "75–84", "85+"]
UPPER_AGES = [12, 17, 24, 34, 44, 54, 64, 74, 84, 120]
STATUS = {"startade": "Inprogress", "avslutade": "Done"}
COLUMNS = {
    "lan": ["lan_kod", "lan"],
    "vardgivare": ["vardgivare_id", "vardgivare"],
    "vardenhet": ["vardenhet_id", "vardenhet"],
    "moment": ["moment"],
    "avslutningsorsak": ["avslutningsorsak"],
}


def read_extract(folder: Path) -> dict:
    names = ["arenden", "behandlare", "hsa_vardgivare", "hsa_vardenhet"]
    return {name: list(csv.DictReader((folder / f"{name}.csv").open(encoding="utf-8"))) for name in names}


def filled(text, otherwise):
    return text if text.strip() else otherwise


def hsa_id(text):
    return text.strip().upper()


def name_of(unit, catalogue):
    return filled(catalogue[unit]["namn"], unit) if unit in catalogue else unit


def instant(tidpunkt):
    """A time without offset is Stockholm time; Python's fold=0 settles the two odd DST hours."""
    time = datetime.fromisoformat(tidpunkt)
    return (time if time.tzinfo else time.replace(tzinfo=STOCKHOLM)).astimezone(UTC)


def age_group(alder):
    if not alder.strip() or not 0 <= int(alder) <= 120:
        return "Okänd"
    return next(group for group, upper in zip(AGE_GROUPS, UPPER_AGES, strict=True) if int(alder) <= upper)


def months_between(first, last):
    year, month = map(int, first.split("-"))
    months = []
    while f"{year}-{month:02}" <= last:
        months.append(f"{year}-{month:02}")
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    return months


def read_log(extract):
    """Every Inprogress or Done transaction of type Process, in order, with its attributes as shown."""
    givers = {hsa_id(row["hsa_id"]): row for row in extract["hsa_vardgivare"]}
    units = {hsa_id(row["hsa_id"]): row for row in extract["hsa_vardenhet"]}
    log = []
    for row in extract["arenden"]:
        if row["arendetyp"] != "Process" or row["status"] not in ("Inprogress", "Done"):
            continue
        time = instant(row["tidpunkt"])
        giver, unit = hsa_id(row["vardgivare_id"]), hsa_id(row["vardenhet_id"])
        lan_kod = givers[giver]["lan_kod"].strip() if giver in givers else ""
        if lan_kod not in LAN:
            lan_kod = ""
        log.append(
            {
                "arende": row["arende_id"],
                "status": row["status"],
                "order": (time, row["status"] == "Done", row["transaktion_id"]),
                "manad": f"{time.astimezone(STOCKHOLM):%Y-%m}",
                "veckodag": WEEKDAYS[time.astimezone(STOCKHOLM).weekday()],
                "process": filled(row["process"], "Okänt"),
                "moment": filled(row["moment"], "Okänt"),
                "lan_kod": lan_kod,
                "lan": LAN.get(lan_kod, "Okänt län"),
                "vardgivare_id": giver,
                "vardgivare": name_of(giver, givers) or "Okänd vårdgivare",
                "vardenhet_id": unit,
                "vardenhet": name_of(unit, units) or "Okänd vårdenhet",
                "person": filled(row["vardtagare_id"], None),
                "kon": row["kon"] if row["kon"] in ("Kvinna", "Man") else "Okänt",
                "aldersgrupp": age_group(row["alder"]),
                "orsak": filled(row["avslutningsorsak"], "Okänt"),
            }
        )
    return sorted(log, key=lambda event: event["order"])


def only(events, **values):
    return [event for event in events if all(event[name] == value for name, value in values.items())]


def latest_of_each_person(events):
    return list({e["person"]: e for e in sorted(events, key=lambda e: e["order"]) if e["person"]}.values())


class Reference:
    """The reports of one period and region; `region` is `riket` or a lan_kod."""

    def __init__(self, extract, region, from_month, to_month, min_antal):
        self.region, self.min_antal = region, min_antal
        self.months = months_between(from_month, to_month)
        self.lan = LAN if region == "riket" else {region: LAN[region]}
        self.behandlare = defaultdict(set)
        for row in extract["behandlare"]:
            self.behandlare[row["arende_id"]].add(row["behandlare_id"])

        self.log = [event for event in read_log(extract) if event["manad"] <= to_month]
        latest = {(event["arende"], event["status"]): event for event in self.log}
        for event in self.log:
            done = latest.get((event["arende"], "Done"))
            event["avslutningsorsak"] = done["orsak"] if done else "Ej avslutat"
        self.counted = [e for e in latest.values() if e["manad"] >= from_month and self.in_region(e)]

    def table(self, report):
        return getattr(self, report.replace("-", "_"))()

    def in_region(self, event):
        return self.region in ("riket", event["lan_kod"])

    def stock(self, month):
        last = {event["arende"]: event for event in self.log if event["manad"] <= month}
        return [event for event in only(last.values(), status="Inprogress") if self.in_region(event)]

    def flows(self, events):
        return {status: len(only(events, status=name)) for status, name in STATUS.items()}

    def behandlare_count(self, events):
        return {"behandlare": len({b for event in events for b in self.behandlare[event["arende"]]})}

    def persons(self, name, events):
        antal = len({event["person"] for event in events if event["person"]})
        hidden = self.min_antal > 0 and antal <= self.min_antal
        return {name: None if hidden else antal, f"{name}_status": "dold" if hidden else ""}

    # Översikt

    def per_lan(self):
        groups = self.lan | ({"": "Okänt län"} if only(self.counted, lan_kod="") else {})
        rows = []
        for kod, lan in groups.items():
            events = only(self.counted, lan_kod=kod)
            rows.append({"lan_kod": kod, "lan": lan, **self.flows(events), **self.behandlare_count(events)})
        return rows

    def per_veckodag(self):
        return [{"veckodag": day, **self.flows(only(self.counted, veckodag=day))} for day in WEEKDAYS]

    def per_process(self):
        rows = []
        for process in {event["process"] for event in self.counted}:
            row = {"process": process, **self.flows(only(self.counted, process=process))}
            row["andel_avslutade"] = row["avslutade"] / row["startade"] if row["startade"] else None
            rows.append(row)
        return rows

    def pagaende_over_tid(self):
        return [{"manad": month, "pagaende": len(self.stock(month))} for month in self.months]

    def pagaende_per_moment(self):
        moments = {event["moment"] for month in self.months for event in self.stock(month)}
        return [
            {"manad": month, "moment": moment, "pagaende": len(only(self.stock(month), moment=moment))}
            for month in self.months
            for moment in moments
        ]

    def per_region_vardgivare_moment_orsak(self):
        levels = ["lan", "vardgivare", "vardenhet", "moment", "avslutningsorsak"]
        return self.drill_down(levels, self.stock(self.months[-1]))

    def per_moment_region_vardgivare_vardenhet(self):
        rows = self.drill_down(["moment", "lan", "vardgivare", "vardenhet"], [])
        for row in rows:
            del row["pagaende"]
        return rows

    def drill_down(self, levels, all_stock):
        every_column = [column for level in levels for column in COLUMNS[level]]
        rows = []
        for depth, niva in enumerate(["totalt", *levels]):
            columns = [column for level in levels[:depth] for column in COLUMNS[level]]
            groups = {tuple(event[column] for column in columns) for event in self.counted + all_stock}
            if columns == COLUMNS["lan"]:
                groups |= set(self.lan.items())
            for values in groups if depth else [()]:  # the total is there even when nothing happened
                group = dict(zip(columns, values, strict=True))
                events, stock = only(self.counted, **group), only(all_stock, **group)
                row = {"niva": niva, **dict.fromkeys(every_column, ""), **group}
                row["startade"] = self.flows(events)["startade"]
                row["pagaende"] = len(stock)
                row["avslutade"] = self.flows(events)["avslutade"]
                row |= self.persons("invanare", only(events, status="Inprogress"))
                rows.append(row | self.behandlare_count(events))
        return rows

    def per_manad(self):
        rows = []
        for month in self.months:
            events = only(self.counted, manad=month)
            rows.append({"manad": month, **self.flows(events), **self.behandlare_count(events)})
        return rows

    def per_avslutningsorsak(self):
        orsaker = [event["orsak"] for event in only(self.counted, status="Done")]
        return [
            {"avslutningsorsak": o, "avslutade": orsaker.count(o), "andel": orsaker.count(o) / len(orsaker)}
            for o in set(orsaker)
        ]

    # Invånare: each person stands in the group of the latest counted event of the window

    def vardtagare_per_kon_och_manad(self):
        window = {month: latest_of_each_person(only(self.counted, manad=month)) for month in self.months}
        groups = self.kon_groups([event for events in window.values() for event in events])
        return [
            {"manad": month, "kon": kon, **self.persons("vardtagare", only(window[month], kon=kon))}
            for month in self.months
            for kon in groups
        ]

    def vardtagare_per_kon_och_alder(self):
        latest = latest_of_each_person(self.counted)
        ages = AGE_GROUPS + (["Okänd"] if only(latest, aldersgrupp="Okänd") else [])
        return [
            {"kon": kon, "aldersgrupp": age,
             **self.persons("vardtagare", only(latest, kon=kon, aldersgrupp=age))}
            for kon in self.kon_groups(latest)
            for age in ages
        ]  # fmt: skip

    def vardtagare_per_kon(self):
        latest = latest_of_each_person(self.counted)
        rows = [{"kon": kon, **self.persons("vardtagare", only(latest, kon=kon))} for kon in self.kon_groups(latest)]
        any_hidden = any(row["vardtagare_status"] for row in rows)
        for row in rows:
            row["andel"] = row["vardtagare"] / len(latest) if latest and not any_hidden else None
        return rows

    def kon_groups(self, events):
        return ["Kvinna", "Man"] + (["Okänt"] if only(events, kon="Okänt") else [])
