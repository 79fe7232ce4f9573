"""The attack on an edition: it must succeed where a count can be worked out, and not where it cannot."""

import math
import re
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sites import EDITION
from sobstat.outsider.attack import attack
from sobstat.outsider.intervals import ContradictionError, System, contradicted, intervals

PARAMETERS = {"from": "2025-09", "to": "2025-10", "min_antal": 10}
PERIODS = PARAMETERS | {"from": "2024-11", "periods": {"ar": "2025-01", "manad": "2025-10"}}
STRICT = PARAMETERS | {"min_startade": 10, "min_avslutade": 10, "min_pagaende": 10, "min_behandlare": 3}


def write_edition(folder: Path, files: dict[str, str]) -> Path:
    """An edition's folder of files, each as `region/report` or `region/period/report`, and its lines; `?` is hidden."""
    for name, text in files.items():
        page, report = name.rsplit("/", 1)
        path = folder / page / "data" / f"{report}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [line.strip() for line in text.strip().splitlines()]
        path.write_text("\n".join(lines).replace("?,?", ",dold") + "\n", encoding="utf-8")
    return folder


def broken(folder: Path, files: dict[str, str], parameters: dict = PARAMETERS) -> list[str]:
    """What an attack finds about an edition of these files: the cells that are not protected."""
    faults = attack(write_edition(folder, files), parameters).faults
    return [match[1] if (match := re.search(r"hides (.*?\))", fault)) else fault for fault in faults]


LAN = """lan_kod,lan,befolkning,vardtagare,vardtagare_status
         09,Gotlands län,60000,{},"""
KON = """kon,vardtagare,vardtagare_status
         Kvinna,{},
         Man,{},"""
LEVELS = "niva,lan_kod,lan,vardgivare_id,vardgivare,invanare,invanare_status"
CASES = "niva,lan_kod,lan,startade,startade_status"
STARTS = "niva,lan_kod,lan,startade,invanare,invanare_status\n totalt,,,{},{}"

