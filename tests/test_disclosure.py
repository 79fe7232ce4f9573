"""What is hidden, and that nothing hidden can be worked out: by hand, and against linear programming cell by cell."""

import json
import os
import stat
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.sparse import csr_matrix

from extracts import load, make_extract
from sobstat.declarations import measures, reports
from sobstat.disclosure.cells import collect, row_groups, tie
from sobstat.disclosure.choose import System, choose_complementary
from sobstat.disclosure.mask import choose_mask
from sobstat.disclosure.rule import HIDDEN
from sobstat.disclosure.thresholds import Thresholds
from sobstat.files import to_csv
from sobstat.months import Month, Period
from sobstat.outsider.attack import attack
from sobstat.periods import MAIN, PERIODS
from sobstat.regions import REGIONS
from sobstat.report import open_report

T = 10
INFINITE = 10_000


def system(counts: dict[str, int], sums: list[str] = (), covers: list[str] = (), shown_nowhere: str = "") -> System:
    """Cells by name; `a = b c` says that b and c are the parts of a: exactly, or as overlapping groups."""
    names = list(counts)
    rows, exact = [], []
    for text, equal in [*((s, True) for s in sums), *((c, False) for c in covers)]:
        whole, parts = text.split(" = ")
        row = np.zeros(len(names))
        row[names.index(whole)] = -1
        row[[names.index(part) for part in parts.split()]] = 1
        rows.append(row)
        exact.append(equal)
        for part in () if equal else parts.split():
            bound = np.zeros(len(names))
            bound[[names.index(whole), names.index(part)]] = 1, -1
            rows.append(bound)
            exact.append(False)
    return System(
        counts=np.array(list(counts.values()), dtype=float),
        thresholds=np.full(len(names), float(T)),
        published=np.array([name not in shown_nowhere.split() for name in names]),
        known_zero=np.zeros(len(names), dtype=bool),
        costs=1 + np.log1p(list(counts.values())),
        rows=csr_matrix(np.array(rows).reshape(len(rows), len(names))),
        exact=np.array(exact, dtype=bool),
    )


def chosen(made: System, counts: dict[str, int]) -> set[str]:
    return {name for name, hide in zip(counts, choose_complementary(made), strict=True) if hide}


def intervals(made: System, hidden: np.ndarray) -> dict[int, tuple[float, float]]:
    """Each hidden count's lowest and highest value, by two programmes of its own."""
    free = hidden | ~made.published
    bounds = [(0, INFINITE) if own else (count, count) for own, count in zip(free, made.counts, strict=True)]
    rows, zeros = made.rows.toarray(), np.zeros(made.rows.shape[0])
    found = {}
    for cell in np.flatnonzero(hidden):
        ends = []
        for sign in (1, -1):
            cost = np.zeros(len(made.counts))
            cost[cell] = sign
            result = linprog(
                cost,
                A_ub=-rows[~made.exact],
                b_ub=zeros[~made.exact],
                A_eq=rows[made.exact],
                b_eq=zeros[made.exact],
                bounds=bounds,
            )
            assert result.status == 0
            ends.append(sign * result.fun)
        found[cell] = tuple(ends)
    return found


def assert_protected(made: System) -> None:
    hidden = made.primary | choose_complementary(made)
    for cell, (low, high) in intervals(made, hidden).items():
        count = made.counts[cell]
        assert low <= max(count - T, 0) + 1e-6
        assert high >= max(count, T + 1) - 1e-6
        assert high - low >= T - 1e-6


# By hand


