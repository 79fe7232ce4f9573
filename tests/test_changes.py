"""What is told of figures that have changed, on tables small enough to check by hand."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extracts import table
from sobstat.declarations import reports
from sobstat.disclosure.thresholds import Thresholds
from sobstat.edition.changes import Step, changed_figures, renamed, shown_figures


def frame(text: str) -> pd.DataFrame:
    return pd.DataFrame(table(text), dtype=str)


def told(report: str, earlier: str, now: str, steps: list[tuple] = (), min_antal: int = 10) -> list[list[str]]:
    """The changed figures as lists: the group's own columns, matt, fran, till, till_status, skal."""
    steps = [Step(cause, frame(before), frame(after)) for cause, before, after in steps]
    found = changed_figures(reports()[report], frame(earlier), frame(now), steps, Thresholds(min_antal))
    assert (found.pop("rapport") == report).all()
    return found.values.tolist()


PER_LAN = """
    | lan_kod | lan            | startade | avslutade | behandlare |
    | 01      | Stockholms län | 20       | 5         | 3          |
    | 12      | Skåne län      | 7        | 5         | 3          |
"""


def test_nothing_is_told_of_figures_that_are_the_same():
    assert told("per-lan", PER_LAN, PER_LAN) == []


def test_case_counts_are_told_from_and_to_with_their_causes():
    between = PER_LAN.replace("| 20 ", "| 19 ")
    now = between.replace("| 19 ", "| 17 ").replace("| 7  ", "| 10 ")
    steps = [("a", PER_LAN, between), ("b", between, now)]
    assert told("per-lan", PER_LAN, now, steps) == [
        ["01", "Stockholms län", "startade", "20", "17", "", "a; b"],
        ["12", "Skåne län", "startade", "7", "10", "", "b"],
    ]


def test_a_change_that_no_step_explains_says_so():
    assert told("per-lan", PER_LAN, PER_LAN.replace("| 20 ", "| 21 "))[0][-1] == "kan inte anges"


def test_a_group_that_came_or_went_had_nothing_or_has_nothing():
    one = "| process | startade | avslutade | andel_avslutade |\n | A | 4 | 2 | 0.5000 |\n"
    other = "| process | startade | avslutade | andel_avslutade |\n | B | 1 | 0 | 0.0000 |\n"
    assert told("per-process", one, other) == [
        ["B", "startade", "0", "1", "", "kan inte anges"],
        ["A", "startade", "4", "0", "", "kan inte anges"],
        ["A", "avslutade", "2", "0", "", "kan inte anges"],
        ["B", "andel_avslutade", "", "0.0000", "", "kan inte anges"],
        ["A", "andel_avslutade", "0.5000", "", "", "kan inte anges"],
    ]


KON = """
    | kon    | vardtagare | vardtagare_status | andel  |
    | Kvinna | {}         | {}                | {}     |
    | Man    | 40         |                   | 0.4000 |
"""

PERSONS = {
    "by more than the threshold": (("60", "", "0.6000"), ("71", "", "0.6396"), ["60", "71", ""]),
    "by the threshold": (("60", "", "0.6000"), ("50", "", "0.5556"), ["60", "", "liten"]),
    "by one": (("60", "", "0.6000"), ("61", "", "0.6040"), ["60", "", "liten"]),
    "hidden now": (("60", "", "0.6000"), ("", "dold", ""), ["60", "", "dold"]),
    "hidden before": (("", "dold", ""), ("60", "", "0.6000"), None),
    "hidden both times": (("", "dold", ""), ("", "dold", ""), None),
}


@pytest.mark.parametrize(("before", "now", "expected"), PERSONS.values(), ids=PERSONS.keys())
def test_counts_of_residents_are_told_only_where_both_are_shown_and_far_apart(before, now, expected):
    earlier, later = KON.format(*before), KON.format(*now)
    found = told("vardtagare-per-kon", earlier, later, [("a", earlier, later)])
    if expected is None:
        assert found == []
    else:
        cause = "visas inte längre" if expected[2] == "dold" else "a"
        share = ["Kvinna", "andel", before[2], "", "dold" if expected[2] == "dold" else "andrad", cause]
        assert found == [["Kvinna", "vardtagare", *expected, cause], share]


def test_where_nothing_is_hidden_every_change_is_told():
    earlier, now = KON.format("6", "", "0.1304"), KON.format("7", "", "0.1489")
    assert told("vardtagare-per-kon", earlier, now, min_antal=0)[0] == [
        "Kvinna", "vardtagare", "6", "7", "", "kan inte anges"
    ]  # fmt: skip