# Name → the parameters, files that give a count away, the cells that are then broken, and a twin that protects.
ATTACKS = {
    "the only hidden kön beside a shown total": (
        PARAMETERS,
        {"gotland/per-1000-per-lan": LAN.format(50), "gotland/vardtagare-per-kon": KON.format("?,?", 46)},
        ["vardtagare (kon Kvinna, lan 09)"],
        {"gotland/per-1000-per-lan": LAN.format(50), "gotland/vardtagare-per-kon": KON.format("?,?", "?,?")},
    ),
    "the total, when both kön are shown": (
        PARAMETERS,
        {"gotland/per-1000-per-lan": LAN.format("?,?"), "gotland/vardtagare-per-kon": KON.format(30, 46)},
        ["vardtagare (lan 09)"],
        {"gotland/per-1000-per-lan": LAN.format("?,?"), "gotland/vardtagare-per-kon": KON.format("?,?", 46)},
    ),
    "a kön too small to hide beside": (
        PARAMETERS,
        {"gotland/per-1000-per-lan": LAN.format(9), "gotland/vardtagare-per-kon": KON.format("?,?", "?,?")},
        ["vardtagare (kon Kvinna, lan 09)", "vardtagare (kon Man, lan 09)"],
        {"gotland/per-1000-per-lan": LAN.format(11), "gotland/vardtagare-per-kon": KON.format("?,?", "?,?")},
    ),
    "the only hidden age group of a kön": (
        PARAMETERS,
        {
            "gotland/vardtagare-per-kon": KON.format(58, 46),
            "gotland/vardtagare-per-kon-och-alder": """kon,aldersgrupp,vardtagare,vardtagare_status
                Kvinna,0–12,?,?
                Kvinna,13–17,30,
                Kvinna,18–24,25,
                Man,0–12,?,?
                Man,13–17,?,?
                Man,18–24,25,""",
        },
        ["vardtagare (aldersgrupp 0–12, kon Kvinna, lan 09)"],
        {
            "gotland/vardtagare-per-kon": KON.format(58, 46),
            "gotland/vardtagare-per-kon-och-alder": """kon,aldersgrupp,vardtagare,vardtagare_status
                Kvinna,0–12,?,?
                Kvinna,13–17,?,?
                Kvinna,18–24,25,
                Man,0–12,?,?
                Man,13–17,?,?
                Man,18–24,25,""",
        },
    ),
    "a whole between its largest part and what it is a part of": (
        PARAMETERS,
        {
            "riket/per-region-vardgivare-moment-orsak": f"""{LEVELS}
                totalt,,,,,45,
                lan,09,Gotlands län,,,?,?
                vardgivare,09,Gotlands län,A,A,40,
                vardgivare,09,Gotlands län,C,C,?,?
                lan,10,Blekinge län,,,?,?
                vardgivare,10,Blekinge län,B,B,?,?"""
        },
        ["invanare (lan 09)"],
        {
            "riket/per-region-vardgivare-moment-orsak": f"""{LEVELS}
                totalt,,,,,50,
                lan,09,Gotlands län,,,?,?
                vardgivare,09,Gotlands län,A,A,40,
                vardgivare,09,Gotlands län,C,C,?,?
                lan,10,Blekinge län,,,?,?
                vardgivare,10,Blekinge län,B,B,?,?"""
        },
    ),
    "the only part of a whole": (
        PARAMETERS,
        {
            "riket/per-region-vardgivare-moment-orsak": f"""{LEVELS}
                totalt,,,,,45,
                lan,09,Gotlands län,,,?,?"""
        },
        ["invanare (lan 09)"],
        {
            "riket/per-region-vardgivare-moment-orsak": f"""{LEVELS}
                totalt,,,,,45,
                lan,09,Gotlands län,,,?,?
                lan,10,Blekinge län,,,?,?"""
        },
    ),
    "hidden on one page and shown on another": (
        PARAMETERS,
        {
            "riket/per-region-vardgivare-moment-orsak": f"{LEVELS}\ntotalt,,,,,45,\nlan,09,G,,,?,?\nlan,10,B,,,40,",
            "gotland/per-region-vardgivare-moment-orsak": f"{LEVELS}\ntotalt,,,,,12,\nlan,09,G,,,12,",
        },
        ["invanare (lan 09)"],
        {
            "riket/per-region-vardgivare-moment-orsak": f"{LEVELS}\ntotalt,,,,,45,\nlan,09,G,,,12,\nlan,10,B,,,40,",
            "gotland/per-region-vardgivare-moment-orsak": f"{LEVELS}\ntotalt,,,,,12,\nlan,09,G,,,12,",
        },
    ),
    "the same unit and moment in two drill-downs": (
        PARAMETERS,
        {
            "riket/per-region-vardgivare-moment-orsak": """
                niva,vardenhet_id,vardenhet,moment,invanare,invanare_status
                totalt,,,,45,
                vardenhet,E,E,,45,
                moment,E,E,KBT,?,?
                moment,E,E,ACT,30,""",
            "riket/per-moment-region-vardgivare-vardenhet": """
                niva,moment,vardenhet_id,vardenhet,invanare,invanare_status
                totalt,,,,45,
                moment,KBT,,,?,?
                vardenhet,KBT,E,E,16,
                moment,ACT,,,30,
                vardenhet,ACT,E,E,30,""",
        },
        ["invanare (moment KBT, vardenhet E)", "invanare (moment KBT)"],
        {
            "riket/per-region-vardgivare-moment-orsak": """
                niva,vardenhet_id,vardenhet,moment,invanare,invanare_status
                totalt,,,,45,
                vardenhet,E,E,,45,
                moment,E,E,KBT,?,?
                moment,E,E,ACT,30,""",
            "riket/per-moment-region-vardgivare-vardenhet": """
                niva,moment,vardenhet_id,vardenhet,invanare,invanare_status
                totalt,,,,45,
                moment,KBT,,,?,?
                vardenhet,KBT,E,E,?,?
                moment,ACT,,,30,
                vardenhet,ACT,E,E,30,""",
        },
    ),
    "a rate per 1 000": (
        PARAMETERS,
        {
            "riket/per-1000-per-lan": """lan_kod,lan,befolkning,vardtagare,vardtagare_status,vardtagare_per_1000
                09,Gotlands län,60000,?,?,0.10"""
        },
        ["vardtagare (lan 09)"],
        {
            "riket/per-1000-per-lan": """lan_kod,lan,befolkning,vardtagare,vardtagare_status,vardtagare_per_1000
                09,Gotlands län,60000,?,?,"""
        },
    ),
    "shares of a known sum": (
        PARAMETERS,
        {
            "gotland/per-1000-per-lan": LAN.format(50),
            "gotland/vardtagare-per-kon": """kon,vardtagare,vardtagare_status,andel
                Kvinna,?,?,0.0800
                Man,?,?,0.9200""",
        },
        ["vardtagare (kon Kvinna, lan 09)", "vardtagare (kon Man, lan 09)"],
        {
            "gotland/per-1000-per-lan": LAN.format(50),
            "gotland/vardtagare-per-kon": """kon,vardtagare,vardtagare_status,andel
                Kvinna,?,?,
                Man,?,?,""",
        },
    ),
    "the only month of a period": (
        PARAMETERS | {"from": "2025-10"},
        {
            "gotland/vardtagare-per-kon": KON.format(40, 46),
            "gotland/vardtagare-per-kon-och-manad": """manad,kon,vardtagare,vardtagare_status
                2025-10,Kvinna,?,?
                2025-10,Man,46,""",
        },
        ["vardtagare (kon Kvinna, lan 09, manad 2025-10)"],
        {
            "gotland/vardtagare-per-kon": KON.format("?,?", "?,?"),
            "gotland/vardtagare-per-kon-och-manad": """manad,kon,vardtagare,vardtagare_status
                2025-10,Kvinna,?,?
                2025-10,Man,?,?""",
        },
    ),
    "a longer period without one start more": (
        PERIODS,
        {"gotland/drill": STARTS.format(60, "?,?"), "gotland/ar/drill": STARTS.format(60, "40,")},
        ["invanare (lan 09)"],
        {"gotland/drill": STARTS.format(80, "?,?"), "gotland/ar/drill": STARTS.format(60, "40,")},
    ),
    "a period between a shorter and a longer one": (
        PERIODS,
        {
            "gotland/drill": STARTS.format(90, "35,"),
            "gotland/ar/drill": STARTS.format(80, "?,?"),
            "gotland/manad/drill": STARTS.format(60, "30,"),
        },
        ["invanare (lan 09)"],
        {
            "gotland/drill": STARTS.format(90, "41,"),
            "gotland/ar/drill": STARTS.format(80, "?,?"),
            "gotland/manad/drill": STARTS.format(60, "30,"),
        },
    ),
    "a shorter period and the months before it": (
        PERIODS | {"from": "2024-12", "min_startade": 10},
        {
            "gotland/cases": CASES + "\n totalt,,,40,",
            "gotland/ar/cases": CASES + "\n totalt,,,?,?",
            "gotland/per-manad": "manad,startade,startade_status\n 2024-12,30,",
        },
        ["startade (lan 09)"],
        {
            "gotland/cases": CASES + "\n totalt,,,40,",
            "gotland/ar/cases": CASES + "\n totalt,,,?,?",
            "gotland/per-manad": "manad,startade,startade_status\n 2024-12,?,?",
        },
    ),
    "a period between its months and the total": (
        PARAMETERS,
        {
            "gotland/per-1000-per-lan": LAN.format(45),
            "gotland/vardtagare-per-kon": KON.format("?,?", "?,?"),
            "gotland/vardtagare-per-kon-och-manad": """manad,kon,vardtagare,vardtagare_status
                2025-10,Kvinna,40,
                2025-10,Man,?,?""",
        },
        [
            f"vardtagare ({group})"
            for group in ("kon Kvinna, lan 09", "kon Man, lan 09", "kon Man, lan 09, manad 2025-10")
        ],
        {
            "gotland/per-1000-per-lan": LAN.format(60),
            "gotland/vardtagare-per-kon": KON.format("?,?", "?,?"),
            "gotland/vardtagare-per-kon-och-manad": """manad,kon,vardtagare,vardtagare_status
                2025-09,Kvinna,?,?
                2025-09,Man,?,?
                2025-10,Kvinna,40,
                2025-10,Man,?,?""",
        },
    ),
    "Riket minus the other län, where counts add up": (
        STRICT,
        {
            "riket/per-region-vardgivare-moment-orsak": f"""{CASES}
                totalt,,,100,
                lan,09,Gotlands län,?,?
                lan,10,Blekinge län,95,"""
        },
        ["startade (lan 09)"],
        {
            "riket/per-region-vardgivare-moment-orsak": f"""{CASES}
                totalt,,,100,
                lan,09,Gotlands län,?,?
                lan,10,Blekinge län,?,?"""
        },
    ),
    "Riket minus the pages of other län": (
        STRICT,
        {
            "riket/per-veckodag": "veckodag,startade,startade_status\nmåndag,100,\ntisdag,100,",
            "riket/per-lan": "lan_kod,lan,startade,startade_status\n09,G,?,?\n10,B,?,?\n,Okänt län,?,?",
            "gotland/per-veckodag": "veckodag,startade,startade_status\nmåndag,?,?\ntisdag,?,?",
            "blekinge/per-veckodag": "veckodag,startade,startade_status\nmåndag,95,\ntisdag,?,?",
        },
        ["startade (lan 09, veckodag måndag)"],
        {
            "riket/per-veckodag": "veckodag,startade,startade_status\nmåndag,100,\ntisdag,100,",
            "riket/per-lan": "lan_kod,lan,startade,startade_status\n09,G,?,?\n10,B,?,?\n,Okänt län,?,?",
            "gotland/per-veckodag": "veckodag,startade,startade_status\nmåndag,?,?\ntisdag,?,?",
            "blekinge/per-veckodag": "veckodag,startade,startade_status\nmåndag,80,\ntisdag,?,?",
        },
    ),
    "residents beside few starts, where starts are hidden when few": (
        STRICT | {"min_startade": 3},
        {
            "riket/per-moment": """niva,moment,startade,startade_status,invanare,invanare_status
                totalt,,8,,?,?"""
        },
        ["invanare (all)"],
        {
            "riket/per-moment": """niva,moment,startade,startade_status,invanare,invanare_status
                totalt,,11,,?,?"""
        },
    ),
    "a share of completions": (
        STRICT,
        {
            "riket/per-process": """process,startade,startade_status,avslutade,avslutade_status,andel_avslutade
                KBT,40,,?,?,0.1000"""
        },
        ["avslutade (process KBT)"],
        {
            "riket/per-process": """process,startade,startade_status,avslutade,avslutade_status,andel_avslutade
                KBT,40,,?,?,"""
        },
    ),
}


