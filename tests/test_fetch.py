"""`sobstat fetch befolkning` against a server that answers as SCB does (scb.py), over real HTTP."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml

from extracts import TRANSACTION
from scb import AGES, CIVIL, COUNTIES, SEXES, UPDATED, Scb, Shape, Variable, new_table, old_table, serve
from sobstat.cli import app
from sobstat.cli.terminal import run
from sobstat.demo.tables import read_table
from sobstat.errors import SobstatError
from sobstat.load import load_extract
from sobstat.report import open_report
from sobstat.scb.json_stat import dimensions, figures
from sobstat.scb.params import ScbParams
from sobstat.scb.population import fetch_population

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared" / "data"
NAMES = ["Man", "Kvinna"]


def real(year: int = 2015) -> np.ndarray:
    """SCB's own figures of 2015: län × kön (Man, Kvinna) × age."""
    table = read_table("befolkning_2015.csv").set_index(["kon", "lan_kod"])
    return np.stack([table.loc[kon].loc[COUNTIES].to_numpy() for kon in NAMES], axis=1) + (year - 2015)


def noise(region: str, sex: str, age: str) -> int:
    """From -2 to 2, another in each figure."""
    return hash_of(region + sex + age) % 5 - 2


def hash_of(text: str) -> int:
    return sum(place * ord(character) for place, character in enumerate(text, 1))


@pytest.fixture
def scb():
    with serve(Scb({"TAB638": old_table({2014: real(2014), 2015: real()})})) as server:
        yield server


def params(server: Scb, **changes) -> ScbParams:
    """The project's own parameters, with this server in the place of SCB's, and no patience."""
    given = yaml.safe_load((ROOT / "params/scb.yml").read_text("utf-8"))
    new, old = given["interfaces"]
    new |= {"address": f"{server.address}/v2", "tables": [{"table": "TAB638", "to": 2015}]}
    old |= {"address": f"{server.address}/v1", "tables": [{"table": "BE/BefolkningNy", "to": 2015}]}
    return ScbParams.model_validate(given | {"tries": 3, "pause": 0.01, "timeout": 30} | changes)


def both_tables(server: Scb, year: int = 2016) -> ScbParams:
    """TAB638 to the year before, TAB5557 from this one on."""
    server.tables["TAB5557"] = new_table({year: real(year)}, noise)
    given = params(server).model_dump(by_alias=True)
    given["interfaces"][0]["tables"] = [
        {"table": "TAB638", "to": year - 1},
        {"table": "TAB5557", "from": year, "noise": 3},
    ]
    return ScbParams.model_validate(given)


def fetch(folder: Path, params: ScbParams, years: list[int] | None = None) -> dict:
    return fetch_population(folder / "in", params, years, cache=folder / "cache")


def read(path: Path) -> dict[tuple[str, ...], int]:
    with path.open(encoding="utf-8", newline="") as file:
        return {(r["ar"], r["lan_kod"], r["kon"], r["alder"]): int(r["antal"]) for r in csv.DictReader(file)}


def parts(figures: np.ndarray, year: int) -> dict[tuple[str, ...], int]:
    return {
        (str(year), lan, kon, str(age)): int(figures[i, j, age])
        for i, lan in enumerate(COUNTIES)
        for j, kon in enumerate(NAMES)
        for age in range(101)
    }


def test_the_figures_are_scbs_own(scb, tmp_path):
    told = fetch(tmp_path, params(scb))
    assert read(tmp_path / "in/befolkning.csv") == parts(real(2014), 2014) | parts(real(), 2015)
    totals = read(tmp_path / "in/befolkning_totalt.csv")
    assert len(totals) == 2 * (22 * 3 * 102 - 21 * 2 * 101)
    assert totals["2015", "00", "Totalt", "Totalt"] == 9_851_017  # as SCB published it
    assert totals["2015", "12", "Totalt", "Totalt"] == real()[COUNTIES.index("12")].sum()
    assert totals["2015", "00", "Kvinna", "37"] == real()[:, 1, 37].sum()
    assert told["riket"] == {2014: real(2014).sum(), 2015: 9_851_017}
    assert not scb.refused


