"""What a statistician is told in JupyterLab: by the Tab key, by a table, by a mistake."""

import copy

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

from extracts import load, make_extract
from sobstat.declarations import dimensions, measures, reports
from sobstat.errors import SobstatError
from sobstat.report import open_report


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("described")
    extract = make_extract(
        """
        | arende_id | status     | tidpunkt            | vardtagare_id | process |
        | A1        | Inprogress | 2025-10-01T08:00:00 | p1            | Sömn    |
        | A2        | Inprogress | 2025-10-02T08:00:00 | p2            | Oro     |
        """
    )
    report = open_report("riket", "2025-10", "2025-10", load(extract, folder / "in", folder / "w.duckdb"))
    yield report
    report.close()


@pytest.fixture
def shell(report):
    """An IPython like that of a notebook's kernel, with the report in it."""
    shell = InteractiveShell()
    shell.push({"report": report})
    return shell


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("report.measures.", set(measures())),
        ("report.by.", set(dimensions())),
        ("report.reports.", {name.replace("-", "_") for name in reports()}),
    ],
)
def test_the_tab_key_lists_every_name(shell, text, expected):
    with provisionalcompleter():  # as the kernel asks
        found = {completion.text.rpartition(".")[2] for completion in shell.Completer.completions(text, len(text))}
    assert found == expected


def test_a_name_tells_what_it_is_the_name_of(shell):
    told = shell.object_inspect("report.measures.behandlare", detail_level=0)["docstring"]
    measure = measures()["behandlare"]
    assert told.startswith("Behandlare (personer)")
    assert measure.definition in told
    assert measure.caveats[0] in told
    assert "Per lan: startade" in shell.object_inspect("report.reports.per_lan")["docstring"]
    assert "Kvinna, Man" in shell.object_inspect("report.by.kon")["docstring"]


def test_a_name_is_its_string(report):
    assert report.reports.per_lan == "per-lan"
    by_name = report.breakdown(report.measures.startade, by=report.by.process)
    assert by_name.equals(report.breakdown(["startade"], by=["process"]))
    assert copy.deepcopy(report.measures.startade) == "startade"


def test_a_table_says_what_it_shows_also_after_work_on_it(report, shell):
    table = report.table("per-process")
    worked_on = table[table["startade"] > 0].sort_values("startade").head(1)
    for about in (table.attrs, worked_on.attrs):
        assert about["title"] == reports()["per-process"].title
        assert (about["region"], about["period"]) == ("Riket", "oktober 2025")
        assert about["measures"]["startade"]["definition"] == measures()["startade"].definition
    own = report.breakdown(["startade", "invanare"], by=["process", "manad"])
    assert own.attrs["title"] == "Startade, Invånare per process, månad"


def test_jupyterlab_shows_it_above_the_table(report, monkeypatch):
    shell = InteractiveShell()
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    open_report("riket", "2025-10", "2025-10", report.warehouse).close()
    shown, _ = shell.display_formatter.format(report.table("per-process"))
    assert f"<p>{reports()['per-process'].title}. Riket, oktober 2025.</p>" in shown["text/html"]
    shown, _ = shell.display_formatter.format(report.table("per-process").rename_axis("x").T.head(0).reset_index())
    assert "<table" in shown["text/html"]


NEAREST = {
    "measure": (
        lambda report: report.breakdown("startad", by="lan"),
        "no measure 'startad'.*nearest match is startade",
    ),
    "breakdown": (lambda report: report.breakdown("startade", by="lann"), "'lann'.*nearest match is lan"),
    "report": (lambda report: report.table("per-laan"), "no report 'per-laan'.*nearest match is per-lan"),
}


@pytest.mark.parametrize(("mistake", "message"), NEAREST.values(), ids=NEAREST.keys())
def test_a_mistake_is_answered_with_the_nearest_name(report, mistake, message):
    with pytest.raises(SobstatError, match=message):
        mistake(report)


def test_a_misspelt_attribute_too(report):
    with pytest.raises(AttributeError, match="nearest match is startade"):
        _ = report.measures.startad


def test_a_saved_table_is_whole_and_marked(report, tmp_path):
    path = report.save(report.breakdown("startade", by="process"), tmp_path / "ny" / "t.csv")
    assert path.read_text("utf-8").splitlines() == [
        "process,startade,publicering",
        "Oro,1,ej för publicering",
        "Sömn,1,ej för publicering",
    ]
    assert [file.name for file in path.parent.iterdir()] == ["t.csv"]
    with pytest.raises(SobstatError, match=r"end with \.csv"):
        report.save(report.table("per-process"), tmp_path / "t.xls")