@pytest.mark.parametrize(
    ("counts", "sums", "covers", "expected"),
    [
        pytest.param(
            {"alla": 35, "kvinnor": 30, "män": 5}, ["alla = kvinnor män"], [], {"kvinnor"}, id="a lone hidden kön"
        ),
        pytest.param(
            {"alla": 50, "kvinnor": 34, "män": 8, "okänt": 8}, ["alla = kvinnor män okänt"], [], set(),
            id="two hidden kön protect each other",
        ),
        pytest.param(
            {"alla": 38, "kvinnor": 34, "män": 2, "okänt": 2}, ["alla = kvinnor män okänt"], [], {"kvinnor"},
            id="two hidden kön of four persons do not",
        ),
        pytest.param({"alla": 40, "kvinnor": 20, "män": 20}, ["alla = kvinnor män"], [], set(), id="nothing small"),
        pytest.param(
            {"enhet": 100, "kbt": 60, "stress": 36, "sömn": 4}, [], ["enhet = kbt stress sömn"], {"stress"},
            id="a lone hidden part of a drill-down, the least of the others with it",
        ),
        pytest.param(
            {"enhet": 90, "kbt": 60, "stress": 36, "sömn": 4}, [], ["enhet = kbt stress sömn"], set(),
            id="a lone hidden part where the others overlap enough",
        ),
        pytest.param(
            {"riket": 96, "skåne": 60, "gotland": 4, "halland": 34}, [], ["riket = skåne gotland halland"], {"halland"},
            id="Riket minus the other län",
        ),
    ],
)  # fmt: skip
def test_a_hidden_count_takes_others_with_it_where_it_could_be_worked_out(counts, sums, covers, expected):
    made = system(counts, sums, covers)
    assert chosen(made, counts) == expected
    assert_protected(made)


def test_linked_tables_are_protected_together():
    counts = {"alla": 60, "kvinnor": 45, "män": 15, "unga": 5, "äldre": 40, "pojkar": 4, "herrar": 11}
    made = system(counts, ["alla = kvinnor män", "kvinnor = unga äldre", "män = pojkar herrar"])
    assert chosen(made, counts) == {"äldre", "herrar"}
    assert_protected(made)


# Whatever the figures


@st.composite
def drilldowns(draw):
    """Persons in units and moments of two län, each cell's distinct persons; kön splits the persons of a län."""
    persons = draw(
        st.lists(
            st.tuples(st.integers(0, 60), st.sampled_from("AB"), st.sampled_from("123"), st.sampled_from("xyz")),
            min_size=1, max_size=120,
        )
    )  # fmt: skip
    groups = defaultdict(set)
    for person, lan, unit, moment in persons:
        for name in ("riket", lan, lan + unit, lan + unit + moment, f"m{moment}", f"m{moment}{lan}"):
            groups[name].add(person)
        groups[f"{lan}kvinnor" if person % 3 else f"{lan}män"].add(person)
    lans = sorted({lan for _, lan, _, _ in persons})
    sums = [f"{lan} = {' '.join(sorted(n for n in groups if n in (lan + 'kvinnor', lan + 'män')))}" for lan in lans]
    tree = [f"{lan} = {' '.join(sorted(n for n in groups if len(n) == 2 and n[0] == lan))}" for lan in lans]
    tree += [
        f"{unit} = {' '.join(sorted(n for n in groups if len(n) == 3 and n.startswith(unit)))}"
        for unit in sorted(n for n in groups if len(n) == 2 and n[0] in lans)
    ]
    moments = sorted(n for n in groups if len(n) == 2 and n[0] == "m")
    links = [f"riket = {' '.join(moments)}"]
    links += [f"{m} = {' '.join(sorted(n for n in groups if len(n) == 3 and n.startswith(m)))}" for m in moments]
    for m in moments:
        for lan in lans:
            parts = sorted(n for n in groups if len(n) == 3 and n[0] == lan and n[2] == m[1])
            if parts:
                links.append(f"{m}{lan} = {' '.join(parts)}")
    counts = {name: len(members) for name, members in sorted(groups.items())}
    return system(counts, sums, [f"riket = {' '.join(lans)}", *tree, *links])


@settings(max_examples=25, deadline=None)
@given(drilldowns())
def test_no_hidden_count_can_be_worked_out(made):
    assert_protected(made)


@settings(max_examples=10, deadline=None)
@given(drilldowns())
def test_the_same_figures_give_the_same_choice(made):
    assert (choose_complementary(made) == choose_complementary(made)).all()