@pytest.mark.parametrize(("parameters", "files", "cells", "_twin"), ATTACKS.values(), ids=ATTACKS)
def test_a_count_that_can_be_worked_out_is_found(tmp_path, parameters, files, cells, _twin):
    assert sorted(broken(tmp_path, files, parameters)) == sorted(cells)


@pytest.mark.parametrize(("parameters", "_files", "_cells", "twin"), ATTACKS.values(), ids=ATTACKS)
def test_a_protected_twin_holds(tmp_path, parameters, _files, _cells, twin):
    assert broken(tmp_path, twin, parameters) == []


def test_where_starts_are_shown_few_of_them_do_not_count(tmp_path):
    files = {
        "riket/per-region-vardgivare-moment-orsak": """niva,lan_kod,lan,startade,invanare,invanare_status
            totalt,,,8,?,?"""
    }
    assert broken(tmp_path, files) == []


def test_no_start_means_no_resident_and_is_no_fault(tmp_path):
    """What is known to be 0 tells about others: the shown whole is all in one part."""
    files = {
        "riket/per-moment": """niva,moment,startade,invanare,invanare_status
            totalt,,44,40,
            moment,KBT,44,?,?
            moment,ACT,0,?,?"""
    }
    assert broken(tmp_path, files) == ["invanare (moment KBT)"]


