"""What the page about loads shows."""

import hashlib
import re
from datetime import UTC, date, datetime

import pandas as pd
import pytest

from extracts import make_extract, write_extract
from sobstat import declarations, loads
from sobstat.contract import COLUMN_TYPES, sources
from sobstat.declarations import Release, measures
from sobstat.errors import SobstatError
from sobstat.load import load_extract
from sobstat.report import open_report

ARENDEN = """
    | arende_id | status     | tidpunkt             | vardgivare_id | vardtagare_id | kon   | alder |
    | A1        | Inprogress | 2025-10-01T10:00:00Z | SE01-A        | p1            | Man   | 40    |
    | A2        | Inprogress | 2025-10-02T10:00:00Z | SE00-N        |               | Hen   | 400   |
    | A3        | Inprogress | 2025-10-03T10:00:00Z | SE01-A        | hemlig        | Man   | tolv  |
    | A4        | Inprogress | soon                 | SE01-A        | hemlig        | Man   | tolv  |
"""


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    """Two loads of the same extract; the second brings one row more."""
    folder = tmp_path_factory.mktemp("loads")
    warehouse = folder / "w.duckdb"
    first = write_extract(make_extract(ARENDEN), folder / "first")
    more = "    | A5 | Inprogress | 2025-11-03T10:00:00Z | SE01-A | p5 | Man | 40 |\n"
    second = write_extract(make_extract(ARENDEN + more), folder / "second")
    load_extract(first, warehouse, max_set_aside=1, now=datetime(2025, 10, 31, 22, 30, tzinfo=UTC))
    load_extract(second, warehouse, max_set_aside=1, now=datetime(2025, 11, 30, 12, tzinfo=UTC))
    return warehouse


@pytest.fixture(scope="module")
def report(warehouse):
    return open_report("riket", "2025-10", "2025-10", warehouse)


def test_history_has_the_latest_load_first_in_local_time(report):
    history = loads.history(report)
    assert history["Laddning"].tolist() == [2, 1]
    assert [str(time) for time in history["Tidpunkt"]] == ["2025-11-30 13:00:00", "2025-10-31 23:30:00"]
    assert (history["Lästa rader"] == history["Nya eller ändrade"] + history["Upprepade"] + history["Undantagna"]).all()
    assert history["Filer"].tolist() == [5, 5]


def test_latest_load_tells_its_sources_apart(report):
    rows = loads.latest_load(report).set_index("Källa")
    assert rows.loc["Ärendelogg"].tolist() == [1, 5, 1, 2, 2]


def test_files_of_the_latest_load_have_source_size_rows_and_hash(report, warehouse):
    files = loads.files(report).set_index("Fil")
    file = warehouse.parent / "second" / "arenden.csv"
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert files.loc["arenden.csv"].tolist() == ["Ärendelogg", 2, file.stat().st_size, 5, digest[:12]]
    assert len(files) == 5


def test_rows_set_aside_are_counted_by_reason_and_never_shown(report):
    aside = loads.set_aside(report)
    assert aside.columns.tolist() == ["Källa", "Skäl", "Senaste laddningen", "Alla laddningar"]
    assert aside.values.tolist() == [
        ["Ärendelogg", "alder är inte ett tal", 2, 4],
        ["Ärendelogg", "tidpunkt är inte en tidpunkt enligt ISO 8601", 1, 2],
    ]
    assert "hemlig" not in aside.to_string()
    assert "tolv" not in aside.to_string()


def test_notices_are_counted_in_swedish(report):
    assert set(loads.notices(report)["Anmärkning"]) == {
        "könet går inte att tolka, räknas som Okänt",
        "åldern är inte 0–120 år, räknas som Okänd",
        "länskoden finns inte, räknas som Okänt län",
    }