def test_a_hidden_figure_has_no_cause_which_could_tell_that_it_is_the_same():
    earlier, now, counted = KON.format("60", "", "0.6"), KON.format("", "dold", ""), KON.format("61", "", "0.61")
    assert told("vardtagare-per-kon", earlier, now, [("a", earlier, counted)]) == told(
        "vardtagare-per-kon", earlier, now, [("a", earlier, earlier)]
    )


def test_a_count_that_became_protected_is_not_told_where_it_is_hidden():
    protected = """
        | lan_kod | lan            | startade | startade_status | avslutade | behandlare |
        | 01      | Stockholms län | 40       |                 | 5         | 3          |
        | 12      | Skåne län      |          | dold            | 5         | 3          |
    """
    assert told("per-lan", PER_LAN, protected) == [
        ["01", "Stockholms län", "startade", "20", "40", "", "kan inte anges"],
        ["12", "Skåne län", "startade", "7", "", "dold", "visas inte längre"],
    ]


def test_a_new_name_is_no_changed_figure_and_is_told_once():
    now = PER_LAN.replace("Skåne län", "Nya Skåne")
    assert told("per-lan", PER_LAN, now) == []
    assert renamed(frame(PER_LAN), frame(now)).to_dict("records") == [
        {"id": "12", "fran": "Skåne län", "till": "Nya Skåne", "matt": "lan_kod"}
    ]


def test_a_group_is_known_by_its_level_and_ids():
    head = (
        "| niva | moment | lan_kod | lan | vardgivare_id | vardgivare | vardenhet_id | vardenhet "
        "| startade | avslutade | invanare | invanare_status | behandlare |\n"
    )
    earlier = (
        head + "| totalt | | | | | | | | 3 | 0 | | dold | 1 |\n| moment | KBT | | | | | | | 3 | 0 | | dold | 1 |\n"
    )
    found = told(
        "per-moment-region-vardgivare-vardenhet", earlier, earlier.replace("KBT | | | | | | | 3", "KBT | | | | | | | 4")
    )
    assert found == [["moment", *[""] * 6, "KBT", "startade", "3", "4", "", "kan inte anges"]]


def test_figures_that_are_shown_are_counted():
    assert shown_figures(reports()["per-lan"], frame(PER_LAN)) == 6
    assert shown_figures(reports()["vardtagare-per-kon"], frame(KON.format("", "dold", ""))) == 2


counts = st.lists(st.integers(0, 60), min_size=3, max_size=3)
masks = st.lists(st.booleans(), min_size=3, max_size=3)


def protected(values: list[int], hidden: list[bool]) -> pd.DataFrame:
    """Vårdtagare per kön, each written as a number that no other text holds."""
    rows = [
        {
            "kon": kon,
            "vardtagare": "" if dold else str(value),
            "vardtagare_status": "dold" if dold else "",
            "andel": "" if any(hidden) else f"{value / (sum(values) or 1):.4f}",
        }
        for kon, value, dold in zip(("Kvinna", "Man", "Okänt"), values, hidden, strict=True)
    ]
    return pd.DataFrame(rows, dtype=str)


@given(counts, masks, counts, masks, st.integers(0, 20))
def test_nothing_hidden_and_no_small_difference_is_ever_told(before, hidden_before, now, hidden_now, min_antal):
    report = reports()["vardtagare-per-kon"]
    earlier, later = protected(before, hidden_before), protected(now, hidden_now)
    raw = protected(now, [False] * 3)
    found = changed_figures(report, earlier, later, [Step("a", earlier, raw)], Thresholds(min_antal)).set_index(
        ["kon", "matt"]
    )
    for n, kon in enumerate(("Kvinna", "Man", "Okänt")):
        if hidden_before[n]:
            assert (kon, "vardtagare") not in found.index
        elif (kon, "vardtagare") in found.index:
            figure = found.loc[(kon, "vardtagare")]
            assert figure["fran"] == str(before[n])
            if hidden_now[n] or abs(now[n] - before[n]) <= min_antal:
                assert figure["till"] == ""
            else:
                assert figure["till"] == str(now[n])
            if hidden_now[n]:
                assert figure["skal"] == "visas inte längre"
        if (kon, "andel") in found.index:
            assert found.loc[(kon, "andel"), "till"] == ""