def test_a_group_that_a_table_leaves_out_is_known_to_be_empty_and_no_fault(tmp_path):
    files = {
        "gotland/vardtagare-per-kon": KON.format(30, 46),
        "gotland/per-1000-per-kon-och-alder": """kon,aldersgrupp,befolkning,vardtagare,vardtagare_status
            Kvinna,0–12,1000,30,
            Man,0–12,1000,46,
            Okänt,0–12,,?,?""",
    }
    found = attack(write_edition(tmp_path, files), PARAMETERS)
    assert (found.faults, found.cells, found.hidden, found.narrowest) == ([], 5, 1, None)


def test_a_kon_that_changed_between_months_stops_nobody(tmp_path):
    """More women in September than in the period: someone's recorded kön changed. The rest still holds."""
    files = {
        "gotland/vardtagare-per-kon": KON.format(25, 46),
        "gotland/vardtagare-per-kon-och-manad": """manad,kon,vardtagare,vardtagare_status
            2025-09,Kvinna,30,
            2025-09,Man,?,?
            2025-10,Kvinna,?,?
            2025-10,Man,?,?""",
        "gotland/vardtagare-per-kon-och-alder": """kon,aldersgrupp,vardtagare,vardtagare_status
            Kvinna,0–12,?,?
            Kvinna,18–24,20,
            Man,0–12,?,?
            Man,18–24,?,?""",
    }
    assert broken(tmp_path, files) == ["vardtagare (aldersgrupp 0–12, kon Kvinna, lan 09)"]