# From data to tables


def people(antal: int, **values) -> list[dict]:
    """So many residents who start one moment each."""
    about = "-".join(values.values())
    return [
        {"arende_id": f"{about}{n}", "status": "Inprogress", "tidpunkt": "2025-10-01T08:00:00"}
        | {"vardtagare_id": f"{about}{n}", **values}
        for n in range(antal)
    ]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    """Stockholm: 40 women and 5 men. Skåne: 30 and 20; unit B1 has three moments, one of which is small."""
    folder = tmp_path_factory.mktemp("disclosure")
    skane = {"vardgivare_id": "SE12-B", "vardenhet_id": "SE12-B1"}
    rows = people(40, kon="Kvinna", alder="40", moment="KBT") + people(5, kon="Man", alder="40", moment="KBT")
    rows += people(30, kon="Kvinna", alder="30", moment="KBT", **skane)
    rows += people(16, kon="Man", alder="30", moment="Stress", **skane)
    rows += people(4, kon="Man", alder="30", moment="Sömn", **skane)
    for number, row in enumerate(rows):
        row["arende_id"] = f"A{number}"
    return load(make_extract(rows), folder / "in", folder / "w.duckdb")


def table(warehouse, name, region="riket", **thresholds):
    report = open_report(region, "2025-10", "2025-10", warehouse, **thresholds)
    try:
        return report.table(name)
    finally:
        report.close()


def hidden_of(found: pd.DataFrame, measure: str, *columns: str) -> set[tuple]:
    rows = found[found[f"{measure}_status"] == HIDDEN]
    return set(rows[list(columns)].itertuples(index=False, name=None))


def test_a_lone_hidden_kon_takes_the_other_with_it(warehouse):
    assert hidden_of(table(warehouse, "vardtagare-per-kon", "stockholm"), "vardtagare", "kon") == {
        ("Kvinna",), ("Man",)
    }  # fmt: skip
    # Riket's men minus Skåne's would tell how many there are in Stockholm at least.
    men = [
        hidden_of(table(warehouse, "vardtagare-per-kon", region), "vardtagare", "kon") for region in ("riket", "skane")
    ]
    assert ("Man",) in men[0] | men[1]


def test_a_lone_hidden_moment_takes_another_or_its_unit_with_it(warehouse):
    found = table(warehouse, "per-region-vardgivare-moment-orsak", "skane")
    below = found[found["niva"].isin(["vardenhet", "moment"])]  # the unit's 50, of whom 30 KBT and 16 Stress
    assert hidden_of(below, "invanare", "moment") > {("Sömn",)}


def test_the_same_count_is_hidden_or_shown_on_every_page(warehouse):
    by = ["lan_kod", "vardgivare_id", "vardenhet_id", "moment", "avslutningsorsak", "niva"]
    riket = table(warehouse, "per-region-vardgivare-moment-orsak").set_index(by)["invanare_status"]
    for region in REGIONS[1:]:
        own = table(warehouse, "per-region-vardgivare-moment-orsak", region.slug)
        own = own[own["niva"] != "totalt"].set_index(by)["invanare_status"]
        assert (riket.loc[own.index] == own).all()


def test_the_cells_are_those_that_the_pages_list(tmp_path):
    """Skåne alone has somebody of unknown kön and age, and a moment of its own: on other län's pages that is no 0."""
    rows = people(12, kon="Kvinna", alder="30", moment="KBT") + people(12, kon="Man", alder="30", moment="KBT")
    rows += people(2, moment="Stress", vardgivare_id="SE12-B") + people(2, kon="Man", moment="KBT", vardgivare_id="X")
    warehouse = load(make_extract(rows), tmp_path / "in", tmp_path / "w.duckdb")
    strict = Thresholds(10, 10, 10, 10, 10)
    listed = set()
    for region in REGIONS:
        opened = open_report(region.slug, "2025-10", "2025-10", warehouse, min_antal=0)
        for name, report in reports().items():
            table = opened.table(name)
            table = table if "niva" in table else table.assign(niva=report.by[-1])
            for measure in (measures()[measure] for measure in report.measures):
                if strict.of(measure):
                    groups = row_groups(table, report.by, measure, region, OCTOBER)
                    listed |= {(measure.id, group) for group in groups}
        opened.close()
    cells = collect(warehouse, [OCTOBER], strict)
    assert {cell for cell, at in cells.number.items() if cells.published[at]} == listed