def test_what_is_not_in_the_latest_load_is_told_for_all(tmp_path):
    """The second extract brings the row that could not be read, mended."""
    bad = "| arende_id | status | tidpunkt |\n| A1 | Inprogress | soon |\n"
    for number, text in enumerate([bad, bad.replace("soon", "2025-10-01T10:00:00Z")]):
        extract = write_extract(make_extract(text), tmp_path / str(number))
        load_extract(extract, tmp_path / "w.duckdb", max_set_aside=1, now=datetime(2025, 11, 1 + number, tzinfo=UTC))
    report = open_report("riket", "2025-10", "2025-10", tmp_path / "w.duckdb")
    assert loads.set_aside(report).values.tolist() == [
        ["Ärendelogg", "tidpunkt är inte en tidpunkt enligt ISO 8601", 0, 1]
    ]
    report.close()


def test_every_move_to_another_lan_is_told_with_its_load(tmp_path):
    """A, B and C have ärenden, D has none. B is new in the second load, A moves in it and leaves in the third."""
    starts = "".join(f"| {id_} | Inprogress | 2025-10-01T10:00:00Z | SE01-{id_} |\n" for id_ in "ABC")
    catalogues = [
        "| SE01-A | Giver A | 01 |\n| SE01-C | Giver C | 12 |\n| SE01-D | Giver D | 01 |",
        "| SE01-A | Giver A | 03 |\n| SE01-B | Giver B | 12 |\n| SE01-C | Nya C   | 12 |\n| SE01-D | Giver D | 03 |",
        "| SE01-B | Giver B | 12 |\n| SE01-C | Nya C   | 12 |",
    ]
    for number, rows in enumerate(catalogues):
        extract = make_extract(
            "| arende_id | status | tidpunkt | vardgivare_id |\n" + starts,
            hsa_vardgivare="| hsa_id | namn | lan_kod |\n" + rows,
        )
        folder = write_extract(extract, tmp_path / str(number))
        load_extract(folder, tmp_path / "w.duckdb", now=datetime(2025, 12, 1 + number, 12, tzinfo=UTC))
    report = open_report("riket", "2025-10", "2025-10", tmp_path / "w.duckdb")
    moved = loads.moved(report)
    assert moved.drop(columns="Tidpunkt").values.tolist() == [
        ["Giver A", 3, "Uppsala län", "Okänt län"],
        ["Giver A", 2, "Stockholms län", "Uppsala län"],
        ["Giver B", 2, "Okänt län", "Skåne län"],
    ]
    assert str(moved["Tidpunkt"][0]) == "2025-12-03 13:00:00"
    report.close()


def test_unknown_shares_are_of_the_periods_starts(report):
    unknown = loads.unknown(report).set_index("Uppgift")
    assert unknown["Startade utan uppgift"].tolist() == [1, 1, 1, 1]
    assert unknown["Andel"].tolist() == [0.5] * 4


def test_unknown_shares_are_empty_without_starts(warehouse):
    empty = open_report("gotland", "2025-10", "2025-10", warehouse)
    assert loads.unknown(empty)["Andel"].isna().all()
    assert loads.status(empty)["Läge"].tolist()[-2:] == ["Stämmer", "Stämmer"]


def test_status_says_what_holds(report):
    assert loads.status(report).values.tolist() == [
        ["Senaste laddningen är gjord efter periodens slut", "Stämmer", "2025-11-30 13:00"],
        ["Ärendeloggen når in i periodens sista månad", "Stämmer", "3 november 2025"],
        ["Högst 1,0\u00a0% av de lästa raderna är undantagna", "Stämmer inte", "15,4\u00a0%"],
        ["Högst 5,0\u00a0% av de startade saknar län", "Stämmer inte", "50,0\u00a0%"],
        ["Högst 5,0\u00a0% av de startade saknar känd invånare", "Stämmer inte", "50,0\u00a0%"],
    ]


