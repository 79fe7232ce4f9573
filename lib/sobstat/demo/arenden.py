"""The ärenden of one chunk: who, where, which programme, and every transaction from start to end.

All arrays have one element per ärende unless said otherwise. Days count from 1 October 2015, times are
seconds since then, both in Europe/Stockholm local time. -1 stands for an empty value in code columns.
"""

import numpy as np
import pandas as pd

from sobstat.demo.activity import Activity, day_number, draw_by_weight, draw_second_of_day
from sobstat.demo.world import World
from sobstat.months import AVSLUTNINGSORSAK_FROM

DAY = 86_400
YEAR = 365.2425
MAX_TRANSACTIONS = 8  # per ärende: the most that `draw_transactions` can make

STATUS = ["Inprogress", "Paused", "Done"]
INPROGRESS, PAUSED, DONE = range(3)
ARENDETYP = {"Process": 0.993, "Aktivitet": 0.005, "Formulär": 0.002}
KON = ["Kvinna", "Man", "K", "kvinna", "Annat"]  # the last three are misspellings
# Reasons on Done events from March 2022; the last, empty one is what nobody filled in. Invented shares.
ORSAK = ["Genomfört", "Avbrutet av invånaren", "Avbrutet av behandlaren", "Avbrutet", "Hänvisad vidare",
         "Ej påbörjat av invånaren", "Annan orsak", ""]  # fmt: skip
ORSAK_SHARES = [0.57, 0.14, 0.05, 0.03, 0.05, 0.04, 0.04, 0.08]
EARLY = np.array([0, 1, 1, 1, 1, 1, 0, 0])  # reasons that end an ärende before its time

# Age at the start: lowest, highest, and the shape of a beta distribution between them.
ALDER = {
    "barn": (7, 12, 1.3, 1.0),
    "ungdom": (12, 17, 2.0, 1.2),
    "vuxen": (18, 90, 1.7, 3.6),
    "foralder": (20, 56, 2.6, 3.2),
    "aldre": (35, 94, 3.6, 2.6),
}

# Length in days (median, sigma of the logarithm) and share never completed: with therapist, without.
LENGTH_MEDIAN, LENGTH_SIGMA = np.array([72, 18]), np.array([0.55, 1.0])
NEVER_DONE = np.array([0.10, 0.36])
REPEATED_START, PAUSE, RESUMED = 0.03, 0.06, 0.90
HANDOVER, HANDOVER_OWN_VARDGIVARE, HANDOVER_OWN_LAN = 0.035, 0.65, 0.93
REOPENED, DONE_AGAIN = 0.025, 0.75
CLOSED_BY_PATIENT = 0.35  # of the ärenden with therapist; these end in the evening

SAME_PERSON, SAME_UNIT, OTHER_LAN = 0.30, 0.60, 0.04  # further ärenden of one person, and where
UNKNOWN_PERSON, NO_KON, NO_ALDER = 0.03, 0.006, 0.004
NO_ENHET, NO_VARDGIVARE, NO_MOMENT = 0.0005, 0.0002, 0.0003
NO_THERAPIST, SECOND_THERAPIST = 0.02, 0.15
ODD_KON, ODD_ALDER, ODD_AGES = 0.0001, 0.0001, [-1, 121, 130, 199, 999]  # kept, counted as unknown, reported
NO_STATUS, NO_TIDPUNKT = 0.0001, 0.0001  # set aside by the load


def draw_arenden(rng, world: World, activity: Activity, count: int) -> pd.DataFrame:
    """`count` ärenden with their start, place, programme and person; `patient` is 1 without therapist."""
    utbud = world.utbud.iloc[draw_by_weight(rng, world.utbud["vikt"], count)]
    moment = world.moment.iloc[utbud["moment"]]
    patient = (moment["behandlare"] == "nej").to_numpy(int)
    start = activity.draw_start(rng, patient, utbud["forsta_dag"].to_numpy(), utbud["sista_dag"].to_numpy())
    arende = pd.DataFrame(
        {
            "arendetyp": draw_by_weight(rng, list(ARENDETYP.values()), count),
            "enhet": utbud["enhet"].to_numpy(),
            "moment": utbud["moment"].to_numpy(),
            "patient": patient,
            "start": start,
        }
    )
    return arende.assign(**draw_persons(rng, world, arende, moment))