def test_what_is_written_says_where_it_comes_from(scb, tmp_path):
    fetch(tmp_path, params(scb))
    told = json.loads((tmp_path / "in/kalla_befolkning.json").read_text("utf-8"))
    assert told["source"].startswith("SCB")
    assert "cc0" in told["licence"]
    assert told["tables"] == [
        {
            "address": f"{scb.address}/v2",
            "table": "TAB638",
            "label": "Folkmängd efter region, civilstånd, ålder, kön och år",
            "updated": UPDATED,
            "years": [2014, 2015],
        }
    ]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", told["fetched"])
    assert {name: file["rows"] for name, file in told["files"].items()} == {
        "befolkning.csv": 2 * 4242,
        "befolkning_totalt.csv": 2 * 2490,
    }


@pytest.mark.skipif(not SHARED.exists(), reason="the folder of shared data is not beside the project")
def test_six_real_years_come_back_exactly(tmp_path):
    table = pd.read_csv(SHARED / "scb_lan_age1_sex_2010_2015.csv", dtype={"lan_code": str})
    table["sex"] = table["sex"].map({"M": 0, "K": 1})
    by_year = {
        year: frame.sort_values(["lan_code", "sex", "age"])["population"].to_numpy().reshape(21, 2, 101)
        for year, frame in table.groupby("year")
    }
    with serve(Scb({"TAB638": old_table(by_year)})) as server:
        told = fetch(tmp_path, params(server), list(range(2010, 2016)))
    expected = {key: n for year, figures in by_year.items() for key, n in parts(figures, year).items()}
    assert read(tmp_path / "in/befolkning.csv") == expected
    assert told["riket"][2015] == 9_851_017