def test_the_state_says_how_many_checks_fail_and_marks_each(report, monkeypatch):
    html = loads.State(report)._repr_html_()
    assert "3 av 5 kontroller stämmer inte." in html
    assert re.findall(r'<li class="(\w+)">', html) == ["holds", "holds", "fails", "fails", "fails"]
    monkeypatch.setattr(loads, "status", lambda report: pd.DataFrame([["Kontroll", "Stämmer", "1"]] * 5))
    assert "Alla 5 kontroller stämmer." in loads.State(report)._repr_html_()


def test_everything_that_the_load_can_say_has_its_swedish():
    said = {f"{name} is missing" for source in sources().values() for name in source.columns}
    said |= {"tidpunkt is in the future", "another row with the same arende_id, behandlare comes later"}
    said |= {f"kolumn {kind.fault[1]}" for kind in COLUMN_TYPES.values() if kind.fault}
    said |= {kind.notice[1] for kind in COLUMN_TYPES.values() if kind.notice}
    said |= {"12 fields, the header has 13"}
    assert not [reason for reason in said if loads.in_swedish(reason) == "annat skäl"]
    assert loads.in_swedish("Kalle Karlsson 19121212-1212") == "annat skäl"
    assert set(loads.SOURCES) == set(sources())


def test_releases_have_the_latest_first_and_name_new_definitions(monkeypatch):
    assert loads.releases()["Datum"].is_monotonic_decreasing
    renewed = Release(date=date(2026, 1, 1), text="Starter räknas om.", definitions={"startade": 2})
    monkeypatch.setattr(declarations, "releases", lambda: [renewed])
    assert loads.releases()["Vad som är nytt"].tolist() == [
        "Starter räknas om. Nya definitioner: Startade (definition 2)."
    ]


TEXTS = {
    "a version that no note tells": ("", 2, "add a note with `definitions: {startade: 2}`"),
    "a note of a version that is not declared": ("definitions: {startade: 2}", 1, "version 1 in measures.yml"),
    "a version out of turn": ("definitions: {startade: 3}", 3, "definition 3 of startade, out of turn"),
    "an unknown measure": ("definitions: {startadde: 2}", 1, "startadde, out of turn"),
    "an unknown field": ("definition: {startade: 2}", 2, "releases.yml cannot be read"),
}


@pytest.mark.parametrize(("more", "version", "message"), TEXTS.values(), ids=TEXTS.keys())
def test_measures_and_releases_cannot_disagree(monkeypatch, tmp_path, more, version, message):
    note = f"- date: 2026-01-01\n  text: Nytt\n  {more}\n"
    (tmp_path / "releases.yml").write_text(note, "utf-8")
    monkeypatch.setattr(declarations, "files", lambda package: tmp_path)
    startade = measures()["startade"].model_copy(update={"version": version})
    monkeypatch.setattr(declarations, "measures", lambda: measures() | {"startade": startade})
    with pytest.raises(SobstatError, match=re.escape(message)):
        declarations.releases.__wrapped__()
    told = "- date: 2026-01-01\n  text: Nytt\n  definitions: {startade: 2}\n"
    (tmp_path / "releases.yml").write_text(told, "utf-8")
    monkeypatch.setattr(
        declarations, "measures", lambda: measures() | {"startade": startade.model_copy(update={"version": 2})}
    )
    assert declarations.releases.__wrapped__()[0].definitions == {"startade": 2}


def test_a_table_is_escaped_and_swedish():
    frame = pd.DataFrame(
        {"Namn": ["<b>"], "Rader": [12345], "Andel": [0.25], "Tid": [pd.Timestamp("2025-10-31 23:30")]}
    )
    html = loads.StatusTable(frame, "Rubrik & mer")._repr_html_()
    assert "<caption>Rubrik &amp; mer</caption>" in html
    assert '<th scope="row">&lt;b&gt;</th>' in html
    assert re.findall(r"<td[^>]*>([^<]*)</td>", html) == ["12\u00a0345", "25,0\u00a0%", "2025-10-31 23:30"]
    assert "inga" in loads.StatusTable(frame[:0], "Rader")._repr_html_()
