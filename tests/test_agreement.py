"""Pages against files: an edition whose pages say anything else than its files is found out."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sites import EDITION
from sobstat.outsider.agreement import disagreements

PARAMETERS = {"from": "2024-11", "to": "2025-10", "min_antal": 10}
KON_OCH_ALDER = "vardtagare-per-kon-och-alder"
UNITS = "per-region-vardgivare-moment-orsak"
ROWS = f"riket/data/{UNITS}.js"


@pytest.fixture
def edition(site, tmp_path):
    """A copy of the small edition, to tamper with."""
    without = shutil.ignore_patterns("*-adhoc.html")
    return Path(shutil.copytree(site / str(EDITION.month), tmp_path / "edition", ignore=without))


def change(edition: Path, name: str, old: str, new: str, after: str = "") -> None:
    """Replace the first match of a pattern after a mark in a file of the edition."""
    path = edition / name
    start, mark, text = path.read_text("utf-8").partition(after) if after else ("", "", path.read_text("utf-8"))
    changed, times = re.subn(old, new, text, count=1, flags=re.DOTALL)
    assert times == 1
    path.write_text(start + mark + changed, "utf-8")


def change_rows(edition: Path, edit: Callable[[dict], None]) -> None:
    """Edit the data that a drill-down's script hands over."""
    path = edition / ROWS
    call, brace, data = path.read_text("utf-8").removesuffix(");\n").partition("{")
    data = json.loads(brace + data)
    edit(data)
    path.write_text(f"{call}{json.dumps(data)});\n", "utf-8")


def change_json(edition: Path, name: str, report: str, kind: str, edit: Callable[[dict], None]) -> None:
    """Edit the JSON of a class in a figure of a page."""
    path = edition / name
    text = path.read_text("utf-8")
    start = text.index(f'class="{kind}">', text.index(f'<section id="{report}"')) + len(f'class="{kind}">')
    end = text.index("</script>", start)
    data = json.loads(text[start:end])
    edit(data)
    path.write_text(text[:start] + json.dumps(data).replace("<", "\\u003c") + text[end:], "utf-8")


def tell_hidden(data: dict) -> None:
    """Give a value to the first hidden count of residents in a drill-down."""
    data["varden"][3] = data["varden"][3].replace("x", "(7)", 1)


def rows_of(spec: dict) -> list[dict]:
    return next(iter(spec["datasets"].values()))


def hidden_rows(spec: dict) -> list[dict]:
    return [row for row in rows_of(spec) if row["vardtagare"] is None]


