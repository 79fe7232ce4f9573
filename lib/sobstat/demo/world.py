"""The invented world: vårdgivare, vårdenheter, programmes, and which unit offers which programme.

Everything is drawn once per extract. Indexes into the tables are their row numbers. Organisation numbers
begin with 000, which no real one does, and every name ends with ` (syntetisk)`.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sobstat.demo.activity import Activity, day_number, draw_by_weight
from sobstat.demo.population import county_totals
from sobstat.demo.tables import read_table
from sobstat.months import Month

SYNTHETIC = " (syntetisk)"

# About as many vårdgivare as use the platform; units grow with the square root of the extract, so that a
# large one still has a long tail.
KOMMUNER, PRIVATE = 55, 174
ENHETER, ENHETER_AT, ENHETER_LEAST = 900, 300_000, 300

SHARE_VARDGIVARE_NOT_IN_HSA, SHARE_ENHET_NOT_IN_HSA = 0.03, 0.03  # the region itself is always there
SHARE_VARDGIVARE_WITHOUT_LAN = 0.07
SHARE_LOWER_CASE, SHARE_TRAILING_BLANK = 0.015, 0.005  # ids as some units write them
SHARE_CLOSED = 0.06  # units that leave the service again
SHARE_SHARED_STAFF = 0.08  # units whose therapists belong to another unit of the same vårdgivare
ARENDEN_PER_THERAPIST = 40  # a year; in most real units one or two persons do it all

# Kinds of unit: letter in moment.csv, share of a provider's units, how it is named.
ENHETSTYPER = {
    "V": (0.56, "{ort} vårdcentral"),
    "P": (0.18, "Psykiatrimottagningen {ort}"),
    "B": (0.13, "Barn- och ungdomshälsan {ort}"),
    "S": (0.13, "Specialistmottagningen {ort}"),
    "K": (0.00, "Stöd och familj {ort}"),  # kommuner have only these
}

NAME_FIRST = "Alm Asp Berg Björk Ek Fjärd Furu Gran Havs Hassel Klint Kvarn Lind Ljung Mo Myr Norr Rönn Salt Sten"
NAME_SECOND = "backa berga bro fors hamn hult lunda mark näs sala sund torp vik ås ängen"
FIRM_SECOND = "backen bryggan gläntan holmen hörnan kullen källan lyktan porten stigen strand viken"
FIRM_KINDS = ["Psykologi AB", "Hälsa AB", "KBT-mottagning", "Vård AB", "Rehab AB", "Samtalsmottagning AB"]


@dataclass(frozen=True)
class World:
    """Tables with one row per län, vårdgivare, … and, in `utbud`, per programme that a unit offers."""

    lan: pd.DataFrame
    vardgivare: pd.DataFrame
    vardenhet: pd.DataFrame
    moment: pd.DataFrame
    utbud: pd.DataFrame


def build_world(rng, arenden: int, activity: Activity) -> World:
    """Draw the world for an extract of `arenden` ärenden."""
    lan = read_table("lan.csv")
    lan["vikt"] = lan["nyttjande"] * county_totals(2023)
    lan["forsta_dag"] = [day_number(Month.parse(month).first_day) for month in lan["anslutning"]]
    vardgivare = draw_vardgivare(rng, lan)
    vardenhet = draw_vardenheter(rng, lan, vardgivare, arenden, activity.days)
    moment = read_moment(activity.days)
    utbud = draw_utbud(rng, vardenhet, moment, activity)
    # Staff follows the number of ärenden that a unit can expect in a year.
    expected = utbud.groupby("enhet")["vikt"].sum().reindex(range(len(vardenhet)), fill_value=0).to_numpy()
    years = np.maximum(vardenhet["sista_dag"] - vardenhet["forsta_dag"], 90) / 365
    yearly = expected / expected.sum() * arenden / years
    vardenhet["behandlare"] = 1 + (rng.random(len(vardenhet)) < 0.4) + yearly // ARENDEN_PER_THERAPIST
    return World(lan, vardgivare, vardenhet, moment, utbud)


def read_moment(days: int) -> pd.DataFrame:
    """The programmes, with `forsta_dag` and `sista_dag` (excluded) as day numbers."""
    moment = read_table("moment.csv")
    moment["forsta_dag"] = [day_number(Month.parse(month).first_day) for month in moment["fran"]]
    ends = [day_number((Month.parse(month) + 1).first_day) if month else days for month in moment["till"]]
    moment["sista_dag"] = np.minimum(ends, days)
    return moment


def draw_vardgivare(rng, lan: pd.DataFrame) -> pd.DataFrame:
    """The 21 regions first, then kommuner, then private providers, spread over the län."""
    others = KOMMUNER + PRIVATE
    lan_index = np.r_[np.arange(21), draw_by_weight(rng, lan["vikt"] ** 0.7, others)]
    sort = np.repeat(["region", "kommun", "privat"], [21, KOMMUNER, PRIVATE])
    places = distinct_names(rng, NAME_FIRST, NAME_SECOND, KOMMUNER)
    firms = distinct_names(rng, NAME_FIRST, FIRM_SECOND, PRIVATE)
    kinds = rng.choice(FIRM_KINDS, PRIVATE)
    namn = [
        *lan["region"],
        *(f"{place} kommun" for place in places),
        *(f"{firm} {kind}" for firm, kind in zip(firms, kinds, strict=True)),
    ]
    number = np.arange(len(namn)) + 1
    public = sort == "region"
    table = pd.DataFrame(
        {
            "hsa_id": [f"SE000{n * 4111:07d}-A{n:03d}" for n in number],
            "namn": [name + SYNTHETIC for name in namn],
            "lan": lan_index,
            "sort": sort,
            "i_hsa": public | (rng.random(len(namn)) >= SHARE_VARDGIVARE_NOT_IN_HSA),
            "lan_i_hsa": public | (rng.random(len(namn)) >= SHARE_VARDGIVARE_WITHOUT_LAN),
        }
    )
    table.loc[[30, 100], "i_hsa"] = False  # whatever the draw, these two are missing
    return table


def draw_vardenheter(rng, lan, vardgivare, arenden: int, days: int) -> pd.DataFrame:
    """Units sorted by län and vårdgivare; the first unit of each region is its large internet clinic."""
    wanted = max(ENHETER_LEAST, round(ENHETER * (arenden / ENHETER_AT) ** 0.5))
    of_region = (lan["vikt"] ** 0.8).to_numpy()[vardgivare["lan"]]  # large ones have larger units, too
    size = np.select(
        [vardgivare["sort"] == "region", vardgivare["sort"] == "kommun"],
        [12 * of_region / (lan["vikt"] ** 0.8).mean(), 0.4],
        rng.lognormal(0, 1, len(vardgivare)),
    )
    extra = draw_by_weight(rng, size, wanted - len(vardgivare))
    owner = np.r_[np.arange(len(vardgivare)), extra]
    owner = owner[np.lexsort((owner, vardgivare["lan"].to_numpy()[owner]))]
    count = len(owner)
    sort, home = vardgivare["sort"].to_numpy()[owner], vardgivare["lan"].to_numpy()[owner]
    first_of_owner = np.r_[True, owner[1:] != owner[:-1]]
    flagship = first_of_owner & (sort == "region")

    shares = [share for share, _ in ENHETSTYPER.values()]
    typ = np.array(list(ENHETSTYPER))[draw_by_weight(rng, shares, count)]
    typ = np.where(sort == "kommun", "K", np.where(flagship, "P", typ))
    place = rng.choice(all_names(NAME_FIRST, NAME_SECOND), count)
    namn = [ENHETSTYPER[letter][1].format(ort=ort) for letter, ort in zip(typ, place, strict=True)]
    namn = np.where(flagship, "Internetmottagningen " + lan["region"].to_numpy(object)[home], namn)

    # Ten to a hundredfold differences between units, scaled so that each län gets its own share.
    size = rng.lognormal(0, 1.25, count) * np.select([flagship, sort == "kommun"], [25, 0.25], 1.0)
    size *= lan["vikt"].to_numpy()[home] / np.bincount(home, size, minlength=21)[home]
    waits = np.where(flagship, 0, rng.exponential(800, count)).astype(int)
    start = lan["forsta_dag"].to_numpy()[home] + waits
    closed = (rng.random(count) < SHARE_CLOSED) & ~flagship
    end = np.where(closed, start + rng.integers(200, 1500, count), days)

    # Some private providers have a unit in another county than their own.
    away = (sort == "privat") & ~first_of_owner & (rng.random(count) < 0.15)
    unit_lan = np.where(away, rng.integers(0, 21, count), home)
    kommuner = [codes.split() for codes in lan["kommuner"]]
    pick = rng.integers(0, 420, count)  # divisible by any number of kommuner from 1 to 7
    kommun_kod = [kommuner[n][k % len(kommuner[n])] for n, k in zip(unit_lan, pick, strict=True)]
    org = vardgivare["hsa_id"].str.split("-").str[0].to_numpy()[owner]
    in_hsa = flagship | (rng.random(count) >= SHARE_ENHET_NOT_IN_HSA)
    first_unit = np.flatnonzero(first_of_owner)[np.cumsum(first_of_owner) - 1]
    return pd.DataFrame(
        {
            "hsa_id": [f"{number}-E{n:05d}" for n, number in enumerate(org, start=1)],
            "namn": [name + SYNTHETIC for name in namn],
            "vardgivare": owner,
            "lan": unit_lan,
            "kommun_kod": kommun_kod,
            "typ": typ,
            "flaggskepp": flagship,
            "i_hsa": in_hsa & (vardgivare["i_hsa"].to_numpy()[owner] | (rng.random(count) < 0.5)),
            "gemener": (rng.random(count) < SHARE_LOWER_CASE) & ~flagship,
            "blanksteg": (rng.random(count) < SHARE_TRAILING_BLANK) & ~flagship,
            "storlek": size,
            "forsta_dag": np.minimum(start, days),
            "sista_dag": np.clip(end, 0, days),
            "personal_fran": np.where(rng.random(count) < SHARE_SHARED_STAFF, first_unit, np.arange(count)),
        }
    )


def draw_utbud(rng, vardenhet, moment, activity: Activity) -> pd.DataFrame:
    """What each unit offers: `enhet, moment, forsta_dag, sista_dag` and `vikt`, its share of all ärenden."""
    allowed = np.array([[typ in units for units in moment["enheter"]] for typ in ENHETSTYPER])
    allowed = allowed[[list(ENHETSTYPER).index(typ) for typ in vardenhet["typ"]]]
    taste = moment["vikt"].to_numpy() * rng.lognormal(0, 1, allowed.shape) * allowed
    # The programmes that a unit takes up: few, drawn by taste without replacement (Gumbel's trick).
    with np.errstate(divide="ignore"):
        rank = np.argsort(np.argsort(-(np.log(taste) + rng.gumbel(size=allowed.shape)), axis=1), axis=1)
    count = 1 + rng.geometric(0.15, len(vardenhet)) + (vardenhet["typ"] == "P").to_numpy() * 3
    offered = allowed & ((rank < count[:, None]) | vardenhet["flaggskepp"].to_numpy()[:, None])
    enhet, index = np.nonzero(offered)

    delay = np.where(vardenhet["flaggskepp"].to_numpy()[enhet], 0, rng.integers(0, 400, len(enhet)))
    first = np.maximum(vardenhet["forsta_dag"].to_numpy()[enhet] + delay, moment["forsta_dag"].to_numpy()[index])
    last = np.minimum(vardenhet["sista_dag"].to_numpy()[enhet], moment["sista_dag"].to_numpy()[index])
    open_ = first < last
    enhet, index, first, last = enhet[open_], index[open_], first[open_], last[open_]
    patient = (moment["behandlare"] == "nej").to_numpy(int)[index]
    share = taste[enhet, index] / np.bincount(enhet, taste[enhet, index], minlength=len(vardenhet))[enhet]
    exposure = activity.cumulative[patient, last] - activity.cumulative[patient, first]
    vikt = vardenhet["storlek"].to_numpy()[enhet] * share * exposure
    return pd.DataFrame(
        {"enhet": enhet, "moment": index, "forsta_dag": first, "sista_dag": last, "vikt": vikt / vikt.sum()}
    )


def all_names(first: str, second: str) -> list[str]:
    """Every compound of the two lists of parts."""
    return [start + end for start in first.split() for end in second.split()]


def distinct_names(rng, first: str, second: str, count: int) -> list[str]:
    """`count` different compounds in random order."""
    return list(rng.permutation(all_names(first, second))[:count])