SHAPES = {
    "an index in order": Shape(shuffled=False),
    "an index as a list": Shape(index_as_list=True),
    "sparse values": Shape(sparse=True),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_other_forms_of_an_answer_mean_the_same(scb, tmp_path, shape):
    scb.tables["TAB638"].shape = shape
    fetch(tmp_path, params(scb), [2015])
    assert read(tmp_path / "in/befolkning.csv") == parts(real(), 2015)


OTHERWISE = {
    "civil states that cannot be left out": Variable("Civilstand", "civilstånd", CIVIL),
    "civil states with a total": Variable("Civilstand", "civilstånd", CIVIL | {"SC": "totalt, samtliga civilstånd"}),
    "kön with a total": Variable("Kon", "kön", {"1+2": "totalt"} | SEXES),
    "counties alone": Variable("Region", "region", {code: f"{code} län" for code in COUNTIES}, True),
    "ages with leading zeros": Variable(
        "Alder", "ålder", {f"{int(age):02}": label for age, label in AGES.items()} | {"100+": "100+ år"}, True
    ),
    "no age for all": Variable("Alder", "ålder", AGES | {"100+": "100+ år"}, True),
    "one content without a known name": Variable("ContentsCode", "tabellinnehåll", {"X1": "Antal"}),
}


@pytest.mark.parametrize("variable", OTHERWISE.values(), ids=OTHERWISE)
def test_tables_that_are_made_otherwise_give_the_same(scb, tmp_path, variable):
    fetch(tmp_path / "usual", params(scb), [2015])
    scb.tables["TAB638"] = old_table({2015: real()}, **{variable.code: variable})
    fetch(tmp_path, params(scb), [2015])
    for name in ["befolkning.csv", "befolkning_totalt.csv"]:
        assert (tmp_path / "in" / name).read_bytes() == (tmp_path / "usual/in" / name).read_bytes()


def test_a_label_counts_for_more_than_a_code(scb, tmp_path):
    table = scb.tables["TAB638"]
    table.variables["Kon"] = Variable("Kon", "kön", {"1": "kvinnor", "2": "män"}, True)
    fetch(tmp_path, params(scb), [2015])
    swapped = {kon: read(tmp_path / "in/befolkning.csv")["2015", "12", kon, "90"] for kon in NAMES}
    assert swapped == {"Kvinna": real()[COUNTIES.index("12"), 0, 90], "Man": real()[COUNTIES.index("12"), 1, 90]}


def test_totals_with_noise_are_asked_for(scb, tmp_path):
    fetch(tmp_path, both_tables(scb), [2015, 2016])
    counted = read(tmp_path / "in/befolkning.csv")
    totals = read(tmp_path / "in/befolkning_totalt.csv")
    for lan, code in enumerate(COUNTIES):
        assert totals["2016", code, "Totalt", "Totalt"] == real(2016)[lan].sum() + noise(code, "TotSa", "totsa")
    assert totals["2016", "00", "Kvinna", "5"] == real(2016)[:, 1, 5].sum() + noise("00", "2", "5")
    assert counted["2016", "12", "Man", "100"] == real(2016)[COUNTIES.index("12"), 0, 100] + noise("12", "1", "100+1")
    assert sum(n for (year, *_), n in counted.items() if year == "2016") != totals["2016", "00", "Totalt", "Totalt"]


def test_the_latest_year_is_fetched_unless_years_are_named(scb, tmp_path):
    told = fetch(tmp_path, both_tables(scb))
    assert [table["years"] for table in told["tables"]] == [[2014, 2015], [2016]]


def test_the_servers_limits_are_kept(scb, tmp_path):
    scb.max_cells, scb.max_calls = 2500, 4
    scb.window = 1
    fetch(tmp_path, params(scb), [2015])
    assert len(scb.queries) == 3
    assert not scb.refused


PASSING = {
    "too many calls": [429],
    "two errors of the server": [503, 500],
    "an answer cut off": ["cut"],
    "an answer shorter than it said": ["cut short"],
    "a connection that ends": ["reset"],
    "a page instead of data": ["html"],
}


@pytest.mark.parametrize("faults", PASSING.values(), ids=PASSING)
def test_a_fault_that_passes_is_waited_out(scb, tmp_path, faults):
    scb.faults.extend(faults)
    fetch(tmp_path, params(scb), [2015])
    assert read(tmp_path / "in/befolkning.csv") == parts(real(), 2015)
    assert len(scb.queries) == 2 + len(faults)


@pytest.mark.parametrize("fault", ["slow", "dripping"])
def test_an_answer_that_takes_too_long_is_asked_for_again(scb, tmp_path, fault):
    scb.faults.append(fault)
    fetch(tmp_path, params(scb, timeout=0.5, tries=50), [2015])
    assert read(tmp_path / "in/befolkning.csv") == parts(real(), 2015)
    assert len(scb.queries) > 2


def test_a_pause_that_is_asked_for_is_kept(scb, tmp_path, monkeypatch):
    pauses = []
    # Not `sleep` of the module time: other threads sleep too, a Spark's for one.
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=pauses.append))
    scb.headers["Retry-After"] = "7"
    scb.faults.extend([429])
    fetch(tmp_path, params(scb), [2015])
    assert pauses == [7]


@pytest.mark.parametrize(
    ("status", "message"),
    {400: "was refused: 400 Bad Request", 301: "has moved to https://scb.example/v3: set the address"}.items(),
)
def test_a_refusal_is_not_tried_again(scb, tmp_path, status, message):
    scb.faults.append(status)
    scb.headers["Location"] = "https://scb.example/v3" if status == 301 else ""
    with pytest.raises(SobstatError, match=message):
        fetch(tmp_path, params(scb), [2015])
    assert len(scb.queries) == 1
    assert not (tmp_path / "in").exists()


def test_an_interrupted_fetch_goes_on_where_it_was(scb, tmp_path):
    alone = params(scb).model_copy(update={"interfaces": params(scb).interfaces[:1]})
    scb.faults.extend([None, None, 500, 502, 503])  # two queries for the first year, three tries of the next
    with pytest.raises(SobstatError, match="in 3 tries; at the last one the server said 503") as error:
        fetch(tmp_path, alone, [2014, 2015])
    assert "nothing was written" in str(error.value)
    assert not (tmp_path / "in").exists()
    asked = len(scb.queries)
    fetch(tmp_path, alone, [2014, 2015])
    assert len(scb.queries) == asked + 2