# Name → the page that is looked at, what is done to the edition, and the fault that must be found.
TAMPERINGS = {
    "another number in a table": (
        "riket/oversikt.html",
        lambda e: change(e, "riket/oversikt.html", r"<td>\d", "<td>9", 'data-name="' + UNITS),
        f"riket/oversikt.html: {UNITS}: its table says otherwise than its file about startade (all)",
    ),
    "a value in a table where the file hides it": (
        "riket/invanare.html",
        lambda e: change(e, "riket/invanare.html", '<td class="dold">visas inte', "<td>7", f'id="{KON_OCH_ALDER}"'),
        f"{KON_OCH_ALDER}: its table says otherwise than its file about",
    ),
    "hidden in a table where the file says undefined": (
        "riket/invanare.html",
        lambda e: change(e, "riket/invanare.html", '<td class="tom">.*?</td>', '<td class="dold">visas inte</td>'),
        "per-1000-per-lan: its table says otherwise than its file about",
    ),
    "a row that is not in the file": (
        "skane/oversikt.html",
        lambda e: change(e, "skane/oversikt.html", "<tbody>", "<tbody><tr><th>x</th></tr>", 'id="per-veckodag"'),
        "per-veckodag: the rows of its table are not those of its file",
    ),
    "a hidden count in a drill-down's data": (
        None,
        lambda e: change_rows(e, tell_hidden),
        f"{ROWS}: it says otherwise than its table about invanare (",
    ),
    "a drill-down with a row too many": (
        None,
        lambda e: change_rows(e, lambda data: data.update(djup=data["djup"] + "1")),
        f"{ROWS}: its rows are not those of its table",
    ),
    "a drill-down with another name": (
        None,
        lambda e: change_rows(e, lambda data: data["namn"][1].reverse()),
        f"{ROWS}: row 2 is not that of its table",
    ),
    "a drill-down that does more than hand over its rows": (
        None,
        lambda e: change(e, ROWS, "^", "alert(1);"),
        f"{ROWS}: it is not one call",
    ),
    "a drill-down that computes": (
        None,
        lambda e: change(e, ROWS, r'\{"', '{"x":alert(1),"'),
        f"{ROWS}: what it hands over is no JSON",
    ),
    "a drill-down without rows": (
        None,
        lambda e: (e / ROWS).unlink(),
        f"{ROWS}: it is not one call",
    ),
    "a hidden count in a chart": (
        "riket/invanare.html",
        lambda e: change_json(
            e, "riket/invanare.html", KON_OCH_ALDER, "vega-spec", lambda s: hidden_rows(s)[0].update(vardtagare=7)
        ),
        f"{KON_OCH_ALDER}: its chart holds vardtagare (",
    ),
    "another number in a chart": (
        "riket/invanare.html",
        lambda e: change_json(
            e, "riket/invanare.html", KON_OCH_ALDER, "vega-spec", lambda s: rows_of(s)[4].update(vardtagare=99999)
        ),
        f"{KON_OCH_ALDER}: its chart says otherwise than the file about vardtagare (",
    ),
    "a count of residents that no file has": (
        "riket/invanare.html",
        lambda e: change_json(
            e, "riket/invanare.html", KON_OCH_ALDER, "vega-spec",
            lambda s: rows_of(s).append({"process": "KBT", "vardtagare": 12}),
        ),
        f"{KON_OCH_ALDER}: its chart holds vardtagare (KBT), which stands in no file",
    ),
    "a column that no file has": (
        "riket/invanare.html",
        lambda e: change_json(
            e, "riket/invanare.html", KON_OCH_ALDER, "vega-spec", lambda s: hidden_rows(s)[0].update(personer=7)
        ),
        f"{KON_OCH_ALDER}: its chart holds personer, which stands in no file",
    ),
    "a count in an inline data set": (
        "riket/invanare.html",
        lambda e: change_json(
            e, "riket/invanare.html", KON_OCH_ALDER, "vega-spec",
            lambda s: s.update(layer=[{"data": {"values": [{"matt": "Vårdtagare", "antal": 7, "lan": "Skåne län"}]}}]),
        ),
        f"{KON_OCH_ALDER}: its chart ",
    ),
    "data that are neither chart nor drill-down": (
        "riket/invanare.html",
        lambda e: change(
            e, "riket/invanare.html", "</main>", '<script type="application/json" class="x">[7]</script></main>'
        ),
        "riket/invanare.html: the page holds data that nobody knows how to read",
    ),
    "a figure without a file": (
        "skane/oversikt.html",
        lambda e: (e / "skane" / "data" / "per-process.csv").unlink(),
        "skane/oversikt.html: per-process has no file",
    ),
    "a value in a file where it is hidden": (
        None,
        lambda e: change(e, f"riket/data/{KON_OCH_ALDER}.csv", ",,dold", ",7,dold"),
        f"riket/data/{KON_OCH_ALDER}.csv: vardtagare (",
    ),
    "another status in a file": (
        None,
        lambda e: change(e, f"riket/data/{KON_OCH_ALDER}.csv", ",,dold", ",,primär"),
        "is neither empty nor dold",
    ),
    "a rate of a hidden count": (
        None,
        lambda e: change(e, "riket/data/per-1000-per-kon-och-alder.csv", ",,dold,\n", ",,dold,0.01\n"),
        "has a value, computed from a hidden one",
    ),
}  # fmt: skip


def test_an_edition_as_it_is_made_agrees(edition):
    assert disagreements(edition, PARAMETERS) == []


@pytest.mark.parametrize(("page", "tamper", "fault"), TAMPERINGS.values(), ids=TAMPERINGS)
def test_what_only_a_page_says_is_found(edition, page, tamper, fault):
    tamper(edition)
    for other in edition.glob("*/*.html"):  # to be quick
        if other != edition / str(page):
            other.unlink()
    found = disagreements(edition, PARAMETERS)
    assert any(fault in text for text in found), found
