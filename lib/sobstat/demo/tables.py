"""The CSV tables beside these modules: what is data rather than code.

`lan.csv`: per län its region, when it joined (`anslutning`), how much it uses the service for its size
(`nyttjande`, invented), codes of some of its kommuner, its real population in 2023 (SCB).
`moment.csv`: programmes in the style of the real ones, for whom (`malgrupp`), in which kinds of unit
(letters, see `world.ENHETSTYPER`), from and to which month, how popular (`vikt`).
`befolkning_2015.csv`: population by län, kön and one-year age, SCB BE0101N1, 31 December 2015, CC0.
"""

from importlib.resources import files

import pandas as pd


def read_table(name: str) -> pd.DataFrame:
    """One of the tables; codes and names stay text, empty text stays empty."""
    with (files(__package__) / name).open(encoding="utf-8") as file:
        return pd.read_csv(file, dtype={"lan_kod": str}, keep_default_na=False)