def test_what_did_not_change_is_not_asked_for_again(scb, tmp_path):
    fetch(tmp_path, params(scb))
    first = len(scb.queries)
    fetch(tmp_path, params(scb))
    assert len(scb.queries) == first
    scb.tables["TAB638"].updated = "2026-03-01T07:00:00Z"
    fetch(tmp_path, params(scb))
    assert len(scb.queries) == 2 * first
    assert len(list((tmp_path / "cache").iterdir())) == 2


CHANGED = {
    "a county is gone": (
        {"Region": Variable("Region", "region", {"00": "Riket"} | dict.fromkeys(COUNTIES[1:], "län"), True)},
        "TAB638: dimension Region lacks 01; found 00, 03, 04",
    ),
    "the oldest are gone": (
        {"Alder": Variable("Alder", "ålder", AGES | {"tot": "totalt ålder"}, True)},
        "TAB638: dimension Alder lacks 100; found 0, 1, 2",
    ),
    "groups of ages alone": (
        {"Alder": Variable("Alder", "ålder", {"0-4": "0-4 år", "100+": "100+ år", "tot": "totalt ålder"}, True)},
        "TAB638: dimension Alder lacks 0, 1, 2",
    ),
    "no total of kön": (
        {"Kon": Variable("Kon", "kön", SEXES)},
        "TAB638: dimension Kon lacks a total (TotSA, TOT1",
    ),
    "other contents": (
        {"ContentsCode": Variable("ContentsCode", "tabellinnehåll", {"A": "Födda", "B": "Döda"})},
        "TAB638: dimension ContentsCode lacks BE0101N1",
    ),
    "a dimension of another name": (
        {"Kon": Variable("Gender", "juridiskt kön", SEXES, True)},
        "TAB638 has no dimension Kon or Kön or Sex; it has Civilstand, ",
    ),
    "a year is gone": (
        {"Tid": Variable("Tid", "år", {"2012": "2012", "2014": "2014"})},
        "TAB638 lacks 2015; it has 2012–2014.",
    ),
}


@pytest.mark.parametrize(("changes", "message"), CHANGED.values(), ids=CHANGED)
def test_metadata_that_changed_are_told_with_what_was_expected(scb, tmp_path, changes, message):
    changed = old_table({2015: real()}, **changes)
    scb.tables["TAB638"] = changed
    with pytest.raises(SobstatError, match=re.escape(message)):
        fetch(tmp_path, params(scb), [2015])
    assert not (tmp_path / "in").exists()


def spoil(server: Scb, change) -> None:
    """Let every answer with data be changed on its way out."""
    respond = server.respond

    def spoiled(path: str, body: dict | None) -> tuple[int, dict]:
        status, answer = respond(path, body)
        if body is not None:
            change(answer)
        return status, answer

    server.respond = spoiled


def set_value(place: int, value):
    return lambda answer: answer["value"].__setitem__(place, value)


# The first figure is Riket's men of age 0: the total of the län.
SPOILED = {
    "a total is off": (
        set_value(0, 1),
        "5 totals do not agree with their parts. The worst is Riket, kön totalt, ålder",
    ),
    "a figure is missing": (set_value(0, None), "TAB638 2015: Riket, Man, 0 år has no figure; expected a count."),
    "a figure is a word": (set_value(0, ".."), "TAB638 2015: Riket, Man, 0 år has '..'; expected a count."),
    "a figure is no number": (set_value(0, float("nan")), "TAB638 2015: Riket, Man, 0 år has nan; expected a count."),
    "a figure is no whole number": (set_value(0, 17.5), "Riket, Man, 0 år has 17.5; expected a count."),
    "too few figures": (
        lambda answer: answer["value"].pop(),
        "has 4487 figures; its dimensions have 4488 combinations",
    ),
    "a value that was not asked for": (
        lambda answer: answer["dimension"]["Region"]["category"]["index"].__setitem__("0114", 22),
        "has dimensions of [23, 102, 2, 1, 1] values, but its size is [22, 102, 2, 1, 1]",
    ),
    "no dimensions": (lambda answer: answer.pop("dimension"), "is not JSON-stat 2 (KeyError: 'dimension')"),
}