def draw_persons(rng, world: World, arende: pd.DataFrame, moment: pd.DataFrame) -> dict[str, np.ndarray]:
    """`person` (row number of the person's leading ärende, -1 unknown), `kon` and `fodd` (day of birth).

    Ärenden of the same group of people and unit (or län), close in time, are linked to one person.
    """
    count = len(arende)
    groups = list(ALDER)
    group = moment["malgrupp"].map(groups.index).to_numpy()
    lowest, highest, a, b = (np.array(column)[group] for column in zip(*ALDER.values(), strict=True))
    age = lowest + (highest + 1 - lowest) * rng.beta(a, b)
    fodd = arende["start"].to_numpy() - age * YEAR
    kon = (rng.random(count) >= moment["andel_kvinnor"].to_numpy()).astype(int)

    lan = world.vardenhet["lan"].to_numpy()[arende["enhet"]]
    lan = np.where(rng.random(count) < OTHER_LAN, rng.integers(0, 21, count), lan)
    place = np.where(rng.random(count) < SAME_UNIT, arende["enhet"], len(world.vardenhet) + lan)
    key = place * len(groups) + group
    order = np.lexsort((arende["start"] + rng.normal(0, 150, count), key))
    leads = np.r_[True, (key[order][1:] != key[order][:-1]) | (rng.random(count - 1) >= SAME_PERSON)]
    person = np.empty(count, np.int64)
    person[order] = order[np.maximum.accumulate(np.where(leads, np.arange(count), 0))]
    # A person who would be too young or too old for the programme is another person after all.
    age = (arende["start"].to_numpy() - fodd[person]) / YEAR
    person = np.where((age >= lowest) & (age < highest + 1), person, np.arange(count))
    kon, fodd = kon[person], fodd[person]

    unknown = rng.random(count) < UNKNOWN_PERSON
    anonymous = unknown & (rng.random(count) < 0.5)
    kon = np.where(anonymous | (rng.random(count) < NO_KON), -1, kon)
    fodd = np.where(anonymous | (rng.random(count) < NO_ALDER), np.nan, fodd)
    return {"person": np.where(unknown, -1, person), "kon": kon, "fodd": fodd}


def draw_transactions(rng, world: World, activity: Activity, arende: pd.DataFrame):
    """The transactions before the end of the extract, in order of time, and the unit that took over (or -1).

    Columns: `arende` (row number), `status`, `tid` (seconds), `enhet`, `orsak`.
    """
    count = len(arende)
    patient, enhet, last = (arende[name].to_numpy() for name in ("patient", "enhet", "start"))
    everyone = np.ones(count, bool)
    rows = []

    def some(share, of=None):
        return (rng.random(count) < share) & (True if of is None else of)

    def add(who, day, status, by, orsak=None):
        """One more transaction of the ärenden `who`, on a day that is not before the last one."""
        nonlocal last
        last = np.where(who, day, last)
        index = np.flatnonzero(who & (day < activity.days))
        tid = day[index] * DAY + draw_second_of_day(rng, by[index])
        orsaker = np.full(len(index), -1) if orsak is None else orsak[index]
        rows.append((index, np.full(len(index), status), tid, enhet[index], orsaker))

    def later(day, by):
        """The first fitting day from `day` on that is after the last transaction."""
        return activity.postpone(rng, np.maximum(day, last + 1).astype(np.int64), by)

    length = rng.lognormal(np.log(LENGTH_MEDIAN[patient]), LENGTH_SIGMA[patient])
    orsak = draw_by_weight(rng, ORSAK_SHARES, count)
    length *= np.where(EARLY[orsak] == 1, rng.uniform(0.1, 0.7, count), 1)
    start = last.copy()

    add(everyone, start, INPROGRESS, patient)
    add(some(REPEATED_START), later(start + rng.integers(1, 10, count), patient), INPROGRESS, patient)

    paused = some(PAUSE)
    gap = np.where(paused, rng.integers(14, 75, count), 0)
    add(paused, later(start + length * rng.uniform(0.2, 0.5, count), patient), PAUSED, patient)
    resumed = some(RESUMED, of=paused)
    add(resumed, later(last + gap, patient), INPROGRESS, patient)

    new_enhet = draw_new_enhet(rng, world, enhet)
    handed = some(HANDOVER, of=new_enhet != enhet)
    enhet = np.where(handed, new_enhet, enhet)
    handover_day = later(start + gap + length * rng.uniform(0.5, 0.9, count), patient)
    add(some(0.5, of=handed), handover_day, INPROGRESS, patient)

    done = rng.random(count) >= NEVER_DONE[patient]
    closer = np.maximum(patient, rng.random(count) < CLOSED_BY_PATIENT)
    add(done, later(start + gap + length, closer), DONE, closer, orsak)
    reopened = some(REOPENED, of=done)
    add(reopened, later(last + rng.integers(3, 60, count), patient), INPROGRESS, patient)
    add(some(DONE_AGAIN, of=reopened), later(last + rng.integers(7, 60, count), closer), DONE, closer, orsak)

    columns = [np.concatenate(parts) for parts in zip(*rows, strict=True)]
    table = pd.DataFrame(dict(zip(["arende", "status", "tid", "enhet", "orsak"], columns, strict=True)))
    before_orsak = table["tid"] < day_number(AVSLUTNINGSORSAK_FROM.first_day) * DAY
    table.loc[before_orsak | (table["orsak"] == ORSAK.index("")), "orsak"] = -1
    table = table.sort_values("tid", kind="stable", ignore_index=True)
    return table, np.where(handed, new_enhet, -1)