def test_what_one_table_leaves_out_is_zero_in_another_that_lists_it(tmp_path):
    """The year's page lists unknown kön in October, with 0, for somebody in March; the page of October does not."""
    rows = [*people(30, kon="Kvinna"), {**people(1)[0], "tidpunkt": "2025-03-01T08:00:00", "kon": ""}]
    warehouse = load(make_extract(rows), tmp_path / "in", tmp_path / "w.duckdb")
    cells = collect(warehouse, [OCTOBER, Period(Month(2025, 1), Month(2025, 10))], Thresholds())
    zero = tie(cells, Thresholds()).known_zero
    unknown = {dict(group)["manad"]: at for (_, group), at in cells.number.items() if names_by_month(group) == "Okänt"}
    assert cells.counts[unknown["2025-03"]] == 1
    assert zero[unknown["2025-10"]]
    assert not zero[unknown["2025-03"]]
    assert not zero[unknown["2025-09"]]  # no page is of September alone


def names_by_month(group) -> str | None:
    """The kön of a group of Riket by kön and month."""
    found = dict(group)
    return found["kon"] if found.keys() == {"manad", "kon"} else None


def test_with_thresholds_of_their_own_cases_and_staff_are_hidden_too(warehouse):
    strict = {f"min_{name}": 10 for name in ("startade", "avslutade", "pagaende", "behandlare")}
    found = table(warehouse, "per-process", "stockholm", **strict)
    assert list(found) == [
        "process", "startade", "startade_status", "avslutade", "avslutade_status", "andel_avslutade"
    ]  # fmt: skip
    assert found["avslutade"].isna().all()
    assert found["andel_avslutade"].isna().all()
    moments = table(warehouse, "per-region-vardgivare-moment-orsak", "skane", **strict)
    moments = moments[moments["niva"] == "moment"]
    assert hidden_of(moments, "startade", "moment") > {("Sömn",)}


def test_without_thresholds_nothing_is_hidden_and_nothing_is_kept(warehouse):
    found = table(warehouse, "vardtagare-per-kon", "stockholm", min_antal=0)
    assert found["vardtagare"].tolist() == [40, 5]


# The mask that is kept


OCTOBER = Period.parse("2025-10", "2025-10")


@pytest.fixture
def own(warehouse, tmp_path):
    (tmp_path / "w.duckdb").write_bytes(warehouse.read_bytes())
    return tmp_path / "w.duckdb"


def test_the_mask_is_kept_for_its_owner_alone_and_holds_no_count(own):
    before = os.umask(0)
    try:
        mask = choose_mask(own, OCTOBER, Thresholds())
    finally:
        os.umask(before)
    (file,) = own.with_suffix(".mask").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    kept = json.loads(file.read_text("utf-8"))
    assert choose_mask(own, OCTOBER, Thresholds()) == mask
    named = [part for groups in kept["complementary"].values() for group in groups for part in group]
    assert named
    assert all(isinstance(text, str) for part in named for text in part)


def test_another_period_or_threshold_has_its_own_mask_and_new_data_remove_the_old(own, tmp_path):
    choose_mask(own, OCTOBER, Thresholds())
    choose_mask(own, OCTOBER, Thresholds(5))
    assert len(list(own.with_suffix(".mask").iterdir())) == 2
    key = (own.with_suffix(".key"), "00" * 32)
    key[0].write_text(key[1])
    key[0].chmod(0o600)
    fresh = load(make_extract(people(12, kon="Kvinna")), tmp_path / "in", tmp_path / "new" / "w.duckdb")
    own.write_bytes(fresh.read_bytes())
    choose_mask(own, OCTOBER, Thresholds())
    assert len(list(own.with_suffix(".mask").iterdir())) == 1


