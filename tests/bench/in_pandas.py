"""The twelve reports for Riket in pandas, from the extract's Parquet files, as somebody who knows pandas well would."""

from pathlib import Path

import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sobstat.declarations import Report, dimensions
from sobstat.months import Period
from sobstat.regions import LAN

GROUPS = ["status", "process", "moment", "vardgivare_id", "vardenhet_id", "kon", "avslutningsorsak"]
COLUMNS = ["transaktion_id", "arende_id", "tidpunkt", "vardtagare_id", "alder", *GROUPS]
UNKNOWN = {"process": "Okänt", "moment": "Okänt", "vardgivare_id": "", "vardenhet_id": "", "kon": "Okänt"}
WEEKDAYS = dimensions()["veckodag"].fixed
AGES = dimensions()["aldersgrupp"].fixed
STARTS = [int(group.split("–")[0].rstrip("+")) for group in AGES]


def read_log(folder: Path, period: Period) -> pd.DataFrame:
    """The starts and completions before the period's end in order, with every group that is counted by."""
    counts = (pc.field("arendetyp") == "Process") & pc.field("status").isin(["Inprogress", "Done"])
    read = pq.read_table(folder / "arenden.parquet", columns=COLUMNS, filters=counts, read_dictionary=GROUPS)
    log = read.to_pandas(types_mapper={read.schema.field("arende_id").type: pd.StringDtype("pyarrow")}.get)
    log["tidpunkt"] = pd.to_datetime(log["tidpunkt"], format="ISO8601", utc=True)
    log["dag"] = log["tidpunkt"].dt.tz_convert("Europe/Stockholm").dt.tz_localize(None).dt.floor("D")
    log = log[log["dag"] < pd.Timestamp(period.end)]
    log["done"] = log["status"] == "Done"
    for name, unknown in UNKNOWN.items():
        log[name] = log[name].cat.add_categories([unknown]).fillna(unknown) if log[name].hasnans else log[name]
    catalogue = pd.read_parquet(folder / "hsa_vardgivare.parquet").set_index("hsa_id")["lan_kod"]
    known = {lan.lan_kod for lan in LAN}
    log["lan_kod"] = log["vardgivare_id"].map(catalogue.where(catalogue.isin(known))).astype("str").fillna("")
    log["lan_kod"] = log["lan_kod"].astype("category")
    log["aldersgrupp"] = pd.cut(log["alder"].astype("float"), [*STARTS, 121], right=False, labels=AGES)
    log["aldersgrupp"] = log["aldersgrupp"].cat.add_categories(["Okänd"]).fillna("Okänd")
    return log.sort_values(["arende_id", "tidpunkt", "done", "transaktion_id"], ignore_index=True)


def count_reports(folder: Path, reports: list[Report], period: Period) -> dict[str, pd.DataFrame]:
    """Each report's counts by group, by the report's id: `niva`, the identifying columns, the counts."""
    log = read_log(folder, period)
    first, end = pd.Timestamp(period.first.first_day), pd.Timestamp(period.end)
    same = log["arende_id"].eq(log["arende_id"].shift(-1))
    log["next"] = log["dag"].shift(-1).where(same)
    latest = log.drop_duplicates(["arende_id", "done"], keep="last")
    reasons = latest[latest["done"]].set_index("arende_id")["avslutningsorsak"]
    reasons = reasons.cat.add_categories(["Okänt", "Ej avslutat"]).fillna("Okänt")
    events = latest[latest["dag"] >= first].copy()
    under_way = log[~log["done"] & ((log["next"] >= first) | log["next"].isna())].copy()
    for part in (events, under_way):
        part["avslutningsorsak"] = part["arende_id"].map(reasons).fillna("Ej avslutat").astype("category")
    events["manad"] = events["dag"].dt.strftime("%Y-%m").astype("category")
    events["veckodag"] = pd.Categorical.from_codes(events["dag"].dt.weekday, WEEKDAYS)
    stocks = []
    for month in period.months:
        after = pd.Timestamp((month + 1).first_day)
        stock = under_way[(under_way["dag"] < after) & ((under_way["next"] >= after) | under_way["next"].isna())]
        stocks.append(stock.assign(manad=str(month)))
    stock = pd.concat(stocks)
    on_arende = pd.read_parquet(folder / "behandlare.parquet").drop_duplicates()
    staff = events.merge(on_arende, on="arende_id")
    persons = events[events["vardtagare_id"].notna()].sort_values(["tidpunkt", "done", "transaktion_id"])
    last_month = stock[(stock["dag"] < end) & (stock["manad"] == str(period.last))]

    def counted(measure: str, by: list[str]) -> pd.Series:
        rows, keys = events, by or [lambda _: 0]
        if measure in ("startade", "avslutade"):
            return rows[rows["done"] == (measure == "avslutade")].groupby(keys, observed=True).size()
        if measure == "pagaende":
            return (stock if "manad" in by else last_month).groupby(keys, observed=True).size()
        if measure == "behandlare":
            return staff.groupby(keys, observed=True)["behandlare_id"].nunique()
        if measure == "invanare":
            return rows[~rows["done"]].groupby(keys, observed=True)["vardtagare_id"].nunique()
        window = [name for name in by if name not in ("kon", "aldersgrupp")]
        return persons.drop_duplicates(["vardtagare_id", *window], keep="last").groupby(keys, observed=True).size()

    tables = {}
    for report in reports:
        by = [dimensions()[name].columns[0] for name in report.by]
        names = [name for name in report.measures if not name.startswith("andel")]
        levels = range(len(by) + 1) if report.drilldown else [len(by)]
        parts = []
        for depth in levels:
            counts = {name: counted(name, by[:depth]) for name in names}
            part = pd.DataFrame(counts).reset_index(names=by[:depth] or ["allt"])
            parts.append(part.assign(niva=["totalt", *report.by][depth]))
        tables[report.id] = pd.concat(parts, ignore_index=True)[["niva", *by, *names]]
    return tables