def draw_new_enhet(rng, world: World, enhet):
    """Another unit for a handover: mostly of the same vårdgivare, else of the same län, seldom elsewhere."""
    owner = world.vardenhet["vardgivare"].to_numpy()
    home = world.vardgivare["lan"].to_numpy()[owner]  # units are sorted by it, then by vårdgivare
    where = rng.random(len(enhet))
    low, high = np.zeros(len(enhet), np.int64), np.full(len(enhet), len(owner))
    home_and_owner = home * len(world.vardgivare) + owner
    for key, chance in [(home, HANDOVER_OWN_LAN), (home_and_owner, HANDOVER_OWN_VARDGIVARE)]:
        near = where < chance
        low = np.where(near, np.searchsorted(key, key[enhet], side="left"), low)
        high = np.where(near, np.searchsorted(key, key[enhet], side="right"), high)
    return rng.integers(low, high)


def draw_therapists(rng, world: World, arende: pd.DataFrame, new_enhet) -> pd.DataFrame:
    """One or two therapists per ärende with therapist, one more after most handovers: `arende`, `behandlare`.

    A number is the unit whose staff it is, then the place on its staff, then the holder of that place.
    """
    count = len(arende)
    home = world.vardenhet["personal_fran"].to_numpy()
    staff = world.vardenhet["behandlare"].to_numpy().astype(np.int64)

    def pick(enhet):
        place = (rng.random(count) ** 1.5 * staff[enhet]).astype(np.int64)  # some do more than others
        holder = (arende["start"].to_numpy() // 365 + place + enhet) // 4  # four years in the same place
        return home[enhet] * 100_000 + place * 10 + holder % 10

    with_therapist = (arende["patient"].to_numpy() == 0) & (rng.random(count) >= NO_THERAPIST)
    second = with_therapist & (rng.random(count) < SECOND_THERAPIST)
    taken_over = with_therapist & (new_enhet >= 0) & (rng.random(count) < 0.8)
    parts = [
        pd.DataFrame({"arende": np.flatnonzero(who), "behandlare": pick(enhet)[who]})
        for who, enhet in [
            (with_therapist, arende["enhet"].to_numpy()),
            (second, arende["enhet"].to_numpy()),
            (taken_over, np.maximum(new_enhet, 0)),
        ]
    ]
    return pd.concat(parts).drop_duplicates().sort_values(["arende", "behandlare"], ignore_index=True)


def draw_rows(rng, world: World, arende: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """The transactions with all codes of the contract, empty places, odd values and unusable rows too."""
    count, of = len(table), table["arende"].to_numpy()

    def some(share, size=count):
        return rng.random(size) < share

    person = arende.iloc[of].reset_index(drop=True)
    age = np.floor((table["tid"] / DAY - person["fodd"]) / YEAR)
    no_moment = some(NO_MOMENT, len(arende))[of]
    owner = world.vardenhet["vardgivare"].to_numpy()[table["enhet"]]
    return pd.DataFrame(
        {
            "arende": of,
            "arendetyp": person["arendetyp"],
            "status": np.where(some(NO_STATUS), -1, table["status"]),
            "tid": table["tid"],
            "utan_tid": some(NO_TIDPUNKT),
            "moment": np.where(no_moment, -1, person["moment"]),
            "enhet": np.where(some(NO_ENHET, len(arende))[of], -1, table["enhet"]),
            "vardgivare": np.where(some(NO_VARDGIVARE, len(arende))[of], -1, owner),
            "skrivsatt": table["enhet"],  # the unit whose way of writing ids the row follows
            "person": person["person"],
            "kon": np.where(some(ODD_KON), rng.integers(2, len(KON), count), person["kon"]),
            "alder": np.where(some(ODD_ALDER), rng.choice(ODD_AGES, count), age),
            "orsak": table["orsak"],
        }
    )