@pytest.mark.parametrize(("change", "message"), SPOILED.values(), ids=SPOILED)
def test_answers_that_cannot_be_true_are_refused(scb, tmp_path, change, message):
    spoil(scb, change)
    with pytest.raises(SobstatError, match=re.escape(message)):
        fetch(tmp_path, params(scb), [2015])
    assert not (tmp_path / "in").exists()
    assert not list((tmp_path / "cache").glob("*"))  # what was found wrong is not kept


def test_an_answer_about_something_else_is_refused(scb, tmp_path):
    def other_year(answer):
        answer["dimension"]["Alder"]["category"]["index"] = {
            "x" + code: place for code, place in answer["dimension"]["Alder"]["category"]["index"].items()
        }

    spoil(scb, other_year)
    with pytest.raises(
        SobstatError, match="has 102 values of Alder, where 102 were asked for; the first that differs is 0"
    ):
        fetch(tmp_path, params(scb), [2015])


def test_with_noise_totals_may_be_off_by_a_little_only(scb, tmp_path):
    given = both_tables(scb)
    fetch(tmp_path / "good", given, [2016])
    scb.tables["TAB5557"].figures[2016][3][0][40] += 50  # a cell of one län, not its totals
    with pytest.raises(SobstatError, match=r"TAB5557 2016: \d+ totals do not agree"):
        fetch(tmp_path, given, [2016])


def test_the_older_interface_serves_where_the_newer_is_down(scb, tmp_path):
    scb.tables["BE/BefolkningNy"] = scb.tables.pop("TAB638")
    respond = scb.respond
    scb.respond = lambda path, body: (503, {}) if path.startswith("/v2") else respond(path, body)
    told = fetch(tmp_path, params(scb), [2015])
    assert told["tables"][0]["table"] == "BE/BefolkningNy"
    assert told["licence"] == "CC0 1.0"
    assert read(tmp_path / "in/befolkning.csv") == parts(real(), 2015)
    assert not scb.refused
    with pytest.raises(SobstatError, match="/v1 has years to 2015; it is asked if --years names such years alone"):
        fetch(tmp_path, params(scb))


def test_a_server_that_is_not_there(tmp_path):
    with serve(Scb({})) as gone:
        pass
    with pytest.raises(SobstatError, match="SCB cannot be reached; nothing was written"):
        fetch(tmp_path, params(gone))


def test_a_table_that_is_not_there(scb, tmp_path):
    del scb.tables["TAB638"]
    with pytest.raises(
        SobstatError, match=r"tables/TAB638/metadata\S* was refused: 404 Not Found \(.*Non-existent table"
    ):
        fetch(tmp_path, params(scb))


