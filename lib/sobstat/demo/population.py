"""The befolkning source: population on 31 December per year, län, kön and one-year age.

Real (SCB, CC0): every cell of 2015, the county totals of 2015 and 2023, and Riket's totals 2015–2024.
Estimated: county totals of other years (shares drawn in a straight line between the known years, scaled to
Riket's real total), Riket's total after 2024, and age and kön after 2015 (each county's proportions of 2015).
"""

import numpy as np
import pandas as pd

from sobstat.demo.tables import read_table

# SCB's totals for the whole country on 31 December.
RIKET_TOTALS = {
    2015: 9_851_017,
    2016: 9_995_153,
    2017: 10_120_242,
    2018: 10_230_185,
    2019: 10_327_589,
    2020: 10_379_295,
    2021: 10_452_326,
    2022: 10_521_556,
    2023: 10_551_707,
    2024: 10_587_710,
}
FIRST_YEAR, SECOND_YEAR = 2015, 2023  # the years with real county totals
YEARLY_GROWTH = 1.003  # after the last known year: about the growth of 2022–2024


def population(last_year: int) -> pd.DataFrame:
    """Population of every year 2015–`last_year`: columns `ar, lan_kod, kon, alder, antal`.

    21 län × 2 kön × 101 ages (100 = 100 and over) rows per year, whole persons that sum to the county totals.
    """
    profile = read_table("befolkning_2015.csv").set_index(["lan_kod", "kon"])
    profile = profile.rename(columns=int).rename_axis(columns="alder").stack().rename("antal").reset_index()
    cells = profile["antal"].to_numpy().reshape(21, -1)  # one row per län, in code order
    years = []
    for year in range(FIRST_YEAR, last_year + 1):
        totals = county_totals(year)
        antal = np.stack([largest_remainder(row, total) for row, total in zip(cells, totals, strict=True)])
        years.append(profile.assign(ar=year, antal=antal.ravel()))
    return pd.concat(years, ignore_index=True)[["ar", "lan_kod", "kon", "alder", "antal"]]


def county_totals(year: int) -> np.ndarray:
    """Population of the 21 län on 31 December, in code order: real for 2015 and 2023, else estimated."""
    first = read_table("befolkning_2015.csv").groupby("lan_kod").sum(numeric_only=True).sum(axis=1).to_numpy()
    second = read_table("lan.csv")["folkmangd_2023"].to_numpy()
    if year in (FIRST_YEAR, SECOND_YEAR):
        return first if year == FIRST_YEAR else second
    along = min((year - FIRST_YEAR) / (SECOND_YEAR - FIRST_YEAR), 1)
    shares = (1 - along) * first / first.sum() + along * second / second.sum()
    return largest_remainder(shares, riket_total(year))


def riket_total(year: int) -> int:
    """Riket on 31 December: SCB's figure, or the last one with some growth."""
    last = max(RIKET_TOTALS)
    return RIKET_TOTALS.get(year) or round(RIKET_TOTALS[last] * YEARLY_GROWTH ** (year - last))


def largest_remainder(weights, total: int) -> np.ndarray:
    """Whole numbers proportional to `weights` that sum to `total`; ties go to the earlier place."""
    exact = np.asarray(weights, float) / np.sum(weights) * total
    whole = np.floor(exact).astype(np.int64)
    remainder = np.round(exact - whole, 9)
    whole[np.argsort(-remainder, kind="stable")[: total - whole.sum()]] += 1
    return whole