def test_the_summary_counts_every_published_cell_once(own):
    summary = choose_mask(own, OCTOBER, Thresholds()).summary
    assert set(summary) == {"invanare", "vardtagare"}
    for counts in summary.values():
        assert counts["primary"] + counts["complementary"] <= counts["cells"]
        assert counts["complementary"] > 0


def test_only_the_group_that_all_are_in_is_hidden_with_the_empty_ones_beside_it(tmp_path):
    """30 women and 12 men of one age in one month: all periods hold the same, and totals need not be hidden."""
    rows = people(30, kon="Kvinna") + people(12, kon="Man")
    mask = choose_mask(load(make_extract(rows), tmp_path / "in", tmp_path / "w.duckdb"), OCTOBER, Thresholds())
    assert {measure for measure, groups in mask.complementary.items() if groups} == {"vardtagare"}
    assert {
        tuple(value for name, value in group if name in ("kon", "aldersgrupp"))
        for group in mask.complementary["vardtagare"]
    } == {("Kvinna", "35–44"), ("Man", "35–44")}


def test_every_hidden_value_is_missing_from_the_file(warehouse):
    for name, report in reports().items():
        for region in ("riket", "stockholm", "skane"):
            found = table(warehouse, name, region)
            for column in [c for c in found if c.endswith("_status")]:
                assert found.loc[found[column] == HIDDEN, column.removesuffix("_status")].isna().all()
            assert to_csv(found).count("\n") == len(found) + 1, report.id


# All periods of an edition together, against the code that attacks editions


def edition_of(warehouse, folder, regions: list[str], periods: dict[str, str]):
    """The tables of some regions and periods (name → first month), as an edition's files."""
    for region in regions:
        for name, first in periods.items():
            report = open_report(region, first, "2025-10", warehouse)
            data = folder / region / ("" if name == MAIN else name) / "data"
            data.mkdir(parents=True)
            for report_id in reports():
                (data / f"{report_id}.csv").write_text(to_csv(report.table(report_id)), "utf-8")
            report.close()
    return folder


@pytest.mark.parametrize("seed", range(2))
def test_no_period_gives_away_what_another_hides(tmp_path, seed):
    """Residents who start in one, two or many months of five years, in units of two län."""
    chance = np.random.default_rng(seed)
    rows = []
    for person in range(260):
        lan, unit = chance.choice(["01", "12"]), chance.integers(1, 3)
        about = {
            "kon": str(chance.choice(["Kvinna", "Man", "Okänt"], p=[0.6, 0.35, 0.05])),
            "alder": str(chance.integers(10, 80)),
            "vardgivare_id": "SE01-A" if lan == "01" else "SE12-B",
            "vardenhet_id": f"SE{lan}-{'A' if lan == '01' else 'B'}{unit}",
        }
        for start in range(chance.integers(1, 4)):
            month = Month(2025, 10) + -int(chance.choice([0, 1, 5, 9, 10, 11, 12, 30, 60]))
            rows.append(
                {"arende_id": f"A{person}-{start}", "vardtagare_id": f"P{person}", "status": "Inprogress"}
                | {"tidpunkt": f"{month}-{chance.integers(2, 28):02d}T10:00:00", **about}
                | {"moment": str(chance.choice(["KBT", "Stress", "Sömn"]))}
            )
    warehouse = load(make_extract(rows), tmp_path / "in", tmp_path / "w.duckdb")
    periods = {name: str(period.ending(Month(2025, 10)).first) for name, period in PERIODS.items()}
    edition = edition_of(warehouse, tmp_path / "edition", ["riket", "stockholm", "skane"], periods)
    found = attack(edition, {"from": periods[MAIN], "to": "2025-10", "periods": periods, "min_antal": T})
    assert found.faults == []
    assert 0 < found.hidden < found.cells
    assert found.narrowest >= T
