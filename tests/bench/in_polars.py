"""The twelve reports for Riket in polars, from the extract's Parquet files, as somebody who knows polars well would."""

from pathlib import Path

import pandas as pd
import polars as pl

from sobstat.declarations import Report, dimensions
from sobstat.months import Period
from sobstat.regions import LAN

WEEKDAYS = dimensions()["veckodag"].fixed
AGES = dimensions()["aldersgrupp"].fixed
STARTS = [int(group.split("–")[0].rstrip("+")) for group in AGES]
ORDER = ["tidpunkt", "done", "transaktion_id"]


def read_log(folder: Path, period: Period) -> pl.LazyFrame:
    """The starts and completions before the period's end, with every group that is counted by."""
    known = [lan.lan_kod for lan in LAN]
    lan_kod = pl.when(pl.col("lan_kod").is_in(known)).then("lan_kod")
    catalogue = pl.scan_parquet(folder / "hsa_vardgivare.parquet").select(vardgivare_id="hsa_id", lan_kod=lan_kod)
    time = pl.col("tidpunkt").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC")
    return (
        pl.scan_parquet(folder / "arenden.parquet")
        .filter(pl.col("arendetyp") == "Process", pl.col("status").is_in(["Inprogress", "Done"]))
        .with_columns(tidpunkt=time, done=pl.col("status") == "Done")
        .with_columns(dag=pl.col("tidpunkt").dt.convert_time_zone("Europe/Stockholm").dt.date())
        .filter(pl.col("dag") < period.end)
        .join(catalogue, on="vardgivare_id", how="left")
        .with_columns(
            pl.col("process", "moment", "kon").fill_null("Okänt"),
            pl.col("vardgivare_id", "vardenhet_id", "lan_kod").fill_null(""),
            aldersgrupp=pl.col("alder")
            .cut(STARTS[1:], labels=AGES, left_closed=True)
            .cast(pl.String)
            .fill_null("Okänd"),
        )
        .drop("arendetyp", "status", "alder")
    )


def count_reports(folder: Path, reports: list[Report], period: Period) -> dict[str, pd.DataFrame]:
    """Each report's counts by group, by the report's id: `niva`, the identifying columns, the counts."""
    log = read_log(folder, period).sort("arende_id", *ORDER).collect()
    last = pl.col("arende_id").ne_missing(pl.col("arende_id").shift(-1))
    log = log.with_columns(next=pl.when(~last).then(pl.col("dag").shift(-1)))
    latest = log.unique(["arende_id", "done"], keep="last", maintain_order=True)
    reasons = latest.filter("done").select("arende_id", orsak=pl.col("avslutningsorsak").fill_null("Okänt"))
    first = period.first.first_day
    under_way = log.filter(~pl.col("done"), pl.col("next").is_null() | (pl.col("next") >= first))
    events = latest.filter(pl.col("dag") >= first)

    def with_reason(rows: pl.DataFrame) -> pl.DataFrame:
        joined = rows.drop("avslutningsorsak").join(reasons, on="arende_id", how="left")
        return joined.rename({"orsak": "avslutningsorsak"}).with_columns(
            pl.col("avslutningsorsak").fill_null("Ej avslutat")
        )

    events = with_reason(events).with_columns(
        manad=pl.col("dag").dt.strftime("%Y-%m"),
        veckodag=pl.col("dag").dt.weekday().replace_strict(dict(enumerate(WEEKDAYS, 1))),
    )
    under_way = with_reason(under_way)
    months = pl.DataFrame(
        [(str(month), (month + 1).first_day) for month in period.months], schema=["manad", "after"], orient="row"
    )
    stock = under_way.join(months, how="cross").filter(
        pl.col("dag") < pl.col("after"), pl.col("next").is_null() | (pl.col("next") >= pl.col("after"))
    )
    last_month = stock.filter(pl.col("manad") == str(period.last))
    staff = events.join(pl.read_parquet(folder / "behandlare.parquet").unique(), on="arende_id")
    persons = events.filter(pl.col("vardtagare_id").is_not_null()).sort(ORDER)

    def counted(measure: str, by: list[str]) -> pl.DataFrame:
        if measure in ("startade", "avslutade"):
            rows, value = events.filter(pl.col("done") == (measure == "avslutade")), pl.len()
        elif measure == "pagaende":
            rows, value = (stock if "manad" in by else last_month), pl.len()
        elif measure == "behandlare":
            rows, value = staff, pl.col("behandlare_id").n_unique()
        elif measure == "invanare":
            rows, value = events.filter(~pl.col("done")), pl.col("vardtagare_id").drop_nulls().n_unique()
        else:
            window = [name for name in by if name not in ("kon", "aldersgrupp")]
            rows, value = persons.unique(["vardtagare_id", *window], keep="last", maintain_order=True), pl.len()
        value = value.cast(pl.Int64).alias(measure)
        return rows.group_by(by).agg(value) if by else rows.select(value)

    tables = {}
    for report in reports:
        by = [dimensions()[name].columns[0] for name in report.by]
        names = [name for name in report.measures if not name.startswith("andel")]
        parts = []
        for depth in range(len(by) + 1) if report.drilldown else [len(by)]:
            level = by[:depth]
            part = counted(names[0], level)
            for name in names[1:]:
                more = counted(name, level)
                part = part.join(more, on=level, how="full", coalesce=True) if level else part.hstack(more)
            parts.append(part.with_columns(niva=pl.lit(["totalt", *report.by][depth])))
        tables[report.id] = pl.concat(parts, how="diagonal").select("niva", *by, *names).to_pandas()
    return tables