def test_figures_that_contradict_each_other_are_a_fault(tmp_path):
    files = {
        "gotland/per-1000-per-lan": LAN.format(50),
        "gotland/vardtagare-per-kon": KON.format(30, 46),
    }
    assert broken(tmp_path, files) == ["vardtagare (lan 09) does not fit its parts, or what it is computed from"]


def test_no_value_or_bound_is_told(tmp_path):
    _, files, _, _ = ATTACKS["the only hidden kön beside a shown total"]
    (fault,) = attack(write_edition(tmp_path, files), PARAMETERS).faults
    assert fault == (
        "gotland/data/vardtagare-per-kon.csv hides vardtagare (kon Kvinna, lan 09), "
        "but the edition's other figures leave too little doubt"
    )


def test_an_edition_as_it_is_made_protects_every_hidden_count(site):
    found = attack(site / str(EDITION.month), PARAMETERS | {"from": str(EDITION.period.first)})
    assert found.faults == []
    assert found.hidden > found.cells / 2
    assert found.narrowest >= PARAMETERS["min_antal"]


# ---------- The solver, against trying every possibility ----------

MOST = 6


@st.composite
def systems(draw, consecutive: bool):
    """Rows of 2 to 4 unknowns up to MOST, that some unknowns fit; with `consecutive`, linear programming is exact."""
    size = draw(st.integers(2, 4))
    true = draw(st.lists(st.integers(0, MOST), min_size=size, max_size=size))
    rows = [([(unknown, 1.0)], 0, MOST) for unknown in range(size)]
    for _ in range(draw(st.integers(1, 4))):
        if consecutive:
            first = draw(st.integers(0, size - 1))
            last = draw(st.integers(first, size - 1))
            terms = [(unknown, 1.0) for unknown in range(first, last + 1)]
        else:
            signs = draw(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=size, max_size=size))
            terms = [(unknown, sign) for unknown, sign in enumerate(signs) if sign]
        total = sum(sign * true[unknown] for unknown, sign in terms)
        if terms:
            rows.append((terms, total - draw(st.integers(0, 2)), total + draw(st.integers(0, 2))))
    return size, rows


def as_system(size: int, rows) -> System:
    system = System(size=size)
    for terms, low, high in rows:
        system.add(terms, low, high)
    return system


def every_possibility(size: int, rows) -> list[tuple[int, int]]:
    """The lowest and highest value of each unknown, of all whole numbers that fit."""
    fits = [
        values
        for values in product(range(MOST + 1), repeat=size)
        if all(low <= sum(sign * values[unknown] for unknown, sign in terms) <= high for terms, low, high in rows)
    ]
    return [(min(column), max(column)) for column in zip(*fits, strict=True)]


@given(systems(consecutive=True))
@settings(max_examples=150, deadline=None)
def test_intervals_are_those_of_every_possibility(case):
    size, rows = case
    found = intervals(as_system(size, rows), [math.inf] * size)
    assert [(one.low_seen, one.high_seen) for one in found] == every_possibility(size, rows)
    assert [(one.low, one.high) for one in found] == every_possibility(size, rows)


@given(systems(consecutive=False), st.integers(1, MOST))
@settings(max_examples=150, deadline=None)
def test_an_interval_never_leaves_out_a_possibility(case, enough):
    size, rows = case
    found = intervals(as_system(size, rows), [enough] * size)
    for one, (low, high) in zip(found, every_possibility(size, rows), strict=True):
        assert one.low <= low <= high <= one.high
        if high - low >= enough and high > enough:
            assert one.protects(enough)


def test_a_system_that_nothing_fits_is_refused():
    system = as_system(2, [([(0, 1.0), (1, 1.0)], 5, 5), ([(0, 1.0)], 3, 9), ([(1, 1.0)], 3, 9)])
    with pytest.raises(ContradictionError):
        intervals(system, [1, 1])


def test_doubtful_rows_give_way_where_they_must():
    system = as_system(2, [([(0, 1.0), (1, 1.0)], 5, 5), ([(0, 1.0)], 4, 9), ([(1, 1.0)], 3, 9)])
    assert contradicted(system, [1]) == [1]
    assert contradicted(system, [2]) == [2]