def test_a_proxy_is_used_where_the_environment_names_one(scb, tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", scb.address)
    monkeypatch.delenv("no_proxy", raising=False)
    given = params(scb).model_dump(by_alias=True)
    given["interfaces"][0]["address"] = "http://scb.invalid/v2"
    fetch(tmp_path, ScbParams.model_validate(given), [2015])
    assert {path.partition("/v2")[0] for path, _ in scb.asked} == {"http://scb.invalid"}


def test_another_population_in_the_folder_is_left_alone(scb, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/befolkning.parquet").write_bytes(b"PAR1")
    with pytest.raises(SobstatError, match=r"holds befolkning\.parquet, which no fetch wrote"):
        fetch(tmp_path, params(scb))
    assert not scb.asked


def test_rates_use_totals(scb, tmp_path):
    given = both_tables(scb, 2024)
    scb.tables["TAB638"] = old_table({year: real(year) for year in range(2014, 2024)})
    fetch(tmp_path, given, [2023, 2024])
    row = {"transaktion_id": "T1", "arende_id": "A1", "status": "Inprogress", "tidpunkt": "2025-03-01", **TRANSACTION}
    with (tmp_path / "in/arenden.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, row)
        writer.writeheader()
        writer.writerow(row)
    load_extract(tmp_path / "in", tmp_path / "w.duckdb")
    asked = read(tmp_path / "in/befolkning_totalt.csv")

    def counted(region: str, by: list[str]) -> dict:
        report = open_report(region, "2025-01", "2025-03", tmp_path / "w.duckdb")
        table = report.breakdown(["befolkning"], by=by)
        report.close()
        return {tuple(row[:-1]): row[-1] for row in table.itertuples(index=False, name=None)}

    per_lan = counted("riket", ["lan"])
    assert {lan: n for (lan, _), n in per_lan.items()} == {
        lan: asked["2024", lan, "Totalt", "Totalt"] for lan in COUNTIES
    }
    assert counted("riket", ["kon"]) == {(kon,): asked["2024", "00", kon, "Totalt"] for kon in NAMES}
    assert counted("skane", ["kon"]) == {(kon,): asked["2024", "12", kon, "Totalt"] for kon in NAMES}
    groups = counted("riket", ["kon", "aldersgrupp"])
    assert groups["Kvinna", "13–17"] == sum(asked["2024", "00", "Kvinna", str(age)] for age in range(13, 18))
    assert groups["Man", "85+"] == sum(asked["2024", "00", "Man", str(age)] for age in range(85, 101))


def test_json_stat_is_read_in_the_order_of_the_numbers():
    answer = {
        "id": ["a", "b"],
        "size": [2, 2],
        "dimension": {
            "a": {"label": "A", "category": {"index": {"y": 1, "x": 0}, "label": {"x": "X", "y": "Y"}}},
            "b": {"label": "B", "category": {"index": ["q", "p"]}},
        },
        "value": {"0": 1, "3": 4},
        "status": {"1": ".."},
    }
    found = {(place["a"], place["b"]): value for place, value in figures(answer, "It")}
    assert (found["x", "q"], found["x", "p"], found["y", "p"]) == (1, None, 4)
    assert found["y", "q"] not in (0, None)  # left out, which is not the same as missing
    assert [dimension.values for dimension in dimensions(answer, "It")] == [{"x": "X", "y": "Y"}, {"q": "q", "p": "p"}]


@pytest.mark.skipif(not SHARED.exists(), reason="the folder of shared data is not beside the project")
def test_recorded_answers_are_read():
    recorded = {path.stem: json.loads(path.read_text("utf-8")) for path in (SHARED / "pxweb").glob("*.json")}
    data = recorded["atlas290_v2_TAB638_abridged"]
    found = {tuple(place.values()): value for place, value in figures(data, "It")}
    assert found["0380", "ÄNKL", "tot", "2", "BE0101N1", "2005"] == 5977
    assert len(list(figures(recorded["pxwebpy_v2_TAB6471_data"], "It"))) == 2772
    region = dimensions(recorded["pxwebpy_v2_TAB6471_metadata"], "It")[0]
    assert (region.code, list(region.values)[:3], region.eliminable) == ("Region", ["00", "01", "0114"], True)


def test_the_command(scb, tmp_path):
    text = (ROOT / "params/scb.yml").read_text("utf-8").replace("TAB638, to: 2024", "TAB638, to: 2015")
    own = tmp_path / "scb.yml"
    own.write_text(text.replace("https://statistikdatabasen.scb.se/api/v2", f"{scb.address}/v2"), "utf-8")

    command = [sys.executable, "-m", "sobstat", "fetch", "befolkning", "--params", own, "--years", "2015", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, json.loads(done.stdout)["riket"]) == (0, {"2015": 9_851_017})
    assert "Riket 9851017 on 31 December 2015." in done.stderr
    assert (tmp_path / "data/in/befolkning.csv").exists()


@pytest.mark.parametrize(
    ("years", "message"),
    {"2015-": "'2015-' is not years: write 2015-2025", "2015-2014": "2015-2014 ends before it starts"}.items(),
)
def test_what_is_no_years(years, message, capsys):
    assert run(app, ["fetch", "befolkning", "--years", years]) == 2
    assert message in capsys.readouterr().err
