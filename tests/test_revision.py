"""What a month's edition tells of the one before it, end to end: late and corrected transactions, a vårdgivare that
moved, one with a new name, and the same published figures counted by hand.
"""

import json
import shutil
from pathlib import Path

import pandas as pd
from bs4 import BeautifulSoup

from months import NOVEMBER, OKTOBER
from sobstat.declarations import measures
from sobstat.edition.manifest import read_edition
from sobstat.edition.revision import find_revision
from sobstat.months import Month

LATE, MOVED = "sena eller rättade transaktioner", "vårdgivare har bytt län i HSA"
AGAIN = "senare händelser i samma ärenden"


def changes(site: Path, month: Month = NOVEMBER) -> pd.DataFrame:
    return pd.read_csv(site / str(month) / "andringar.csv", dtype=str, keep_default_na=False)


def told(site: Path, region: str, report: str, **group: str) -> list[list[str]]:
    found = changes(site).query("region == @region and rapport == @report")
    for column, value in group.items():
        found = found[found[column] == value]
    return found[["matt", "fran", "till", "till_status", "skal"]].values.tolist()


def test_every_region_of_the_earlier_edition_is_compared(two_months):
    site, _ = two_months
    assert set(changes(site)["region"]) == {"riket", "skane"}


def test_the_first_edition_has_nothing_to_compare_with(two_months):
    site, _ = two_months
    assert changes(site, OKTOBER).empty
    page = (site / "2025-10" / "riket" / "laddningar.html").read_text("utf-8")
    assert "Det finns ingen tidigare utgåva att jämföra med." in page


def test_starts_of_lan_tell_late_transactions_and_the_move(two_months):
    site, _ = two_months
    assert told(site, "riket", "per-lan", lan_kod="01") == [["startade", "160", "130", "", MOVED]]
    assert told(site, "riket", "per-lan", lan_kod="12") == [["startade", "70", "125", "", f"{LATE}; {MOVED}"]]


def test_only_late_transactions_changed_what_does_not_follow_the_lan(two_months):
    site, _ = two_months
    assert told(site, "riket", "per-process") == [["startade", "230", "255", "", LATE]]


def test_a_months_figure_is_now_what_the_new_edition_shows(two_months):
    site, _ = two_months
    assert told(site, "riket", "per-manad", manad="2025-09") == []
    assert told(site, "riket", "per-manad", manad="2025-10") == [["startade", "160", "170", "", f"{LATE}; {AGAIN}"]]


def test_a_corrected_transaction_changes_both_moments(two_months):
    site, _ = two_months
    assert told(site, "riket", "pagaende-per-moment", manad="2025-10", moment="Stress") == [
        ["pagaende", "0", "20", "", LATE]
    ]


def test_residents_are_told_from_and_to_only_where_the_difference_is_no_small_count(two_months):
    site, _ = two_months
    assert told(site, "riket", "vardtagare-per-kon", kon="Man") == [
        ["vardtagare", "120", "140", "", LATE],
        ["andel", "0.5217", "", "andrad", LATE],
    ]
    assert told(site, "riket", "vardtagare-per-kon", kon="Kvinna") == [
        ["vardtagare", "110", "", "liten", LATE],
        ["andel", "0.4783", "", "andrad", LATE],
    ]


def test_what_was_hidden_is_not_told(two_months):
    site, _ = two_months
    # Nobody started in Skåne in September: 0 is hidden.
    assert told(site, "skane", "vardtagare-per-kon-och-manad", manad="2025-09") == []


def test_the_page_says_what_and_why(two_months):
    site, _ = two_months
    page = BeautifulSoup((site / "2025-11" / "riket" / "laddningar.html").read_text("utf-8"), "html.parser")
    section = page.find("div", class_="changes").get_text(" ", strip=True)
    assert "oktober 2025" in section
    assert LATE in section
    captions = [caption.get_text() for caption in page.find("div", class_="changes").find_all("caption")]
    assert "De största ändringarna, Riket" in [caption.split(":")[0] for caption in captions]
    [moved] = [t for t in page.find_all("table") if t.caption.get_text() == "Vårdgivare som har bytt län i HSA"]
    assert [cell.get_text() for cell in moved.tbody.find_all(["th", "td"])] == [
        "Giver C", "Stockholms län", "Skåne län"
    ]  # fmt: skip
    [renamed] = [t for t in page.find_all("table") if "nytt namn" in t.caption.get_text()]
    assert [cell.get_text() for cell in renamed.tbody.find_all(["th", "td"])] == ["SE12-B", "Giver B", "Nya B"]


def test_the_manifest_names_the_load_the_definitions_and_the_edition_compared_with(two_months):
    site, _ = two_months
    first, second = (
        json.loads((site / str(month) / "manifest.json").read_text("utf-8")) for month in (OKTOBER, NOVEMBER)
    )
    assert (first["load"], second["load"]) == (1, 2)
    assert first["definitions"] == {measure.id: measure.version for measure in measures().values()}
    assert first["earlier"] is None
    assert second["earlier"] == (site / "2025-10").resolve().name
    assert {"source", "size", "sha256", "rows", "program"} <= first["inputs"][0].keys()


def edited(site: Path, tmp_path: Path, **entries) -> Path:
    """A copy of the October edition whose manifest says otherwise."""
    copy = tmp_path / "2025-10"
    shutil.copytree(site / "2025-10", copy)
    manifest = json.loads((copy / "manifest.json").read_text("utf-8"))
    (copy / "manifest.json").write_text(json.dumps(manifest | entries), "utf-8")
    return copy


def test_a_new_definition_is_told_for_its_measure_and_those_computed_from_it(two_months, tmp_path):
    site, warehouse = two_months
    folder = site / "2025-11"
    definitions = {measure.id: measure.version for measure in measures().values()} | {"startade": 0}
    earlier = edited(site, tmp_path, definitions=definitions, code={"version": "0", "sha256": "another"})
    table = earlier / "riket" / "data" / "per-process.csv"
    table.write_text(table.read_text("utf-8").replace(",230,", ",200,"), "utf-8")
    found = find_revision(folder, read_edition(folder), earlier, warehouse).figures
    [figure] = found.query("region == 'riket' and rapport == 'per-process'").to_dict("records")
    assert (figure["fran"], figure["till"], figure["skal"]) == ("200", "255", f"ny definition; {LATE}")
    assert "ändrat program" not in " ".join(found["skal"])


def test_a_rebuilt_warehouse_is_told_as_such(two_months, tmp_path):
    site, warehouse = two_months
    folder = site / "2025-11"
    inputs = json.loads((site / "2025-10" / "manifest.json").read_text("utf-8"))["inputs"]
    earlier = edited(site, tmp_path, inputs=[{**entry, "time": "2025-11-01 04:00:00"} for entry in inputs])
    found = find_revision(folder, read_edition(folder), earlier, warehouse).figures
    assert set(found.query("rapport == 'per-process'")["skal"]) == {"datalagret har byggts om"}


def test_the_same_data_give_no_change(two_months):
    site, warehouse = two_months
    revision = find_revision(site / "2025-11", read_edition(site / "2025-11"), (site / "2025-11").resolve(), warehouse)
    assert revision.figures.empty
    assert revision.compared > 100
